//! NATS JetStream as a destination, judged by what a real cluster of three nats-servers keeps.
//!
//! Promise: whatever becomes of its servers, the stream holds every event once and in the queue's order; the settings
//! are those of docs/receivers.md.

#![cfg(feature = "jetstream")]

mod agent;
mod receivers;
mod world;

mod jetstream {
    mod agent_runs;
    mod cluster_faults;
    mod logins;
    mod scene;
    mod streams;
}
