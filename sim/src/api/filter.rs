//! What a list request asks for: the filter's grammar, the page, and which times are meant.
//!
//! Promise: pure, and a filter by another list's key is as wrong as one by no key at all.

use jiff::Timestamp;

/// What `filter=` compares. Each list knows some of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    ReceivedTime,
    LatestTimeRemediated,
    LastModifiedTime,
    CreatedTime,
    CustomerVisibleTime,
    LastReportedTime,
    FirstObservedTime,
    Timestamp,
}

/// How a list reads the two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Both are floored to whole seconds, and `lte` is exclusive, whatever its name says.
    WholeSecondsBeforeEnd,
    /// Both are inclusive, fractions of a second honoured.
    Inclusive,
}

/// `filter=<key> gte A lte B`, also with `and <key>` between; at least one bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    pub key: Key,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// `pageSize` and `pageNumber`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    pub size: usize,
    pub number: usize,
}

impl Filter {
    /// Reads a decoded filter of a list that knows these keys; `None` if it is malformed, which the API answers
    /// with 404.
    pub fn parse(text: &str, keys: &[Key]) -> Option<Filter> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let name = words.next()?;
        let key = keys.iter().copied().find(|key| key.name() == name)?;
        let mut filter = Filter { key, from: None, to: None };
        while let Some(word) = words.next() {
            let operator = match word {
                "and" if filter.from.is_some() || filter.to.is_some() => {
                    if words.next()? != name {
                        return None;
                    }
                    words.next()?
                }
                operator => operator,
            };
            let bound = match operator {
                "gte" => &mut filter.from,
                "lte" => &mut filter.to,
                _ => return None,
            };
            if bound.replace(time(words.next()?)?).is_some() {
                return None;
            }
        }
        (filter.from.is_some() || filter.to.is_some()).then_some(filter)
    }

    /// Does any of these times lie in the window?
    pub fn holds(&self, times: &[Timestamp], bounds: Bounds) -> bool {
        let inside = |at: Timestamp| match bounds {
            Bounds::WholeSecondsBeforeEnd => {
                self.from.is_none_or(|from| at.as_second() >= from.as_second())
                    && self.to.is_none_or(|to| at.as_second() < to.as_second())
            }
            Bounds::Inclusive => self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to),
        };
        times.iter().copied().any(inside)
    }
}

impl Key {
    /// As it is written in a filter.
    pub fn name(self) -> &'static str {
        match self {
            Key::ReceivedTime => "receivedTime",
            Key::LatestTimeRemediated => "latestTimeRemediated",
            Key::LastModifiedTime => "lastModifiedTime",
            Key::CreatedTime => "createdTime",
            Key::CustomerVisibleTime => "customerVisibleTime",
            Key::LastReportedTime => "lastReportedTime",
            Key::FirstObservedTime => "firstObservedTime",
            Key::Timestamp => "timestamp",
        }
    }
}

impl Paging {
    /// From the two parameters; 100 and 1 without them, `None` if either is no number from 1 up.
    pub fn parse(size: Option<&str>, number: Option<&str>) -> Option<Paging> {
        let read = |text: Option<&str>, default| text.map_or(Some(default), |t| t.parse().ok().filter(|&n| n > 0));
        Some(Paging { size: read(size, 100)?, number: read(number, 1)? })
    }

    /// The items of this page, and whether more follow.
    pub fn of<'a, T>(&self, items: &'a [T]) -> (&'a [T], bool) {
        let start = self.number.saturating_sub(1).saturating_mul(self.size).min(items.len());
        let end = start.saturating_add(self.size).min(items.len());
        (items.get(start..end).unwrap_or_default(), end < items.len())
    }
}

/// `2026-11-19T08:00:00Z`, fractions allowed; an offset or a missing `Z` is malformed.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if text.ends_with('Z') && text.contains('T') { text.parse().ok() } else { None }
}

/// The value of a query's parameter, decoded (`%20` and `+` are spaces).
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value))
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(if first == b'+' { b' ' } else { first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 2] = [Key::ReceivedTime, Key::LatestTimeRemediated];

    fn holds(filter: &str, bounds: Bounds, time: &str) -> bool {
        let at: Timestamp = time.parse().expect("a time");
        Filter::parse(filter, &KEYS).expect("a filter").holds(&[at], bounds)
    }

    #[test]
    fn of_threats_the_upper_bound_is_exclusive_and_both_are_floored_to_seconds() {
        let filter = "receivedTime gte 2026-11-19T08:00:00.9Z lte 2026-11-19T09:00:00.9Z";
        let held = |time| holds(filter, Bounds::WholeSecondsBeforeEnd, time);
        assert!(held("2026-11-19T08:00:00.1Z"), "the lower bound is floored");
        assert!(held("2026-11-19T08:59:59.999999999Z"));
        assert!(!held("2026-11-19T09:00:00Z"), "the upper one is floored and exclusive");
        assert!(!held("2026-11-19T07:59:59.9Z"));
    }

    #[test]
    fn elsewhere_both_bounds_are_inclusive_to_the_nanosecond() {
        let filter = "receivedTime gte 2026-11-19T08:00:00.5Z lte 2026-11-19T09:00:00.5Z";
        let held = |time| holds(filter, Bounds::Inclusive, time);
        assert!(held("2026-11-19T08:00:00.5Z") && held("2026-11-19T09:00:00.5Z"));
        assert!(!held("2026-11-19T08:00:00.499999999Z") && !held("2026-11-19T09:00:00.500000001Z"));
    }

    #[test]
    fn adjacent_windows_share_their_edge_where_bounds_are_inclusive_and_neither_share_nor_lose_it_on_threats() {
        let windows = [
            "receivedTime gte 2026-11-19T08:00:00Z lte 2026-11-19T09:00:00Z",
            "receivedTime gte 2026-11-19T09:00:00Z and receivedTime lte 2026-11-19T10:00:00Z",
        ];
        let held = |bounds| windows.map(|filter| holds(filter, bounds, "2026-11-19T09:00:00Z"));
        assert_eq!(held(Bounds::WholeSecondsBeforeEnd), [false, true]);
        assert_eq!(held(Bounds::Inclusive), [true, true]);
    }

    #[test]
    fn a_malformed_filter_is_told_from_a_good_one() {
        for bad in [
            "",
            "receivedTime",
            "receivedTime gte",
            "receivedTime gte yesterday",
            "lastModifiedTime gte 2026-11-19T08:00:00Z",
            "sender gte 2026-11-19T08:00:00Z",
            "receivedTime gte 2026-11-19T08:00:00+00:00",
            "receivedTime gt 2026-11-19T08:00:00Z",
            "receivedTime gte 2026-11-19T08:00:00Z gte 2026-11-19T08:00:00Z",
            "receivedTime gte 2026-11-19T08:00:00Z and sentTime lte 2026-11-19T09:00:00Z",
            "receivedTime gte 2026-11-19 08:00:00",
        ] {
            assert_eq!(Filter::parse(bad, &KEYS), None, "{bad:?}");
        }
    }

    #[test]
    fn a_parameter_is_decoded_and_a_broken_escape_stays_as_it_is() {
        let query = "pageSize=2&filter=receivedTime%20gte+2026-11-19T08%3A00%3A00Z&x=%zz%4";
        assert_eq!(parameter(query, "filter").as_deref(), Some("receivedTime gte 2026-11-19T08:00:00Z"));
        assert_eq!(parameter(query, "x").as_deref(), Some("%zz%4"));
        assert_eq!(parameter(query, "pageNumber"), None);
    }

    #[test]
    fn the_last_page_says_so_and_beyond_it_lies_nothing() {
        let items = [5, 4, 3, 2, 1];
        let page = |number| Paging { size: 2, number }.of(&items).to_owned();
        assert_eq!(page(1), (&[5, 4][..], true));
        assert_eq!(page(3), (&[1][..], false));
        assert_eq!(page(4), (&[][..], false));
        assert_eq!(Paging::parse(Some("0"), None), None);
        assert_eq!(Paging::parse(None, None), Some(Paging { size: 100, number: 1 }));
    }
}
