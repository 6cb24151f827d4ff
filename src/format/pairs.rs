//! What CEF and LEEF share: an event as a flat list of keys and values, without the vendor's JSON.
//!
//! Both are lines of bounded values. Promise: a value is cut visibly at its key's length, and [`picture`] leaves no
//! control character in it.

use std::borrow::Cow;

use super::particulars::{Matter, Particulars, Text};
use super::shortening::{Extent, clipped};
use crate::event::Event;

/// Characters of a value: what ArcSight's dictionary allows most texts.
pub const VALUE: usize = 1023;
/// Characters of a custom string (`cs1` to `cs6`).
pub const CUSTOM: usize = 4000;

/// Keys and values in the order in which they are written.
#[derive(Debug)]
pub struct Pairs {
    pub list: Vec<(&'static str, String)>,
    extent: Extent,
}

impl Pairs {
    pub fn new(extent: Extent) -> Pairs {
        Pairs { list: Vec::new(), extent }
    }

    /// A value of ours; an empty one is not written.
    pub fn own(&mut self, key: &'static str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.list.push((key, value));
        }
    }

    /// A text of the event's own: id, summary and the like.
    pub fn always(&mut self, key: &'static str, text: &str, most: usize) {
        self.own(key, clipped(text, most));
    }

    /// A text read from the event's JSON, where there is one.
    pub fn told(&mut self, key: &'static str, text: &Option<Text<'_>>, most: usize) {
        if let Some(kept) = text.as_deref().and_then(|text| self.extent.field(text)) {
            self.always(key, &kept, most);
        }
    }

    /// The texts of a list behind each other.
    pub fn list(&mut self, key: &'static str, texts: &[Text<'_>], between: &str, most: usize) {
        let kept = texts.iter().take(self.extent.entries()).filter_map(|text| self.extent.field(text));
        let all: Vec<Cow<'_, str>> = kept.collect();
        self.always(key, &all.join(between), most);
    }

    /// A custom field with the label that says what it holds.
    pub fn labelled(
        &mut self,
        key: &'static str,
        label_key: &'static str,
        label: &'static str,
        text: &Option<Text<'_>>,
    ) {
        let before = self.list.len();
        self.told(key, text, CUSTOM);
        if self.list.len() > before {
            self.own(label_key, label);
        }
    }
}

/// What an event is, in a few words that don't change from one to the next of its sort.
pub fn name(event: &Event, told: &Particulars<'_>) -> String {
    let words: &str = match told.matter {
        Matter::Threat => told.attack_type.as_deref().unwrap_or("Threat"),
        Matter::ThreatParts => "Parts of a threat",
        Matter::Case => told.attack_type.as_deref().unwrap_or("Account takeover case"),
        Matter::Campaign => "Reported mail",
        Matter::NotAnalyzed => "Reported mail not analyzed",
        Matter::VendorCase => "Vendor case",
        Matter::Audit => told.action.as_deref().unwrap_or("Audit"),
        Matter::Other => &event.kind,
    };
    clipped(if words.is_empty() { "event" } else { words }, 128).chars().map(picture).collect()
}

/// The event's JSON, where nothing else tells what is in it.
pub fn raw(event: &Event, told: &Particulars<'_>) -> Option<Text<'static>> {
    (told.matter == Matter::Other && !event.raw.is_empty())
        .then(|| Cow::Owned(clipped(&event.raw, CUSTOM).into_owned()))
}

/// A character, or in place of a control character the picture that Unicode has for it (U+2400 and following).
pub fn picture(c: char) -> char {
    match c {
        '\u{7f}' => '\u{2421}',
        c if u32::from(c) < 0x20 => char::from_u32(0x2400 + u32::from(c)).unwrap_or(' '),
        // Line ends of Unicode, at which some receivers break lines.
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\u{2424}',
        c => c,
    }
}
