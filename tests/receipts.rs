//! Read receipts against the receivers that SOCs run, and two that they write themselves: rsyslog by either of its TLS
//! libraries, syslog-ng, Java, Node.js.
//!
//! Promise: what stood unread in a receiver's kernel when its process died arrives all the same, and the receipt that
//! each gives is known by name.

mod agent;
mod receivers;
mod world;

mod receipts {
    #[allow(dead_code, reason = "a part of it is for other scenes")]
    #[path = "../poll_to_taken/arrivals.rs"]
    mod arrivals;
    mod kernel;
    mod killed_unread;
}
