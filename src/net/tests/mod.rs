//! Real loopback servers that do what the world does to an HTTP client, and the client against them.

mod door;
mod names;
mod path;
mod peers;
mod reading;
mod trust;

pub use peers::Ca;
