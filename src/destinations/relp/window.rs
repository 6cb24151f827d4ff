//! The transactions of one connection: what is under way, what was acknowledged, what was refused. Pure.
//!
//! Promise: what is taken is the end of the unbroken row of transactions that the peer answered with 200, whatever the order
//! of its answers; an answer to what was never asked, or was answered before, is no answer.

use std::collections::VecDeque;

use super::frames::{FIRST, LAST, Verdict};
use crate::event::Seq;

/// How much may be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) transactions: usize,
    /// Bytes of frames; one frame may always go.
    pub(super) bytes: usize,
    /// The last transaction of a connection.
    pub(super) last: u32,
}

impl Limits {
    pub(super) fn of(transactions: usize) -> Limits {
        Limits { transactions: transactions.max(1), bytes: 4 << 20, last: LAST }
    }
}

#[derive(Debug)]
pub(super) struct Window {
    limits: Limits,
    /// The number of the next transaction.
    next: u32,
    /// Those behind what is taken, in order; their numbers follow each other.
    open: VecDeque<Transaction>,
    bytes: usize,
    waiting: usize,
    refused: bool,
    /// The last event of the row that is taken, not told yet.
    fresh: Option<Seq>,
}

#[derive(Debug)]
struct Transaction {
    seq: Seq,
    bytes: usize,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Taken,
    Refused(Verdict),
}

/// An answer to a transaction that waits for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transaction {0} waits for no answer")]
pub(super) struct Unasked(pub(super) u32);

/// The first event that was not taken, if it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) seq: Seq,
    pub(super) verdict: Verdict,
    /// The peer took an event that stands behind it, on the same connection: it is this one that it does not like.
    pub(super) alone: bool,
}

impl Window {
    pub(super) fn new(limits: Limits) -> Window {
        Window { limits, next: FIRST, open: VecDeque::new(), bytes: 0, waiting: 0, refused: false, fresh: None }
    }

    /// The number for the next transaction.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Uses up a number for what is no event: `open`, `close`.
    pub(super) fn skip(&mut self) -> u32 {
        let txnr = self.next;
        self.next += 1;
        txnr
    }

    /// Have the numbers of this connection been used up? The last is kept for `close`.
    pub(super) fn is_spent(&self) -> bool {
        self.next >= self.limits.last
    }

    /// May a frame of so many bytes go?
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.open.len() < self.limits.transactions && (self.open.is_empty() || self.bytes + bytes <= self.limits.bytes)
    }

    /// A frame with the next number was handed to the connection.
    pub(super) fn sent(&mut self, seq: Seq, bytes: usize) {
        self.skip();
        self.open.push_back(Transaction { seq, bytes, state: State::Waiting });
        self.bytes += bytes;
        self.waiting += 1;
    }

    /// The peer answered.
    ///
    /// # Errors
    /// [`Unasked`]: what it answered waits for nothing.
    pub(super) fn answered(&mut self, txnr: u32, verdict: Verdict) -> Result<(), Unasked> {
        let first = self.next as usize - self.open.len();
        let place = (txnr as usize).checked_sub(first).ok_or(Unasked(txnr))?;
        let transaction = self.open.get_mut(place).ok_or(Unasked(txnr))?;
        if transaction.state != State::Waiting {
            return Err(Unasked(txnr));
        }
        if verdict.code == 200 {
            transaction.state = State::Taken;
        } else {
            transaction.state = State::Refused(verdict);
            self.refused = true;
        }
        self.waiting -= 1;
        while self.open.front().is_some_and(|first| first.state == State::Taken) {
            if let Some(first) = self.open.pop_front() {
                self.fresh = Some(first.seq);
                self.bytes -= first.bytes;
            }
        }
        Ok(())
    }

    /// Everything up to here is taken, if that was not told before.
    pub(super) fn fresh(&mut self) -> Option<Seq> {
        self.fresh.take()
    }

    /// Is every event of this connection taken?
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Has everything been answered, in whatever way?
    pub(super) fn is_settled(&self) -> bool {
        self.waiting == 0
    }

    /// Has anything been refused?
    pub(super) fn holds_refusal(&self) -> bool {
        self.refused
    }

    /// What the peer said of the first event that is not taken, if it refused it.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let first = self.open.front()?;
        let State::Refused(verdict) = &first.state else { return None };
        let alone = self.open.iter().any(|transaction| transaction.state == State::Taken);
        Some(Refusal { seq: first.seq, verdict: verdict.clone(), alone })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(code: u16) -> Verdict {
        Verdict { code, text: String::new() }
    }

    fn window(transactions: usize) -> Window {
        let mut window = Window::new(Limits { bytes: 1000, ..Limits::of(transactions) });
        assert_eq!(window.skip(), 1, "open");
        window
    }

    #[test]
    fn only_the_unbroken_row_from_the_front_is_taken() {
        let mut window = window(8);
        (1..=4).for_each(|seq| window.sent(Seq(seq * 10), 10));
        for (txnr, taken) in [(3, None), (4, None), (2, Some(30)), (5, Some(40))] {
            assert_eq!(window.answered(txnr, verdict(200)), Ok(()));
            assert_eq!(window.fresh(), taken.map(Seq), "after {txnr}");
        }
        assert_eq!(window.fresh(), None, "it was told");
        assert!(window.is_empty() && window.is_settled());
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_none() {
        let mut window = window(8);
        (1..=2).for_each(|seq| window.sent(Seq(seq), 10));
        assert_eq!(window.answered(3, verdict(200)), Ok(()));
        for txnr in [0, 1, 3, 4, u32::MAX] {
            assert_eq!(window.answered(txnr, verdict(200)), Err(Unasked(txnr)));
        }
        assert_eq!((window.fresh(), window.is_settled()), (None, false));
    }

    #[test]
    fn room_is_bounded_by_transactions_and_by_bytes_but_one_frame_may_always_go() {
        let mut window = window(2);
        assert!(window.has_room(5000));
        window.sent(Seq(1), 900);
        assert!(window.has_room(100) && !window.has_room(101));
        window.sent(Seq(2), 10);
        assert!(!window.has_room(1), "two are the limit");
        assert_eq!(window.answered(2, verdict(200)), Ok(()));
        assert!(window.has_room(900));
    }

    #[test]
    fn a_refusal_is_told_when_all_before_it_is_taken_and_counts_for_the_event_if_others_are_taken_behind_it() {
        let mut window = window(8);
        (1..=3).for_each(|seq| window.sent(Seq(seq), 10));
        assert_eq!(window.answered(3, verdict(500)), Ok(()));
        assert!(window.holds_refusal() && window.refusal().is_none(), "the first may still be taken");
        assert_eq!(window.answered(2, verdict(200)), Ok(()));
        let refusal = Refusal { seq: Seq(2), verdict: verdict(500), alone: false };
        assert_eq!(window.refusal(), Some(refusal.clone()), "all may be refused that come now");
        assert_eq!(window.answered(4, verdict(200)), Ok(()));
        assert_eq!(window.refusal(), Some(Refusal { alone: true, ..refusal }));
        assert_eq!((window.fresh(), window.is_settled(), window.is_empty()), (Some(Seq(1)), true, false));
    }

    #[test]
    fn a_connection_is_spent_before_its_numbers_end_and_one_is_left_to_close_it() {
        let mut window = Window::new(Limits { last: 3, ..Limits::of(8) });
        assert_eq!(window.skip(), 1);
        assert!(!window.is_spent());
        window.sent(Seq(1), 10);
        assert!(window.is_spent());
        assert_eq!(window.skip(), 3);
    }

    proptest! {
        #[test]
        fn whatever_the_order_of_the_answers_taken_is_the_row_that_a_plain_list_tells(
            codes in proptest::collection::vec(prop_oneof![8 => Just(200u16), 1 => Just(500)], 1..40),
            order in any::<proptest::sample::Index>(),
            step in 1usize..40,
        ) {
            let mut window = window(64);
            (0..codes.len()).for_each(|at| window.sent(Seq(at as u64), 10));
            let (mut told, mut taken) = (vec![None; codes.len()], None);
            let mut at = order.index(codes.len());
            for _ in 0..codes.len() {
                while told[at].is_some() {
                    at = (at + 1) % codes.len();
                }
                prop_assert_eq!(window.answered(at as u32 + 2, verdict(codes[at])), Ok(()));
                told[at] = Some(codes[at]);
                let row = told.iter().take_while(|code| **code == Some(200)).count();
                taken = window.fresh().or(taken);
                prop_assert_eq!(taken, row.checked_sub(1).map(|last| Seq(last as u64)));
                prop_assert_eq!(window.is_settled(), told.iter().all(Option::is_some));
                at = (at + step) % codes.len();
            }
            prop_assert_eq!(window.refusal().is_none(), codes.iter().all(|code| *code == 200));
        }
    }
}
