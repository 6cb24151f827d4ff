//! One bounded step of a stream: list what is new, fetch it, and look again at what was seen as far as the budget
//! has room for it.
//!
//! Promise: whatever stops a step, the page holds what was fetched and its checkpoint all the rest; an item
//! that fails is set aside, so that it never blocks the others.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::task::JoinSet;

use super::api::Api;
use super::checkpoint::Place;
use super::feed::{Feed, Item, Next, Origin};
use super::fetch::{Fetch, Part};
use super::harvest::Harvest;
use super::window::{Listing, Timing};
use crate::connectors::{Page, PollContext};
use crate::event::Checkpoint;
use crate::fault::{Fault, FaultKind};

mod lists;

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
/// The pause after the share for old things was used up.
const BREATH: SignedDuration = SignedDuration::from_secs(10);

/// Makes one step.
pub async fn step(
    feed: &Arc<dyn Feed>,
    api: &Api,
    integration: &str,
    timing: &Timing,
    checkpoint: Option<&Checkpoint>,
    context: &PollContext<'_>,
) -> Page {
    let timing = feed.timing(*timing);
    let place = match checkpoint.map(Place::read).transpose() {
        Ok(place) => place,
        Err(fault) => return Page { fault: Some(fault), ..Page::default() },
    };
    let round = context.round || place.is_none();
    let mut step = Step {
        feed,
        api,
        origin: Origin { integration, stream: feed.stream(), now: context.now },
        timing,
        context,
        place: place.unwrap_or_else(|| Place::first(feed.fields(), context.now, &timing)),
        harvest: Harvest::default(),
        ill: Vec::new(),
        heaviest: 0,
        passed: None,
        list_fault: None,
        readable: false,
        looked: false,
        spent: false,
    };
    if round {
        step.place.begin_round(context.now, &step.timing);
    }
    step.place.take_up_due(context.now);
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
    feed: &'a Arc<dyn Feed>,
    api: &'a Api,
    origin: Origin<'a>,
    timing: Timing,
    context: &'a PollContext<'a>,
    place: Place,
    harvest: Harvest,
    /// Items that failed one after the other, with nothing read in between.
    ill: Vec<(Fetch, Fault)>,
    /// Events in the largest answer of this step.
    heaviest: usize,
    /// A window whose list failed: passed over for the rest of the step, because it may be the window.
    passed: Option<(Listing, Fault)>,
    /// Why no more lists are asked for in this step: two failed.
    list_fault: Option<Fault>,
    /// The last list of this step was read.
    readable: bool,
    /// A list of what was seen before was asked for in this step.
    looked: bool,
    /// The share for what was seen before is used up for now.
    spent: bool,
}

impl Step<'_> {
    /// Lists until there is enough to fetch, fetches until the page is full, and ends at the first fault that
    /// no other request would escape.
    async fn run(&mut self) {
        let (mut lists, mut items) = (0, 0);
        while self.harvest.page.fault.is_none() && !self.harvest.full() {
            if lists < LISTS_PER_STEP
                && self.list_fault.is_none()
                && let Some(listing) = self.next_listing()
            {
                lists += 1;
                match self.list(&listing).await {
                    Ok(()) => {}
                    // Perhaps this window alone is ill, perhaps all lists: what was listed can still be fetched.
                    Err(fault) if matches!(fault.status, Some(200 | 400 | 404 | 500..)) => {
                        self.readable = false;
                        match self.passed {
                            None => self.passed = Some((listing, fault)),
                            Some(_) => self.list_fault = Some(fault),
                        }
                    }
                    Err(fault) => self.harvest.page.fault = Some(fault),
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
        let passed = self.passed.take().map(|(_, fault)| fault);
        self.harvest.page.fault = self.harvest.page.fault.take().or(passed);
        // What failed beside a step that failed may be well: it is no reason to set it aside.
        if self.harvest.page.fault.is_some() { self.put_back() } else { self.well() }
    }

    fn finish(mut self) -> Page {
        // Half of what was before: one light step does not forget the heavy ones.
        self.place.heaviest = self.heaviest.max(self.place.heaviest / 2);
        let next = match self.place.write() {
            Ok(next) => next,
            // Events must not be kept without the checkpoint that follows them.
            Err(fault) => return Page { fault: Some(fault), ..Page::default() },
        };
        let (news, old) = (self.place.news_left(), self.place.old_left());
        let mut page = self.harvest.page();
        page.next = Some(next);
        page.more = (news || old && !self.spent) && page.fault.is_none();
        let breath = || self.origin.now.saturating_add(BREATH).ok();
        page.wake = if old { breath() } else { self.place.wake() };
        page.deferred = self.place.to_come_back_to(self.origin.now);
        page
    }

    /// Takes so many requests from the share of what was seen before.
    fn spare(&mut self, requests: u32) -> bool {
        self.spent = self.spent || !(self.context.spare)(requests);
        !self.spent
    }

    /// The next items, as many side by side as the page has room for by the latest answers. News first.
    fn next_batch(&mut self, most: usize) -> Vec<Fetch> {
        let heavy = self.heaviest.max(self.place.heaviest).max(1);
        let count = (self.harvest.room() / heavy).clamp(1, IN_FLIGHT).min(most);
        if !self.place.fetch.is_empty() {
            let count = count.min(self.place.fetch.len());
            return self.place.fetch.drain(..count).collect();
        }
        let mut batch = Vec::new();
        while batch.len() < count && !self.place.again.is_empty() && self.spare(self.feed.cost()) {
            batch.extend(self.place.again.pop_front());
        }
        batch
    }

    async fn fetch(&mut self, batch: Vec<Fetch>) {
        self.harvest.page.asked = true;
        let mut answers = JoinSet::new();
        let base = self.feed.list_paths().get(self.place.path).copied().unwrap_or_default();
        for (at, fetch) in batch.iter().cloned().enumerate() {
            let (feed, api, now) = (Arc::clone(self.feed), self.api.clone(), self.origin.now);
            let integration = self.origin.integration.to_owned();
            answers.spawn(async move {
                let origin = Origin { integration: &integration, stream: feed.stream(), now };
                (at, feed.item(&api, &origin, base, &fetch).await)
            });
        }
        let mut answered: Vec<Option<Result<Item, Fault>>> = batch.iter().map(|_| None).collect();
        while let Some(joined) = answers.join_next().await {
            match joined {
                Ok((at, answer)) => {
                    if let Some(slot) = answered.get_mut(at) {
                        *slot = Some(answer);
                    }
                }
                // A bug of ours: the stream's task ends with it, is started again, and says so.
                Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
                Err(_) => {}
            }
        }
        let mut back = Vec::new();
        for (fetch, answer) in batch.into_iter().zip(answered) {
            let ended = || Err(Fault::new(FaultKind::Unavailable, "the request ended without an answer"));
            match self.fate(answer.unwrap_or_else(ended)) {
                Fate::Read(item) => {
                    self.well();
                    self.harvest.page.vendor_date = item.date.or(self.harvest.page.vendor_date);
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
                    self.harvest.page.fault.get_or_insert(fault);
                }
            }
        }
        for fetch in back.into_iter().rev() {
            self.place.push_front(fetch);
        }
        if self.ill.len() >= ILL {
            self.put_back();
        }
    }

    fn fate(&self, read: Result<Item, Fault>) -> Fate {
        match read {
            Ok(item) => Fate::Read(item),
            Err(fault) => match (fault.kind, fault.status) {
                (FaultKind::Unavailable, _) | (_, Some(402 | 403)) => Fate::Suspect(fault),
                (FaultKind::Unreadable, Some(404)) => Fate::Failed(fault),
                // Lists and items alike are unreadable: somebody else answers for the vendor.
                (FaultKind::Unreadable, _) if self.passed.is_some() && !self.readable => Fate::Stop(fault),
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
            self.place.push_back(Fetch { stops: fetch.stops.saturating_add(1), ..fetch });
            self.harvest.page.fault.get_or_insert(fault);
        }
    }

    /// The vendor is well: those that failed, failed for themselves.
    fn well(&mut self) {
        for (fetch, fault) in std::mem::take(&mut self.ill) {
            self.put_off(fetch, fault.chain());
        }
    }

    fn put_off(&mut self, fetch: Fetch, reason: String) {
        self.harvest.page.gaps.extend(self.place.put_off(fetch, reason, self.origin.now));
    }

    /// Puts an answer's events into the page, as far as they fit. Returns what of the item is still to be fetched.
    fn emit(&mut self, mut fetch: Fetch, item: Item) -> Option<Fetch> {
        self.heaviest = self.heaviest.max(item.events.len());
        self.harvest.page.shortfall = self.harvest.page.shortfall.take().or(item.shortfall);
        let empty = item.events.is_empty();
        for event in item.events {
            if self.harvest.holds(&event.id) || fetch.sent.iter().any(|sent| **sent == *event.id) {
                continue;
            }
            let id = event.id.to_string();
            if !self.harvest.put(event) {
                return Some(fetch);
            }
            fetch.sent.push(id);
        }
        match item.next {
            _ if empty && fetch.page == 1 && fetch.part == Part::Detail => {
                self.put_off(fetch, "the vendor lists this item but tells nothing of it".to_owned());
                None
            }
            Some(Next::Part(part)) => Some(Fetch { part, page: 1, sent: Vec::new(), ..fetch }),
            Some(Next::Page(next)) if !empty && next > fetch.page && next <= ITEM_PAGES => {
                Some(Fetch { page: next, sent: Vec::new(), ..fetch })
            }
            Some(Next::Page(next)) if !empty => {
                let reason = format!("its paging does not advance or has no end (page {next} after {})", fetch.page);
                self.put_off(fetch, reason);
                None
            }
            Some(Next::Page(_)) | None => {
                self.harvest.page.items += 1;
                if let Some(reason) = item.unsettled {
                    self.harvest.page.gaps.extend(self.place.wait_for(fetch, reason, self.origin.now));
                }
                None
            }
        }
    }
}
