//! What the engine writes, and what then stands in the snapshot.

use jiff::SignedDuration;

use super::*;
use crate::fault::{Fault, FaultKind};
use crate::status::samples::{self, before, name, now};
use crate::status::state::State;

#[test]
fn the_snapshot_of_a_degraded_agent_is_the_golden_file() {
    let mut snapshot = samples::degraded().snapshot(now());
    snapshot.agent.version = "VERSION".into();
    snapshot.agent.arch = "ARCH".into();
    let json = serde_json::to_string_pretty(&snapshot).expect("a snapshot serialises");
    assert_eq!(json.trim(), include_str!("golden.json").trim(), "the outside changes only with a reason");
    let back: Snapshot = serde_json::from_str(&json).expect("and reads back");
    assert_eq!(back, snapshot);
}

#[test]
fn a_field_that_a_newer_agent_added_is_passed_over() {
    let json = include_str!("golden.json").replacen('{', "{\"news\": [1],", 1);
    assert!(serde_json::from_str::<Snapshot>(&json).is_ok());
}

#[test]
fn raising_again_keeps_since_and_takes_the_new_text() {
    let board = samples::healthy();
    assert!(board.raise(Code::DestinationDown, "soc", "Away for 1 min.", before(60)), "new");
    assert!(!board.raise(Code::DestinationDown, "soc", "Away for 2 min.", now()), "stands already");
    assert!(board.raise(Code::DestinationDown, "archive", "Another subject is another condition.", now()));
    let conditions = board.snapshot(now()).conditions;
    assert_eq!((conditions[0].text.as_str(), conditions[0].since), ("Away for 2 min.", before(60)));
    assert_eq!(conditions.len(), 2);
    assert!(board.clear(Code::DestinationDown, "soc") && !board.stands(Code::DestinationDown, "soc"));
    assert!(!board.clear(Code::DestinationDown, "soc"), "cleared once");
    assert!(board.raise(Code::DestinationDown, "soc", "Away again.", now()), "after a clear it is new");
}

#[test]
fn conditions_come_gravest_first_and_then_oldest() {
    let snapshot = samples::degraded().snapshot(now());
    let order: Vec<_> = snapshot.conditions.iter().map(|condition| condition.code.as_str()).collect();
    let expected = [
        "destination-down",
        "integration-refused",
        "egress-mismatch",
        "clock-skew",
        "queue-damaged",
        "destination-weak-receipt",
    ];
    assert_eq!(order, expected);
}

#[test]
fn what_is_removed_takes_its_conditions_along_and_no_others() {
    let board = samples::degraded();
    board.raise(Code::ItemsDeferred, "globex/cases", "2 items.", now());
    board.raise(Code::ItemsDeferred, "globex-2/cases", "1 item.", now());
    board.remove_integration(&name("globex"));
    board.remove_destination(&name("archive"));
    let snapshot = board.snapshot(now());
    assert!(snapshot.conditions.iter().all(|c| !["globex", "globex/cases", "archive"].contains(&c.subject.as_str())));
    assert!(board.stands(Code::ItemsDeferred, "globex-2/cases"));
    assert!(snapshot.integrations.iter().all(|integration| integration.name != "globex"));
    assert!(snapshot.destinations.iter().all(|destination| destination.name != "archive"));
}

#[test]
fn an_agent_whose_queue_is_not_open_yet_is_not_ready() {
    let board = Board::new("box", now());
    assert!(!board.snapshot(now()).ready());
    board.queue(|queue| queue.state = QueueState::Open);
    let snapshot = board.snapshot(now());
    assert!(snapshot.ready());
    assert_eq!(snapshot.state, State::Healthy);
}

#[test]
fn an_integration_that_is_parked_again_and_again_is_down_after_15_minutes() {
    let board = samples::healthy();
    let refused = Fault::new(FaultKind::Refused, "401");
    for minute in 0..16 {
        let at = now() + SignedDuration::from_mins(minute);
        board.integration(&name("acme"), |acme| acme.park(&refused, at));
        let expected = if minute < 15 { State::Healthy } else { State::Down };
        assert_eq!(board.snapshot(at).state, expected, "minute {minute}");
    }
    board.integration(&name("acme"), IntegrationRecord::unpark);
    assert_eq!(board.snapshot(now()).integrations[0].state, Standing::Ok);
}

#[test]
fn an_integration_fails_as_a_whole_only_when_its_last_stream_does() {
    let board = samples::healthy();
    let away = Fault::new(FaultKind::Unavailable, "no answer");
    board.stream(&name("acme"), "cases", |cases| cases.failed(Standing::Failing, &away, before(3_600)));
    let snapshot = board.snapshot(now());
    assert_eq!(snapshot.integrations[0].state, Standing::Failing, "one failing stream is shown");
    assert_eq!(snapshot.state, State::Healthy, "but threats still come");
    board.stream(&name("acme"), "threats", |threats| threats.failed(Standing::Failing, &away, before(600)));
    assert_eq!(board.snapshot(now()).state, State::Healthy, "all fail, for 10 min");
    assert_eq!(board.snapshot(now() + SignedDuration::from_mins(5)).state, State::Down, "for 15 min");
}

#[test]
fn a_stream_without_a_licence_neither_fails_its_integration_nor_saves_it() {
    let board = samples::healthy();
    let unlicensed = Fault::new(FaultKind::Unlicensed, "402");
    board.stream(&name("acme"), "cases", |cases| cases.failed(Standing::Parked, &unlicensed, before(60)));
    let snapshot = board.snapshot(now());
    assert_eq!((snapshot.integrations[0].state, snapshot.state), (Standing::Ok, State::Healthy));
    let away = Fault::new(FaultKind::Unavailable, "no answer");
    board.stream(&name("acme"), "threats", |threats| threats.failed(Standing::Failing, &away, before(1_000)));
    assert_eq!(board.snapshot(now()).state, State::Down);
}

#[test]
fn a_stream_lags_until_a_poll_finds_nothing_more() {
    let board = Board::new("box", before(900));
    let lag = || board.snapshot(now()).integrations[0].streams[0].lag_seconds;
    board.stream(&name("acme"), "threats", |threats| threats.succeeded(100, true, before(90)));
    assert_eq!(lag(), None, "it has never caught up");
    board.stream(&name("acme"), "threats", |threats| threats.succeeded(5, false, before(60)));
    board.stream(&name("acme"), "threats", |threats| threats.succeeded(100, true, before(30)));
    assert_eq!(lag(), Some(60));
}

#[test]
fn the_egress_ip_matches_a_range_or_nothing_is_claimed() {
    let board = samples::healthy();
    let matches = || board.snapshot(now()).egress.matches;
    let observe = |address: &str| board.egress(|egress| egress.observed = Some(address.parse().expect("an address")));
    assert_eq!(matches(), Some(true));
    observe("198.51.100.15");
    assert_eq!(matches(), Some(true), "by range");
    observe("198.51.100.16");
    assert_eq!(matches(), Some(false));
    board.egress(|egress| egress.allowlisted.clear());
    assert_eq!(matches(), None, "nothing to compare with");
    board.egress(|egress| egress.observed = None);
    assert_eq!(matches(), None);
}

#[test]
fn a_writer_that_panics_leaves_the_board_usable() {
    let board = samples::healthy();
    let other = board.clone();
    let ended = std::thread::spawn(move || other.queue(|_| panic!("a bug"))).join();
    assert!(ended.is_err());
    assert_eq!(board.snapshot(now()).state, State::Healthy);
}
