//! The agent on one host, its receivers on another, and a wire between them that loses, delays, reorders, goes dead,
//! swallows: syslog over TLS, RELP and HTTP at once, each by a real connection between two kernels' network stacks.
//!
//! Promise: whatever the wire does, every event arrives, in order, and no more comes again than is documented; the
//! status tells the truth meanwhile.

mod agent;
mod receivers;
mod world;

mod two_hosts {
    #[allow(dead_code, reason = "a part of it is for other scenes")]
    #[path = "../poll_to_taken/arrivals.rs"]
    mod arrivals;
    mod faults;
    mod hosts;
    mod scene;
    mod wire;
}
