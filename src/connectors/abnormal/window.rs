//! Which stretches of time to list next: cursors, overlap, sweeps, halving and the edge of retention.
//!
//! Promise: pure arithmetic over whole seconds with the time as an argument. Windows are half-open, cover the
//! time from the beginning to the last cursor without a hole, and every one still to be asked for is in `todo`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970, UTC: all that the vendor's filters can tell apart.
pub type Seconds = i64;

const HOUR: Seconds = 3_600;
const DAY: Seconds = 24 * HOUR;
/// How far back the daily sweep lists.
const MONTH: Seconds = 30 * DAY;
/// The search for the edge of retention stops at windows of this width.
const RETENTION_STEP: Seconds = HOUR;
/// A Date before 2020 is a broken clock, not the vendor's time.
const CREDIBLE: Seconds = 1_577_836_800;
/// A list that ignores the page size and holds more than this is halved too: all ids of an answer ride in the
/// checkpoint, which is written with each step.
const CROWDED: usize = 2_000;
/// Pages of one second, at the most: 100,000 items. Past it the paging has no end.
const PAGES: u32 = 200;

/// The time that a list is filtered by. Each has its own cursor; the sweeps go by the first of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// When the mail arrived.
    Received,
    /// When it was last remediated.
    Remediated,
    /// When it was last changed.
    Modified,
    /// When it was last reported.
    Reported,
    /// When it was logged.
    Logged,
}

/// Why a window is listed, in the order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Never listed before: all its items are fetched.
    New,
    /// Its slice leaves the overlap: all its items are fetched once more, for what they gained meanwhile.
    Leaving,
    /// Still in the overlap: only items never seen are fetched.
    Staying,
    /// Long past: only items never seen are fetched.
    Sweep,
}

/// One list request to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub field: Field,
    pub purpose: Purpose,
    /// The first second of the window.
    pub from: Seconds,
    /// The first second after it.
    pub to: Seconds,
    /// The page to ask for, where a single second does not fit one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Part of a search for the edge of retention: the newest is asked for first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub search: bool,
}

impl Listing {
    fn new(field: Field, purpose: Purpose, from: Seconds, to: Seconds) -> Listing {
        Listing { field, purpose, from, to, page: None, search: false }
    }

    /// Does this answer show that the window holds more than one list can be trusted with?
    pub fn will_be_halved(&self, told: &Told) -> bool {
        self.to - self.from > 1 && told.items > 0 && (told.next_page.is_some() || told.items > CROWDED)
    }

    /// Both halves of a window of two seconds or more.
    fn halves(&self, search: bool) -> [Listing; 2] {
        let middle = self.from + (self.to - self.from) / 2;
        let half = |from, to| Listing { search, ..Listing::new(self.field, self.purpose, from, to) };
        [half(self.from, middle), half(middle, self.to)]
    }
}

/// How far one field has been listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Everything before is listed, or stands in `todo`.
    pub to: Seconds,
    /// Everything before has left the overlap and was fetched after that.
    pub settled: Seconds,
}

/// What any clock, any Date and any filter can tell: the years 0 to 9999.
const TELLABLE: RangeInclusive<Seconds> = -62_167_219_200..=253_402_207_200;

/// The settings that windows depend on, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    pub start: Seconds,
    pub lag: Seconds,
    pub overlap: Seconds,
}

impl Timing {
    /// The pause between two looks at the overlap, so that a short interval does not eat the budget.
    fn look_every(&self) -> Seconds {
        self.overlap / 15
    }
}

/// What a list answer tells the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Items in the answer.
    pub items: usize,
    /// `nextPageNumber`, where there was one.
    pub next_page: Option<u32>,
    /// The vendor's clock.
    pub date: Option<Seconds>,
}

/// What becomes of the items of a list answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They count.
    Use,
    /// The window holds more than a page: both halves are asked for instead, and these are not used, because
    /// pages by offset over a live list lose rows.
    Halved,
    /// They count, but the rest of this second can't be reached: the paging does not advance.
    Stuck,
}

/// Where the windows of one stream stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    pub cursors: BTreeMap<Field, Cursor>,
    /// Still to be listed.
    pub todo: Vec<Listing>,
    /// Where the stream began: no sweep goes further back.
    pub begin: Seconds,
    /// The next look at the overlap.
    pub look: Seconds,
    /// The next sweep over the last day.
    pub hourly: Seconds,
    /// The next sweep over the last 30 days.
    pub daily: Seconds,
    /// How far the vendor's clock was last seen behind ours.
    pub behind: Seconds,
}

impl Windows {
    /// The windows of a stream that begins now.
    pub fn first(fields: &[Field], now: Seconds, timing: &Timing) -> Windows {
        let begin = now.saturating_sub(timing.start).max(0);
        let cursor = Cursor { to: begin, settled: begin };
        Windows {
            cursors: fields.iter().map(|field| (*field, cursor)).collect(),
            todo: Vec::new(),
            begin,
            look: 0,
            hourly: now + HOUR,
            daily: now + DAY,
            behind: 0,
        }
    }

    /// Could we have written them? No arithmetic with such times overflows, and each window holds something.
    pub fn sound(&self) -> bool {
        let times = [self.begin, self.look, self.hourly, self.daily, self.behind];
        let cursors = self.cursors.values().flat_map(|cursor| [cursor.to, cursor.settled]);
        let bounds = self.todo.iter().flat_map(|listing| [listing.from, listing.to]);
        times.into_iter().chain(cursors).chain(bounds).all(|time| TELLABLE.contains(&time))
            && self.todo.iter().all(|listing| listing.from < listing.to)
    }

    /// Plans a round: what is new, what the overlap still holds, what leaves it, and the sweeps that are due.
    /// The cursors move at once, because what they pass stands in `todo` of the same checkpoint. What is new and adjoins
    /// what still waits to be listed makes that wider, up to a day, so that an outage is few windows and not one for each
    /// round. While an older look or sweep is not through, none is added: it waits for its share of the budget, and would
    /// only grow.
    pub fn plan(&mut self, now: Seconds, timing: &Timing) {
        let newest = self.cursors.values().map(|cursor| cursor.to).max().unwrap_or_default();
        if now - self.behind - timing.lag <= newest {
            // Nothing would be asked, and so nothing learnt: perhaps it was our clock, and it is set by now.
            self.behind = 0;
        }
        let end = now - self.behind - timing.lag;
        let exit = end - timing.overlap;
        let unfinished = |purposes: &[Purpose]| self.todo.iter().any(|listing| purposes.contains(&listing.purpose));
        let look = due(self.look, now, timing.look_every()) && !unfinished(&[Purpose::Leaving, Purpose::Staying]);
        let sweep = !unfinished(&[Purpose::Sweep]);
        if look {
            self.look = now + timing.look_every();
        }
        let mut add = |field, purpose, from: Seconds, to| {
            if from >= to {
                return;
            }
            let added = Listing::new(field, purpose, from, to);
            let adjoins = |waits: &&mut Listing| {
                waits.to == from && to - waits.from <= DAY && added == Listing { from, to, ..(*waits).clone() }
            };
            match self.todo.iter_mut().find(adjoins).filter(|_| purpose == Purpose::New) {
                Some(waits) => waits.to = to,
                None => self.todo.push(added),
            }
        };
        for (&field, cursor) in &mut self.cursors {
            let old = cursor.to;
            add(field, Purpose::New, old, end);
            cursor.to = old.max(end);
            if look {
                add(field, Purpose::Leaving, cursor.settled, exit.min(old));
                add(field, Purpose::Staying, exit.max(cursor.settled), old);
                // What is new and older than the overlap is settled by its first fetch.
                cursor.settled = cursor.settled.max(exit.min(cursor.to));
            }
        }
        let Some((&field, cursor)) = self.cursors.first_key_value().filter(|_| sweep) else { return };
        let daily = due(self.daily, now, DAY);
        let reach = if daily { MONTH } else { DAY };
        if daily || due(self.hourly, now, HOUR) {
            self.hourly = now + HOUR;
            add(field, Purpose::Sweep, (end - reach).max(self.begin), cursor.settled);
        }
        if daily {
            self.daily = now + DAY;
        }
    }

    /// The next list request: by urgency, then from the oldest on, the wider first, so that slices of
    /// different fields stay side by side and an item that both list is recognised. A search goes newest first.
    /// `but`: one that is passed over.
    pub fn next(&self, but: Option<&Listing>) -> Option<&Listing> {
        self.todo.iter().filter(|listing| Some(*listing) != but).min_by_key(|listing| {
            let from = if listing.search { -listing.from } else { listing.from };
            (listing.purpose, !listing.search, from, Reverse(listing.to - listing.from))
        })
    }

    /// Is something still to be listed for the first time?
    pub fn news_left(&self) -> bool {
        self.todo.iter().any(|listing| listing.purpose == Purpose::New)
    }

    /// The vendor refuses so wide a window: its halves are asked for. `false`: it is narrow already.
    pub fn narrow(&mut self, listing: &Listing) -> bool {
        let wide = listing.to - listing.from > HOUR;
        if wide {
            self.todo.retain(|other| other != listing);
            self.todo.extend(listing.halves(listing.search));
        }
        wide
    }

    /// Takes note of an answer to `listing`.
    pub fn answered(&mut self, listing: &Listing, told: &Told, now: Seconds, timing: &Timing) -> Outcome {
        if let Some(date) = told.date.filter(|date| *date >= CREDIBLE) {
            self.heed_vendor_clock(listing, date, now, timing);
        }
        self.todo.retain(|other| other != listing);
        // No items and yet a next page: mostly there is nothing to page through, but only that page can tell.
        if let Some(next) = told.next_page.filter(|next| told.items == 0 && listing.page.is_none() && *next > 1) {
            self.todo.push(Listing { page: Some(next), ..listing.clone() });
            return Outcome::Use;
        }
        if listing.will_be_halved(told) {
            self.todo.extend(listing.halves(false));
            return Outcome::Halved;
        }
        let Some(next) = told.next_page.filter(|_| told.items > 0) else { return Outcome::Use };
        if next <= listing.page.unwrap_or(1) || next > PAGES {
            return Outcome::Stuck;
        }
        self.todo.push(Listing { page: Some(next), ..listing.clone() });
        Outcome::Use
    }

    /// The vendor says that `listing` begins before what it keeps. Returns what is lost for ever by it:
    /// only windows that were never listed count, the others were collected in their time.
    pub fn out_of_retention(&mut self, listing: &Listing) -> Vec<(Seconds, Seconds)> {
        let mut lost = Vec::new();
        let mut lose = |listing: &Listing| {
            if listing.purpose == Purpose::New {
                lost.push((listing.from, listing.to));
            }
        };
        self.todo.retain(|other| {
            let before = other.field == listing.field && other.to <= listing.from;
            if before {
                lose(other);
            }
            !before && other != listing
        });
        if listing.to - listing.from <= RETENTION_STEP {
            lose(listing);
        } else {
            self.todo.extend(listing.halves(true));
        }
        lost
    }

    /// A window ends at the earlier of our clock and the vendor's: what lies in the vendor's future was listed
    /// too early and is listed again.
    fn heed_vendor_clock(&mut self, listing: &Listing, date: Seconds, now: Seconds, timing: &Timing) {
        self.behind = (now - date).max(0);
        let ripe = date - timing.lag;
        if listing.purpose != Purpose::New || ripe >= listing.to {
            return;
        }
        // Told by the first answer only: later, one stale Date would move the beginning back by years.
        let wrong_from_the_start = date < self.begin && listing.from == self.begin;
        if wrong_from_the_start {
            self.begin = (date - timing.start).max(0);
        }
        // What lies before this window was judged by its own answer.
        let limit = if wrong_from_the_start { self.begin } else { ripe.max(listing.from) };
        for (field, cursor) in &mut self.cursors {
            // Only the field that was asked for, unless our clock was ahead of the vendor's when we began.
            if *field == listing.field || wrong_from_the_start {
                cursor.to = cursor.to.min(limit);
                cursor.settled = cursor.settled.min(cursor.to);
            }
        }
    }
}

/// Is it time? Also when the clock went back so far that `at` is further away than one period.
fn due(at: Seconds, now: Seconds, period: Seconds) -> bool {
    now >= at || at - now > period
}
