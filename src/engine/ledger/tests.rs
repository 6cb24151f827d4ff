//! The ledger over a queue on disk.

use std::cell::Cell;

use super::*;
use crate::event::Event;

struct Scene {
    _dir: tempfile::TempDir,
    ledger: Ledger,
}

fn event(n: u64) -> Event {
    samples::event("threats", n, &format!("{{\"subject\":\"mail {n}\"}}"))
}

/// 40 pages of three events.
fn scene() -> Scene {
    let dir = tempfile::tempdir().expect("a folder");
    let pages = (0..40).map(|n| (n * 3 + 1..=n * 3 + 3).map(event).collect()).collect();
    let ledger = samples::ledger(dir.path(), pages);
    Scene { _dir: dir, ledger }
}

fn seqs(found: &Found) -> Vec<u64> {
    found.hits.iter().map(|hit| hit.seq.0).collect()
}

#[test]
fn a_search_that_runs_out_of_time_or_bytes_goes_on_from_where_it_came_to() {
    let queue = &scene().ledger.queue;
    for most_bytes in [1, u64::MAX] {
        let (mut all, mut asked, mut searches) =
            (Vec::new(), Asked { subject: "mail 1".into(), ..Asked::default() }, 0);
        loop {
            // Time for five frames.
            let left = Cell::new(5);
            let in_time = || left.replace(left.get() - 1) > 1;
            let found = search_until(queue, asked.clone(), most_bytes, in_time).expect("searched");
            all.extend(seqs(&found));
            searches += 1;
            match found.next {
                Some(next) => {
                    assert!(asked.before.is_none_or(|before| next < before) && found.back_to.is_some());
                    asked.before = Some(next);
                }
                None => break,
            }
        }
        let expected: Vec<u64> = (1..=120).rev().filter(|n| n.to_string().starts_with('1')).collect();
        assert_eq!(all, expected);
        assert!(searches >= 8, "{searches} searches");
    }
}

#[test]
fn a_page_of_results_is_full_at_fifty_and_the_next_begins_behind_it() {
    let queue = &scene().ledger.queue;
    let first = search_until(queue, Asked::default(), u64::MAX, || true).expect("searched");
    assert_eq!(seqs(&first), (71..=120).rev().collect::<Vec<_>>());
    assert_eq!(first.next, Some(Seq(71)));
    let asked = Asked { before: first.next, ..Asked::default() };
    assert_eq!(seqs(&search_until(queue, asked, u64::MAX, || true).expect("searched"))[0], 70);
}

#[tokio::test]
async fn an_event_tells_its_fate_at_each_destination() {
    let Scene { ledger, _dir } = scene();
    ledger.queue.ack("soc", Seq(10));
    let reason = || "too long".to_owned();
    let entry = Quarantined { destination: "soc".into(), seq: Seq(7), id: "t7".into(), reason: reason() };
    ledger.queue.put_aside(&entry, &event(7)).expect("put aside");
    let fates = async |seq| ledger.event(Seq(seq)).await.expect("read").expect("is here").fates;
    assert_eq!(fates(10).await["soc"], Fate::Behind);
    assert_eq!(fates(11).await["soc"], Fate::Waits);
    assert_eq!(fates(11).await["grave"], Fate::Filtered);
    assert_eq!(fates(7).await["soc"], Fate::Aside { reason: reason(), again: false });
    assert_eq!(ledger.act(Act::Retry, "soc".into(), vec![Seq(7)]).await, Ok(1));
    assert_eq!(fates(7).await["soc"], Fate::Aside { reason: reason(), again: true });
    assert_eq!(ledger.event(Seq(121)).await, Ok(None));
}

#[tokio::test]
async fn an_act_that_names_nothing_does_nothing_and_one_that_names_a_stranger_is_refused() {
    let Scene { ledger, _dir } = scene();
    let entry = Quarantined { destination: "soc".into(), seq: Seq(7), id: "t7".into(), reason: "no".into() };
    ledger.queue.put_aside(&entry, &event(7)).expect("put aside");
    assert_eq!(ledger.act(Act::Drop, "soc".into(), Vec::new()).await, Ok(0));
    assert!(ledger.act(Act::Drop, "soc".into(), vec![Seq(7), Seq(8)]).await.is_err());
    assert_eq!(ledger.aside().await.expect("read").entries, [entry]);
    assert_eq!(ledger.act(Act::Drop, "soc".into(), vec![Seq(7)]).await, Ok(1));
    assert!(ledger.aside().await.expect("read").entries.is_empty());
}

#[tokio::test]
async fn a_replay_hands_over_what_the_destination_took_since_and_not_more_than_was_announced() {
    let Scene { ledger, _dir } = scene();
    ledger.queue.ack("soc", Seq(10));
    let since = Timestamp::UNIX_EPOCH;
    assert_eq!(ledger.since("soc".into(), since).await, Ok(10));
    assert_eq!(ledger.since("grave".into(), since).await, Ok(0), "it has taken nothing");
    assert!(ledger.since("nobody".into(), since).await.is_err());
    let show = ledger.replay("soc".into(), since, crate::status::samples::now()).await.expect("begun");
    assert!(show.begun && show.events == 10, "{show:?}");
    let second = ledger.replay("soc".into(), since, crate::status::samples::now()).await;
    assert!(matches!(&second, Err(Trouble::Failed(why)) if why.contains("under way")), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_third_reading_at_one_time_waits_a_little_and_is_sent_away() {
    let Scene { ledger, _dir } = scene();
    let turns = Arc::clone(&ledger.turns).acquire_many_owned(AT_ONE_TIME as u32).await;
    assert_eq!(ledger.search(Asked::default()).await, Err(Trouble::Busy));
    drop(turns);
    assert!(ledger.search(Asked::default()).await.is_ok());
}
