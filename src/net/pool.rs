//! Connections kept for the next request.
//!
//! Promise: a connection is lent to one request at a time, and an idle one is closed when its time is over,
//! whether or not anybody asks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::question::Place;

/// Idle connections to one place, at the most.
const MOST_IDLE: usize = 8;
/// Bytes of an answer's head, at the most.
const HEAD_LIMIT: usize = 64 << 10;

/// One HTTP/1.1 connection. Dropped, it is cut: whoever gives a request up leaves no task behind.
#[derive(Debug)]
pub(super) struct Connection {
    pub sender: SendRequest<Empty<Bytes>>,
    task: AbortHandle,
}

impl Connection {
    /// Speaks HTTP/1.1 over `stream`.
    pub async fn open<S>(stream: S) -> hyper::Result<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            http1::Builder::new().max_header_size(HEAD_LIMIT).handshake(TokioIo::new(stream)).await?;
        // Its error reaches the request in flight; with none in flight it only means that the peer left.
        let task = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Connection { sender, task })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The idle connections of one client.
#[derive(Debug)]
pub(super) struct Pool {
    shelf: Arc<Mutex<Shelf>>,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Shelf {
    idle: HashMap<Place, Vec<(Connection, Instant)>>,
    /// Is there a task that will close what is left over?
    watched: bool,
}

impl Pool {
    /// Idle connections are closed after `patience`.
    pub fn new(patience: Duration) -> Pool {
        Pool { shelf: Arc::default(), patience }
    }

    /// The connection to `place` that rested least, if one seems alive.
    pub fn take(&self, place: &Place, now: Instant) -> Option<Connection> {
        let mut shelf = lock(&self.shelf);
        shelf.close_older_than(self.patience, now);
        let idle = shelf.idle.get_mut(place)?;
        while let Some((connection, _)) = idle.pop() {
            if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub fn put(&self, place: &Place, connection: Connection, now: Instant) {
        if connection.sender.is_closed() {
            return;
        }
        let mut shelf = lock(&self.shelf);
        let idle = shelf.idle.entry(place.clone()).or_default();
        if idle.len() >= MOST_IDLE {
            idle.remove(0);
        }
        idle.push((connection, now));
        if !shelf.watched {
            shelf.watched = true;
            tokio::spawn(watch(Arc::downgrade(&self.shelf), self.patience));
        }
    }
}

impl Shelf {
    fn close_older_than(&mut self, patience: Duration, now: Instant) {
        self.idle.retain(|_, idle| {
            idle.retain(|(_, since)| now.duration_since(*since) < patience);
            !idle.is_empty()
        });
    }
}

/// Lives as long as something is idle, and no longer than the pool.
async fn watch(shelf: Weak<Mutex<Shelf>>, patience: Duration) {
    loop {
        tokio::time::sleep(patience).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let mut shelf = lock(&shelf);
        shelf.close_older_than(patience, Instant::now());
        if shelf.idle.is_empty() {
            shelf.watched = false;
            return;
        }
    }
}

/// What is guarded is whole after every line: a panic elsewhere does not spoil it.
fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}
