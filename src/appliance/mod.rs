//! What the agent and the system of an appliance say to each other: by files in the state folder, for the system is root's
//! and the agent is not.
//!
//! ```text
//!   agent ──► STATE/update/NAME.raucb · STATE/reset/asked            ──► system    update
//!         ──► STATE/network/asked.toml, answer                       ──►           addressing
//!         ◄── STATE/update/state.json, network/state.json, storage.json ◄──        all three
//! ```
//!
//! Promise: the agent asks and reads; it changes nothing of the system itself, and where no such system is, nothing is missed.

pub mod addressing;
pub mod storage;
pub mod update;
