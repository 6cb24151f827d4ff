//! The local listener: `/healthz`, `/readyz`, `/health`, `/status`, `/metrics`, and one page for people.
//!
//! Promise: it only reads the board. Whatever is sent to it, it answers within limits of size, time and
//! number, and a web page from elsewhere can't read it through somebody's browser.

mod guard;
mod listener;
mod page;
mod routes;

pub use listener::serve;
