//! What is counted, and each format against the expected file beside this one.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use conductor::evidence::{Asked, Memory, Report, csv, html, text};
use serde_json::Value;

use super::scene::{self, at};

fn here(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/evidence").join(name)
}

fn expect(name: &str, written: &str) {
    let path = here(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, written).expect("written");
    }
    let expected = fs::read_to_string(&path).expect("the expected report");
    assert!(
        expected == written,
        "{name} differs: UPDATE_DOCS=1 cargo test --test evidence, and look at the difference"
    );
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("JSON") + "\n"
}

#[test]
fn each_format_shows_the_same_report_as_expected() {
    let report = scene::report();
    expect("report.json", &json(&report));
    expect("report.txt", &text::write(&report));
    expect("report.csv", &csv::write(&report));
    expect("report.html", &html::write(&report).expect("a page"));
}

#[test]
fn an_item_counts_once_with_the_state_of_its_newest_version_and_by_its_first() {
    let report = scene::report();
    let row = report.streams.iter().find(|row| row.integration == "acme" && row.stream == "threats").expect("a row");
    // 40 at once, two later, three that were not, one known by its id alone; the old one is an event and no item.
    assert_eq!((row.counts.items, row.counts.remediated, row.counts.unmarked), (46, 42, 1));
    assert_eq!(row.events, 49);
    assert_eq!(report.totals.remediated, 43);
    assert_eq!(report.totals.decided(), 46);
    assert_eq!(report.totals.not_applicable, 1);
    assert_eq!(report.totals.share_permille(), Some(935));
    assert_eq!((report.times.measured, report.times.not_measured), (43, 0));
    assert_eq!(report.times.p95_ms, Some(43_000));
    let day = |text: &str| report.days.iter().find(|day| day.day.to_string() == text).expect("a day").clone();
    assert_eq!((day("2026-11-05").detected, day("2026-11-05").remediated), (2, 3));
    assert_eq!(report.days.len(), 30);
    let harbor = report.streams.iter().find(|row| row.integration == "harbor").expect("a row");
    assert_eq!(harbor.last_poll, None);
}

#[test]
fn a_gap_is_told_where_it_touches_the_period_and_one_without_its_range_is_said() {
    let report = scene::report();
    assert_eq!(report.gaps.iter().map(|gap| gap.reason.as_str()).collect::<Vec<_>>(), ["older than the vendor keeps"]);
    assert!(report.notes.iter().any(|note| note.contains("1 gap was told by a version")), "{:?}", report.notes);
}

#[test]
fn one_integration_alone_has_its_own_items_and_gaps_and_no_others() {
    let asked = Asked { integration: Some("harbor".into()), ..scene::asked() };
    let report = scene::tally(asked, scene::memory(), &scene::entries());
    assert_eq!(report.streams.iter().map(|row| row.integration.as_str()).collect::<Vec<_>>(), ["harbor"]);
    assert_eq!((report.totals.items, report.gaps.len(), report.deferred.len()), (1, 0, 0));
}

#[test]
fn what_lies_before_the_book_or_the_horizon_is_said_to_be_missing() {
    let covers = |memory: Memory, from: &str| {
        let asked = Asked { from: at(from), ..scene::asked() };
        let report = scene::tally(asked, memory, &scene::entries());
        (report.horizon.covers_period, report.notes.iter().any(|note| note.contains("missing")))
    };
    let memory = scene::memory();
    assert_eq!(covers(memory, "2026-10-22T00:00:00Z"), (Some(true), false));
    assert_eq!(covers(memory, "2026-08-30T00:00:00Z"), (Some(false), true));
    assert_eq!(covers(Memory { begun: None, ..memory }, "2026-10-22T00:00:00Z"), (None, true));
    assert_eq!(covers(Memory { begun: None, ..memory }, "2026-01-01T00:00:00Z"), (Some(false), true));
    let long_ago = Memory { begun: Some(at("2020-01-01T00:00:00Z")), ..memory };
    assert_eq!(covers(long_ago, "2026-08-01T00:00:00Z"), (Some(false), true), "only 90 days are remembered");
    let rebuilt = scene::tally(scene::asked(), Memory { rebuilt: true, ..memory }, &[]);
    assert!(rebuilt.notes.iter().any(|note| note.contains("lost and made again")), "{:?}", rebuilt.notes);
}

#[test]
fn a_report_of_nothing_says_not_known_and_draws_no_chart() {
    let report = scene::tally(scene::asked(), scene::memory(), &[]);
    assert_eq!((report.totals.share_permille(), report.times.median_ms, report.times.p95_ms), (None, None, None));
    let text = text::write(&report);
    assert!(text.contains("Share remediated        not known") && text.contains("95th of 100 not known"), "{text}");
    let page = html::write(&report).expect("a page");
    assert!(
        page.contains("Nothing was detected in this period, as far as this agent knows.")
            && !page.contains("class=\"days\"")
    );
}

#[test]
fn what_enriches_a_threat_is_an_event_of_its_stream_and_no_item() {
    let message = scene::marks("threat", "2026-11-07T07:00:00Z", Some(conductor::marks::Remediation::Attempted));
    let mut links = scene::marks("threat-links", "2026-11-07T07:00:01Z", None);
    links.part = true;
    let all = [("acme/threats/t:1/v".into(), 1, Some(message)), ("acme/threats/t:links/v".into(), 2, Some(links))];
    let report = scene::tally(scene::asked(), scene::memory(), &all);
    let threats = report.streams.iter().find(|row| row.stream == "threats").expect("threats");
    assert_eq!((report.totals.items, report.totals.unmarked, threats.events), (1, 0, 2));
}

#[test]
fn many_names_come_together_in_one_row_and_nothing_is_left_out() {
    let mut all = Vec::new();
    for n in 0..300u64 {
        let mut found = scene::marks("threat", "2026-11-07T07:00:00Z", Some(conductor::marks::Remediation::Attempted));
        found.attack = format!("type {n:03}");
        all.push((format!("acme/threats/{n:03}/v"), n + 1, Some(found)));
    }
    let report = scene::tally(scene::asked(), scene::memory(), &all);
    assert_eq!(report.attack_types.len(), conductor::evidence::MOST_NAMES);
    assert_eq!(report.attack_types.iter().map(|row| row.counts.items).sum::<u64>(), 300);
    assert_eq!(report.attack_types.last().map(|row| row.names_together), Some(201));
}

/// Members of the schema: every object of the report has those that its schema requires, and no other.
fn follows(value: &Value, schema: &Value, root: &Value, path: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => root.pointer(name.trim_start_matches('#')).expect("a definition"),
        None => schema,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    assert!(allowed.contains(&kind), "{path} is {kind}, the schema says {allowed:?}");
    if let Value::Object(members) = value {
        let names: BTreeSet<&str> = members.keys().map(String::as_str).collect();
        let known: BTreeSet<&str> =
            schema["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
        let required: BTreeSet<&str> =
            schema["required"].as_array().expect("required").iter().filter_map(Value::as_str).collect();
        assert_eq!(names, known, "{path}");
        assert_eq!(names, required, "{path}");
        members
            .iter()
            .for_each(|(name, value)| follows(value, &schema["properties"][name], root, &format!("{path}.{name}")));
    }
    for (n, each) in value.as_array().into_iter().flatten().enumerate() {
        follows(each, &schema["items"], root, &format!("{path}[{n}]"));
    }
}

#[test]
fn the_json_has_just_the_members_of_its_schema() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).expect("the schema")).expect("JSON");
    for report in [scene::report(), scene::hostile(), scene::tally(scene::asked(), scene::memory(), &[])] {
        let value = serde_json::to_value(&report).expect("JSON");
        follows(&value, &schema, &schema, "report");
        assert_eq!(serde_json::from_value::<Report>(value).expect("read again"), report);
    }
}

/// Cells of a table by RFC 4180.
fn cells(table: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = table.chars().peekable();
    while let Some(c) = letters.next() {
        match (c, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => cell.extend(letters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) if letters.peek() == Some(&'\n') => {
                letters.next();
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted, "ends with its last line");
    rows
}

#[test]
fn no_cell_of_the_csv_is_a_formula_and_every_row_has_all_columns() {
    let rows = cells(&csv::write(&scene::hostile()));
    assert_eq!(rows[0], csv::COLUMNS);
    for row in &rows {
        assert_eq!(row.len(), csv::COLUMNS.len(), "{row:?}");
        for cell in row {
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
    let names: Vec<&str> = rows.iter().map(|row| row[3].as_str()).collect();
    assert!(
        names.contains(&"a,b;\"c\"\r\nd") && names.contains(&"'=HYPERLINK(\"http://evil.example\",\"x\")"),
        "{names:?}"
    );
}

#[test]
fn nothing_that_came_from_a_mail_leaves_its_place_in_the_page_or_steers_a_terminal() {
    let report = scene::hostile();
    let page = html::write(&report).expect("a page");
    let tags: BTreeSet<&str> = page
        .split('<')
        .skip(1)
        .map(|rest| {
            rest.trim_start_matches('/')
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '!')
                .next()
                .unwrap_or_default()
        })
        .collect();
    let ours = [
        "!doctype", "bdi", "body", "caption", "dd", "div", "dl", "dt", "h1", "h2", "head", "header", "html", "li",
        "line", "main", "meta", "p", "polyline", "rect", "section", "span", "strong", "style", "svg", "table", "tbody",
        "td", "text", "th", "thead", "title", "tr", "ul", "wbr",
    ];
    assert!(tags.iter().all(|tag| ours.contains(tag)), "{tags:?}");
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let asks = ["src", "href", " on", "style=", "url("].iter().any(|word| tag.contains(word));
        assert!(!asks || tag.starts_with("meta http-equiv=\"Content-Security-Policy\""), "{tag}");
    }
    assert!(!page.contains("@import") && !page.contains("url("), "it asks no other place");
    for shown in [page, text::write(&report)] {
        let steers = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
        assert!(!shown.contains(steers));
    }
}

#[test]
fn every_chart_has_a_title_and_every_table_a_caption_and_headings() {
    let page = html::write(&scene::report()).expect("a page");
    let count = |text: &str| page.matches(text).count();
    assert_eq!(count("<svg"), count("role=\"img\" aria-labelledby="));
    assert!(count("<table") > 5);
    assert_eq!(count("<table"), count("<caption>"));
    assert_eq!(count("<table"), count("<thead>"));
    assert_eq!(count("<h1"), 1);
    assert_eq!(count("<section aria-labelledby="), count("<h2 id="));
}
