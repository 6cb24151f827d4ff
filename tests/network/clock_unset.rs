//! A box without a battery for its clock, and a clock that jumps while the agent runs.

use std::collections::HashSet;
use std::time::Duration;

use conductor::status::Code;
use conductor_sim::api::{Api, generate};
use jiff::{SignedDuration, Timestamp};

use crate::agent::Place;
use crate::clock::{Moved, Running};
use crate::world::{Trust, new_threats};

/// Only turns a hang into a failure.
const HANG: Duration = Duration::from_secs(60);
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

fn settings(trust: &Trust, place: &Place, api: &Api) {
    let egress =
        format!("[egress]\nprobe = \"https://{}/ip\"\nprobe-ca = \"{}\"\n", api.addr(), trust.paths.ca.display());
    place.write_settings(&(egress + &trust.integration(place, "acme", api)));
}

/// `integration/stream/native` of every message that the API holds.
fn wanted(api: &Api) -> HashSet<String> {
    let threats = api.threats();
    let id = |threat: &str, message: i64| format!("acme/threats/{threat}:{message}");
    threats.iter().flat_map(|t| t.messages.iter().map(|m| id(&t.id, m.id)).collect::<Vec<_>>()).collect()
}

/// Waits until the queue holds all that the API does; it must hold nothing twice.
async fn all_are_kept(running: &Running, api: &Api, when: &str) {
    let mut head = running.queue.head();
    let so = async {
        loop {
            let kept: Vec<String> = running.kept();
            let unique: HashSet<String> = kept.iter().cloned().collect();
            assert_eq!(kept.len(), unique.len(), "{when}: something came twice");
            if unique == wanted(api) {
                return;
            }
            let _ = head.changed().await;
        }
    };
    tokio::time::timeout(HANG, so).await.unwrap_or_else(|_| panic!("{when}: not everything is kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_1970_keeps_every_question_back_says_so_and_everything_goes_on_when_it_is_set() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    api.put(generate(
        1,
        10,
        Timestamp::now() - SignedDuration::from_hours(3),
        Timestamp::now() - SignedDuration::from_hours(1),
    ));
    settings(&trust, &place, &api);
    let moved = Moved::by(-56 * YEAR);
    let running = Running::start(&place, &moved).await;
    let told = running.board.snapshot(Timestamp::now());
    let unset = told.conditions.iter().find(|condition| condition.code == Code::ClockUnset).expect("it is said");
    assert_eq!(unset.severity.as_str(), "error");
    assert!(unset.text.contains("1970-") && unset.text.contains("timedatectl"), "{}", unset.text);
    // Longer than the janitor's second and than the collectors' own look: nothing is asked, of the probe neither.
    assert!(!api.wait_for_requests(1, Duration::from_secs(7)), "a question with the clock of 1970");
    assert_eq!(running.queue.place("acme", "threats").checkpoint, None, "no window was computed");

    moved.set(SignedDuration::ZERO);
    all_are_kept(&running, &api, "the clock is set").await;
    assert!(!running.board.stands(Code::ClockUnset, ""));
    assert!(!running.board.stands(Code::CollectionGap, "acme/threats"));
    running.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_by_years_and_back_while_running_spoils_no_checkpoint() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    settings(&trust, &place, &api);
    let moved = Moved::by(SignedDuration::ZERO);
    let running = Running::start(&place, &moved).await;
    api.put(new_threats(1, 10));
    all_are_kept(&running, &api, "at first").await;
    for (n, (when, span)) in (0..).zip([("nine years ahead", 9 * YEAR), ("back again", SignedDuration::ZERO)]) {
        let before = api.request_count();
        moved.set(span);
        let asked = tokio::task::block_in_place(|| api.wait_for_requests(before + 4, HANG));
        assert!(asked, "{when}: it goes on asking");
        api.put(new_threats(2 + n, 10));
        all_are_kept(&running, &api, when).await;
    }
    moved.set(-56 * YEAR);
    let told = async {
        while !running.board.stands(Code::ClockUnset, "") {
            // Not a synchronisation: only how often the question is asked.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANG, told).await.expect("it is said while running too");
    // What comes while the clock stands in 1970 is fetched when it is set again.
    api.put(new_threats(9, 10));
    moved.set(SignedDuration::ZERO);
    all_are_kept(&running, &api, "set again").await;
    assert!(!running.board.stands(Code::CollectionGap, "acme/threats"), "nothing is given up");
    running.engine.stop().await;
}
