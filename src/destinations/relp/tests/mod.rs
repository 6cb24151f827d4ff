//! The destination against receivers of many manners: what is told as taken was answered, and nothing else.

mod receiver;
mod sessions;

use std::net::SocketAddr;
use std::time::Duration;

use self::receiver::{Manner, Receiver};
use super::*;
use crate::destinations::link::Transport;

/// Events `from..=to`, each of about 2 kB.
fn events(from: u64, to: u64) -> Vec<Stored> {
    (from..=to)
        .map(|seq| {
            let mut stored = crate::format::rfc5424::tests::sample();
            stored.seq = Seq(seq);
            stored.event.raw = format!("{{\"n\":{seq},\"pad\":\"{}\"}}", "x".repeat(1500)).into();
            stored
        })
        .collect()
}

fn link(address: SocketAddr) -> Link {
    Link {
        address: address.to_string(),
        transport: Transport::Tcp,
        server_name: None,
        ca: None,
        cert: None,
        ..Link::default()
    }
}

fn settings() -> Settings {
    Settings {
        facility: "local0".to_owned(),
        app_name: "conductor".to_owned(),
        enterprise_number: 32473,
        window: 16,
        max_message_size: 64 * 1024,
    }
}

async fn start(manner: Manner) -> (Receiver, Relp) {
    let receiver = Receiver::start(manner).await;
    let relp = Relp::new(&link(receiver.address), None, &settings(), Shape::Json, "acme-mel-1").expect("valid");
    (receiver, relp)
}

/// Delivers and confirms; what was taken.
async fn hand_over(relp: &mut Relp, from: u64, to: u64) -> Option<u64> {
    let delivered = relp.deliver(&events(from, to)).await;
    assert!(delivered.fault.is_none(), "{:?}", delivered.fault.map(|f| f.chain()));
    let confirmed = relp.confirm().await;
    assert!(confirmed.fault.is_none(), "{:?}", confirmed.fault.map(|f| f.chain()));
    confirmed.taken.or(delivered.taken).map(|seq| seq.0)
}

/// Delivers and confirms until there is a fault; how far it came, and the fault.
async fn fault_of(relp: &mut Relp, from: u64, to: u64) -> (Option<u64>, Fault) {
    let delivered = relp.deliver(&events(from, to)).await;
    let (taken, fault) = match delivered.fault {
        Some(fault) => (delivered.taken, fault),
        None => {
            let confirmed = relp.confirm().await;
            (confirmed.taken.or(delivered.taken), confirmed.fault.expect("a fault"))
        }
    };
    assert!(!relp.connected(), "after a fault the connection is gone");
    (taken.map(|seq| seq.0), fault)
}

fn numbers(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[tokio::test]
async fn every_event_is_a_transaction_and_taken_when_it_is_answered() {
    let (receiver, mut relp) = start(Manner::Plain).await;
    assert_eq!((relp.receipt(), relp.connected()), (Receipt::Unknown, false));
    assert_eq!(hand_over(&mut relp, 1, 400).await, Some(400));
    assert_eq!((relp.receipt(), relp.connected()), (Receipt::Acknowledged, true));
    assert_eq!(hand_over(&mut relp, 401, 402).await, Some(402));
    assert_eq!(relp.confirm().await.taken, None, "nothing new");
    assert_eq!((receiver.connections(), receiver.seqs()), (1, numbers(1, 402)));
    assert_eq!(receiver.txnrs(1), (1..=403).collect::<Vec<_>>(), "`open` is the first");
}

#[tokio::test]
async fn what_was_sent_is_told_and_taken_only_what_was_answered() {
    let (_receiver, mut relp) = start(Manner::Silent).await;
    let delivered = relp.deliver(&events(1, 16)).await;
    assert_eq!((delivered.taken, delivered.sent), (None, Some(Seq(16))));
    assert!(delivered.fault.is_none(), "a window may be open when a call ends");
    assert_eq!(relp.receipt(), Receipt::Unknown);
}

#[tokio::test]
async fn a_window_bounds_what_is_under_way_whatever_the_order_of_the_answers() {
    let (receiver, mut relp) = start(Manner::Backwards(16)).await;
    assert_eq!(hand_over(&mut relp, 1, 160).await, Some(160));
    assert_eq!(receiver.seqs(), numbers(1, 160));
    // One more than the window would be needed for an answer: it never goes.
    let (receiver, mut relp) = start(Manner::Backwards(17)).await;
    relp.limits.stall = Duration::from_millis(300);
    let (taken, fault) = fault_of(&mut relp, 1, 40).await;
    assert!(taken.is_none() && fault.context.contains("stalled"), "{fault}");
    assert_eq!(receiver.seqs(), numbers(1, 16));
}

#[tokio::test]
async fn after_a_cut_the_first_unanswered_event_comes_next_and_no_more_than_a_window_again() {
    for manner in [Manner::ServerCloses(40), Manner::Leaves(40), Manner::Resets(40)] {
        let (receiver, mut relp) = start(manner).await;
        let (taken, fault) = fault_of(&mut relp, 1, 100).await;
        assert_eq!(fault.kind, FaultKind::Unavailable, "{fault}");
        let taken = taken.unwrap_or_default();
        // Who closes with events unread sends a reset, which overtakes answers that were sent.
        assert!(taken <= 40 && taken + 16 >= 40, "{manner:?}: {taken}");
        assert_eq!(hand_over(&mut relp, taken + 1, 100).await, Some(100));
        let first: Vec<u64> =
            receiver.came().iter().filter(|came| came.connection == 1).filter_map(|c| c.seq).collect();
        let again: Vec<u64> =
            receiver.came().iter().filter(|came| came.connection == 2).filter_map(|c| c.seq).collect();
        assert_eq!((first, again), (numbers(1, 41), numbers(taken + 1, 100)), "{manner:?}");
        assert_eq!(receiver.txnrs(2).first(), Some(&1), "numbers begin again");
    }
}

#[tokio::test]
async fn a_peer_that_leaves_when_all_is_taken_is_met_again_in_silence() {
    for manner in [Manner::ServerCloses(3), Manner::Leaves(3)] {
        let (receiver, mut relp) = start(manner).await;
        assert_eq!(hand_over(&mut relp, 1, 3).await, Some(3));
        // Something that is no event makes it leave.
        relp.session.as_mut().expect("open").nudge();
        while relp.session.as_mut().expect("open").look().await.unwrap_or(false) {
            tokio::task::yield_now().await;
        }
        assert_eq!(hand_over(&mut relp, 4, 5).await, Some(5), "{manner:?}");
        assert_eq!(receiver.connections(), 2);
    }
}

#[tokio::test]
async fn an_event_that_is_refused_is_rejected_at_the_third_time_and_only_while_others_are_taken() {
    let (receiver, mut relp) = start(Manner::Dislikes(5)).await;
    for time in 1..=2 {
        let from = if time == 1 { 1 } else { 5 };
        let (taken, fault) = fault_of(&mut relp, from, 8).await;
        assert_eq!((taken, fault.kind), ((time == 1).then_some(4), FaultKind::Unavailable), "{fault}");
        assert!(fault.context.contains("event 5") && fault.context.contains("500 no such thing"), "{fault}");
    }
    let delivered = relp.deliver(&events(5, 8)).await;
    let fault = delivered.fault.expect("the third time");
    assert_eq!((delivered.taken, fault.kind), (None, FaultKind::Rejected), "{fault}");
    assert_eq!(hand_over(&mut relp, 6, 8).await, Some(8), "the others go on");
    assert_eq!(receiver.seqs(), [numbers(1, 8), numbers(5, 8), numbers(5, 8), numbers(6, 8)].concat());
}

#[tokio::test]
async fn an_event_that_is_refused_for_a_while_is_taken_in_the_end() {
    let (_receiver, mut relp) = start(Manner::DislikesAtFirst(5, 2)).await;
    for from in [1, 5] {
        assert_eq!(fault_of(&mut relp, from, 8).await.1.kind, FaultKind::Unavailable);
    }
    assert_eq!(hand_over(&mut relp, 5, 8).await, Some(8));
    assert!(relp.suspect.is_none());
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_gets_no_event_rejected() {
    let (_receiver, mut relp) = start(Manner::Disabled).await;
    for _ in 0..6 {
        let (taken, fault) = fault_of(&mut relp, 1, 4).await;
        assert_eq!((taken, fault.kind), (None, FaultKind::Unavailable), "{fault}");
        assert!(fault.context.contains("command disabled"), "{fault}");
    }
    // Nor one that refuses the only event there is.
    let (_receiver, mut relp) = start(Manner::Dislikes(5)).await;
    for _ in 0..6 {
        assert_eq!(fault_of(&mut relp, 5, 5).await.1.kind, FaultKind::Unavailable);
    }
}

#[tokio::test]
async fn what_a_server_can_not_say_is_a_fault_with_a_sentence() {
    let table = [
        (Manner::Says("99 rsp 6 200 OK\n"), "lost count"),
        (Manner::Says("2 rsp 6 200 OK\n2 rsp 6 200 OK\n"), "lost count"),
        (Manner::Says("2 rsp 2 OK\n"), "without a code"),
        (Manner::Says("HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak RELP"),
        (Manner::Says("3 syslog 1 x\n"), "does not speak RELP"),
    ];
    for (manner, expected) in table {
        let (_receiver, mut relp) = start(manner).await;
        let (_, fault) = fault_of(&mut relp, 1, 3).await;
        assert!(fault.kind == FaultKind::Unavailable && fault.chain().contains(expected), "{}", fault.chain());
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_want_us_is_told_by_its_own_words() {
    let table = [
        (Manner::Opens("500 required command not supported by client"), FaultKind::Refused, "500 required command"),
        (Manner::Opens("200 OK\nrelp_version=0\ncommands=other"), FaultKind::Refused, "`syslog`"),
        (Manner::Opens("200 OK\nrelp_version=1\ncommands=syslog"), FaultKind::Refused, "version"),
        (Manner::Opens("hello"), FaultKind::Unavailable, "without a code"),
    ];
    for (manner, kind, expected) in table {
        let (_receiver, mut relp) = start(manner).await;
        let (_, fault) = fault_of(&mut relp, 1, 1).await;
        assert!(fault.kind == kind && fault.context.contains(expected), "{manner:?}: {fault}");
    }
}

#[tokio::test]
async fn a_port_that_never_answers_is_told_as_one_of_another_protocol() {
    let (_receiver, mut relp) = start(Manner::Mute).await;
    relp.limits.opening = Duration::from_millis(200);
    let (_, fault) = fault_of(&mut relp, 1, 1).await;
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("did not answer `open`"), "{fault}");
}

#[tokio::test]
async fn closing_waits_for_every_answer_and_ends_in_order() {
    let (receiver, mut relp) = start(Manner::Plain).await;
    assert!(relp.deliver(&events(1, 10)).await.fault.is_none());
    let closed = relp.close().await;
    // The end of deliver may have told them already.
    assert!(closed.fault.is_none() && closed.taken.is_none_or(|seq| seq == Seq(10)));
    assert_eq!(receiver.came().last().map(|came| (came.command.clone(), came.txnr)), Some(("close".to_owned(), 12)));
    assert!(!relp.connected() && relp.close().await.taken.is_none(), "nothing to close");
}

#[tokio::test]
async fn a_connection_whose_numbers_end_is_closed_in_order_and_the_next_goes_on() {
    let (receiver, mut relp) = start(Manner::Plain).await;
    relp.window.last = 12;
    assert_eq!(hand_over(&mut relp, 1, 25).await, Some(25));
    assert_eq!((receiver.connections(), receiver.seqs()), (3, numbers(1, 25)));
    assert_eq!(receiver.txnrs(1), (1..=12).collect::<Vec<_>>(), "open, ten events, close");
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_sent_visibly_short() {
    let receiver = Receiver::start(Manner::Plain).await;
    let small = Settings { max_message_size: 2048, ..settings() };
    let mut relp = Relp::new(&link(receiver.address), None, &small, Shape::Json, "acme-mel-1").expect("valid");
    let mut long = events(1, 1);
    long[0].event.raw = format!("{{\"x\":\"{}\"}}", "y".repeat(9000)).into();
    let mut frame = Vec::new();
    relp.frame(&mut frame, 2, &long[0]).expect("written");
    let text = String::from_utf8(frame).expect("UTF-8");
    assert!(text.starts_with("2 syslog ") && text.ends_with("\n") && text.len() < 2100, "{}", text.len());
    assert!(text.contains("conductor_truncated"), "{text}");
    assert!(relp.deliver(&long).await.fault.is_none());
    assert_eq!(relp.close().await.fault.map(|fault| fault.chain()), None);
    assert_eq!(receiver.seqs(), [1]);
}

#[test]
fn a_facility_that_can_not_be_is_named() {
    let at_local9 = Settings { facility: "local9".to_owned(), ..settings() };
    let fault = Relp::new(&link(([127, 0, 0, 1], 2514).into()), None, &at_local9, Shape::Json, "a").expect_err("wrong");
    assert!(fault.kind == FaultKind::Misconfigured && fault.context.contains("local9"), "{fault}");
}
