//! Octet counting (RFC 5425 section 4.3): `MSG-LEN SP SYSLOG-MSG`, again and again.
//!
//! Promise: strict and total. Any bytes, cut anywhere, give messages or one [`FramingError`]; never a panic.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

/// Takes bytes as they come and gives messages.
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    largest: usize,
}

/// Why a stream can't be read any further: where a message ends is not known any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// Something other than a digit where a length must stand.
    NotADigit(u8),
    /// A length begins with 0: RFC 5425 wants a non-zero digit first.
    LeadingZero,
    /// The length is larger than the receiver takes.
    TooLong,
    /// The stream ended with a piece of a frame, of so many bytes.
    Unfinished(usize),
}

impl Frames {
    /// A parser that takes messages up to `largest` bytes.
    pub fn new(largest: usize) -> Frames {
        Frames { buffer: BytesMut::new(), largest }
    }

    /// More bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `None`: more bytes are needed.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, FramingError> {
        let mut length: usize = 0;
        for (place, &byte) in self.buffer.iter().enumerate() {
            match byte {
                b'0' if place == 0 => return Err(FramingError::LeadingZero),
                b'0'..=b'9' => {
                    length = length.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
                    if length > self.largest {
                        return Err(FramingError::TooLong);
                    }
                }
                b' ' if place > 0 => {
                    if self.buffer.len() < place + 1 + length {
                        return Ok(None);
                    }
                    self.buffer.advance(place + 1);
                    return Ok(Some(self.buffer.split_to(length).freeze()));
                }
                other => return Err(FramingError::NotADigit(other)),
            }
        }
        Ok(None)
    }

    /// The stream is over: nothing may be left.
    pub fn finish(&self) -> Result<(), FramingError> {
        if self.buffer.is_empty() { Ok(()) } else { Err(FramingError::Unfinished(self.buffer.len())) }
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FramingError::NotADigit(byte) => write!(f, "byte {byte:#04x} stands where a message length must"),
            FramingError::LeadingZero => f.write_str("a message length begins with 0"),
            FramingError::TooLong => f.write_str("a message is longer than this receiver takes"),
            FramingError::Unfinished(bytes) => write!(f, "the stream ended {bytes} bytes into a frame"),
        }
    }
}

impl std::error::Error for FramingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frames: &mut Frames) -> Vec<String> {
        let mut messages = Vec::new();
        while let Some(message) = frames.next_message().expect("well framed") {
            messages.push(String::from_utf8(message.to_vec()).expect("text"));
        }
        messages
    }

    #[test]
    fn messages_come_out_whole_wherever_the_stream_is_cut() {
        let stream = b"5 a\nb 33 12 10 <13>1 - - ";
        for cut in 0..stream.len() {
            let mut frames = Frames::new(100);
            frames.push(&stream[..cut]);
            let mut messages = read(&mut frames);
            frames.push(&stream[cut..]);
            messages.extend(read(&mut frames));
            assert_eq!(messages, ["a\nb 3", "12 ", "<13>1 - - "], "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_a_length_ends_the_stream() {
        for (stream, error) in [
            (&b"<13>1 "[..], FramingError::NotADigit(b'<')),
            (b"05 hello", FramingError::LeadingZero),
            (b" 5 hello", FramingError::NotADigit(b' ')),
            (b"101 ", FramingError::TooLong),
            (b"99999999999999999999999999", FramingError::TooLong),
            (b"3\nabc", FramingError::NotADigit(b'\n')),
        ] {
            let mut frames = Frames::new(100);
            frames.push(stream);
            assert_eq!(frames.next_message(), Err(error));
        }
    }

    #[test]
    fn an_end_inside_a_frame_is_told() {
        let mut frames = Frames::new(100);
        frames.push(b"5 hel");
        assert_eq!(frames.next_message(), Ok(None));
        assert_eq!(frames.finish(), Err(FramingError::Unfinished(5)));
    }
}
