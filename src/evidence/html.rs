//! The report as one page of HTML, for a reader or a printer.
//!
//! Promise: the page is whole in itself: no script, no font, no picture and no other host; and everything that a vendor
//! or a mail wrote is escaped by the template. Charts have the same numbers in a table beside them.

mod chart;

use askama::Template;

use super::words::{self, count, plain, time};
use super::{Counts, NamedRow, Report, StreamRow};
use chart::{DayChart, Segment};

/// The whole page.
pub fn write(report: &Report) -> Result<String, askama::Error> {
    Page::new(report).render()
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct Page<'r> {
    report: &'r Report,
    agent: String,
    integration: Option<String>,
    from: String,
    to: String,
    generated: String,
    horizon: String,
    meaning: [&'static str; 4],
    items: String,
    share: String,
    decided: String,
    median: String,
    p95: String,
    measured: String,
    not_measured: String,
    states: Vec<(Segment, &'static str, String)>,
    extra: Vec<(&'static str, String)>,
    chart: DayChart,
    on_no_day: String,
    streams: Vec<Stream<'r>>,
    tables: Vec<Table>,
    days: Vec<[String; 3]>,
    gaps: Vec<[String; 5]>,
    gaps_not_listed: String,
    deferred: Vec<[String; 6]>,
    deferred_not_listed: String,
}

struct Stream<'r> {
    row: &'r StreamRow,
    items: String,
    events: String,
    first: String,
    last: String,
    last_poll: String,
    deferred: String,
}

/// A table by attack type, severity or judgement.
struct Table {
    id: &'static str,
    title: &'static str,
    first_column: &'static str,
    rows: Vec<Named>,
}

struct Named {
    name: String,
    told: bool,
    items: String,
    /// Remediated, attempted, not (or only would), nothing to do, not told.
    states: [String; 5],
    share: String,
}

impl<'r> Page<'r> {
    fn new(report: &'r Report) -> Page<'r> {
        let (median, p95) = words::times(&report.times);
        let totals = &report.totals;
        let segments = chart::segments(totals);
        let states = segments.into_iter().map(|segment| {
            let state = segment.state;
            (segment, words::state(state), count(totals.of(state)))
        });
        let extra = [("Does not apply", totals.not_applicable), ("Noted by id alone", totals.unmarked)];
        let extra = extra.into_iter().filter(|(_, number)| *number > 0).map(|(word, number)| (word, count(number)));
        Page {
            report,
            agent: plain(&report.agent),
            integration: report.asked.integration.as_deref().map(plain),
            from: time(report.asked.from),
            to: time(report.asked.to),
            generated: time(report.generated),
            horizon: words::horizon(report),
            meaning: words::MEANING,
            items: count(totals.items),
            share: words::share(totals),
            decided: count(totals.decided()),
            median,
            p95,
            measured: count(report.times.measured),
            not_measured: count(report.times.not_measured),
            states: states.collect(),
            extra: extra.collect(),
            chart: DayChart::new(&report.days),
            on_no_day: some(report.remediated_on_no_day),
            streams: report.streams.iter().map(Stream::new).collect(),
            tables: vec![
                by_stream(&report.streams),
                table("attack-types", "By attack type", "Attack type", &report.attack_types),
                table("severities", "By severity", "Severity", &report.severities),
                table("judgements", "By judgement", "Judgement", &report.judgements),
            ],
            days: report
                .days
                .iter()
                .filter(|day| day.detected > 0 || day.remediated > 0)
                .map(|day| [day.day.to_string(), count(day.detected), count(day.remediated)])
                .collect(),
            gaps: report
                .gaps
                .iter()
                .map(|gap| {
                    let [integration, stream, reason] = [&gap.integration, &gap.stream, &gap.reason].map(|t| plain(t));
                    [integration, stream, time(gap.from), time(gap.to), reason]
                })
                .collect(),
            gaps_not_listed: some(report.gaps_not_listed),
            deferred: report
                .deferred
                .iter()
                .map(|item| {
                    let [integration, stream, id] = [&item.integration, &item.stream, &item.id].map(|t| plain(t));
                    [integration, stream, id, time(item.since), item.tries.to_string(), plain(&item.reason)]
                })
                .collect(),
            deferred_not_listed: some(report.deferred_not_listed),
        }
    }
}

/// The number, or nothing where it is 0.
fn some(number: u64) -> String {
    if number > 0 { count(number) } else { String::new() }
}

impl<'r> Stream<'r> {
    fn new(row: &'r StreamRow) -> Stream<'r> {
        Stream {
            row,
            items: count(row.counts.items),
            events: count(row.events),
            first: words::detection(row.first_detection),
            last: words::detection(row.last_detection),
            last_poll: words::time_or(row.last_poll),
            deferred: count(row.deferred),
        }
    }
}

fn states(counts: &Counts) -> [String; 5] {
    let not = counts.not_remediated + counts.would_remediate;
    [counts.remediated, counts.attempted, not, counts.not_needed, counts.unknown].map(count)
}

fn named(name: String, counts: &Counts) -> Named {
    let (share, told) = (words::share(counts), counts.share_permille().is_some());
    Named { name, told, items: count(counts.items), states: states(counts), share }
}

fn table(id: &'static str, title: &'static str, first_column: &'static str, rows: &[NamedRow]) -> Table {
    let rows = rows.iter().map(|row| named(words::name(row), &row.counts));
    Table { id, title, first_column, rows: rows.collect() }
}

fn by_stream(rows: &[StreamRow]) -> Table {
    let name = |row: &StreamRow| format!("{}/{}", plain(&row.integration), plain(&row.stream));
    let rows = rows.iter().map(|row| named(name(row), &row.counts));
    Table { id: "by-stream", title: "By stream", first_column: "Stream", rows: rows.collect() }
}
