//! From the vendor's API to the SOC's own files: the simulated API, the real agent, the real rsyslog and syslog-ng.
//!
//! Promise: every message of every threat is found in what each receiver wrote, byte for byte and in the queue's
//! order; what is tried against it is a test of its own.

mod agent;
mod receivers;
mod world;

mod poll_to_taken {
    mod arrivals;
    mod cutter;
    mod fates;
    mod faults;
    #[path = "../receipts/kernel.rs"]
    mod kernel;
    mod scene;
    mod undisturbed;
}
