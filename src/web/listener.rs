//! The local listener: gives each connection one request, ten seconds and a slot.
//!
//! Promise: no peer holds a connection longer than [`LIMITS`] say, and a stop ends them all within a second.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Extensions;
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::connections::{self, Limits};
use super::conversation::converse;
use super::guard::Hosts;
use super::routes;
use crate::status::Board;

/// All peers are on this machine: one address is all of them.
const LIMITS: Limits = Limits {
    handshake: Duration::ZERO,
    // No keep-alive, so one limit of time covers a peer that sends slowly, one that reads slowly and one that does
    // neither.
    request: Duration::from_secs(10),
    idle: None,
    stream: Duration::from_secs(10),
    connections: 64,
    per_address: 64,
    stop: Duration::from_secs(1),
    head: 16 * 1024,
    headers: 64,
};

/// Serves the board on `listener` until `stop` resolves; ends at most a second later. `clock` tells the time
/// that ages are reckoned from. Never fails: what goes wrong with one connection ends that connection.
pub async fn serve(
    listener: TcpListener,
    board: Board,
    clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    stop: impl Future<Output = ()>,
) {
    let hosts = Hosts::bound_to(listener.local_addr().ok().map(|address| address.ip()));
    accept_all(listener, routes::router(board, Arc::new(clock), hosts), stop, LIMITS).await;
}

async fn accept_all(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, limits: Limits) {
    connections::accept_all("status", listener, stop, limits, |stream, _, mut ending| {
        let router = router.clone();
        async move {
            let end = async { drop(ending.wait_for(|ending| *ending).await) };
            converse(stream, router, Extensions::new(), end, limits).await;
        }
    })
    .await;
}

#[cfg(test)]
mod tests;
