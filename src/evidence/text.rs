//! The report as plain text, for a terminal or a mail.
//!
//! Promise: what a vendor wrote steers no terminal.

use std::fmt::Write;

use super::words::{self, NOT_KNOWN, count, plain, plural, time};
use super::{Counts, NamedRow, Report};
use crate::marks::Remediation;

/// The whole report.
pub fn write(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    outcome(&mut out, report);
    streams(&mut out, report);
    for (title, rows) in [
        ("BY ATTACK TYPE", &report.attack_types),
        ("BY SEVERITY", &report.severities),
        ("BY JUDGEMENT", &report.judgements),
    ] {
        named(&mut out, title, rows);
    }
    days(&mut out, report);
    gaps(&mut out, report);
    deferred(&mut out, report);
    heading(&mut out, "WHAT THE NUMBERS MEAN");
    for sentence in words::MEANING {
        line(&mut out, &format!("  {sentence}"));
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn heading(out: &mut String, text: &str) {
    let _ = write!(out, "\n{text}\n");
}

fn head(out: &mut String, report: &Report) {
    let asked = &report.asked;
    line(out, &format!("Evidence of {} (Conductor {})", plain(&report.agent), report.version));
    line(out, &format!("  period      {} to {}", time(asked.from), time(asked.to)));
    if let Some(integration) = &asked.integration {
        line(out, &format!("  integration {}", plain(integration)));
    }
    line(out, &format!("  made        {}", time(report.generated)));
    line(out, &format!("  horizon     {}", words::horizon(report)));
    for note in &report.notes {
        line(out, &format!("  NOTE        {note}"));
    }
}

fn outcome(out: &mut String, report: &Report) {
    let totals = &report.totals;
    heading(out, "DETECTED AND REMEDIATED");
    line(out, &format!("  {:<24}{:>12}", "Items", count(totals.items)));
    for state in Remediation::ALL {
        line(out, &format!("    {:<22}{:>12}", words::state(state), count(totals.of(state))));
    }
    if totals.not_applicable > 0 {
        line(out, &format!("    {:<22}{:>12}", "Does not apply", count(totals.not_applicable)));
    }
    if totals.unmarked > 0 {
        line(out, &format!("    {:<22}{:>12}", "Noted by id alone", count(totals.unmarked)));
    }
    let share = match totals.share_permille() {
        Some(_) => format!("{} of {}", words::share(totals), count(totals.decided())),
        None => NOT_KNOWN.to_owned(),
    };
    line(out, &format!("  {:<24}{share}", "Share remediated"));
    let (median, p95) = words::times(&report.times);
    line(out, &format!("  {:<24}{median}", "Time to it, median"));
    line(out, &format!("  {:<24}{p95}", "Time to it, 95th of 100"));
    line(
        out,
        &format!("  {:<24}{}, not {}", "Measured", count(report.times.measured), count(report.times.not_measured)),
    );
}

fn streams(out: &mut String, report: &Report) {
    heading(out, "STREAMS");
    if report.streams.is_empty() {
        line(out, "  none");
    }
    for row in &report.streams {
        line(out, &format!("  {}/{}", plain(&row.integration), plain(&row.stream)));
        line(
            out,
            &format!("    {} items in {} events; {}", count(row.counts.items), count(row.events), states(&row.counts)),
        );
        line(
            out,
            &format!(
                "    first kept {}, last {}; last successful poll {}; {} deferred",
                words::detection(row.first_detection),
                words::detection(row.last_detection),
                words::time_or(row.last_poll),
                count(row.deferred)
            ),
        );
    }
}

fn states(counts: &Counts) -> String {
    let told = Remediation::ALL.into_iter().filter(|state| counts.of(*state) > 0);
    let told: Vec<String> =
        told.map(|state| format!("{} {}", count(counts.of(state)), words::state(state).to_lowercase())).collect();
    if told.is_empty() { "no word about remediation".to_owned() } else { told.join(", ") }
}

fn named(out: &mut String, title: &str, rows: &[NamedRow]) {
    heading(out, title);
    if rows.is_empty() {
        line(out, "  none");
    }
    for row in rows {
        let share = match row.counts.share_permille() {
            Some(_) => format!("{} remediated", words::share(&row.counts)),
            None => "share not known".to_owned(),
        };
        line(out, &format!("  {:<40} {:>12}, {share}", words::name(row), plural(row.counts.items, "item")));
    }
}

fn days(out: &mut String, report: &Report) {
    heading(out, "DAYS (UTC)                detected   remediated");
    for day in report.days.iter().filter(|day| day.detected > 0 || day.remediated > 0) {
        line(out, &format!("  {:<20} {:>12} {:>12}", day.day.to_string(), count(day.detected), count(day.remediated)));
    }
    let quiet = report.days.iter().filter(|day| day.detected == 0 && day.remediated == 0).count();
    line(out, &format!("  {} without either", plural(quiet as u64, "day")));
    if report.remediated_on_no_day > 0 {
        line(
            out,
            &format!(
                "  {} remediated at a time that is not told, or outside of the period",
                report.remediated_on_no_day
            ),
        );
    }
}

fn gaps(out: &mut String, report: &Report) {
    heading(out, "NOT COLLECTED");
    if report.gaps.is_empty() {
        line(out, "  no gap is known");
    }
    for gap in &report.gaps {
        let (from, to) = (time(gap.from), time(gap.to));
        line(out, &format!("  {}/{} from {from} to {to}", plain(&gap.integration), plain(&gap.stream)));
        line(out, &format!("    {}", plain(&gap.reason)));
    }
    if report.gaps_not_listed > 0 {
        line(out, &format!("  and {} more", count(report.gaps_not_listed)));
    }
}

fn deferred(out: &mut String, report: &Report) {
    heading(out, "STILL TO BE FETCHED");
    if report.deferred.is_empty() {
        line(out, "  nothing");
    }
    for item in &report.deferred {
        line(
            out,
            &format!(
                "  {}/{} {} since {}, {} tries, again at {}",
                plain(&item.integration),
                plain(&item.stream),
                plain(&item.id),
                time(item.since),
                item.tries,
                time(item.due)
            ),
        );
        line(out, &format!("    {}", plain(&item.reason)));
    }
    if report.deferred_not_listed > 0 {
        line(out, &format!("  and {} more", count(report.deferred_not_listed)));
    }
}
