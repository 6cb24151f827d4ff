//! How an event looks to those who receive it. Pure: bytes in, bytes out, no I/O and no clock.
//!
//! ```text
//!   event ── particulars (what the vendor's JSON tells) ──► json · ocsf · ecs · cef · leef    what is said
//!                                                               └─► rfc5424 · rfc3164         how a line of syslog says it
//! ```
//!
//! Promise: whatever an event holds, the message is well formed and carries the event's id; what does not fit its
//! receiver is [`shortening`]'s matter, and seen. The schemas are told field by field in `docs/formats.md`.

pub mod cef;
pub mod ecs;
pub mod json;
pub mod leef;
mod object;
pub mod ocsf;
mod pairs;
pub mod particulars;
pub mod rfc3164;
pub mod rfc5424;
pub mod severity;
pub mod shortening;
pub mod time;

use std::io::{self, Write};

use self::ocsf::Class;
use self::severity::{Scale, Severities};
use self::shortening::Extent;
use crate::event::Stored;

/// The schema that a message's text is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The documented envelope, `raw` and all: [`json`].
    #[default]
    Json,
    /// Common Event Format, version 0: [`cef`].
    Cef(Severities),
    /// Log Event Extended Format 2.0: [`leef`].
    Leef(Severities),
    /// Open Cybersecurity Schema Framework 1.6.0: [`ocsf`].
    Ocsf { severities: Severities, threats: Class },
    /// Elastic Common Schema 8.17: [`ecs`].
    Ecs(Severities),
}

impl Shape {
    /// The word in the settings.
    pub fn as_str(&self) -> &'static str {
        match self {
            Shape::Json => "json",
            Shape::Cef(_) => "cef",
            Shape::Leef(_) => "leef",
            Shape::Ocsf { .. } => "ocsf",
            Shape::Ecs(_) => "ecs",
        }
    }

    /// By its word in the settings.
    pub fn from_word(word: &str) -> Option<Shape> {
        match word {
            "json" => Some(Shape::Json),
            "cef" => Some(Shape::Cef(Severities::CEF)),
            "leef" => Some(Shape::Leef(Severities::LEEF)),
            "ocsf" => Some(Shape::Ocsf { severities: Severities::OCSF, threats: Class::DetectionFinding }),
            "ecs" => Some(Shape::Ecs(Severities::ECS)),
            _ => None,
        }
    }

    /// Is each event one JSON object? The others are lines of text.
    pub fn is_json(self) -> bool {
        match self {
            Shape::Json | Shape::Ocsf { .. } | Shape::Ecs(_) => true,
            Shape::Cef(_) | Shape::Leef(_) => false,
        }
    }

    /// Sets the class of a threat's messages by its word in the settings; `false`: this schema has no classes.
    pub fn set_class(&mut self, word: &str) -> bool {
        match self {
            Shape::Ocsf { threats, .. } => Class::from_word(word).map(|class| *threats = class).is_some(),
            Shape::Json | Shape::Cef(_) | Shape::Leef(_) | Shape::Ecs(_) => false,
        }
    }

    /// Its numbers for our severities, to be changed, and what they may be; `None`: it says the word instead.
    pub fn severities(&mut self) -> Option<(&mut Severities, Scale)> {
        match self {
            Shape::Json => None,
            Shape::Cef(table) => Some((table, Severities::CEF_SCALE)),
            Shape::Leef(table) => Some((table, Severities::LEEF_SCALE)),
            Shape::Ocsf { severities, .. } => Some((severities, Severities::OCSF_SCALE)),
            Shape::Ecs(table) => Some((table, Severities::ECS_SCALE)),
        }
    }
}

/// An event as text, as one destination wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub shape: Shape,
    /// Each event is marked as one that this receiver was handed before.
    pub replayed: bool,
}

impl Body {
    /// Appends the text, without a line end.
    ///
    /// # Errors
    /// Those of the writer; a `Vec` has none.
    pub fn write<W: Write>(&self, w: &mut W, stored: &Stored) -> io::Result<()> {
        self.write_extent(w, stored, Extent::Whole)
    }

    fn write_extent<W: Write>(&self, w: &mut W, stored: &Stored, extent: Extent) -> io::Result<()> {
        match &self.shape {
            Shape::Json => json::write_extent(w, stored, self.replayed, extent),
            Shape::Cef(severities) => cef::write(w, stored, severities, self.replayed, extent),
            Shape::Leef(severities) => leef::write(w, stored, severities, self.replayed, extent),
            Shape::Ocsf { severities, threats } => ocsf::write(w, stored, severities, *threats, self.replayed, extent),
            Shape::Ecs(severities) => ecs::write(w, stored, severities, self.replayed, extent),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
