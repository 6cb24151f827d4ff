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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::question::Place;

/// Idle connections to one place, at the most: as many as a step of a stream asks at once.
const MOST_IDLE: usize = 4;
/// Bytes of an answer's head, at the most.
const HEAD_LIMIT: usize = 64 << 10;
/// Bytes that a connection reads ahead, at the most: it would grow to seven times as many, and keep them while it rests.
const READ_AHEAD: usize = HEAD_LIMIT;

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
        let (sender, connection) = http1::Builder::new()
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(READ_AHEAD)
            .handshake(TokioIo::new(stream))
            .await?;
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
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Shelf {
    idle: HashMap<Place, Vec<Resting>>,
    /// Is there a task that will close what is left over?
    watched: bool,
}

#[derive(Debug)]
struct Resting {
    connection: Connection,
    since: Instant,
    _room: OwnedSemaphorePermit,
}

impl Pool {
    /// Idle connections are closed after `patience`. Each takes a permit of `room`, which pools share; where there
    /// is none left, a connection is closed instead of kept.
    pub fn new(patience: Duration, room: Arc<Semaphore>) -> Pool {
        Pool { shelf: Arc::default(), patience, room }
    }

    /// The connection to `place` that rested least, if one seems alive.
    pub fn take(&self, place: &Place, now: Instant) -> Option<Connection> {
        let mut shelf = lock(&self.shelf);
        shelf.close_older_than(self.patience, now);
        let idle = shelf.idle.get_mut(place)?;
        while let Some(Resting { connection, .. }) = idle.pop() {
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
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return };
        idle.push(Resting { connection, since: now, _room: room });
        if !shelf.watched {
            shelf.watched = true;
            tokio::spawn(watch(Arc::downgrade(&self.shelf), self.patience));
        }
    }
}

impl Shelf {
    fn close_older_than(&mut self, patience: Duration, now: Instant) {
        self.idle.retain(|_, idle| {
            idle.retain(|resting| now.duration_since(resting.since) < patience);
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
