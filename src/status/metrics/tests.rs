//! The exposition held against the grammar of the format, line by line.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::status::{Code, samples};

/// Label names and unescaped values.
type Labels = Vec<(String, String)>;

/// One sample, read by the grammar: `name{label="value",...} number`.
fn read_sample(line: &str) -> Result<(String, Labels, f64), String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            if !is_name(label) || label.contains(':') {
                return Err(format!("{label:?} is no label name"));
            }
            let (value, after) = read_value(after)?;
            labels.push((label.to_owned(), value));
            match after.split_at_checked(1) {
                Some((",", more)) => rest = more,
                Some(("}", more)) => {
                    rest = more;
                    break;
                }
                _ => return Err(format!("{after:?} after a label")),
            }
        }
    }
    let number = rest.strip_prefix(' ').ok_or("no space before the value")?;
    if !is_name(name) || number.contains(' ') {
        return Err("a bad name, or more than a value".into());
    }
    Ok((name.to_owned(), labels, number.parse().map_err(|e| format!("{number:?}: {e}"))?))
}

/// A quoted value up to its closing quote; knows the three escapes and no others.
fn read_value(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some(c @ ('\\' | '"')) => value.push(c),
                other => return Err(format!("the escape \\{other:?} does not exist")),
            },
            c => value.push(c),
        }
    }
    Err("a value without an end".into())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Reads a whole exposition, or tells the first line that breaks a rule.
fn read(text: &str) -> Result<BTreeMap<String, Vec<(Labels, f64)>>, String> {
    let mut families: BTreeMap<String, Vec<(Labels, f64)>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut current: Option<(String, String)> = None;
    let mut helped = None;
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(help) = line.strip_prefix("# HELP ") {
            let Some((name, said)) = help.split_once(' ') else { return wrong("HELP without words") };
            if said.is_empty() || said.contains('\\') || !families.get(name).is_none_or(Vec::is_empty) {
                return wrong("HELP twice or without words");
            }
            helped = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = kind.split_once(' ') else { return wrong("TYPE without a kind") };
            if helped.take().as_deref() != Some(name) || families.insert(name.to_owned(), Vec::new()).is_some() {
                return wrong("TYPE without its HELP, or a family that comes twice");
            }
            if !["counter", "gauge"].contains(&kind) || (kind == "counter") != name.ends_with("_total") {
                return wrong("a counter ends in _total, and only a counter");
            }
            current = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (name, labels, value) = read_sample(line).map_err(|why| format!("{why}: {line}"))?;
            if current.as_ref().is_none_or(|(family, _)| *family != name) {
                return wrong("a sample outside its family");
            }
            if current.as_ref().is_some_and(|(_, kind)| kind == "counter") && value < 0.0 {
                return wrong("a negative counter");
            }
            if !seen.insert((name.clone(), labels.clone())) {
                return wrong("the same series twice");
            }
            families.entry(name).or_default().push((labels, value));
        }
    }
    Ok(families)
}

#[test]
fn every_sample_board_keeps_the_grammar_of_the_format() {
    for board in [samples::healthy(), samples::degraded(), samples::down()] {
        let text = metrics(&board.snapshot(samples::now()), Some(12 << 20));
        let families = read(&text).expect("the exposition is well-formed");
        for name in families.keys() {
            assert!(name.starts_with("conductor_") || name.starts_with("process_"), "{name}");
        }
        assert_eq!(families["process_resident_memory_bytes"], [(vec![], f64::from(12 << 20))]);
    }
}

#[test]
fn a_nasty_label_value_comes_back_whole() {
    let nasty = "a\\b\"c\nd} 1\n# TYPE x counter\nevil{x=\"";
    let board = samples::degraded();
    board.raise(Code::TaskRestarted, nasty, "It ended.", samples::now());
    let mut snapshot = board.snapshot(samples::now());
    snapshot.integrations[0].name = nasty.to_owned();
    let families = read(&metrics(&snapshot, None)).expect("the exposition is well-formed");
    let values: Vec<&str> = families["conductor_condition"].iter().map(|(labels, _)| labels[1].1.as_str()).collect();
    assert!(values.contains(&nasty), "{values:?}");
    assert_eq!(families["conductor_integration_up"][0].0[0].1, nasty);
}

#[test]
fn the_numbers_are_those_of_the_snapshot() {
    let families = read(&metrics(&samples::degraded().snapshot(samples::now()), None)).expect("well-formed");
    let value = |name: &str, label: &str| {
        let series = families[name].iter().find(|(labels, _)| labels.iter().any(|(_, value)| value == label));
        series.map(|(_, value)| *value)
    };
    assert_eq!(value("conductor_state", "degraded"), Some(1.0));
    assert_eq!(value("conductor_state", "healthy"), Some(0.0));
    assert_eq!(value("conductor_destination_depth", "archive"), Some(1_204.0));
    assert_eq!(value("conductor_destination_oldest_seconds", "archive"), Some(400.0));
    assert_eq!(value("conductor_destination_taken_per_second", "soc"), Some(0.0));
    assert_eq!(value("conductor_destination_certificate_expires_timestamp_seconds", "peer"), Some(1_804_550_400.0));
    assert_eq!(value("conductor_destination_taken_total", "soc"), Some(5_204.0));
    assert_eq!(value("conductor_destination_faults_total", "unavailable"), Some(2.0));
    assert_eq!(value("conductor_stream_lag_seconds", "threats"), Some(120.0));
    assert_eq!(value("conductor_stream_lag_seconds", "cases"), None, "what is not known is left out");
    assert_eq!(families["conductor_egress_match"], [(vec![], 0.0)]);
    assert_eq!(families["conductor_clock_offset_seconds"], [(vec![], -42.0)]);
    assert_eq!(families["process_start_time_seconds"], [(vec![], 1_795_082_400.0)]);
}

#[test]
fn the_reader_of_these_tests_refuses_what_breaks_the_grammar() {
    let head = "# HELP a_total x\n# TYPE a_total counter\n";
    for (why, body) in [
        ("a sample of another family", "b 1\n"),
        ("an unknown escape", "a_total{x=\"\\t\"} 1\n"),
        ("a value without an end", "a_total{x=\"y} 1\n"),
        ("no number", "a_total one\n"),
        ("the same series twice", "a_total 1\na_total 2\n"),
        ("a last line without an end", "a_total 1"),
    ] {
        assert!(read(&format!("{head}{body}")).is_err(), "{why}");
    }
    assert!(read(&format!("{head}a_total{{x=\"y\"}} 1\n")).is_ok());
}
