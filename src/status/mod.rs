//! What we say about ourselves, as plain data: records that the engine writes, one snapshot that
//! everybody else reads, and its four tellings (JSON, health, metrics, words for people).
//!
//! Promise: there is one place that makes the snapshot ([`Board::snapshot`]); the CLI, the page, `/health`,
//! `/metrics` and the heartbeat read that and nothing else, so they can never disagree.

pub mod api_key;
pub mod appliance;
pub mod board;
pub mod conditions;
pub mod health;
pub mod history;
pub mod metrics;
pub mod note;
pub mod plugin;
mod rate;
pub mod records;
pub mod remote;
pub mod sealing;
pub mod sentences;
pub mod snapshot;
pub mod state;
pub mod text;
pub mod update;

#[cfg(test)]
pub(crate) mod samples;

pub use api_key::{KeyExpiry, KeySource};
pub use appliance::{Appliance, OpenedBy, Storage};
pub use board::Board;
pub use conditions::{Code, Condition, Severity};
pub use note::FaultNote;
pub use records::{
    AgentRecord, ClockRecord, DestinationRecord, EgressRecord, IntegrationRecord, QueueRecord, ReplayRecord,
    StreamRecord,
};
pub use remote::{Certified, Remote};
pub use sealing::{SealedBy, Secrets};
pub use snapshot::{CertificateEnd, QueueState, Snapshot, Standing, Whose};
pub use state::State;
pub use update::Update;
