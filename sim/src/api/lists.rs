//! Lists as the vendor gives them: filtered by one key, newest id first, in pages by offset.
//!
//! Promise: one function for every kind, so that what a page means is the same everywhere but for its bounds.

use std::borrow::Borrow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::behaviour::Behaviour;
use super::exchange::{Answer, Ask, error, json};
use super::filter::{Bounds, Filter, Key, Paging, parameter};
use super::json::{array, object};

/// What a list can hold.
pub trait Item {
    /// The field of the answer that holds the items.
    const LIST: &'static str;
    /// What its filter compares.
    const KEYS: &'static [Key];
    const BOUNDS: Bounds = Bounds::Inclusive;

    /// The item as its list holds it: for most kinds little more than the id.
    fn listed(&self) -> String;

    /// The times that a filter by this key looks at, which is one of [`Item::KEYS`].
    fn times(&self, key: Key) -> Vec<Timestamp>;
}

/// One page of these, which come newest first. `kept`: how far back the list reaches, `None` for ever.
pub(super) fn list<T: Item, B: Borrow<T>>(
    items: impl IntoIterator<Item = B>,
    ask: &Ask<'_>,
    behaviours: &[Behaviour],
    kept: Option<Duration>,
) -> Answer {
    let body = |items: &[B]| array(items.iter().map(|item| item.borrow().listed()));
    let Some(filter) = parameter(ask.query, "filter") else {
        // "Top 100": no filter, no pages, whatever pageNumber says.
        let top: Vec<B> = items.into_iter().take(100).collect();
        return json(object(&[(T::LIST, body(&top))]));
    };
    let Some(filter) = Filter::parse(&filter, T::KEYS) else {
        return error(404, "message", "Not found: invalid user input when using the filter");
    };
    if let Some(refusal) = out_of_retention(kept, &filter, ask.now) {
        return refusal;
    }
    let Some(paging) = paging(ask.query) else { return no_paging() };
    // Mock data is the same whatever the window.
    let held = |item: &B| ask.mock || filter.holds(&item.borrow().times(filter.key), T::BOUNDS);
    let held: Vec<B> = items.into_iter().filter(held).collect();
    // One item has left the window for each page already read: those after it move up, one is skipped.
    let gone = if behaviours.contains(&Behaviour::ShiftingPages) { (paging.number - 1).min(held.len()) } else { 0 };
    let (page, more) = paging.of(held.get(gone..).unwrap_or_default());
    let mut fields = vec![(T::LIST, body(page)), ("pageNumber", paging.number.to_string())];
    fields.extend(next_page(paging, more, behaviours));
    if behaviours.contains(&Behaviour::NumericTotal) {
        fields.push(("total", held.len().to_string()));
    }
    json(object(&fields))
}

fn out_of_retention(kept: Option<Duration>, filter: &Filter, now: Timestamp) -> Option<Answer> {
    let kept = SignedDuration::try_from(kept?).ok()?;
    let oldest = now.checked_sub(kept).ok()?;
    let asked = filter.from.or(filter.to)?;
    if asked >= oldest {
        return None;
    }
    let bound = |at: Option<Timestamp>| at.map_or("None".to_owned(), |at| at.to_string());
    let dates = format!("{}, {}", bound(filter.from), bound(filter.to));
    Some(error(400, "message", &format!("Dates provided ({dates}) are out of accepted data retention range")))
}

/// `pageSize` and `pageNumber` of a request.
pub(super) fn paging(query: &str) -> Option<Paging> {
    Paging::parse(parameter(query, "pageSize").as_deref(), parameter(query, "pageNumber").as_deref())
}

/// To a page that no number names.
pub(super) fn no_paging() -> Answer {
    error(400, "error", "pageSize and pageNumber must be whole numbers from 1")
}

/// `nextPageNumber`, absent on the last page.
pub(super) fn next_page(paging: Paging, more: bool, behaviours: &[Behaviour]) -> Option<(&'static str, String)> {
    let number = if behaviours.contains(&Behaviour::RepeatedNextPage) {
        paging.number
    } else if more || behaviours.contains(&Behaviour::NextOnEmptyPage) {
        paging.number.saturating_add(1)
    } else {
        return None;
    };
    Some(("nextPageNumber", number.to_string()))
}
