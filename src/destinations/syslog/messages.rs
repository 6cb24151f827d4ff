//! How the messages of one destination are made: their layout, and what tells one from the next.
//!
//! Promise: whatever an event holds, its message is one message to the receiver.

use super::{Fault, FaultKind, Settings};
use crate::event::Stored;
use crate::format::Shape;
use crate::format::rfc3164::Rfc3164;
use crate::format::rfc5424::{self, Rfc5424};

/// How a message is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standard {
    #[default]
    Rfc5424,
    /// For receivers that know no other.
    Rfc3164,
}

impl Standard {
    /// By its word in the settings.
    pub fn from_word(word: &str) -> Option<Standard> {
        match word {
            "rfc5424" => Some(Standard::Rfc5424),
            "rfc3164" => Some(Standard::Rfc3164),
            _ => None,
        }
    }
}

/// What tells the messages of a stream apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// A count before each (RFC 5425 4.3, RFC 6587 3.4.1).
    #[default]
    OctetCounted,
    /// A line feed behind each (RFC 6587 3.4.2): for receivers that can't count.
    LineFeed,
}

/// The layouts; each writes one message of an event.
#[derive(Clone, Debug)]
enum Layout {
    Rfc5424(Rfc5424),
    Rfc3164(Rfc3164),
}

/// Where a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Counted,
    Line,
    /// With its datagram.
    Datagram,
}

#[derive(Clone, Debug)]
pub(super) struct Messages {
    layout: Layout,
    end: End,
    largest: usize,
}

impl Messages {
    /// Messages of a stream. `agent_name` is their HOSTNAME.
    ///
    /// # Errors
    /// `Misconfigured` for a facility that can't be used.
    pub(super) fn of_a_stream(set: &Settings, shape: Shape, agent_name: &str) -> Result<Messages, Fault> {
        let end = match set.framing {
            Framing::OctetCounted => End::Counted,
            Framing::LineFeed => End::Line,
        };
        Messages::ending(end, set, shape, agent_name)
    }

    /// Messages of one datagram each.
    ///
    /// # Errors
    /// As of [`Messages::of_a_stream`].
    pub(super) fn of_datagrams(set: &Settings, shape: Shape, agent_name: &str) -> Result<Messages, Fault> {
        Messages::ending(End::Datagram, set, shape, agent_name)
    }

    fn ending(end: End, set: &Settings, shape: Shape, agent_name: &str) -> Result<Messages, Fault> {
        let facility = rfc5424::facility(&set.facility).ok_or_else(|| {
            let sentence = format!("facility {:?} is unknown: use such as local0", set.facility);
            Fault::new(FaultKind::Misconfigured, sentence)
        })?;
        let largest = set.max_message_size;
        let layout = match set.standard {
            Standard::Rfc5424 => {
                let layout = Rfc5424::new(facility, agent_name, &set.app_name, set.enterprise_number);
                Layout::Rfc5424(layout.shaped(shape))
            }
            Standard::Rfc3164 => Layout::Rfc3164(Rfc3164::new(facility, agent_name, &set.app_name).shaped(shape)),
        };
        Ok(Messages { layout: layout.at_most(largest), end, largest })
    }

    /// The same for events of a replay, which are marked as such.
    pub(super) fn replaying(self) -> Messages {
        let layout = match self.layout {
            Layout::Rfc5424(layout) => Layout::Rfc5424(layout.replaying()),
            Layout::Rfc3164(layout) => Layout::Rfc3164(layout.replaying()),
        };
        Messages { layout, ..self }
    }

    /// Appends an event's message and whatever ends it. Returns whether the event was told whole.
    ///
    /// # Errors
    /// None in practice: writing to a `Vec` does not fail.
    pub(super) fn write(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, Fault> {
        let written = match self.end {
            End::Counted => self.layout.counted(out, stored),
            End::Line => self.line(out, stored),
            End::Datagram => self.layout.message(out, stored),
        };
        written.map_err(|e| {
            Fault::new(FaultKind::Unreadable, format!("event {} can't be written", stored.seq)).caused_by(e)
        })
    }

    /// Line ends inside become visible, as rsyslog writes them: `#012`, `#015`.
    fn line(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, ::syslog::Error> {
        let mut message = Vec::new();
        let mut whole = self.layout.message(&mut message, stored)?;
        let breaks = message.iter().filter(|byte| is_break(**byte)).count();
        if message.len() + 3 * breaks > self.largest {
            message.clear();
            // Were it of line ends alone, it would still fit.
            whole = self.layout.clone().at_most(self.largest / 4).message(&mut message, stored)?;
        }
        for part in message.split_inclusive(|byte| is_break(*byte)) {
            match part.split_last() {
                Some((b'\n', rest)) => out.extend_from_slice(&[rest, b"#012"].concat()),
                Some((b'\r', rest)) => out.extend_from_slice(&[rest, b"#015"].concat()),
                Some(_) | None => out.extend_from_slice(part),
            }
        }
        out.push(b'\n');
        Ok(whole)
    }
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

impl Layout {
    fn counted(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, ::syslog::Error> {
        match self {
            Layout::Rfc5424(layout) => layout.frame(out, stored),
            Layout::Rfc3164(layout) => Ok(layout.frame(out, stored)?),
        }
    }

    /// The message alone: a counted one without its count.
    fn message(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, ::syslog::Error> {
        match self {
            Layout::Rfc5424(layout) => layout.message(out, stored),
            Layout::Rfc3164(layout) => Ok(layout.message(out, stored)?),
        }
    }

    fn at_most(self, largest: usize) -> Layout {
        match self {
            Layout::Rfc5424(layout) => Layout::Rfc5424(layout.at_most(largest)),
            Layout::Rfc3164(layout) => Layout::Rfc3164(layout.at_most(largest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(framing: Framing) -> Settings {
        Settings {
            standard: Standard::Rfc5424,
            facility: "local0".to_owned(),
            app_name: "conductor".to_owned(),
            enterprise_number: 32473,
            window: 64 * 1024,
            framing,
            max_message_size: 4096,
        }
    }

    fn sample(raw: &str) -> Stored {
        let mut stored = crate::format::rfc5424::tests::sample();
        stored.event.raw = raw.to_owned().into();
        stored
    }

    #[test]
    fn a_line_holds_no_line_end_of_its_event_and_shows_where_they_were() {
        let lines = Messages::of_a_stream(&settings(Framing::LineFeed), Shape::Json, "box").expect("valid");
        let mut out = Vec::new();
        for raw in ["{\n \"a\": 1,\r\n \"b\": 2\n}", "{}"] {
            assert!(lines.write(&mut out, &sample(raw)).expect("written"));
        }
        let text = String::from_utf8(out).expect("UTF-8");
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with('<') && lines[0].contains("{#012 \"a\": 1,#015#012 \"b\": 2#012}"), "{text}");
    }

    #[test]
    fn a_message_of_line_ends_alone_stays_within_the_limit() {
        let lines = Messages::of_a_stream(&settings(Framing::LineFeed), Shape::Json, "box").expect("valid");
        for length in [500, 1000, 3000, 9000] {
            let mut out = Vec::new();
            let raw = format!("{{{}}}", "\n".repeat(length));
            lines.write(&mut out, &sample(&raw)).expect("written");
            assert!(out.len() <= 4096 + 1 && out.iter().filter(|b| is_break(**b)).count() == 1, "{length}");
        }
    }

    #[test]
    fn a_datagram_is_the_message_and_a_counted_one_has_its_count() {
        let counted = Messages::of_a_stream(&settings(Framing::OctetCounted), Shape::Json, "box").expect("valid");
        let bare = Messages::of_datagrams(&settings(Framing::OctetCounted), Shape::Json, "box").expect("valid");
        let (mut one, mut other) = (Vec::new(), b"before".to_vec());
        counted.write(&mut one, &sample("{}")).expect("written");
        bare.write(&mut other, &sample("{}")).expect("written");
        let message = other.strip_prefix(b"before").expect("kept");
        assert_eq!(one, [format!("{} ", message.len()).as_bytes(), message].concat());
    }

    #[test]
    fn a_destination_is_handed_the_standard_the_schema_and_the_mark_that_are_set() {
        let made = |standard, replayed: bool| {
            let settings = Settings { standard, max_message_size: 2048, ..settings(Framing::OctetCounted) };
            let shape = Shape::from_word("cef").expect("a format");
            let messages = Messages::of_a_stream(&settings, shape, "box").expect("valid");
            let messages = if replayed { messages.replaying() } else { messages };
            let (mut long, mut out) = (sample("{}"), Vec::new());
            assert!(messages.write(&mut out, &long).expect("a Vec"));
            long.event.summary = "ü".repeat(1000).into();
            assert!(!messages.write(&mut Vec::new(), &long).expect("a Vec"), "its limit is the one that is set");
            let text = String::from_utf8(out).expect("UTF-8");
            let (_, message) = text.split_once(' ').expect("an octet count");
            (message.to_owned(), message.contains("flexString2=replayed"))
        };
        let (new, marked) = made(Standard::Rfc5424, true);
        assert!(new.starts_with("<131>1 2026-11-20T") && new.contains("] CEF:0|") && marked, "{new}");
        let (old, marked) = made(Standard::Rfc3164, false);
        assert!(old.starts_with("<131>Nov 20 09:08:07 box conductor: CEF:0|") && !marked, "{old}");
        assert!(made(Standard::Rfc3164, true).1);
    }
}
