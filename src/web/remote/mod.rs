//! The remote listener of `[remote]`: HTTPS for the SOC's health checks and for the pages.
//!
//! ```text
//!   activation ─► listening ─► connections ─► TLS ─► conversation ─► door ─► told | pages
//!   (a socket)    (which files, which address)       (limits)        (who may what)
//! ```
//!
//! Promise: a stranger learns that something is alive here, and nothing else. What listens shows the last set of files
//! that could be used; where none could be, nothing listens and a condition says why.

mod activation;
mod door;
mod listening;
mod names;
mod own;
mod papers;

use std::net::TcpListener;
use std::path::PathBuf;

use axum::Router;

use super::routes::Clock;
use crate::secrets::SecretSources;
use crate::status::Board;

pub use activation::{handed_over, none_handed_over};
pub use listening::run;
pub use papers::try_out;

/// What the listener is made of, whatever the settings are.
pub struct Post {
    pub board: Board,
    pub clock: Clock,
    pub secrets: SecretSources,
    /// Where the self-signed certificate is kept: the state folder.
    pub state_dir: PathBuf,
    /// What lies under `/admin`; `None`: nothing does.
    pub pages: Option<Router>,
    /// The socket that systemd handed over.
    pub socket: Option<TcpListener>,
}

#[cfg(test)]
mod tests;
