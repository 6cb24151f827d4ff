//! The lists of a step: which window is asked for next, where, and what is taken of the answer.
//!
//! Promise: a window leaves the checkpoint only when its answer was read, and one that fails keeps no other waiting.

use jiff::Timestamp;

use super::super::api::Asked;
use super::super::feed::beyond_measure;
use super::super::fields::native;
use super::super::window::{Listing, Outcome, Purpose, Told};
use super::{ITEMS_PER_STEP, Step};
use crate::event::Event;
use crate::fault::{Fault, FaultKind};
use crate::net::http::Answer;

impl Step<'_> {
    /// The next list: what is new while too little waits to be fetched to fill a step; what was listed before when
    /// nothing new waits and the budget has room.
    pub(super) fn next_listing(&mut self) -> Option<Listing> {
        let next = self.place.windows.next(self.passed.as_ref().map(|(listing, _)| listing))?.clone();
        let waiting = self.place.fetch.len();
        let now = match next.purpose {
            Purpose::New => waiting < ITEMS_PER_STEP,
            Purpose::Leaving | Purpose::Staying | Purpose::Sweep => {
                // One even where very much waits to be looked at again: it may show what nobody has seen yet.
                waiting == 0
                    && (self.place.again.len() < ITEMS_PER_STEP || !std::mem::replace(&mut self.looked, true))
                    && self.spare(1)
            }
        };
        now.then_some(next)
    }

    /// Asks for one window, and takes what it lists.
    pub(super) async fn list(&mut self, listing: &Listing) -> Result<(), Fault> {
        let answer = match self.ask_list(listing).await {
            Err(fault) if fault.kind == FaultKind::OutOfRetention => {
                for (from, to) in self.place.windows.out_of_retention(listing) {
                    let reason = "the vendor no longer keeps this time: it lies before its retention";
                    self.harvest.gap(from, to, reason);
                }
                return Ok(());
            }
            Err(fault) if self.feed.too_wide(&fault) && self.place.windows.narrow(listing) => return Ok(()),
            other => other?,
        };
        self.harvest.page.vendor_date = answer.date.or(self.harvest.page.vendor_date);
        let mut listed = self.feed.read_list(self.api, &self.origin, &answer)?;
        if listed.more > 0 && listing.to - listing.from <= 1 {
            return Err(beyond_measure("a second of the list", listed.more));
        }
        let told = Told {
            items: listed.items.len() + listed.events.len() + listed.nameless + listed.more,
            next_page: listed.next_page,
            date: answer.date.map(Timestamp::as_second),
        };
        self.readable = true;
        let events = std::mem::take(&mut listed.events);
        if !listing.will_be_halved(&told) && !self.emit_listed(events) {
            // The page is full: this list is asked for again, and what was kept of it is passed over.
            return Ok(());
        }
        let now = self.origin.now.as_second();
        let outcome = self.place.windows.answered(listing, &told, now, &self.timing);
        if outcome == Outcome::Halved {
            return Ok(());
        }
        if outcome == Outcome::Stuck {
            let reason = "this second holds more than the vendor's list lets us page through";
            self.harvest.gap(listing.from, listing.to, reason);
        }
        if listed.nameless > 0 {
            let reason = format!("{} entries of the list have no id that could be asked for", listed.nameless);
            self.harvest.gap(listing.from, listing.to, reason);
        }
        let known = |id: &str| (self.context.known)(&native(id.to_owned()));
        self.place.take_up(listed.items, listing.purpose, &known);
        Ok(())
    }

    /// Asks at the path that worked last, and where that is unknown (404) at the others. What is new is asked for at the
    /// usual path first: one 404 there must not leave us for ever with an older one that stays empty.
    async fn ask_list(&mut self, listing: &Listing) -> Result<Answer, Fault> {
        self.harvest.page.asked = true;
        let (paths, query) = (self.feed.list_paths(), self.feed.list_query(listing));
        let first = if listing.purpose == Purpose::New { 0 } else { self.place.path };
        let mut unknown = None;
        for turn in 0..paths.len() {
            let at = (first + turn) % paths.len();
            match self.api.ask(&format!("{}?{query}", paths[at]), Asked::List).await {
                Err(fault) if fault.status == Some(404) => unknown = Some(fault),
                Ok(answer) => {
                    self.place.path = at;
                    return Ok(answer);
                }
                Err(fault) => return Err(fault),
            }
        }
        if let [_] = paths {
            return Err(unknown.unwrap_or_else(|| Fault::new(FaultKind::Misconfigured, "the stream has no list")));
        }
        let text = format!(
            "the vendor knows none of {} (404): the add-on is not enabled for this customer; asked again in a day",
            paths.join(" and ")
        );
        Err(Fault::new(FaultKind::Unlicensed, text).with_status(404))
    }

    /// Puts entries that are events into the page. `false`: some found no room.
    fn emit_listed(&mut self, listed: Vec<Event>) -> bool {
        for event in listed {
            if self.harvest.holds(&event.id) || (self.context.kept)(&event.id) {
                continue;
            }
            if !self.harvest.put(event) {
                return false;
            }
            self.harvest.page.items += 1;
        }
        true
    }
}
