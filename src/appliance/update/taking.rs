//! An [`Arrival`] that async code feeds: one thread writes, whoever receives hands it pieces and waits only while it is
//! behind.
//!
//! Promise: a few pieces are in memory at one time, however large the bundle is; whoever gives up leaves nothing.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::arrival::{Arrival, Arrived, NotTaken};

/// Pieces on their way to the disk.
const AHEAD: usize = 8;

enum Piece {
    Bytes(Bytes),
    /// It is whole, and this is its announced SHA-256.
    End(Option<String>),
}

/// One that is coming in.
pub struct Taking {
    pieces: mpsc::Sender<Piece>,
    writer: JoinHandle<Result<Option<Arrived>, NotTaken>>,
}

impl Taking {
    /// As [`Arrival::begin`].
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn begin(state_dir: PathBuf, name: String, expected: Option<u64>, most: u64) -> Result<Taking, NotTaken> {
        let folder = state_dir.clone();
        let begun = tokio::task::spawn_blocking(move || Arrival::begin(&state_dir, &name, expected, most)).await;
        let arrival = begun.map_err(|error| ended_badly(folder, error))??;
        let (pieces, mut next) = mpsc::channel(AHEAD);
        let writer = tokio::task::spawn_blocking(move || {
            let mut arrival = arrival;
            while let Some(piece) = next.blocking_recv() {
                match piece {
                    Piece::Bytes(bytes) => arrival.put(&bytes)?,
                    Piece::End(sha256) => return arrival.end(sha256.as_deref()).map(Some),
                }
            }
            // Whoever received has given up.
            Ok(None)
        });
        Ok(Taking { pieces, writer })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// See [`NotTaken`]; nothing is left then.
    pub async fn put(&mut self, bytes: Bytes) -> Result<(), NotTaken> {
        match self.pieces.send(Piece::Bytes(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => self.outcome().await.map(drop),
        }
    }

    /// It is whole.
    ///
    /// # Errors
    /// See [`NotTaken`]; nothing is left then.
    pub async fn end(mut self, sha256: Option<String>) -> Result<Arrived, NotTaken> {
        let _ = self.pieces.send(Piece::End(sha256)).await;
        self.outcome().await
    }

    /// What the writer ended with.
    async fn outcome(&mut self) -> Result<Arrived, NotTaken> {
        let ended = (&mut self.writer).await.map_err(|error| ended_badly(PathBuf::from(super::FOLDER), error))?;
        ended?.ok_or_else(|| NotTaken::Disk {
            path: PathBuf::from(super::FOLDER),
            source: io::Error::other("it ended early"),
        })
    }
}

fn ended_badly(path: PathBuf, error: tokio::task::JoinError) -> NotTaken {
    NotTaken::Disk { path, source: io::Error::from(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_become_a_file_and_one_that_is_given_up_leaves_nothing() {
        let state = tempfile::tempdir().expect("a folder");
        let begin = |name: &str| Taking::begin(state.path().to_owned(), name.to_owned(), None, 1 << 20);
        let mut taking = begin("one.raucb").await.expect("begun");
        for _ in 0..100 {
            taking.put(Bytes::from_static(b"hsqs")).await.expect("taken");
        }
        let arrived = taking.end(None).await.expect("whole");
        assert_eq!((arrived.name.as_str(), arrived.bytes), ("one.raucb", 400));
        let mut given_up = begin("two.raucb").await.expect("begun");
        given_up.put(Bytes::from_static(b"hsqs")).await.expect("taken");
        let Taking { pieces, writer } = given_up;
        drop(pieces);
        assert!(writer.await.expect("ended").expect("no fault").is_none());
        let left: Vec<_> = std::fs::read_dir(state.path().join("update")).expect("there").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn what_is_refused_while_it_comes_in_is_told_to_who_sends() {
        let state = tempfile::tempdir().expect("a folder");
        let mut taking = Taking::begin(state.path().to_owned(), "x".into(), None, 1 << 20).await.expect("begun");
        let refused = loop {
            if let Err(refused) = taking.put(Bytes::from_static(b"<html>")).await {
                break refused;
            }
            tokio::task::yield_now().await;
        };
        assert!(matches!(refused, NotTaken::NoBundle), "{refused}");
    }
}
