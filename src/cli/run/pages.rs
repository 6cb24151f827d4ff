//! The pages of a running agent: what they are handed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use jiff::Timestamp;

use crate::access::{self, Access};
use crate::audit::Audit;
use crate::engine::Engine;
use crate::secrets::SecretSources;
use crate::status::Board;
use crate::web::admin::{self, Desk, Rations, ReloadBell, Turns};

/// The pages; `None`, said in the log: who may use them can't be read, so nobody may.
pub fn pages(
    settings: &Path,
    state_dir: &Path,
    engine: &Engine,
    board: &Board,
    secrets: &SecretSources,
    audit: Option<Audit>,
    reload: ReloadBell,
) -> Option<Router> {
    let folder: PathBuf = state_dir.join(access::FOLDER);
    let access = match Access::open_sealed(folder, secrets.clone()) {
        Ok(access) => access,
        Err(error) => {
            tracing::error!("the pages are not served, because who may use them can't be read: {error}");
            return None;
        }
    };
    Some(admin::router(Desk {
        board: board.clone(),
        clock: Arc::new(Timestamp::now),
        access,
        audit,
        settings: settings.to_owned(),
        secrets: secrets.clone(),
        ledger: engine.ledger(),
        reload,
        turns: Turns::default(),
        rations: Rations::default(),
        version_file: crate::appliance::update::VERSION_FILE.into(),
    }))
}
