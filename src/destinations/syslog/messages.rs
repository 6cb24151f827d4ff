//! The messages of a syslog destination, by the standard that its receiver knows. Pure.
//!
//! Promise: the engine's other side sees frames alone; which standard they follow is decided here.

use ::syslog::Facility;

use super::Settings;
use crate::event::Stored;
use crate::format::Shape;
use crate::format::rfc3164::Rfc3164;
use crate::format::rfc5424::Rfc5424;

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

/// What makes the messages of one destination.
#[derive(Clone, Debug)]
pub(super) enum Messages {
    Rfc5424(Rfc5424),
    Rfc3164(Rfc3164),
}

impl Messages {
    pub(super) fn new(settings: &Settings, facility: Facility, shape: Shape, hostname: &str) -> Messages {
        let (app_name, largest) = (settings.app_name.as_str(), settings.max_message_size);
        match settings.standard {
            Standard::Rfc5424 => {
                let made = Rfc5424::new(facility, hostname, app_name, settings.enterprise_number);
                Messages::Rfc5424(made.shaped(shape).at_most(largest))
            }
            Standard::Rfc3164 => {
                Messages::Rfc3164(Rfc3164::new(facility, hostname, app_name).shaped(shape).at_most(largest))
            }
        }
    }

    /// The same for events of a replay.
    pub(super) fn replaying(self) -> Messages {
        match self {
            Messages::Rfc5424(made) => Messages::Rfc5424(made.replaying()),
            Messages::Rfc3164(made) => Messages::Rfc3164(made.replaying()),
        }
    }

    /// Appends one octet-counted frame. Returns whether the event was whole.
    pub(super) fn frame(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, ::syslog::Error> {
        match self {
            Messages::Rfc5424(made) => made.frame(out, stored),
            Messages::Rfc3164(made) => Ok(made.frame(out, stored)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rfc5424::{facility, tests::sample};

    #[test]
    fn a_destination_is_handed_the_standard_the_schema_and_the_mark_that_are_set() {
        let made = |standard, replayed: bool| {
            let settings = Settings {
                standard,
                facility: "local0".to_owned(),
                app_name: "conductor".to_owned(),
                enterprise_number: 32473,
                window: 64 * 1024,
                max_message_size: 2048,
            };
            let shape = Shape::from_word("cef").expect("a format");
            let messages = Messages::new(&settings, facility("local0").expect("a keyword"), shape, "box");
            let messages = if replayed { messages.replaying() } else { messages };
            let (mut long, mut out) = (sample(), Vec::new());
            assert!(messages.frame(&mut out, &long).expect("a Vec"));
            long.event.summary = "ü".repeat(1000).into();
            assert!(!messages.frame(&mut Vec::new(), &long).expect("a Vec"), "its limit is the one that is set");
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
