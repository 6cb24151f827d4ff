//! From the vendor's API to the SOC's own file by RELP: the simulated API, the real agent, rsyslog's imrelp over TLS.
//!
//! Promise: whatever is done to the receiver, every event is in its file, byte for byte and in the queue's order, and
//! at most one window comes again after each fault.

mod agent;
mod receivers;
mod world;

mod relp {
    #[allow(dead_code, reason = "a part of it is for other scenes")]
    #[path = "../poll_to_taken/arrivals.rs"]
    mod arrivals;
    #[path = "../poll_to_taken/cutter.rs"]
    mod cutter;
    mod faults;
    mod scene;
    mod trust;
}
