//! What we tell over HTTP: the local listener (`/healthz`, `/readyz`, `/health`, `/status`, `/metrics`, and one page for
//! people), and the remote one ([`remote`]), which asks who you are and serves the pages under `/admin` ([`admin`]).
//!
//! Promise: the status is only read from the board. Whatever is sent to either, it answers within limits of size, time
//! and number, and a web page from elsewhere can't read it through somebody's browser.

pub mod admin;
mod connections;
mod conversation;
mod guard;
mod listener;
mod page;
pub mod remote;
mod routes;

use std::net::IpAddr;

pub(crate) use conversation::Patience;
pub use listener::serve;

/// Who asks: stands in the extensions of each request of the remote listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub address: IpAddr,
}
