//! A soak: many events through the real agent at a small depth; its disk and its memory must stay flat.
//!
//! `cargo xtask soak` runs the same against the release build, millions of events long.

mod agent;
mod world;

mod soak {
    mod campaign;
    mod slope;
}
