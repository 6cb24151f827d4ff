//! One bounded step of a stream that is a filtered list of ids and a detail for each: list, fetch, go on later.
//!
//! Promise: whatever stops a step, the page holds what was fetched and its checkpoint all the rest; an item
//! that fails is set aside, so that it never blocks the others.

use std::collections::HashSet;

use bytestring::ByteString;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::api::{Api, Asked};
use super::checkpoint::{Fetch, Place};
use super::window::{Field, Listing, Outcome, Purpose, Seconds, Timing, Told};
use crate::connectors::{PAGE_BYTES, PAGE_EVENTS, Page, PollContext};
use crate::event::{Checkpoint, Event, Gap};
use crate::fault::{Fault, FaultKind};
use crate::net::http::Answer;

/// Requests for items that wait for their answers at one time, at the most.
const IN_FLIGHT: usize = 4;
/// Items asked for in one step, at the most.
const ITEMS_PER_STEP: usize = 20;
/// Lists asked for in one step, at the most.
const LISTS_PER_STEP: usize = 20;
/// So many items failing one after the other mean that the vendor is ill, not the items.
const ILL: usize = 3;
/// An item that stopped this many steps is set aside like one that failed alone.
const STOPS: u32 = 5;
/// Pages of one item, at the most: past it the paging has no end.
const ITEM_PAGES: u32 = 200;

/// What a list answer holds.
#[derive(Debug)]
pub struct Listed {
    pub ids: Vec<String>,
    /// Entries without an id: they can't be fetched.
    pub nameless: usize,
    pub next_page: Option<u32>,
}

/// What an item's answer holds.
#[derive(Debug)]
pub struct Item {
    pub events: Vec<Event>,
    pub next_page: Option<u32>,
}

/// What is a stream's own.
pub trait Feed: Send + Sync {
    fn stream(&self) -> &'static str;
    /// The times that its list is filtered by.
    fn fields(&self) -> &'static [Field];
    fn list_path(&self, listing: &Listing) -> String;
    fn read_list(&self, api: &Api, answer: &Answer) -> Result<Listed, Fault>;
    fn item_path(&self, id: &str, page: u32) -> String;
    fn read_item(&self, api: &Api, integration: &str, id: &str, now: Timestamp, answer: &Answer)
    -> Result<Item, Fault>;
}

/// Makes one step.
pub async fn step(
    feed: &dyn Feed,
    api: &Api,
    integration: &str,
    timing: &Timing,
    checkpoint: Option<&Checkpoint>,
    context: &PollContext<'_>,
) -> Page {
    let place = match checkpoint.map(Place::read).transpose() {
        Ok(place) => place.unwrap_or_else(|| Place::first(feed.fields(), context.now, timing)),
        Err(fault) => return Page { fault: Some(fault), ..Page::default() },
    };
    let mut step = Step {
        feed,
        api,
        integration,
        timing,
        context,
        place,
        page: Page::default(),
        ids: HashSet::new(),
        weight: 0,
        ill: Vec::new(),
        heaviest: 0,
        list_fault: None,
    };
    step.run().await;
    step.finish()
}

/// What became of one answer for an item.
enum Fate {
    /// It was read.
    Read(Item),
    /// It alone failed: it is set aside.
    Failed(Fault),
    /// It failed as items do when the vendor is ill: set aside too, unless several in a row fail so.
    Suspect(Fault),
    /// No request would fare better now.
    Stop(Fault),
}

struct Step<'a> {
    feed: &'a dyn Feed,
    api: &'a Api,
    integration: &'a str,
    timing: &'a Timing,
    context: &'a PollContext<'a>,
    place: Place,
    page: Page,
    /// Ids of the page's events.
    ids: HashSet<ByteString>,
    /// Bytes of the page's events.
    weight: usize,
    /// Items that failed one after the other, with nothing read in between.
    ill: Vec<(Fetch, Fault)>,
    /// Events in the largest answer of this step.
    heaviest: usize,
    /// Why no more lists are asked for in this step.
    list_fault: Option<Fault>,
}

impl Step<'_> {
    /// Lists until there is enough to fetch, fetches until the page is full, and ends at the first fault that
    /// no other request would escape.
    async fn run(&mut self) {
        if !self.place.work_left() {
            self.place.begin_round(self.context.now, self.timing);
        }
        let (mut lists, mut items) = (0, 0);
        while self.page.fault.is_none() && !self.full() {
            if lists < LISTS_PER_STEP
                && self.list_fault.is_none()
                && let Some(listing) = self.next_listing()
            {
                lists += 1;
                match self.list(&listing).await {
                    Ok(()) => {}
                    // Perhaps the list alone is ill: what was listed before can still be fetched.
                    Err(fault) if matches!(fault.status, Some(200 | 400 | 404 | 500..)) => {
                        self.list_fault = Some(fault);
                    }
                    Err(fault) => self.page.fault = Some(fault),
                }
                continue;
            }
            let batch = self.next_batch(ITEMS_PER_STEP - items);
            if batch.is_empty() {
                break;
            }
            items += batch.len();
            self.fetch(batch).await;
        }
        self.page.fault = self.page.fault.take().or(self.list_fault.take());
        // What failed beside a step that failed may be well: it is no reason to set it aside.
        if self.page.fault.is_some() { self.put_back() } else { self.well() }
    }

    fn finish(mut self) -> Page {
        // Half of what was before: one light step does not forget the heavy ones.
        self.place.heaviest = self.heaviest.max(self.place.heaviest / 2);
        match self.place.write() {
            Ok(next) => self.page.next = Some(next),
            // Events must not be kept without the checkpoint that follows them.
            Err(fault) => return Page { fault: Some(fault), ..Page::default() },
        }
        self.page.gaps = merged(self.page.gaps);
        self.page.more = self.place.work_left() && self.page.fault.is_none();
        self.page.wake = self.place.wake();
        self.page.deferred = self.place.deferred;
        self.page
    }

    fn full(&self) -> bool {
        self.page.events.len() >= PAGE_EVENTS || self.weight >= PAGE_BYTES
    }

    /// Lists while too little waits to be fetched to fill a step; sweeps when nothing waits.
    fn next_listing(&self) -> Option<Listing> {
        let room = match self.place.windows.next()?.purpose {
            Purpose::New | Purpose::Leaving | Purpose::Staying => ITEMS_PER_STEP,
            Purpose::Sweep => 1,
        };
        self.place.windows.next().filter(|_| self.place.fetch.len() < room).cloned()
    }

    async fn list(&mut self, listing: &Listing) -> Result<(), Fault> {
        let asked = self.api.ask(&self.feed.list_path(listing), Asked::List).await;
        let answer = match asked {
            Err(fault) if fault.kind == FaultKind::OutOfRetention => {
                for (from, to) in self.place.windows.out_of_retention(listing) {
                    let reason = "the vendor no longer keeps this time: it lies before its retention";
                    self.page.gaps.push(gap(from, to, reason.to_owned()));
                }
                return Ok(());
            }
            other => other?,
        };
        self.page.vendor_date = answer.date.or(self.page.vendor_date);
        let listed = self.feed.read_list(self.api, &answer)?;
        let told = Told {
            items: listed.ids.len() + listed.nameless,
            next_page: listed.next_page,
            date: answer.date.map(Timestamp::as_second),
        };
        let now = self.context.now.as_second();
        let outcome = self.place.windows.answered(listing, &told, now, self.timing);
        if outcome == Outcome::Halved {
            return Ok(());
        }
        if outcome == Outcome::Stuck {
            let reason = "this second holds more than the vendor's list lets us page through";
            self.page.gaps.push(gap(listing.from, listing.to, reason.to_owned()));
        }
        if listed.nameless > 0 {
            let reason = format!("{} entries of the list have no id that could be asked for", listed.nameless);
            self.page.gaps.push(gap(listing.from, listing.to, reason));
        }
        self.place.take_up(listed.ids, listing.purpose, self.context.known);
        Ok(())
    }

    /// The next items, as many side by side as the page has room for by the latest answers.
    fn next_batch(&mut self, most: usize) -> Vec<Fetch> {
        let heavy = self.heaviest.max(self.place.heaviest).max(1);
        let room = (PAGE_EVENTS - self.page.events.len().min(PAGE_EVENTS)) / heavy;
        let count = room.clamp(1, IN_FLIGHT).min(most).min(self.place.fetch.len());
        self.place.fetch.drain(..count).collect()
    }

    async fn fetch(&mut self, batch: Vec<Fetch>) {
        let mut answers = JoinSet::new();
        for (at, fetch) in batch.iter().enumerate() {
            let (api, path) = (self.api.clone(), self.feed.item_path(&fetch.id, fetch.page));
            answers.spawn(async move { (at, api.ask(&path, Asked::Item).await) });
        }
        let mut answered: Vec<Option<Result<Answer, Fault>>> = batch.iter().map(|_| None).collect();
        while let Some(joined) = answers.join_next().await {
            if let Ok((at, answer)) = joined
                && let Some(slot) = answered.get_mut(at)
            {
                *slot = Some(answer);
            }
        }
        let mut back = Vec::new();
        for (fetch, answer) in batch.into_iter().zip(answered) {
            let date = answer.as_ref().and_then(|answer| answer.as_ref().ok()?.date);
            self.page.vendor_date = date.or(self.page.vendor_date);
            let ended = || Err(Fault::new(FaultKind::Unavailable, "the request ended without an answer"));
            match self.fate(&fetch, answer.unwrap_or_else(ended)) {
                Fate::Read(item) => {
                    self.well();
                    back.extend(self.emit(fetch, item));
                }
                Fate::Failed(fault) => {
                    // The vendor said that it has none: so it is not ill.
                    if fault.status == Some(404) {
                        self.well();
                    }
                    self.put_off(fetch, fault.chain());
                }
                Fate::Suspect(fault) if fetch.tries > 0 || fetch.stops >= STOPS => self.put_off(fetch, fault.chain()),
                Fate::Suspect(fault) => self.ill.push((fetch, fault)),
                Fate::Stop(fault) => {
                    back.push(fetch);
                    self.page.fault.get_or_insert(fault);
                }
            }
        }
        for fetch in back.into_iter().rev() {
            self.place.fetch.push_front(fetch);
        }
        if self.ill.len() >= ILL {
            self.put_back();
        }
    }

    fn fate(&self, fetch: &Fetch, answer: Result<Answer, Fault>) -> Fate {
        let read = answer
            .and_then(|answer| self.feed.read_item(self.api, self.integration, &fetch.id, self.context.now, &answer));
        match read {
            Ok(item) => Fate::Read(item),
            Err(fault) => match (fault.kind, fault.status) {
                (FaultKind::Unavailable, _) | (_, Some(402 | 403)) => Fate::Suspect(fault),
                (FaultKind::Unreadable, Some(404)) => Fate::Failed(fault),
                // Lists and items alike are unreadable: somebody else answers for the vendor.
                (FaultKind::Unreadable, _) if self.list_fault.is_some() => Fate::Stop(fault),
                (FaultKind::Unreadable, _) => Fate::Failed(fault),
                (
                    FaultKind::Misconfigured
                    | FaultKind::Keyless
                    | FaultKind::Refused
                    | FaultKind::Unlicensed
                    | FaultKind::Throttled
                    | FaultKind::OutOfRetention
                    | FaultKind::Rejected
                    | FaultKind::Full
                    | FaultKind::Corrupt,
                    _,
                ) => Fate::Stop(fault),
            },
        }
    }

    /// The vendor is ill: those that failed go to the back, so that the next step begins with others, which
    /// tell whether it was the items.
    fn put_back(&mut self) {
        for (fetch, fault) in std::mem::take(&mut self.ill) {
            self.place.fetch.push_back(Fetch { stops: fetch.stops + 1, ..fetch });
            self.page.fault.get_or_insert(fault);
        }
    }

    /// The vendor is well: those that failed, failed for themselves.
    fn well(&mut self) {
        for (fetch, fault) in std::mem::take(&mut self.ill) {
            self.put_off(fetch, fault.chain());
        }
    }

    fn put_off(&mut self, fetch: Fetch, reason: String) {
        self.page.gaps.extend(self.place.put_off(fetch, reason, self.context.now));
    }

    /// Puts an answer's events into the page, as far as they fit. Returns what of the item is still to be fetched.
    fn emit(&mut self, mut fetch: Fetch, item: Item) -> Option<Fetch> {
        self.heaviest = self.heaviest.max(item.events.len());
        let empty = item.events.is_empty();
        for event in item.events {
            if self.ids.contains(&event.id) || fetch.sent.iter().any(|sent| **sent == *event.id) {
                continue;
            }
            let weight = self.weight + event.weight();
            let alone = self.page.events.is_empty();
            if !alone && (self.page.events.len() >= PAGE_EVENTS || weight > PAGE_BYTES) {
                self.weight = self.weight.max(PAGE_BYTES);
                return Some(fetch);
            }
            self.weight = weight;
            fetch.sent.push(event.id.to_string());
            self.ids.insert(event.id.clone());
            self.page.events.push(event);
        }
        match item.next_page {
            _ if empty && fetch.page == 1 => {
                self.put_off(fetch, "the vendor lists this item but tells nothing of it".to_owned());
                None
            }
            Some(next) if !empty && next > fetch.page && next <= ITEM_PAGES => {
                Some(Fetch { page: next, sent: Vec::new(), ..fetch })
            }
            Some(next) if !empty => {
                let reason = format!("its paging does not advance or has no end (page {next} after {})", fetch.page);
                self.put_off(fetch, reason);
                None
            }
            Some(_) | None => {
                self.page.items += 1;
                None
            }
        }
    }
}

fn gap(from: Seconds, to: Seconds, reason: String) -> Gap {
    let time = |at| Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
    Gap { from: time(from), to: time(to), reason }
}

/// Ranges of the same reason that touch, as one.
fn merged(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.sort_by(|a, b| (&a.reason, a.from).cmp(&(&b.reason, b.from)));
    let mut merged: Vec<Gap> = Vec::new();
    for gap in gaps {
        match merged.last_mut() {
            Some(last) if last.reason == gap.reason && gap.from <= last.to => last.to = last.to.max(gap.to),
            Some(_) | None => merged.push(gap),
        }
    }
    merged
}
