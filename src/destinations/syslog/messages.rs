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
