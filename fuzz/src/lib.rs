//! What the world may send, at random, and what must hold whatever it was.
//!
//! One module for each target: a plain function that takes a fuzzer's bytes (or a scene made of them) and panics where
//! a promise is broken. `fuzz_targets/` hands it to libFuzzer; `tests/fuzz.rs` includes these files as they are and
//! hands them random bytes and the seeds, on stable and with every `cargo test`. So nothing here names its crate.
//!
//! Promise: only the library's public side is used, and every target asserts more than the absence of a panic.

#![forbid(unsafe_code)]

pub mod answers;
pub mod body;
pub mod checkpoint;
pub mod dialogue;
pub mod frames;
pub mod judge;
pub mod scene;
pub mod settings;
pub mod syslog;
