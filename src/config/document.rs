//! The fragments as one document: tables gathered from all files, each value with its place.
//!
//! Promise: nothing is written twice; a second definition is refused with both places, so that the order of files
//! never decides.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fragments::{Fragment, Origin};
use super::keys::Section;
use super::mistakes::{Mistake, MistakeKind, line_and_column};
use super::sections::{AGENT, DESTINATION, EGRESS, INTEGRATION, LOCAL, QUEUE, REMOTE, UPDATE};
use super::spelling::nearest;

/// A byte of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub fragment: usize,
    pub offset: usize,
}

/// One written value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Of the key.
    pub place: Place,
    pub value: &'a Spanned<DeValue<'a>>,
}

/// A table as it was written, perhaps over several files.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    /// In brackets: `[integrations.acme]`.
    pub title: String,
    pub section: &'static Section,
    pub place: Place,
    pub entries: BTreeMap<&'a str, Entry<'a>>,
}

/// What reading found beside the settings.
#[derive(Debug)]
pub struct Findings<'a> {
    pub fragments: &'a [Fragment],
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<String>,
}

impl Findings<'_> {
    pub fn mistake(&mut self, place: Place, text: impl Into<String>, hint: impl Into<String>) {
        let Some(fragment) = self.fragments.get(place.fragment) else { return };
        let (line, column) = line_and_column(&fragment.text, place.offset);
        let (file, kind) = (fragment.path.clone(), MistakeKind::Wrong);
        self.mistakes.push(Mistake { file, line, column, kind, text: text.into(), hint: hint.into() });
    }

    /// A word that nobody here knows. The operator's typing error is a mistake; what a later version has written into the state
    /// folder, before it was taken back, must not stop this one.
    pub fn unknown(&mut self, place: Place, text: impl Into<String>, hint: impl Into<String>) {
        match self.fragments.get(place.fragment).map(|fragment| fragment.origin) {
            Some(Origin::State) => {
                self.warn(place, format!("{} (ignored: a later version may have written it)", text.into()));
            }
            Some(Origin::Operator | Origin::Asked) | None => self.mistake(place, text, hint),
        }
    }

    pub fn warn(&mut self, place: Place, text: impl Into<String>) {
        let text = format!("{}: {}", self.told(place), text.into());
        self.warnings.push(text);
    }

    /// `file:line:col`.
    fn told(&self, place: Place) -> String {
        self.fragments.get(place.fragment).map_or_else(String::new, |fragment| {
            let (line, column) = line_and_column(&fragment.text, place.offset);
            format!("{}:{line}:{column}", fragment.path.display())
        })
    }
}

/// Everything written, sorted into the sections that we know.
#[derive(Debug)]
pub struct Document<'a> {
    pub agent: Table<'a>,
    pub queue: Table<'a>,
    pub egress: Table<'a>,
    pub local: Table<'a>,
    pub update: Table<'a>,
    /// `None`: no file has the section, and nothing listens beyond loopback.
    pub remote: Option<Table<'a>>,
    pub integrations: Vec<(&'a str, Table<'a>)>,
    pub destinations: Vec<(&'a str, Table<'a>)>,
}

/// One fragment's tables; `None`, with the first mistake told, where it is not TOML.
pub fn parse<'a>(index: usize, findings: &mut Findings<'a>) -> Option<DeTable<'a>> {
    let fragment = findings.fragments.get(index)?;
    match DeTable::parse(&fragment.text) {
        Ok(table) => Some(table.into_inner()),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            let sentence = format!("this is not TOML: {}", error.message());
            findings.mistake(Place { fragment: index, offset }, sentence, "the rest of this file is read once it is");
            if let Some(mistake) = findings.mistakes.last_mut() {
                mistake.kind = MistakeKind::Syntax;
            }
            None
        }
    }
}

impl<'a> Document<'a> {
    /// Sorts what the fragments hold; `None` stands for one that is not TOML.
    pub fn gather(parsed: &'a [Option<DeTable<'a>>], findings: &mut Findings<'_>) -> Document<'a> {
        let mut document = Document {
            agent: empty(&AGENT),
            queue: empty(&QUEUE),
            egress: empty(&EGRESS),
            local: empty(&LOCAL),
            update: empty(&UPDATE),
            remote: None,
            integrations: Vec::new(),
            destinations: Vec::new(),
        };
        for (fragment, table) in parsed.iter().enumerate() {
            for (key, value) in table.iter().flatten() {
                let entry = Entry { place: Place { fragment, offset: key.span().start }, value };
                document.sort_in(key.get_ref(), entry, findings);
            }
        }
        document
    }

    fn sort_in(&mut self, name: &'a str, entry: Entry<'a>, findings: &mut Findings<'_>) {
        match name {
            "agent" => merge(&mut self.agent, entry, findings),
            "queue" => merge(&mut self.queue, entry, findings),
            "egress" => merge(&mut self.egress, entry, findings),
            "local" => merge(&mut self.local, entry, findings),
            "update" => merge(&mut self.update, entry, findings),
            "integrations" => name_each(&mut self.integrations, name, &INTEGRATION, entry, findings),
            "destinations" => name_each(&mut self.destinations, name, &DESTINATION, entry, findings),
            "remote" => merge(self.remote.get_or_insert_with(|| empty(&REMOTE)), entry, findings),
            _ => {
                let known = ["agent", "queue", "egress", "local", "remote", "update", "integrations", "destinations"];
                let hint = match nearest(name, known) {
                    Some(meant) => format!("did you mean [{meant}]?"),
                    None => elsewhere(name).unwrap_or_else(|| {
                        "the sections are [agent], [queue], [egress], [local], [remote], [update], [integrations.NAME] and [destinations.NAME]"
                            .into()
                    }),
                };
                findings.unknown(entry.place, format!("there is no section {}", quoted(name)), hint);
            }
        }
    }
}

/// Where a key belongs that stands in the wrong table.
pub fn elsewhere(name: &str) -> Option<String> {
    let section = super::sections::SECTIONS.iter().find(|section| section.key(name).is_some())?;
    Some(format!("it belongs in {}", section.heading()))
}

/// A key for a sentence. A long or odd one is not repeated: it may be a secret that slipped.
pub fn quoted(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if key.len() <= 24 && key.chars().all(plain) { format!("{key:?}") } else { "of this name".into() }
}

fn empty(section: &'static Section) -> Table<'static> {
    let place = Place { fragment: 0, offset: 0 };
    Table { title: format!("[{}]", section.path), section, place, entries: BTreeMap::new() }
}

/// The table behind an entry, under its title.
pub fn table<'a>(
    title: String,
    section: &'static Section,
    entry: Entry<'a>,
    findings: &mut Findings<'_>,
) -> Option<Table<'a>> {
    let DeValue::Table(inner) = entry.value.get_ref() else {
        let hint = format!("begin it with a line {title}");
        findings.mistake(entry.place, format!("{title} must be a table"), hint);
        return None;
    };
    let fragment = entry.place.fragment;
    let entries = inner
        .iter()
        .map(|(key, value)| {
            (key.get_ref().as_ref(), Entry { place: Place { fragment, offset: key.span().start }, value })
        })
        .collect();
    Some(Table { title, section, place: entry.place, entries })
}

/// Adds one file's part of a section that stands once.
fn merge<'a>(whole: &mut Table<'a>, entry: Entry<'a>, findings: &mut Findings<'_>) {
    let Some(part) = table(whole.title.clone(), whole.section, entry, findings) else { return };
    for (name, entry) in part.entries {
        match whole.entries.get(name) {
            Some(first) => {
                let first = findings.told(first.place);
                findings.mistake(
                    entry.place,
                    format!("{} of {} is set twice, first at {first}", quoted(name), whole.title),
                    "take one of them out",
                );
            }
            None => {
                whole.entries.insert(name, entry);
            }
        }
    }
}

/// Adds one file's integrations or destinations.
fn name_each<'a>(
    all: &mut Vec<(&'a str, Table<'a>)>,
    kind: &str,
    section: &'static Section,
    entry: Entry<'a>,
    findings: &mut Findings<'_>,
) {
    let DeValue::Table(inner) = entry.value.get_ref() else {
        let hint = format!("write [{}]", section.path);
        return findings.mistake(entry.place, format!("{kind} must be tables, each with a name"), hint);
    };
    for (key, value) in inner {
        let name: &str = key.get_ref();
        let entry = Entry { place: Place { fragment: entry.place.fragment, offset: key.span().start }, value };
        if let Some((_, first)) = all.iter().find(|(known, _)| *known == name) {
            let first = findings.told(first.place);
            findings.mistake(
                entry.place,
                format!("[{kind}.{}] is defined twice, first at {first}", shown(name)),
                "names are unique across all files: take one out, or give it another name",
            );
        }
        // The second one is read too: its own mistakes are told at once.
        if let Some(found) = table(format!("[{kind}.{}]", shown(name)), section, entry, findings) {
            all.push((name, found));
        }
    }
}

/// A name for a title; one that can't be a name is not repeated.
fn shown(name: &str) -> &str {
    if name.parse::<crate::values::Name>().is_ok() { name } else { "NAME" }
}
