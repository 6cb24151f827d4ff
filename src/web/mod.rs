//! The local listener: `/healthz`, `/readyz`, `/health`, `/status`, `/metrics`, and one page for people; and the pages
//! under `/admin` ([`admin`]), which it does not serve.
//!
//! Promise: the local listener only reads the board. Whatever is sent to it, it answers within limits
//! of size, time and number, and a web page from elsewhere can't read it through somebody's browser.

pub mod admin;
mod guard;
mod listener;
mod page;
mod routes;

pub use listener::serve;

/// Where a request came from, put into its extensions by the listener that took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub address: std::net::IpAddr,
}
