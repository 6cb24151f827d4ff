//! How we reach the world: dialling, TLS, and the HTTP client that connectors and the egress probe ask through.
//!
//! Promise: names are always verified, every wait has a limit, every answer has a size limit, and a token
//! never follows a redirect.

pub mod acceptance;
pub mod certificate;
pub mod dial;
pub mod door;
mod doorkeeper;
pub mod download;
pub mod http;
mod large;
mod names;
mod pool;
pub mod proxy;
mod question;
mod revocation;
pub mod shared;
pub mod tcp_info;
pub mod tls;
mod trust;

#[cfg(test)]
mod tests;
