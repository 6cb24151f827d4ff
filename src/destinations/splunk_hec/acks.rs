//! The acknowledgements that are still to come: pure, with the time as an argument.
//!
//! Promise: what is told as taken is a prefix of what was sent, and an id that the server gave twice is noticed.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use tokio::time::Instant;

use crate::event::Seq;

/// Batches that were received and are not known to be indexed, oldest first.
#[derive(Debug, Default)]
pub struct Acks {
    open: VecDeque<Open>,
    /// The newest id of this channel.
    newest: Option<u64>,
}

#[derive(Debug)]
struct Open {
    id: u64,
    upto: Seq,
    since: Instant,
    indexed: bool,
}

/// The server gives ids that it gave before: it has forgotten what they stood for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten;

impl Acks {
    /// So many batches are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn clear(&mut self) {
        *self = Acks::default();
    }

    /// A batch that ends with `upto` was received under `id`.
    ///
    /// # Errors
    /// [`Forgotten`] where the id is not above the last one while others are open: one of those can't be told from it.
    pub fn received(&mut self, id: u64, upto: Seq, now: Instant) -> Result<(), Forgotten> {
        if !self.open.is_empty() && self.newest.is_some_and(|newest| id <= newest) {
            return Err(Forgotten);
        }
        self.newest = Some(id);
        self.open.push_back(Open { id, upto, since: now, indexed: false });
        Ok(())
    }

    /// What is to be asked for.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.open.iter().filter(|open| !open.indexed).map(|open| open.id)
    }

    /// These are indexed. Returns up to where all is: of a later one nothing is told while an earlier one is open.
    pub fn acknowledged(&mut self, ids: &[u64]) -> Option<Seq> {
        for open in &mut self.open {
            open.indexed |= ids.contains(&open.id);
        }
        let mut upto = None;
        while let Some(first) = self.open.front().filter(|open| open.indexed) {
            upto = Some(first.upto);
            self.open.pop_front();
        }
        upto
    }

    /// Has the oldest waited for longer than `limit`?
    pub fn overdue(&self, now: Instant, limit: std::time::Duration) -> bool {
        self.open.front().is_some_and(|open| now.saturating_duration_since(open.since) > limit)
    }
}

/// The body of a question for these ids.
pub fn question(ids: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("{{\"acks\":[{}]}}", ids.join(",")).into_bytes()
}

/// The ids that an answer says are indexed; `None`: it is no such answer.
pub fn told(body: &[u8]) -> Option<Vec<u64>> {
    #[derive(Deserialize)]
    struct Told {
        acks: BTreeMap<String, bool>,
    }
    let told: Told = serde_json::from_slice(body).ok()?;
    Some(told.acks.into_iter().filter(|(_, indexed)| *indexed).filter_map(|(id, _)| id.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn open(ids: &[u64]) -> Acks {
        let mut acks = Acks::default();
        for id in ids {
            acks.received(*id, Seq(100 + id), Instant::now()).expect("rising");
        }
        acks
    }

    #[test]
    fn a_later_batch_is_not_taken_before_the_earlier_ones_are_indexed() {
        let mut acks = open(&[0, 1, 2]);
        assert_eq!(acks.acknowledged(&[2]), None);
        assert_eq!(acks.ids().collect::<Vec<_>>(), [0, 1], "an id is asked for until it is true, and no longer");
        assert_eq!(acks.acknowledged(&[0]), Some(Seq(100)));
        assert_eq!(acks.acknowledged(&[1]), Some(Seq(102)));
        assert_eq!(acks.open(), 0);
    }

    #[test]
    fn an_id_that_comes_again_is_no_word_about_the_first_one() {
        let mut acks = open(&[4, 5]);
        assert_eq!(acks.received(0, Seq(200), Instant::now()), Err(Forgotten));
        assert_eq!(acks.received(5, Seq(200), Instant::now()), Err(Forgotten));
        acks.acknowledged(&[4, 5]);
        assert_eq!(acks.received(0, Seq(200), Instant::now()), Ok(()), "nothing is open that it could be taken for");
    }

    #[test]
    fn an_acknowledgement_that_does_not_come_is_overdue() {
        let acks = open(&[0]);
        let limit = Duration::from_secs(60);
        assert!(!acks.overdue(Instant::now(), limit));
        assert!(acks.overdue(Instant::now() + Duration::from_secs(61), limit));
    }

    #[test]
    fn questions_and_answers_are_splunks() {
        assert_eq!(question([0, 7]), br#"{"acks":[0,7]}"#);
        assert_eq!(told(br#"{"acks":{"0":true,"7":false,"12":true}}"#), Some(vec![0, 12]));
        assert_eq!(told(br#"{"acks":{}}"#), Some(vec![]));
        assert_eq!(told(b"<html>"), None);
    }
}
