//! The report as CSV (RFC 4180), for a spreadsheet: one table, whose column `section` says what a row is.
//!
//! Promise: no cell is a formula to a spreadsheet, whatever a vendor or a mail wrote into it: a text that begins like
//! one gets an apostrophe before it. What is not known is an empty cell.

use jiff::Timestamp;

use super::{Counts, Report};

/// The columns, in their order.
pub const COLUMNS: [&str; 19] = [
    "section",
    "integration",
    "stream",
    "name",
    "from",
    "to",
    "items",
    "events",
    "remediated",
    "attempted",
    "would_remediate",
    "not_remediated",
    "not_needed",
    "unknown",
    "not_applicable",
    "unmarked",
    "remediated_percent",
    "value",
    "text",
];

/// One row; a cell that is not set is empty.
#[derive(Default)]
struct Row<'r> {
    section: &'r str,
    integration: &'r str,
    stream: &'r str,
    name: &'r str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    counts: Option<&'r Counts>,
    events: Option<u64>,
    value: String,
    text: &'r str,
}

/// The whole report, with a line of headings.
pub fn write(report: &Report) -> String {
    let mut out = String::new();
    end(&mut out, COLUMNS.iter().map(|name| (*name).to_owned()));
    let mut put = |row: &Row<'_>| end(&mut out, row.cells().into_iter());
    let asked = &report.asked;
    let integration = asked.integration.as_deref().unwrap_or_default();
    let (from, to) = (Some(asked.from), Some(asked.to));
    let value = report.generated.to_string();
    put(&Row {
        section: "report",
        name: &report.agent,
        integration,
        from,
        to,
        value,
        text: &report.version,
        ..Row::default()
    });
    let (since, days) = (report.horizon.known_since, report.horizon.days.to_string());
    put(&Row { section: "horizon", from: since, value: days, ..Row::default() });
    for note in &report.notes {
        put(&Row { section: "note", text: note, ..Row::default() });
    }
    put(&Row { section: "total", counts: Some(&report.totals), ..Row::default() });
    let times = &report.times;
    let seconds = |ms: Option<u64>| ms.map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000)).unwrap_or_default();
    for (name, value) in [
        ("median_seconds", seconds(times.median_ms)),
        ("p95_seconds", seconds(times.p95_ms)),
        ("measured", times.measured.to_string()),
        ("not_measured", times.not_measured.to_string()),
        ("exact", times.exact.to_string()),
    ] {
        put(&Row { section: "time-to-remediate", name, value, ..Row::default() });
    }
    for row in &report.streams {
        put(&Row {
            section: "stream",
            integration: &row.integration,
            stream: &row.stream,
            from: row.first_detection,
            to: row.last_detection,
            counts: Some(&row.counts),
            events: Some(row.events),
            value: row.last_poll.map(|at| at.to_string()).unwrap_or_default(),
            ..Row::default()
        });
    }
    for (section, rows) in
        [("attack-type", &report.attack_types), ("severity", &report.severities), ("judgement", &report.judgements)]
    {
        for row in rows {
            let name = row.name.as_deref().unwrap_or_default();
            put(&Row { section, name, counts: Some(&row.counts), ..Row::default() });
        }
    }
    for day in &report.days {
        let counts = Counts { items: day.detected, remediated: day.remediated, ..Counts::default() };
        let name = day.day.to_string();
        let mut cells = Row { section: "day", name: &name, counts: Some(&counts), ..Row::default() }.cells();
        // Of a day only these two are counted: the other states are not 0.
        cells[9..=16].iter_mut().for_each(String::clear);
        end(&mut out, cells.into_iter());
    }
    let mut put = |row: &Row<'_>| end(&mut out, row.cells().into_iter());
    for gap in &report.gaps {
        put(&Row {
            section: "gap",
            integration: &gap.integration,
            stream: &gap.stream,
            from: Some(gap.from),
            to: Some(gap.to),
            text: &gap.reason,
            ..Row::default()
        });
    }
    for item in &report.deferred {
        put(&Row {
            section: "deferred",
            integration: &item.integration,
            stream: &item.stream,
            name: &item.id,
            from: Some(item.since),
            to: Some(item.due),
            value: item.tries.to_string(),
            text: &item.reason,
            ..Row::default()
        });
    }
    for (section, more) in [("gap", report.gaps_not_listed), ("deferred", report.deferred_not_listed)] {
        if more > 0 {
            put(&Row { section, value: more.to_string(), text: "more, which are not listed", ..Row::default() });
        }
    }
    out
}

impl Row<'_> {
    fn cells(&self) -> [String; COLUMNS.len()] {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let count = |of: fn(&Counts) -> u64| self.counts.map(|counts| of(counts).to_string()).unwrap_or_default();
        let share = self.counts.and_then(Counts::share_permille);
        [
            self.section.to_owned(),
            cell(self.integration),
            cell(self.stream),
            cell(self.name),
            time(self.from),
            time(self.to),
            count(|counts| counts.items),
            self.events.map(|events| events.to_string()).unwrap_or_default(),
            count(|counts| counts.remediated),
            count(|counts| counts.attempted),
            count(|counts| counts.would_remediate),
            count(|counts| counts.not_remediated),
            count(|counts| counts.not_needed),
            count(|counts| counts.unknown),
            count(|counts| counts.not_applicable),
            count(|counts| counts.unmarked),
            share.map(|permille| format!("{}.{}", permille / 10, permille % 10)).unwrap_or_default(),
            self.value.clone(),
            cell(self.text),
        ]
    }
}

/// A text that no spreadsheet reads as a formula. Blanks before the sign hide it from no spreadsheet.
fn cell(text: &str) -> String {
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    if text.starts_with(begins) || text.trim_start().starts_with(begins) { format!("'{text}") } else { text.to_owned() }
}

/// Joins cells and ends the line, with quotes where the grammar wants them.
fn end(out: &mut String, cells: impl Iterator<Item = String>) {
    for (n, text) in cells.enumerate() {
        if n > 0 {
            out.push(',');
        }
        if text.contains([',', '"', '\r', '\n', ';']) || text.starts_with(' ') || text.ends_with(' ') {
            out.push('"');
            out.push_str(&text.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&text);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_begins_like_a_formula_gets_an_apostrophe() {
        for text in ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "  =HYPERLINK(\"x\")", "\r=1", "＝1"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "a=1", "BEC", "'x"] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn quotes_commas_and_line_ends_stay_in_their_cell() {
        let mut out = String::new();
        end(&mut out, ["a,b", "say \"x\"", "two\r\nlines", "plain"].map(str::to_owned).into_iter());
        assert_eq!(out, "\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\",plain\r\n");
    }
}
