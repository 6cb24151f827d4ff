//! An event that is longer than its receiver takes, told visibly short. Pure.
//!
//! First what the vendor sent byte for byte (`raw`) loses its end, then the fields read from it go, and last the
//! event's own texts lose their ends: no connector writes such texts, but a line of an import may hold anything.
//! Promise: the text stays well formed in its schema and says that it is short; it is no longer than asked for (from
//! 2 KiB up), so one long event stops no feed. The whole stays in the queue.

use std::borrow::Cow;
use std::io;

use bytestring::ByteString;

use super::Body;
use super::particulars::Particulars;
use crate::event::{Event, Stored};

/// How much of an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// Of `raw` a beginning alone, that takes so many bytes as it is written; of a field read from it, [`FIELD`].
    Cut {
        raw: usize,
    },
    /// The same without any field read from it.
    Bare {
        raw: usize,
    },
}

/// Characters of a field, where an event is cut.
pub const FIELD: usize = 128;
/// Entries of a list, where an event is cut.
pub const ENTRIES: usize = 4;
/// Bytes of the member around `raw`'s beginning, which an object that has nothing to put there leaves out.
const MEMBER: usize = 16;
/// Characters of the event's own texts, tried one after the other where nothing else helps.
const TEXTS: [usize; 4] = [256, 64, 16, 0];

impl Extent {
    /// What is left of a field read from `raw`; `None`: it is not written.
    pub fn field(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Extent::Whole => Some(Cow::Borrowed(text)),
            Extent::Cut { .. } => Some(clipped(text, FIELD)),
            Extent::Bare { .. } => None,
        }
    }

    /// How many entries of a list read from `raw` are written.
    pub fn entries(self) -> usize {
        match self {
            Extent::Whole => usize::MAX,
            Extent::Cut { .. } => ENTRIES,
            Extent::Bare { .. } => 0,
        }
    }

    /// What is read from an event's `raw`.
    pub fn particulars(self, event: &Event) -> Particulars<'_> {
        match self {
            Extent::Whole | Extent::Cut { .. } => Particulars::read(&event.kind, &event.raw),
            Extent::Bare { .. } => Particulars::bare(&event.kind),
        }
    }

    pub fn is_whole(self) -> bool {
        self == Extent::Whole
    }

    /// What is left of `raw` where it is written as a JSON string.
    pub fn raw(self, raw: &str) -> &str {
        match self {
            Extent::Whole => raw,
            Extent::Cut { raw: room } | Extent::Bare { raw: room } => beginning(raw, room),
        }
    }
}

/// The text, or its first characters and three dots in place of the rest.
pub fn clipped(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept = text.char_indices().nth(most.saturating_sub(3)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}...", &text[..kept]))
        }
    }
}

/// As much of a text's beginning as takes `room` bytes in a JSON string, at the most.
pub fn beginning(text: &str, room: usize) -> &str {
    let mut taken = 0;
    // What escaping makes of a character: at most six bytes, `\u001f`.
    let cost = |c: char| match c {
        '"' | '\\' => 2,
        c if u32::from(c) < 0x20 || c == '\u{7f}' => 6,
        c => c.len_utf8(),
    };
    let fits = |(_, c): &(usize, char)| {
        taken += cost(*c);
        taken <= room
    };
    text.char_indices().take_while(fits).last().map_or("", |(at, c)| &text[..at + c.len_utf8()])
}

impl Body {
    /// Appends the text in `most` bytes, shortened if need be. Returns whether it is whole.
    ///
    /// # Errors
    /// None in practice: writing to a `Vec` does not fail.
    pub fn write_within(&self, out: &mut Vec<u8>, stored: &Stored, most: usize) -> io::Result<bool> {
        let start = out.len();
        self.write_extent(out, stored, Extent::Whole)?;
        if out.len() - start <= most {
            return Ok(true);
        }
        out.truncate(start);
        self.write_short(out, stored, most)?;
        Ok(false)
    }

    fn write_short(&self, out: &mut Vec<u8>, stored: &Stored, most: usize) -> io::Result<()> {
        let start = out.len();
        for kind in [|raw| Extent::Cut { raw }, |raw| Extent::Bare { raw }] {
            self.write_extent(out, stored, kind(0))?;
            let least = out.len() - start;
            out.truncate(start);
            if least <= most {
                return self.write_extent(out, stored, kind((most - least).saturating_sub(MEMBER)));
            }
        }
        for most_characters in TEXTS {
            out.truncate(start);
            self.write_extent(out, &with_short_texts(stored, most_characters), Extent::Bare { raw: 0 })?;
            if out.len() - start <= most {
                break;
            }
        }
        Ok(())
    }

    /// Appends a header and the text behind it, both in `most` bytes. Returns whether they are whole.
    ///
    /// # Errors
    /// As of [`Body::write_within`].
    pub(super) fn write_behind(
        &self,
        out: &mut Vec<u8>,
        stored: &Stored,
        most: usize,
        header: impl Fn(&mut Vec<u8>, &Stored) -> io::Result<()>,
    ) -> io::Result<bool> {
        let start = out.len();
        header(out, stored)?;
        let mut left = (most + start).saturating_sub(out.len());
        if left >= most / 2 {
            return self.write_within(out, stored, left);
        }
        // The header's own texts, the id above all, would leave too little room for the rest.
        let mut short = stored.clone();
        for most_characters in TEXTS {
            out.truncate(start);
            short = with_short_texts(stored, most_characters);
            header(out, &short)?;
            left = (most + start).saturating_sub(out.len());
            if left >= most / 2 {
                break;
            }
        }
        self.write_short(out, &short, left)?;
        Ok(false)
    }
}

/// The event with its own texts clipped; `raw` stays.
fn with_short_texts(stored: &Stored, most: usize) -> Stored {
    let mut short = stored.clone();
    let event = &mut short.event;
    for text in [&mut event.id, &mut event.integration, &mut event.stream, &mut event.kind, &mut event.summary] {
        let kept: String = text.chars().take(most).collect();
        *text = ByteString::from(kept);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_never_takes_more_than_its_room_however_it_is_escaped() {
        let text = "a\"\\\n\u{1}\u{7f}ü\u{1F4A3}z".repeat(3);
        for room in 0..100 {
            let kept = beginning(&text, room);
            let json = serde_json::to_string(kept).expect("a string");
            assert!(json.len() - 2 <= room && text.starts_with(kept), "{room}: {json}");
        }
        assert_eq!(beginning(&text, 10_000), text);
    }

    #[test]
    fn a_clipped_text_says_so_and_one_that_fits_stays() {
        assert_eq!(clipped("abcdef", 6), "abcdef");
        assert_eq!(clipped("abcdefg", 6), "abc...");
        assert_eq!(clipped("üüüüüüü", 6), "üüü...");
    }
}
