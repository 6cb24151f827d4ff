//! What must hold in a queue that was opened after a cut.

use std::collections::{BTreeMap, BTreeSet};

use conductor::event::Seq;
use conductor::queue::{OpenReport, Queue};

use super::history::{Fact, History, NEVER, Page};
use super::workload::{event, page};
use super::{quarantine, replays};

pub type Verdict = Result<(), String>;

macro_rules! hold {
    ($what:expr, $($words:tt)+) => {
        if !$what {
            return Err(format!($($words)+));
        }
    };
}

pub(super) use hold;

/// Tells what the queue holds that it should not, or lacks.
pub fn judge(queue: &Queue, report: &OpenReport, history: &History, cut: usize) -> Verdict {
    let confirmed: Vec<&Page> = history.pages.iter().filter(|page| page.confirmed <= cut).collect();
    let open: Vec<&Page> = history.pages.iter().filter(|page| page.is_open(cut)).collect();
    hold!(!report.book_rebuilt || history.opening(cut), "a book that was well was set aside");
    let found = read_all(queue)?;
    in_order(&found, &confirmed, &open)?;
    nothing_confirmed_is_missing(&found, &confirmed, history, cut)?;
    checkpoints(queue, &found, &confirmed, &open)?;
    destinations(queue, history, cut)?;
    drops(queue, history, &confirmed, cut)?;
    no_false_alarm(queue, &open)?;
    quarantine::judge(queue, history, cut)?;
    replays::judge(queue, history, cut)?;
    goes_on(queue, &found, &confirmed)
}

fn read_all(queue: &Queue) -> Result<BTreeMap<u64, String>, String> {
    let mut found = BTreeMap::new();
    let mut at = queue.oldest().before();
    let mut last = 0;
    while at < queue.head_now() {
        let batch = queue.read_after(at, 7, 1 << 20).map_err(|e| e.to_string())?;
        hold!(batch.upto > at, "reading stands still at {at}");
        at = batch.upto;
        for stored in batch.events {
            hold!(stored.seq.0 > last, "{} comes after {last}", stored.seq);
            last = stored.seq.0;
            found.insert(stored.seq.0, stored.event.id.to_string());
        }
    }
    Ok(found)
}

fn in_order(found: &BTreeMap<u64, String>, confirmed: &[&Page], open: &[&Page]) -> Verdict {
    let all = confirmed.iter().chain(open).filter(|page| page.refused == NEVER);
    let known: BTreeMap<u64, String> =
        all.flat_map(|page| page.seqs().map(|(seq, n)| (seq, event(&page.stream, n).id.to_string()))).collect();
    // Nobody was told which places these would have had.
    let refused = |seq: u64, id: &String| {
        let unplaced = open.iter().filter(|page| page.refused < NEVER);
        let all = unplaced.flat_map(|page| page.numbers.iter().map(|n| event(&page.stream, *n).id.to_string()));
        confirmed.iter().flat_map(|page| page.seqs()).all(|(known, _)| known < seq)
            && all.into_iter().any(|one| one == *id)
    };
    for (seq, id) in found {
        if refused(*seq, id) {
            continue;
        }
        hold!(known.get(seq) == Some(id), "{id} stands at {seq}, where {:?} was put", known.get(seq));
    }
    for page in open.iter().filter(|page| page.refused == NEVER) {
        let there = page.seqs().filter(|(seq, _)| found.contains_key(seq)).count();
        hold!(there == 0 || there == page.numbers.len(), "a part of {page:?}");
    }
    Ok(())
}

fn nothing_confirmed_is_missing(
    found: &BTreeMap<u64, String>,
    confirmed: &[&Page],
    history: &History,
    cut: usize,
) -> Verdict {
    let let_go = history.begun(cut).filter_map(|fact| match fact {
        Fact::LetGo { upto, .. } => Some(*upto),
        _ => None,
    });
    let gone = let_go.max().unwrap_or(0);
    for (seq, n) in confirmed.iter().flat_map(|page| page.seqs()) {
        hold!(seq <= gone || found.contains_key(&seq), "confirmed event {n} at {seq} is missing (let go up to {gone})");
    }
    Ok(())
}

fn checkpoints(queue: &Queue, found: &BTreeMap<u64, String>, confirmed: &[&Page], open: &[&Page]) -> Verdict {
    for stream in ["s0", "s1", "s2"] {
        let sure = confirmed.iter().rev().find(|page| page.stream == stream).and_then(|page| page.checkpoint.clone());
        let now = queue.place("acme", stream).checkpoint.map(|c| c.0);
        match open.iter().find(|page| page.stream == stream) {
            Some(maybe) if maybe.numbers.is_empty() => {
                hold!(now == sure || now == maybe.checkpoint, "{stream} stands at {now:?}, not {sure:?} or {maybe:?}");
            }
            Some(maybe) => {
                let first = maybe.numbers.first().map(|n| event(stream, *n).id.to_string());
                let there = first.is_some_and(|first| found.values().any(|id| *id == first));
                let wanted = if there { &maybe.checkpoint } else { &sure };
                hold!(now == *wanted, "{stream} stands at {now:?}; its last page is there: {there}: {maybe:?}");
            }
            None => hold!(now == sure, "{stream} stands at {now:?}, not {sure:?}"),
        }
    }
    Ok(())
}

fn destinations(queue: &Queue, history: &History, cut: usize) -> Verdict {
    let sure = history.destinations_at(cut);
    let mut floors: BTreeMap<&str, u64> = BTreeMap::new();
    let mut most: BTreeMap<&str, u64> = BTreeMap::new();
    let mut leaving = None;
    for step in history.steps.iter().filter(|step| step.begun <= cut) {
        match &step.fact {
            Fact::Registered { name, at } => drop(most.insert(name, *at)),
            Fact::Acked { name, seq } => {
                let most = most.entry(name).or_default();
                *most = (*most).max(*seq);
            }
            Fact::Forgotten { name } => {
                floors.remove(name.as_str());
                leaving = (cut < step.done).then_some(name.as_str());
            }
            Fact::Booked { cursors, .. } if step.done <= cut => {
                floors = cursors.iter().map(|(name, seq)| (name.as_str(), *seq)).collect();
            }
            Fact::BookLost => floors.clear(),
            // By the rule it stands behind what is gone.
            Fact::LetGo { upto, .. } => most.values_mut().for_each(|most| *most = (*most).max(*upto)),
            Fact::Aside { .. }
            | Fact::AsideDue { .. }
            | Fact::AsideRefused { .. }
            | Fact::AsideDropped { .. }
            | Fact::ReplayBegun { .. }
            | Fact::ReplayMoved { .. }
            | Fact::ReplayCancelled { .. }
            | Fact::Booked { .. }
            | Fact::Opened => {}
        }
    }
    for name in sure {
        // As the agent does at its start: one that is not known any more would begin at the head.
        let cursor = queue.register(name, false);
        if leaving == Some(name) {
            continue;
        }
        let most = most.get(name).copied().unwrap_or(0);
        hold!(cursor.0 <= most, "{name} stands at {cursor} and took up to {most} alone");
        let floor = floors.get(name).copied().unwrap_or(0);
        hold!(cursor.0 >= floor, "{name} went back to {cursor}, behind the book's barrier at {floor}");
    }
    Ok(())
}

/// What a destination was passed over with, by the operator's rule, is counted for it, and no more than that.
fn drops(queue: &Queue, history: &History, confirmed: &[&Page], cut: usize) -> Verdict {
    let (mut taken, mut told): (BTreeMap<&str, u64>, BTreeMap<&str, u64>) = Default::default();
    let mut book_lost = false;
    for fact in history.begun(cut) {
        match fact {
            Fact::Registered { name, at } => drop(taken.insert(name, *at)),
            Fact::Acked { name, seq } => {
                let taken = taken.entry(name).or_default();
                *taken = (*taken).max(*seq);
            }
            // Its place goes in several steps; nothing is counted for it.
            Fact::Forgotten { name } => drop(taken.insert(name, u64::MAX)),
            Fact::LetGo { dropped, .. } => told.extend(dropped.iter().map(|(name, events)| (name.as_str(), *events))),
            Fact::BookLost => book_lost = true,
            _ => {}
        }
    }
    let facts = queue.facts();
    for (name, cursor) in facts.cursors {
        let counted = facts.dropped.get(&name).map_or(0, |dropped| dropped.events);
        let most = told.get(name.as_str()).copied().unwrap_or(0);
        hold!(counted <= most, "{counted} events dropped for {name} are told, {most} were");
        let taken = taken.get(name.as_str()).copied().unwrap_or(0);
        let passed = confirmed.iter().flat_map(|page| page.seqs()).filter(|(seq, _)| taken < *seq && *seq <= cursor.0);
        let passed = passed.count() as u64;
        hold!(book_lost || passed <= counted, "{name} was passed over with {passed} events; {counted} are told");
    }
    Ok(())
}

/// Nothing was damaged. Two pages that shared the barrier which never came can look so: the first torn, the second whole.
fn no_false_alarm(queue: &Queue, open: &[&Page]) -> Verdict {
    let unsure: BTreeSet<u64> = open.iter().flat_map(|page| page.seqs().map(|(seq, _)| seq)).collect();
    // Of a page that will be refused nobody knows the places.
    let unplaced = open.iter().any(|page| page.refused < NEVER);
    for note in queue.facts().damage {
        hold!(open.len() > 1, "damage where there is none: {note:?}");
        let told = note.first.0..=note.last.0;
        hold!(unplaced || told.clone().all(|seq| unsure.contains(&seq)), "{note:?} tells of more than {unsure:?}");
    }
    Ok(())
}

/// What is there is known, and what comes next gets a place of its own.
fn goes_on(queue: &Queue, found: &BTreeMap<u64, String>, confirmed: &[&Page]) -> Verdict {
    let there = |page: &&&Page| page.keyed && !page.numbers.is_empty() && found.contains_key(&page.first);
    if let Some(known) = confirmed.iter().rev().find(there) {
        let again = queue.append(page(&known.stream, &known.numbers, "again", true)).map_err(|e| e.to_string())?;
        hold!(again.kept == 0, "{known:?} was kept twice");
    }
    let highest = confirmed.iter().flat_map(|page| page.seqs()).map(|(seq, _)| seq).max().unwrap_or(0);
    let next = queue.append(page("s0", &[u64::MAX >> 8], "new", true)).map_err(|e| e.to_string())?;
    hold!(next.last.0 > highest && !found.contains_key(&next.last.0), "{} was given out before", next.last);
    let read = queue.read_after(next.last.before(), 1, 1).map_err(|e| e.to_string())?;
    hold!(read.events.first().is_some_and(|stored| stored.seq == next.last), "the new event can't be read");
    hold!(queue.head_now() == Seq(next.last.0), "the head is elsewhere");
    Ok(())
}
