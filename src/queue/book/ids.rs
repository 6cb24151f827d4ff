//! The ids of events that were kept: new ones a record each, older ones many in a record.
//!
//! sled holds a table of its pages in memory, and lets no page have more than sixteen records: an id with a record of its own
//! costs some 47 bytes of memory for as long as it is remembered. So the janitor packs them, once there are enough of them
//! that each record which is rewritten takes in several.
//!
//! Promise: each step is one write of sled's, whole or not at all, so an id is known before it, after it, and after a power cut
//! in the midst of it. An id is known by all of its text, never by less.

use std::collections::BTreeMap;
use std::ops::Bound;

use sled::IVec;

use super::packed::{self, Item};
use super::{Book, HIGHEST, Outcome, le64, sled_says};
use crate::event::{Seq, native_part};
use crate::queue::known::Known;

/// Before an id with a record of its own.
const SEEN: &str = "d/";
/// Before the first id that a record of many may hold; the next record's first is above all that it holds.
const PACKED: &str = "e/";
/// Ids of their own record that a step looks at, and records of many.
const STEP: usize = 256;
const RECORDS: usize = 64;

/// What one frame adds to the books.
#[derive(Default)]
pub struct Entry<'e> {
    /// Event ids to remember, with their seqs and their marks.
    pub seen: Vec<(&'e str, Seq, Option<Vec<u8>>)>,
    pub day: u32,
}

/// What a step of [`Book::forget_new`] or [`Book::forget_packed`] left.
pub struct Kept {
    /// Ids that it looked at and that are still remembered.
    pub ids: usize,
    /// Where the next step begins; `None`: there is no more.
    pub next: Option<String>,
}

impl Book {
    /// Enters what a frame adds.
    pub fn apply(&mut self, entry: &Entry<'_>) -> Outcome<()> {
        if entry.seen.is_empty() {
            return Ok(());
        }
        let mut batch = sled::Batch::default();
        for (id, seq, marks) in &entry.seen {
            let mut value = seq.0.to_le_bytes().to_vec();
            value.extend_from_slice(&entry.day.to_le_bytes());
            value.extend_from_slice(marks.as_deref().unwrap_or_default());
            batch.insert(format!("{SEEN}{id}").as_bytes(), value);
        }
        // A start enters older frames again: what was known to be higher stays.
        let known = self.highest()?.unwrap_or_default();
        if let Some(last) = entry.seen.iter().map(|(_, seq, _)| *seq).max().filter(|last| *last > known) {
            batch.insert(HIGHEST, &last.0.to_le_bytes());
        }
        self.write(batch)
    }

    /// The seq under which an event id was kept, within the horizon.
    pub fn seen(&self, id: &str) -> Outcome<Option<Seq>> {
        if let Some(value) = sled_says(self.db()?.get(format!("{SEEN}{id}")))? {
            return Ok(le64(&value).map(Seq));
        }
        let Some((_, items)) = self.record_of(id)? else { return Ok(None) };
        let found = items.binary_search_by(|(other, _)| other.as_str().cmp(id)).ok();
        Ok(found.and_then(|at| le64(&items[at].1)).map(Seq))
    }

    /// Seqs of all versions of what has this native id, or one that continues it with `:`.
    pub fn seen_native(&self, integration: &str, stream: &str, native: &str) -> Outcome<Vec<Seq>> {
        let native = native_part(native);
        let mut found = Vec::new();
        for end in ["/", ":"] {
            let prefix = format!("{integration}/{stream}/{native}{end}");
            let items = self.following(&prefix, &prefix, 64)?;
            found.extend(items.values().filter_map(|value| le64(value)).map(Seq));
        }
        Ok(found)
    }

    /// Ids that follow `after` in their order and begin with `prefix`, with what was written beside each: a few, so that
    /// nobody who waits for the book waits long.
    pub fn seen_after(&self, prefix: &str, after: &str, most: usize) -> Outcome<Vec<Known>> {
        // The smallest text that is greater than `after`; a prefix that nothing of was read yet begins with itself.
        let from = if after.is_empty() { prefix.to_owned() } else { format!("{after}\0") };
        let items = self.following(&from, prefix, most)?;
        Ok(items.iter().filter_map(|(id, value)| Known::read(id, value)).collect())
    }

    /// The first of those from `from` on that begin with `prefix`, in order, wherever they stand.
    fn following(&self, from: &str, prefix: &str, most: usize) -> Outcome<BTreeMap<String, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let (home, records) = match self.record_of(from)? {
            Some((key, items)) => (items, self.records(Bound::Excluded(&key))?),
            None => (Vec::new(), self.records(Bound::Included(PACKED.as_bytes()))?),
        };
        let rest = records.map(|record| record.map(|(_, items)| items));
        'packed: for items in std::iter::once(Ok(home)).chain(rest) {
            for (id, value) in items?.into_iter().filter(|(id, _)| id.as_str() >= from) {
                if !id.starts_with(prefix) || found.len() == most {
                    break 'packed;
                }
                found.insert(id, value);
            }
        }
        // One that is in both was entered anew.
        for entry in self.db()?.range(format!("{SEEN}{from}").into_bytes()..).take(most) {
            let Some((id, value)) = new_id(entry)?.filter(|(id, _)| id.starts_with(prefix)) else { break };
            found.insert(id, value);
        }
        while found.len() > most {
            found.pop_last();
        }
        Ok(found)
    }

    /// The record that holds this id, if any does: its key and its items.
    fn record_of(&self, id: &str) -> Outcome<Option<(IVec, Vec<Item>)>> {
        let upto = format!("{PACKED}{id}").into_bytes();
        let Some(found) = self.db()?.range(PACKED.as_bytes().to_vec()..=upto).next_back() else { return Ok(None) };
        let (key, value) = sled_says(found)?;
        // A record that can't be read costs repeats, as a lost one does.
        Ok(Some((key, packed::unpack(&value).unwrap_or_default())))
    }

    /// Records of many from there on.
    fn records(&self, from: Bound<&[u8]>) -> Outcome<impl Iterator<Item = Outcome<(IVec, Vec<Item>)>> + use<>> {
        let range = self.db()?.range::<&[u8], _>((from, Bound::Excluded(&b"e0"[..])));
        Ok(range.map(|record| {
            let (key, value) = sled_says(record)?;
            Ok((key, packed::unpack(&value).unwrap_or_default()))
        }))
    }

    /// Of ids that have a record of their own, from `from` on: forgets those kept before `day`. A few at a time.
    pub fn forget_new(&mut self, from: &str, day: u32) -> Outcome<Kept> {
        let (mut batch, mut changed, mut kept, mut last) = (sled::Batch::default(), false, 0, None);
        for entry in self.db()?.range(format!("{SEEN}{from}").into_bytes()..).take(STEP) {
            let Some(item) = new_id(entry)? else { break };
            if is_before(&item, day) {
                batch.remove(format!("{SEEN}{}", item.0).as_bytes());
                changed = true;
            } else {
                kept += 1;
            }
            last = Some(item.0);
        }
        if changed {
            self.write(batch)?;
        }
        Ok(Kept { ids: kept, next: last.map(|id| format!("{id}\0")) })
    }

    /// The same of those in records of many; `from` is a record's.
    pub fn forget_packed(&mut self, from: &str, day: u32) -> Outcome<Kept> {
        let (mut batch, mut changed, mut kept, mut last) = (sled::Batch::default(), false, 0, None);
        let from = format!("{PACKED}{from}");
        for record in self.records(Bound::Included(from.as_bytes()))?.take(RECORDS) {
            let (key, mut items) = record?;
            let before = items.len();
            items.retain(|item| !is_before(item, day));
            if items.is_empty() {
                batch.remove(&key);
            } else if items.len() < before {
                batch.insert(&key, packed::pack(&items));
            }
            changed |= items.len() < before;
            kept += items.len();
            last = std::str::from_utf8(&key).ok().and_then(|key| key.strip_prefix(PACKED)).map(str::to_owned);
        }
        if changed {
            self.write(batch)?;
        }
        Ok(Kept { ids: kept, next: last.map(|key| format!("{key}\0")) })
    }

    /// Packs the next few ids from `from` on that have a record of their own. Where the next step begins; `None`: there is no
    /// more.
    pub fn pack(&mut self, from: &str) -> Outcome<Option<String>> {
        let mut new = self.db()?.range(format!("{SEEN}{from}").into_bytes()..).map(new_id);
        let Some(first) = new.next().transpose()?.flatten() else { return Ok(None) };
        let home = self.record_of(&first.0)?;
        let (key, items) = home.unwrap_or_else(|| (format!("{PACKED}{}", first.0).into_bytes().into(), Vec::new()));
        let above = self.records(Bound::Excluded(&key))?.next().transpose()?.map(|(key, _)| key);
        let is_of_home = |id: &str| above.as_ref().is_none_or(|above| format!("{PACKED}{id}").as_bytes() < &above[..]);
        let mut all: BTreeMap<String, Vec<u8>> = items.into_iter().collect();
        let (mut batch, mut moved, mut end) = (sled::Batch::default(), 0, String::new());
        for item in std::iter::once(Ok(Some(first))).chain(new).take(STEP) {
            let Some(item) = item?.filter(|(id, _)| is_of_home(id)) else { break };
            end = format!("{}\0", item.0);
            if packed::fits(&item) {
                batch.remove(format!("{SEEN}{}", item.0).as_bytes());
                all.insert(item.0, item.1);
                moved += 1;
            }
        }
        if moved == 0 {
            return Ok(Some(end));
        }
        let all: Vec<Item> = all.into_iter().collect();
        for (number, part) in packed::parted(&all).enumerate() {
            let under = if number == 0 { key.to_vec() } else { format!("{PACKED}{}", part[0].0).into_bytes() };
            batch.insert(under, packed::pack(part));
        }
        self.write(batch)?;
        Ok(Some(end))
    }
}

/// An id that has a record of its own; `None`: all of them were before this.
fn new_id(entry: sled::Result<(IVec, IVec)>) -> Outcome<Option<Item>> {
    let (key, value) = sled_says(entry)?;
    let id = std::str::from_utf8(&key).ok().and_then(|key| key.strip_prefix(SEEN));
    Ok(id.map(|id| (id.to_owned(), value.to_vec())))
}

/// Was it kept before this day? What can't be read is too old.
fn is_before((_, value): &Item, day: u32) -> bool {
    Known::read("", value).is_none_or(|known| known.day < day)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::queue::disk::{Disk, RealDisk};

    /// By id: its seq, and its day.
    type Model = BTreeMap<String, (u64, u32)>;

    fn open(dir: &Path) -> Book {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Book::open(&disk, &dir.join("book")).expect("it opens").0
    }

    fn whole(mut step: impl FnMut(&str) -> Option<String>) {
        let mut from = Some(String::new());
        while let Some(begin) = from {
            from = step(&begin);
        }
    }

    fn enter(book: &mut Book, model: &mut Model, rng: &mut fastrand::Rng, seq: &mut u64, day: u32) {
        let ids: Vec<String> = (0..rng.usize(1..60))
            .map(|_| {
                let (stream, native) = (rng.choice(["threats", "cases"]).expect("one"), rng.u32(..400));
                let long = if rng.u8(..) == 0 { "x".repeat(1100) } else { String::new() };
                let end = rng.choice(["/1", "/2", ":m/1"]).expect("one");
                format!("acme/{stream}/{native:x}{long}{end}")
            })
            .collect();
        let marks = |n: usize| (!n.is_multiple_of(3)).then(|| vec![7; n]);
        let seen = ids.iter().enumerate().map(|(n, id)| (id.as_str(), Seq(*seq + n as u64), marks(n)));
        book.apply(&Entry { seen: seen.collect(), day }).expect("entered");
        for (n, id) in ids.iter().enumerate() {
            model.insert(id.clone(), (*seq + n as u64, day));
        }
        *seq += ids.len() as u64;
    }

    fn holds(book: &Book, model: &Model, rng: &mut fastrand::Rng) {
        for native in 0..400 {
            for id in [format!("acme/threats/{native:x}/1"), format!("acme/cases/{native:x}:m/1")] {
                let known = model.get(&id).map(|(seq, _)| Seq(*seq));
                assert_eq!(book.seen(&id).expect("it tells"), known, "{id}");
            }
            let mut found = book.seen_native("acme", "threats", &format!("{native:x}")).expect("it tells");
            let of_native =
                |id: &str| ["/", ":"].iter().any(|end| id.starts_with(&format!("acme/threats/{native:x}{end}")));
            let mut known: Vec<Seq> =
                model.iter().filter(|(id, _)| of_native(id)).map(|(_, (seq, _))| Seq(*seq)).collect();
            found.sort();
            known.sort();
            assert_eq!(found, known, "{native:x}");
        }
        for prefix in ["", "acme/", "acme/threats/", "acme/threats/1", "acme/u", "zz"] {
            let (mut listed, mut after) = (Vec::new(), String::new());
            loop {
                let most = rng.usize(1..80);
                let some = book.seen_after(prefix, &after, most).expect("it tells");
                assert!(some.len() <= most);
                let Some(last) = some.last() else { break };
                after = last.id.clone();
                listed.extend(some.into_iter().map(|known| (known.id, (known.seq.0, known.day))));
            }
            let known: Vec<_> =
                model.iter().filter(|(id, _)| id.starts_with(prefix)).map(|(id, at)| (id.clone(), *at)).collect();
            assert_eq!(listed, known, "of {prefix:?}");
        }
    }

    #[test]
    fn an_id_is_known_listed_and_forgotten_alike_wherever_it_stands() {
        for seed in 0..6 {
            let dir = tempfile::tempdir().expect("a folder");
            let (mut book, mut model) = (open(dir.path()), Model::new());
            let (mut rng, mut seq) = (fastrand::Rng::with_seed(seed), 1);
            for day in 100..140 {
                enter(&mut book, &mut model, &mut rng, &mut seq, day);
                match rng.u8(..5) {
                    0 => whole(|from| book.pack(from).expect("packed")),
                    // A step of the walk, and then a restart.
                    1 => {
                        let begin = model.keys().nth(rng.usize(..model.len())).cloned().unwrap_or_default();
                        book.pack(&begin).expect("packed");
                        drop(book);
                        book = open(dir.path());
                    }
                    2 => {
                        let oldest = day - rng.u32(1..30);
                        whole(|from| book.forget_new(from, oldest).expect("forgotten").next);
                        whole(|from| book.forget_packed(from, oldest).expect("forgotten").next);
                        model.retain(|_, (_, day)| *day >= oldest);
                    }
                    _ => {}
                }
                if day % 8 == 0 {
                    holds(&book, &model, &mut rng);
                }
            }
            whole(|from| book.pack(from).expect("packed"));
            holds(&book, &model, &mut rng);
            let left = |book: &Book| book.db().expect("open").scan_prefix(SEEN).count();
            assert!(
                left(&book) <= model.keys().filter(|id| id.len() > 1000).count(),
                "all but the long ones are packed"
            );
            let records = book.db().expect("open").scan_prefix(PACKED).count();
            assert!(records * 8 < model.len(), "{records} records of {}", model.len());
            whole(|from| book.forget_new(from, u32::MAX).expect("forgotten").next);
            whole(|from| book.forget_packed(from, u32::MAX).expect("forgotten").next);
            holds(&book, &Model::new(), &mut rng);
            assert_eq!(book.db().expect("open").scan_prefix(PACKED).count(), 0);
        }
    }

    #[test]
    fn a_record_that_is_damaged_costs_its_ids_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut book, mut model) = (open(dir.path()), Model::new());
        let mut rng = fastrand::Rng::with_seed(9);
        (0..20).for_each(|day| enter(&mut book, &mut model, &mut rng, &mut 1, day));
        whole(|from| book.pack(from).expect("packed"));
        let (key, value) =
            book.db().expect("open").scan_prefix(PACKED).nth(3).expect("there are more").expect("readable");
        book.db().expect("open").insert(&key, &value[..value.len() - 1]).expect("written");
        let before = model.len();
        let known = model.keys().filter(|id| book.seen(id).expect("it tells").is_some()).count();
        assert!(known < before && known + packed::MOST >= before, "{known} of {before}");
        assert_eq!(book.seen_after("", "", before).expect("it tells").len(), known);
        enter(&mut book, &mut model, &mut rng, &mut 1000, 30);
        whole(|from| book.pack(from).expect("packed"));
    }
}
