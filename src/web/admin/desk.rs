//! What the pages work with. Nothing in the house is global: whoever serves them hands it in.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::acts::Rations;
use super::reload::ReloadBell;
use super::turns::Turns;
use crate::access::Access;
use crate::audit::Audit;
use crate::engine::ledger::Ledger;
use crate::secrets::SecretSources;
use crate::status::{Board, Snapshot};

/// Shared by clone.
#[derive(Clone)]
pub struct Desk {
    pub board: Board,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Who may come in.
    pub access: Access,
    /// What was done is recorded there; `None`: it can't be opened, which is a condition.
    pub audit: Option<Audit>,
    /// The operator's main file of settings.
    pub settings: PathBuf,
    pub secrets: SecretSources,
    /// The queue, to be searched.
    pub ledger: Ledger,
    /// Asks the running agent to read its settings again.
    pub reload: ReloadBell,
    /// What is under way of what there may be few of.
    pub turns: Turns,
    /// What may still be noted of acts that anybody can repeat without end.
    pub rations: Rations,
    /// What an appliance has, and no other machine ([`crate::appliance::update::VERSION_FILE`]).
    pub version_file: PathBuf,
}

impl Desk {
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.board.snapshot(self.now())
    }
}
