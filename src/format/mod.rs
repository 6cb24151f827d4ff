//! How an event looks to those who receive it. Pure: bytes in, bytes out, no I/O and no clock.
//!
//! Promise: whatever an event holds, the message is well formed and the event comes back whole from it.

pub mod json;
pub mod rfc5424;
pub mod time;

use std::io::{self, Write};

use crate::event::Stored;

/// The schema that a message's text is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The documented envelope, `raw` and all: [`json`].
    #[default]
    Json,
}

impl Shape {
    /// By its word in the settings.
    pub fn from_word(word: &str) -> Option<Shape> {
        match word {
            "json" => Some(Shape::Json),
            _ => None,
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
        match self.shape {
            Shape::Json => json::write_marked(w, stored, self.replayed),
        }
    }
}
