//! Counting: entries of the queue's book in, a [`Report`] out.
//!
//! Promise: memory grows with what the report shows (streams, names, days), not with the number of items.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::durations::Durations;
use super::group::{Group, Version, parts};
use super::horizon::Memory;
use super::{
    Asked, Counts, Day, DeferredRow, FORMAT, GapRow, Horizon, MOST_LISTED, MOST_NAMES, NamedRow, Report, StreamRow,
    Times,
};
use crate::event::{Deferred, Seq, Severity};
use crate::marks::{Marks, Remediation};

/// Names held while counting; rarer ones come together before. Far above what any vendor has.
const NAMES_HELD: usize = 10_000;
/// The integration of the agent's own events; its stream `gaps` tells what could not be collected.
const OWN: &str = "conductor";
const DAY_MS: i64 = 86_400_000;

/// One entry of the book.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// `integration/stream/native/version`.
    pub id: &'e str,
    pub seq: Seq,
    /// The day on which it was kept: days since 1970, UTC.
    pub day: u32,
    /// As [`Marks::encode`] made them; empty: none.
    pub marks: &'e [u8],
}

/// Counts by name: attack types, judgements.
type Names = BTreeMap<Option<String>, Counts>;

/// The counting in progress.
#[derive(Debug)]
pub struct Tally {
    asked: Asked,
    group: Option<Group>,
    streams: BTreeMap<(String, String), StreamRow>,
    totals: Counts,
    attack_types: Names,
    judgements: Names,
    severities: BTreeMap<Severity, Counts>,
    days: BTreeMap<i64, (u64, u64)>,
    remediated_on_no_day: u64,
    times: Durations,
    not_measured: u64,
    gaps: Vec<GapRow>,
    gaps_not_listed: u64,
    gaps_without_range: u64,
    deferred: Vec<DeferredRow>,
    deferred_not_listed: u64,
}

impl Tally {
    pub fn new(asked: Asked) -> Tally {
        Tally {
            asked,
            group: None,
            streams: BTreeMap::new(),
            totals: Counts::default(),
            attack_types: Names::new(),
            judgements: Names::new(),
            severities: BTreeMap::new(),
            days: BTreeMap::new(),
            remediated_on_no_day: 0,
            times: Durations::default(),
            not_measured: 0,
            gaps: Vec::new(),
            gaps_not_listed: 0,
            gaps_without_range: 0,
            deferred: Vec::new(),
            deferred_not_listed: 0,
        }
    }

    /// A stream that is collected gets a row, though it keeps nothing; and what it has to come back to.
    pub fn enter_stream(&mut self, integration: &str, stream: &str, deferred: &[Deferred]) {
        // Streams of our own are none that a vendor lists.
        if !self.wants(integration) || integration == OWN {
            return;
        }
        self.row(integration, stream).deferred = deferred.len() as u64;
        for item in deferred {
            if self.deferred.len() == MOST_LISTED {
                self.deferred_not_listed += 1;
                continue;
            }
            self.deferred.push(DeferredRow {
                integration: integration.to_owned(),
                stream: stream.to_owned(),
                id: item.id.clone(),
                reason: item.reason.clone(),
                since: item.since,
                tries: item.tries,
                due: item.due,
            });
        }
    }

    fn wants(&self, integration: &str) -> bool {
        self.asked.integration.as_ref().is_none_or(|asked| asked == integration)
    }

    fn row(&mut self, integration: &str, stream: &str) -> &mut StreamRow {
        let key = (integration.to_owned(), stream.to_owned());
        self.streams.entry(key).or_insert_with(|| StreamRow::new(integration, stream))
    }

    fn in_period(&self, at: Timestamp) -> bool {
        self.asked.from <= at && at < self.asked.to
    }

    /// Takes one entry. They must come in the order of their ids.
    pub fn enter(&mut self, entry: Entry<'_>) {
        let Some((integration, stream, item)) = parts(entry.id) else { return };
        let marks = Marks::decode(entry.marks);
        if integration == OWN {
            return self.enter_own(stream, entry.day, marks);
        }
        if !self.wants(integration) {
            return;
        }
        // What is known to the day alone counts where the period touches that day.
        let day = self.day_within(entry.day);
        let kept = marks.as_ref().map_or(day, |marks| marks.observed);
        let version = Version { seq: entry.seq, kept, marks };
        match &mut self.group {
            Some(group) if group.item == item => group.enter(version),
            other => {
                let before = other.replace(Group::new(integration, stream, item, version));
                if let Some(before) = before {
                    self.count(&before);
                }
            }
        }
        if self.in_period(kept)
            && let Some(group) = &mut self.group
        {
            group.events += 1;
        }
    }

    /// The beginning of a day, or of the period where that lies within it.
    fn day_within(&self, day: u32) -> Timestamp {
        let begin = day_begin(i64::from(day));
        let end = day_begin(i64::from(day) + 1);
        if begin < self.asked.from && self.asked.from < end { self.asked.from } else { begin }
    }

    fn enter_own(&mut self, stream: &str, day: u32, marks: Option<Marks>) {
        if stream != "gaps" {
            return;
        }
        match marks.and_then(|marks| marks.gap) {
            Some(mark) if self.wants(&mark.integration) => {
                // One that touches the period, at its ends too.
                if mark.gap.to < self.asked.from || mark.gap.from >= self.asked.to {
                    return;
                }
                if self.gaps.len() == MOST_LISTED {
                    self.gaps_not_listed += 1;
                    return;
                }
                self.gaps.push(GapRow {
                    integration: mark.integration,
                    stream: mark.stream,
                    from: mark.gap.from,
                    to: mark.gap.to,
                    reason: mark.gap.reason,
                });
            }
            Some(_) => {}
            None => {
                // Whose it is stands in nothing that is left of it.
                if self.in_period(self.day_within(day)) {
                    self.gaps_without_range += 1;
                }
            }
        }
    }

    /// One item is complete.
    fn count(&mut self, group: &Group) {
        let detected = group.detected();
        let counted = self.in_period(detected);
        if group.events > 0 || counted {
            self.row(&group.integration, &group.stream).events += group.events;
        }
        // What enriches an item is no detection of its own.
        if !counted || group.newest().is_some_and(|marks| marks.part) {
            return;
        }
        let row = self.row(&group.integration, &group.stream);
        row.first_detection = Some(row.first_detection.map_or(detected, |first| first.min(detected)));
        row.last_detection = Some(row.last_detection.map_or(detected, |last| last.max(detected)));
        self.days.entry(day_of(detected)).or_default().0 += 1;
        let Some(marks) = group.newest() else {
            self.row(&group.integration, &group.stream).counts.add_unmarked();
            self.totals.add_unmarked();
            return;
        };
        let state = marks.remediation;
        self.row(&group.integration, &group.stream).counts.add(state);
        self.totals.add(state);
        self.severities.entry(marks.severity).or_default().add(state);
        // Audit logs and the like have neither attack type nor judgement: they would fill "not told".
        if state.is_some() {
            name_of(&mut self.attack_types, &marks.attack).add(state);
            name_of(&mut self.judgements, &marks.judgement).add(state);
        }
        if state == Some(Remediation::Remediated) {
            self.count_remediated(marks);
        }
    }

    fn count_remediated(&mut self, marks: &Marks) {
        match marks.remediated {
            Some(at) if self.in_period(at) => self.days.entry(day_of(at)).or_default().1 += 1,
            Some(_) | None => self.remediated_on_no_day += 1,
        }
        let ms = marks.remediated.map(|at| at.as_millisecond() - marks.occurred.as_millisecond());
        match ms.and_then(|ms| u64::try_from(ms).ok()) {
            Some(ms) => self.times.push(ms),
            None => self.not_measured += 1,
        }
    }

    /// The report. `agent` is its name, `now` when it is made.
    pub fn finish(mut self, agent: &str, now: Timestamp, memory: Memory) -> Report {
        if let Some(last) = self.group.take() {
            self.count(&last);
        }
        let horizon = Horizon::new(&self.asked, now, memory);
        let notes = horizon.notes(self.totals.unmarked, self.gaps_without_range);
        let times = Times {
            measured: self.times.count(),
            not_measured: self.not_measured,
            median_ms: self.times.percentile(50),
            p95_ms: self.times.percentile(95),
            exact: self.times.is_exact(),
        };
        let severity = |(severity, counts): (Severity, Counts)| NamedRow {
            name: (severity != Severity::Unknown).then(|| severity.to_string()),
            names_together: 0,
            counts,
        };
        let days = self.day_rows();
        self.gaps.sort_by(|a, b| (a.from, &a.integration, &a.stream).cmp(&(b.from, &b.integration, &b.stream)));
        self.deferred.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Report {
            format: FORMAT,
            agent: agent.to_owned(),
            version: crate::VERSION.to_owned(),
            generated: now,
            asked: self.asked,
            horizon,
            totals: self.totals,
            times,
            streams: self.streams.into_values().collect(),
            attack_types: name_rows(self.attack_types),
            severities: self.severities.into_iter().rev().map(severity).collect(),
            judgements: name_rows(self.judgements),
            days,
            remediated_on_no_day: self.remediated_on_no_day,
            gaps: self.gaps,
            gaps_not_listed: self.gaps_not_listed,
            deferred: self.deferred,
            deferred_not_listed: self.deferred_not_listed,
            notes,
        }
    }

    fn day_rows(&self) -> Vec<Day> {
        let last = day_of(self.asked.to.checked_sub(SignedDuration::from_millis(1)).unwrap_or(self.asked.to));
        // More days than ids are remembered for would be empty ones.
        let first = day_of(self.asked.from).max(last.saturating_sub(400));
        let row = |day: i64| {
            let (detected, remediated) = self.days.get(&day).copied().unwrap_or_default();
            Day { day: day_begin(day).to_zoned(TimeZone::UTC).date(), detected, remediated }
        };
        (first..=last).map(row).collect()
    }
}

fn name_of<'n>(names: &'n mut Names, name: &str) -> &'n mut Counts {
    let key = (!name.is_empty()).then(|| name.to_owned());
    let full = names.len() >= NAMES_HELD && !names.contains_key(&key);
    names.entry(if full { Some("(others)".to_owned()) } else { key }).or_default()
}

/// The most frequent first; what was not told last; many rare ones in one row.
fn name_rows(names: Names) -> Vec<NamedRow> {
    let mut rows: Vec<NamedRow> =
        names.into_iter().map(|(name, counts)| NamedRow { name, names_together: 0, counts }).collect();
    rows.sort_by(|a, b| (a.name.is_none(), b.counts.items, &a.name).cmp(&(b.name.is_none(), a.counts.items, &b.name)));
    let not_told = rows.pop_if(|row| row.name.is_none());
    if rows.len() > MOST_NAMES {
        let rare = rows.split_off(MOST_NAMES - 1);
        let mut together = NamedRow {
            name: Some("(others)".to_owned()),
            names_together: rare.len() as u64,
            counts: Counts::default(),
        };
        rare.iter().for_each(|row| together.counts.join(&row.counts));
        rows.push(together);
    }
    rows.extend(not_told);
    rows
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(DAY_MS)
}

fn day_begin(day: i64) -> Timestamp {
    day.checked_mul(DAY_MS).and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}
