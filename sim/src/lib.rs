//! The world outside, simulated: Abnormal's API and a SOC's receiver, for the tests and the demo. Never shipped.
//!
//! ```text
//!   api ──► the agent under test ──► soc, collector       all behind certificates of: ca
//! ```
//!
//! Promise: everything here goes wrong on command, and only on command. Each simulator runs on a runtime of
//! its own, so a test may pause its own clock, or have no runtime at all.

pub mod api;
pub mod ca;
pub mod collector;
pub mod soc;

mod door;
mod tally;
mod tls;
