//! Takes typed values out of one table, by the words of its section.
//!
//! Promise: every mistake of the table is told, each at its own place; what was not written has the table's default.

use std::borrow::Cow;
use std::time::Duration;

use toml::de::DeValue;

use super::document::{Entry, Findings, Place, Table, elsewhere, quoted, table};
use super::grammar::{Read, Wrong, said};
use super::keys::{Fallback, Key, Kind, LONGEST, Section};
use super::spelling::nearest;
use crate::values::{ByteSize, parse_duration};

/// One table being read.
#[derive(Debug)]
pub struct TableReader<'a, 'f, 'd> {
    table: Table<'a>,
    pub findings: &'f mut Findings<'d>,
}

impl<'a, 'f, 'd> TableReader<'a, 'f, 'd> {
    /// Begins with the complaint about keys that the section does not know.
    pub fn new(table: Table<'a>, findings: &'f mut Findings<'d>) -> TableReader<'a, 'f, 'd> {
        for (name, entry) in &table.entries {
            if table.section.key(name).is_none() {
                let hint = match nearest(name, table.section.keys.iter().map(|key| key.name)) {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => elsewhere(name).unwrap_or_else(|| keys_of(table.section)),
                };
                findings.unknown(entry.place, format!("{} has no key {}", table.title, quoted(name)), hint);
            }
        }
        TableReader { table, findings }
    }

    /// Was it written?
    pub fn has(&self, name: &str) -> bool {
        self.table.entries.contains_key(name)
    }

    /// Where a key stands, else where its table does.
    pub fn place(&self, name: &str) -> Place {
        self.table.entries.get(name).map_or(self.table.place, |entry| value_place(entry))
    }

    /// A mistake at that key, in a sentence that follows its name.
    pub fn wrong(&mut self, name: &str, sentence: &str, hint: &str) {
        let place = self.place(name);
        self.findings.mistake(place, format!("{name} {sentence}"), hint);
    }

    /// A warning at that key, in a sentence that follows its name.
    pub fn warn(&mut self, name: &str, sentence: &str) {
        let place = self.place(name);
        self.findings.warn(place, format!("{name} of {} {sentence}", self.table.title));
    }

    /// The value, or its default; `None` where there is neither, and where it was wrong.
    pub fn take<T>(&mut self, name: &str, read: impl FnOnce(&DeValue<'_>, &Kind) -> Read<T>) -> Option<T> {
        let (key, place, value) = self.given(name)?;
        read(&value, &key.kind).map_err(|wrong| self.tell(key, place, wrong)).ok()
    }

    /// The items of a list, each of which may be wrong by itself.
    pub fn take_list<T>(&mut self, name: &str, read: impl Fn(&str) -> Read<T>) -> Option<Vec<T>> {
        let (key, place, value) = self.given(name)?;
        let DeValue::Array(items) = value.as_ref() else {
            self.tell(key, place, Wrong::Form);
            return None;
        };
        let mut taken = Vec::with_capacity(items.len());
        let mut sound = true;
        for item in items {
            match text(item.get_ref()).and_then(&read) {
                Ok(item) => taken.push(item),
                Err(wrong) => {
                    let offset = if self.has(name) { item.span().start } else { place.offset };
                    self.tell(key, Place { offset, ..place }, wrong);
                    sound = false;
                }
            }
        }
        sound.then_some(taken)
    }

    /// A table below this one, under its own title; `None` where it is not written or no table.
    pub fn take_table(&mut self, name: &str, section: &'static Section) -> Option<Table<'a>> {
        let entry = *self.table.entries.get(name)?;
        let title = self.table.title.replace(']', &format!(".{name}]"));
        table(title, section, entry, self.findings)
    }

    /// The entries of a table whose keys are free, with the place of each.
    pub fn take_entries(&mut self, name: &str) -> Option<Vec<(&'a str, Entry<'a>)>> {
        let section = self.table.section;
        self.take_table(name, section).map(|table| table.entries.into_iter().collect())
    }

    pub fn text<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Read<T>) -> Option<T> {
        self.take(name, |value, _| text(value).and_then(read))
    }

    /// Printable ASCII without blanks.
    pub fn word(&mut self, name: &str) -> Option<String> {
        self.take(name, |value, kind| match (text(value)?, kind) {
            (word, Kind::Word { max }) if is_word(word, *max) => Ok(word.to_owned()),
            _ => Err(Wrong::Form),
        })
    }

    pub fn line(&mut self, name: &str) -> Option<String> {
        self.take(name, |value, kind| match (text(value)?, kind) {
            (line, Kind::Line { max }) if line.chars().count() <= *max && !line.contains(char::is_control) => {
                Ok(line.to_owned())
            }
            _ => Err(Wrong::Form),
        })
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, |value, _| value.as_bool().ok_or(Wrong::Form))
    }

    pub fn count(&mut self, name: &str) -> Option<u64> {
        self.take(name, |value, kind| match (whole(value), kind) {
            (Some(count), Kind::Count { min, max }) if (*min..=*max).contains(&count) => Ok(count),
            _ => Err(Wrong::Form),
        })
    }

    /// A size; plain bytes may stand without quotes.
    pub fn size(&mut self, name: &str) -> Option<ByteSize> {
        self.take(name, |value, kind| {
            let size = match whole(value) {
                Some(bytes) => ByteSize(bytes),
                None => text(value)?.parse().map_err(|_| Wrong::Form)?,
            };
            match kind {
                Kind::Size { min, max } if (*min..=*max).contains(&size) => Ok(size),
                _ => Err(Wrong::Form),
            }
        })
    }

    pub fn duration(&mut self, name: &str) -> Option<Duration> {
        self.take(name, |value, kind| match kind {
            Kind::Duration { min } => duration(value, *min),
            _ => Err(Wrong::Form),
        })
    }

    /// The word of a closed list.
    pub fn choice(&mut self, name: &str) -> Option<&'static str> {
        self.take(name, |value, kind| match kind {
            Kind::Choice { now, later, says } => choose(text(value)?, now, later, says, &kind.expected()),
            _ => Err(Wrong::Form),
        })
    }

    fn given(&mut self, name: &str) -> Option<(&'static Key, Place, Cow<'a, DeValue<'a>>)> {
        let key = self.table.section.key(name)?;
        if let Some(entry) = self.table.entries.get(name) {
            return Some((key, value_place(entry), Cow::Borrowed(entry.value.get_ref())));
        }
        match key.default {
            Fallback::Value(literal) => {
                let value = DeValue::parse(literal).ok()?.into_inner();
                Some((key, self.table.place, Cow::Owned(value)))
            }
            Fallback::Required => {
                let hint = format!("write {} = {}", key.name, key.example);
                self.findings.mistake(self.table.place, format!("{} needs {}", self.table.title, key.name), hint);
                None
            }
            Fallback::Nothing | Fallback::Told(_) => None,
        }
    }

    /// Tells what is wrong with the value of that key.
    pub fn tell(&mut self, key: &Key, place: Place, wrong: Wrong) {
        let (sentence, hint) = match wrong {
            Wrong::Form => {
                (format!("must be {}", key.kind.expected()), format!("as in {} = {}", key.name, key.example))
            }
            Wrong::Said(sentence, hint) => (sentence, hint),
        };
        self.findings.mistake(place, format!("{} {sentence}", key.name), hint);
    }

    /// The section's key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.table.section.key(name)
    }
}

/// Where a value begins.
pub fn value_place(entry: &Entry<'_>) -> Place {
    // An empty span is that of a table made by a dotted key or a header: its key says more.
    let offset = entry.value.span().start.max(entry.place.offset);
    Place { offset, ..entry.place }
}

/// The text of a string value.
pub fn text<'v>(value: &'v DeValue<'_>) -> Read<&'v str> {
    value.as_str().ok_or(Wrong::Form)
}

/// A duration within the settings' bounds.
pub fn duration(value: &DeValue<'_>, min: Duration) -> Read<Duration> {
    match parse_duration(text(value)?) {
        Ok(duration) if (min..=LONGEST).contains(&duration) => Ok(duration),
        _ => Err(Wrong::Form),
    }
}

/// Finds a word in its list, and says so where it is one for later or nearly one.
fn choose(
    word: &str,
    now: &'static [&'static str],
    later: &'static [&'static str],
    says: &str,
    expected: &str,
) -> Read<&'static str> {
    if let Some(found) = now.iter().find(|known| **known == word) {
        return Ok(found);
    }
    match nearest(word, now.iter().chain(later).copied()) {
        Some(meant) if later.contains(&meant) => {
            said(format!("can't be {meant:?} yet: {says}"), format!("it must be {expected}"))
        }
        Some(meant) => said(format!("must be {expected}"), format!("did you mean {meant:?}?")),
        None if later.contains(&word) => {
            said(format!("can't be {word:?} yet: {says}"), format!("it must be {expected}"))
        }
        None => Err(Wrong::Form),
    }
}

pub fn is_word(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn keys_of(section: &Section) -> String {
    let names: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
    format!("its keys are {}", names.join(", "))
}
