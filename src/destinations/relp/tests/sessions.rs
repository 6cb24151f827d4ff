//! One session over a pipe, where the clock is the test's own.

use std::future::Future;
use std::sync::Arc;

use tokio::io::DuplexStream;

use super::super::carrier::Carrier;
use super::receiver::{Seen, serve};
use super::*;
use crate::net::tcp_info::Owed;

impl Carrier for DuplexStream {
    fn is_up(&self) -> bool {
        true
    }

    fn owed(&self, _: &mut Owed, _: Instant) -> std::io::Result<Duration> {
        Ok(Duration::ZERO)
    }

    fn abort(&self) {}
}

/// A receiver at the other end of a pipe that holds so many bytes in each direction.
fn pipe(holds: usize, manner: Manner) -> (Box<dyn Carrier>, Seen) {
    let (ours, mut theirs) = tokio::io::duplex(holds);
    let seen = Seen::default();
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        serve(&mut theirs, manner, 1, &shared).await;
    });
    (Box::new(ours), seen)
}

async fn open(carrier: Box<dyn Carrier>, window: usize) -> Result<Session, Fault> {
    let limits = Limits::default();
    Session::open(carrier, "soc:2514", limits, WindowLimits::of(window), Instant::now() + limits.opening).await
}

/// Puts events of so many bytes, whose frames are made here.
fn put(session: &mut Session, from: u64, to: u64, bytes: usize) {
    for seq in from..=to {
        let mut frame = Vec::new();
        let data = format!("<1>1 seq=\"{seq}\" {}", "x".repeat(bytes));
        frames::write(&mut frame, session.window.next(), "syslog", data.as_bytes());
        session.put(Seq(seq), &frame);
    }
}

async fn took<F: Future>(future: F) -> (F::Output, Duration) {
    let begun = Instant::now();
    (future.await, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_while_we_do_not_can_not_stop_us() {
    // Neither an event nor two answers fit into the pipe.
    let (carrier, seen) = pipe(24, Manner::Plain);
    let mut session = open(carrier, 500).await.expect("it opens");
    put(&mut session, 1, 200, 100);
    let until = Instant::now() + Duration::from_secs(30);
    assert_eq!(session.reach(Goal::Written, until).await.expect("no fault"), Reached::Yes);
    assert_eq!(session.reach(Goal::Settled, until).await.expect("no fault"), Reached::Yes);
    assert_eq!(session.window.fresh(), Some(Seq(200)));
    assert_eq!(seen.lock().expect("no panic there").len(), 201);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_and_answers_nothing_is_a_fault_after_a_minute() {
    let (carrier, _seen) = pipe(1 << 20, Manner::Silent);
    let mut session = open(carrier, 8).await.expect("it opens");
    put(&mut session, 1, 8, 10);
    let limits = Limits::default();
    let (outcome, time) = took(session.reach(Goal::Settled, Instant::now() + limits.call)).await;
    assert!(outcome.expect_err("it stalls").context.contains("stalled"));
    assert_eq!(time, limits.stall);
    assert!(limits.call < Duration::from_secs(90), "a call ends within the engine's time");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_a_fault_after_a_minute() {
    let (ours, theirs) = tokio::io::duplex(64);
    let (outcome, time) = took(open(Box::new(ours), 8)).await;
    assert!(outcome.expect_err("nobody reads").context.contains("did not answer `open`"));
    assert_eq!(time, Limits::default().opening);
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_before_the_stall_is_no_fault() {
    let (carrier, _seen) = pipe(1 << 20, Manner::Silent);
    let mut session = open(carrier, 8).await.expect("it opens");
    put(&mut session, 1, 1, 10);
    let until = Instant::now() + Duration::from_secs(5);
    let (outcome, time) = took(session.reach(Goal::Settled, until)).await;
    assert_eq!((outcome.expect("no fault"), time), (Reached::OutOfTime, Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_where_open_is_asked_is_told_so() {
    let (ours, theirs) = tokio::io::duplex(1024);
    drop(theirs);
    let fault = open(Box::new(ours), 8).await.expect_err("it is gone");
    assert_eq!(fault.kind, FaultKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_farewell_that_nobody_answers_ends_by_itself() {
    let (carrier, _seen) = pipe(1 << 20, Manner::Silent);
    let session = open(carrier, 8).await.expect("it opens");
    let until = Instant::now() + Duration::from_secs(3);
    let ((), time) = took(session.close(until)).await;
    assert!(time <= Duration::from_secs(3), "{time:?}");
}
