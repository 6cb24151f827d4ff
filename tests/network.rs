//! The ways to the vendor: proxies, roots, source addresses, and a clock that can't be right. The real binary, or the
//! real engine where the test must own the clock, over real sockets on loopback.

mod agent;
#[path = "network/clock.rs"]
mod clock;
mod proxy;
mod world;

mod network {
    mod clock_unset;
    mod trust;
    mod way_out;
}
