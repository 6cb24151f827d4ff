//! The machine of namespaces that the tests have too, for trying packages under systemd.

#[path = "../../../tests/machine/mod.rs"]
mod shared;

pub use shared::Machine;
