//! What must hold in a queue whose file was damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use conductor::event::Seq;
use conductor::queue::{Quarantined, Queue};

use super::damage::{Damage, is_segment};
use super::template::{Kept, Template, aside_file, open};
use crate::support::{event, page};

macro_rules! hold {
    ($what:expr, $($words:tt)+) => {
        if !$what {
            return Err(format!($($words)+));
        }
    };
}

/// What a damage has cost.
#[derive(Debug, Default)]
pub struct Cost {
    pub lost: u64,
    /// Events that came again because the book had forgotten them.
    pub repeated: u64,
}

/// Opens the damaged queue and uses it, as the agent would.
pub fn judge(root: &Path, template: &Template, file: &Path, damage: &Damage) -> Result<Cost, String> {
    let events = template.events();
    let hit: BTreeSet<u64> = damage.seqs_hit(template, file).into_iter().collect();
    let of_the_journal = is_segment(file) || matches!(damage, Damage::Swapped { with } if is_segment(with));
    let (queue, report) = open(root).map_err(|e| format!("it does not open: {e}"))?;

    let mut found: BTreeMap<u64, String> = BTreeMap::new();
    let (mut at, mut last) = (Seq(0), 0);
    while at < queue.head_now() {
        let batch = queue.read_after(at, 7, 1 << 20).map_err(|e| e.to_string())?;
        hold!(batch.upto > at, "reading stands still at {at} of {}", queue.head_now());
        at = batch.upto;
        for stored in batch.events {
            hold!(stored.seq.0 > last, "{} comes after {last}", stored.seq);
            last = stored.seq.0;
            found.insert(stored.seq.0, stored.event.id.to_string());
        }
    }
    // A file of the quarantine that has come into the journal is an event of it, under its own seq.
    let ever = template.all_events();
    for (seq, id) in &found {
        let wanted = ever.get(seq).map(|(stream, n)| event(stream, *n, 0).id.to_string());
        hold!(wanted.as_ref() == Some(id), "{id} stands at {seq}, where {wanted:?} was");
    }
    let lost: BTreeSet<u64> = events.keys().copied().filter(|seq| !found.contains_key(seq)).collect();
    hold!(lost.is_subset(&hit), "more is lost than was hit: {:?}", lost.difference(&hit).collect::<Vec<_>>());

    let told: BTreeSet<u64> = queue
        .facts()
        .damage
        .iter()
        .flat_map(|note| note.first.0..=note.last.0)
        .filter(|s| events.contains_key(s))
        .collect();
    // What all had taken is nobody's loss.
    let taken = template.cursors.values().min().copied().unwrap_or(0);
    let missed: BTreeSet<u64> = lost.iter().copied().filter(|seq| *seq > taken).collect();
    // With the book gone too, nobody knows how far the journal went.
    let newest = template.frames.last().map(|frame| frame.file.as_path());
    let end_and_book = matches!(damage, Damage::Swapped { with }
        if Some(file) == newest && is_book(with) || Some(with.as_path()) == newest && is_book(file));
    hold!(
        end_and_book || told.is_superset(&missed) && told.is_subset(&lost),
        "told: {told:?}, lost: {lost:?}, {:?}",
        queue.facts().damage
    );
    hold!(of_the_journal || queue.facts().damage.is_empty(), "damage in the journal: {:?}", queue.facts().damage);

    let register = |name: &str| queue.register(name, false).0;
    for (name, cursor) in &template.cursors {
        let now = register(name);
        hold!(now <= *cursor, "{name} stands at {now}, not {cursor}: events are passed over");
    }

    quarantine(&queue, template, file, damage)?;
    replay(&queue, template, file, damage)?;

    queue.rewind_damaged().map_err(|e| e.to_string())?;
    let mut repeated = 0;
    for stream in ["s0", "s1", "s2"] {
        let own: Vec<&Kept> = template.pages.iter().filter(|page| page.stream == stream).collect();
        let now = queue.place("acme", stream).checkpoint.map(|c| c.0);
        let stands = match &now {
            None => 0,
            Some(now) => own.iter().position(|page| page.checkpoint == *now).map(|at| at + 1).ok_or("no such place")?,
        };
        let is_missed = |page: &&Kept| (page.first..).zip(&page.numbers).any(|(seq, _)| missed.contains(&seq));
        let first_lost = own.iter().position(is_missed);
        if let Some(first_lost) = first_lost {
            hold!(stands <= first_lost, "{stream} stands behind its page {stands}; page {first_lost} is lost");
        }
        hold!(of_the_journal || stands == own.len(), "{stream} stands behind its page {stands} of {}", own.len());
        // The stream fetches from there on.
        for page_again in &own[stands..] {
            let again = page(stream, page_again.numbers.iter().copied(), &page_again.checkpoint);
            let kept = queue.append(again).map_err(|e| e.to_string())?;
            let missing = (page_again.first..).zip(&page_again.numbers).filter(|(seq, _)| told.contains(seq)).count();
            hold!(kept.kept >= missing, "{page_again:?} was fetched again and {} of {missing} were kept", kept.kept);
            repeated += (kept.kept - missing) as u64;
            let highest = events.keys().next_back().copied().unwrap_or(0);
            hold!(
                kept.kept == 0 || kept.last.0 > highest || lost.contains(&highest),
                "{} was given out twice",
                kept.last
            );
        }
    }
    hold!(book_is_struck(file, damage) || report.book_rebuilt || repeated == 0, "{repeated} events came again");
    let all: BTreeSet<String> =
        crate::support::read_all(&queue, Seq(0)).into_iter().map(|s| s.event.id.to_string()).collect();
    let wanted = events.keys().filter(|seq| !lost.contains(seq) || missed.contains(seq)).count();
    hold!(all.len() >= wanted, "{} of {} events in the end", all.len(), events.len());
    Ok(Cost { lost: lost.len() as u64, repeated })
}

fn is_book(path: &Path) -> bool {
    path.starts_with("queue/book")
}

fn book_is_struck(file: &Path, damage: &Damage) -> bool {
    is_book(file) || matches!(damage, Damage::Swapped { with } if is_book(with))
}

/// An event in quarantine is there whole, or is told as damaged; none is another one's.
fn quarantine(queue: &Queue, template: &Template, file: &Path, damage: &Damage) -> Result<(), String> {
    let listed = queue.quarantined();
    let told: BTreeSet<(String, u64)> = queue
        .verify(&mut |_, _| true)
        .map_err(|e| e.to_string())?
        .aside
        .into_iter()
        .map(|a| (a.destination, a.seq.0))
        .collect();
    for (entry, event) in &template.aside {
        let (name, seq) = (&entry.destination, entry.seq);
        let struck = damage.strikes(file, &aside_file(entry));
        let found = queue.aside(name, seq).map_err(|e| e.to_string())?.map(|stored| stored.event);
        hold!(
            found.as_ref().is_none_or(|found| found == event),
            "{name} refused {seq}, and this stands there: {found:?}"
        );
        hold!(struck || found.is_some(), "{seq} that {name} refused is gone");
        let here = listed.iter().find(|one| one.destination == *name && one.seq == seq);
        let forgotten = book_is_struck(file, damage);
        let no_trace = forgotten && struck;
        hold!(no_trace || here.is_some(), "{seq} that {name} refused is not listed");
        hold!(forgotten || here == Some(entry), "{seq} that {name} refused is listed as {here:?}");
        let is_told = told.contains(&(name.clone(), seq.0));
        hold!(here.is_none() || is_told == found.is_none(), "{seq} that {name} refused: damaged {is_told}, {found:?}");
    }
    let known = |one: &Quarantined| {
        template.aside.iter().any(|(entry, _)| (&entry.destination, entry.seq) == (&one.destination, one.seq))
    };
    hold!(listed.iter().all(known), "never refused: {listed:?}");
    let due: Vec<(String, Seq)> = ["slow", "quick"]
        .iter()
        .flat_map(|name| queue.due_aside(name).into_iter().map(|seq| ((*name).to_owned(), seq)))
        .collect();
    hold!(due.iter().all(|one| template.due.contains(one)), "nobody asked to try {due:?} again");
    hold!(book_is_struck(file, damage) || due == template.due, "to be tried again is {due:?}");
    for (entry, _) in &template.aside {
        queue.drop_aside(&entry.destination, entry.seq).map_err(|e| e.to_string())?;
    }
    hold!(queue.quarantined().is_empty(), "what was let go is still listed: {:?}", queue.quarantined());
    Ok(())
}

/// A replay goes on as it stood; with the book it may be gone, and is never another one.
fn replay(queue: &Queue, template: &Template, file: &Path, damage: &Damage) -> Result<(), String> {
    let stands = queue.facts().replays;
    let wanted = std::slice::from_ref(&template.replay);
    hold!(stands == wanted || book_is_struck(file, damage) && stands.is_empty(), "these replays stand: {stands:?}");
    Ok(())
}
