//! Each link from one document to another leads somewhere: the file is there, and so is the heading.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The documents that people read, with their texts.
fn documents() -> Vec<(PathBuf, String)> {
    let mut all = super::texts(&["docs"], "md");
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] {
        let path = super::home().join(name);
        let text = std::fs::read_to_string(&path).expect(name);
        all.push((path, text));
    }
    all
}

/// Without fenced blocks, indented lines and spans of code: what stands there is no link and no heading.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// What a heading is called in a link: as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).lines().filter_map(|line| line.strip_prefix('#').map(str::to_owned)).collect::<Vec<_>>();
    headings.iter().map(|heading| anchor(heading.trim_start_matches('#'))).collect()
}

/// The targets of `[..](..)` that are ours.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.is_empty()).map(str::to_owned).collect()
}

/// Why a link of `from` leads nowhere; `None`: it leads somewhere.
fn broken(from: &Path, link: &str) -> Option<String> {
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = match file {
        "" => from.to_owned(),
        file => from.parent().expect("a folder").join(file),
    };
    if !target.exists() {
        return Some(format!("{}: no file {file}", from.display()));
    }
    let heading = heading?;
    let text = std::fs::read_to_string(&target).ok()?;
    (!anchors(&text).contains(heading)).then(|| format!("{}: {link} has no such heading", from.display()))
}

#[test]
fn each_link_between_the_documents_leads_to_a_file_and_a_heading() {
    let mut looked_at = 0;
    let mut nowhere = Vec::new();
    for (path, text) in documents() {
        for link in links(&text) {
            looked_at += 1;
            nowhere.extend(broken(&path, &link));
        }
    }
    assert!(looked_at > 60, "the links were not found: {looked_at}");
    assert!(nowhere.is_empty(), "{nowhere:#?}");
}

#[test]
fn headings_are_called_as_in_a_link() {
    assert_eq!(anchor(" Egress IP and the vendor's IP Safelist"), "egress-ip-and-the-vendors-ip-safelist");
    assert_eq!(anchor(" How \"taken\" is known"), "how-taken-is-known");
    assert_eq!(anchor(" HTTP, Splunk, Elastic"), "http-splunk-elastic");
}
