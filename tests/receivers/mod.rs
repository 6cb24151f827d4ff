//! The receivers that customers run, as real processes over TLS: rsyslog, syslog-ng and nats-server of Debian, and two
//! that a SOC writes itself.
//!
//! A syslog receiver writes one line of JSON for each message, holding every byte it was sent, so that a test can tell
//! what the receiver *understood*. `cargo xtask setup` provides all. Use it by `mod receivers;`.
//!
//! Promise: a receiver is up when `start` returns, and dead when its value is dropped.

// Each test file uses the part that it needs.
#![allow(dead_code, unused_imports)]

mod homemade;
mod nats;
mod process;
mod rsyslog;
mod syslog_ng;

pub use homemade::{Homemade, Written};
pub use nats::{Nats, block_of, document};
pub use process::{Certs, Plan, Received, Receiver, free_port};
pub use rsyslog::{Driver, Rsyslog};
pub use syslog_ng::SyslogNg;
