//! How an event looks to those who receive it. Pure: bytes in, bytes out, no I/O and no clock.
//!
//! Promise: whatever an event holds, the message is well formed and the event comes back whole from it.

pub mod json;
pub mod rfc5424;
pub mod time;
