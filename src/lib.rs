//! Conductor collects Abnormal Security events and hands them to a SOC, losing none.
//!
//! ```text
//!   connectors ──► queue ──► destinations      moved by: engine
//!   (ask)          (keep)    (hand over)       told to people by: status, web, cli
//! ```
//!
//! Events flow left to right, once; nothing flows back but a destination's cursor. Only the
//! [`engine`] knows all three rooms, and only it waits, retries, paces and gives up.
//! Beside the flow, [`files`] writes what is to be whole on the disk (queue and audit have files of their own kind), and
//! [`appliance`] is what agent and system of an appliance say to each other.
//! `docs/architecture.md` tells the same as prose; `tests/rooms.rs` holds the arrows.

pub mod event;
pub mod fault;
pub mod marks;
pub mod values;

pub mod access;
pub mod appliance;
pub mod audit;
pub mod backup;
pub mod bundle;
pub mod config;
pub mod connectors;
pub mod control;
pub mod destinations;
pub mod diagnosis;
pub mod egress;
pub mod engine;
pub mod evidence;
pub mod files;
pub mod format;
pub mod net;
pub mod queue;
pub mod secrets;
pub mod status;
pub mod web;

pub mod cli;

/// The version that the agent tells everywhere.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
