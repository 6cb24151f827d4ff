//! Accepts connections and gives each one request, ten seconds and a slot.
//!
//! Promise: no peer holds a connection longer than [`Limits::request`], there are never more than
//! [`Limits::connections`], and a stop ends them all within [`Limits::stop`].

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::guard::Hosts;
use super::routes;
use crate::status::Board;

/// What one peer, and all of them, may cost us.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// From the accepted connection to the last byte of the answer.
    request: Duration,
    /// At the same time; more wait in the kernel's backlog.
    connections: usize,
    /// From the stop to the end of the last connection.
    stop: Duration,
    /// Request line and headers together, in bytes; hyper takes no less than 8 KiB.
    head: usize,
    /// Number of headers.
    headers: usize,
}

const LIMITS: Limits = Limits {
    request: Duration::from_secs(10),
    connections: 64,
    stop: Duration::from_secs(1),
    head: 16 * 1024,
    headers: 64,
};

/// How long accepting rests after it failed (no file descriptors left): it would spin otherwise.
const ACCEPT_REST: Duration = Duration::from_millis(100);

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
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, slot) = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (router, mut stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            converse(stream, router, &mut stopped, limits).await;
            drop(slot);
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let rest = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then is aborted as the set is dropped.
    let _ = tokio::time::timeout(limits.stop, rest).await;
}

/// Waits for a free slot first, then for a connection. Can be dropped at any time without losing one.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there always is a permit to wait for.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "the status listener can't accept a connection; it goes on");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// One request on one connection: no keep-alive, so one limit of time covers a peer that sends slowly, one
/// that reads slowly and one that does neither.
async fn converse<S>(stream: S, router: Router, stopped: &mut watch::Receiver<bool>, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(limits.head).max_headers(limits.headers);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let mut deadline = pin!(tokio::time::sleep(limits.request));
    let mut told = false;
    loop {
        tokio::select! {
            // What can be answered at once is answered, however late it is.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to the status listener ended early");
                }
                return;
            }
            () = &mut deadline => return,
            _ = stopped.wait_for(|stopped| *stopped), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

#[cfg(test)]
mod tests;
