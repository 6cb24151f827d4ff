//! What a browser sends of a form with a file (multipart/form-data, RFC 7578), read as it comes in. Pure.
//!
//! Promise: it holds no more than a head, or as much of a part as a delimiter is long, whatever is sent; what it gives out
//! is what stood between two delimiters, to the byte.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// Bytes of a part's head, at the most.
const HEAD: usize = 8 << 10;
/// RFC 2046 5.1.1.
const LONGEST_BOUNDARY: usize = 70;

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A part begins; `file`: it is one, of this name.
    Head { name: String, file: Option<String> },
    /// Of the part that began last.
    Data(Bytes),
    /// That part is whole.
    End,
    /// All parts were there.
    Done,
}

/// It is no such form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// Right behind a delimiter.
    Delimited,
    Head,
    Body,
    Done,
}

/// Pushed what came in, asked for what is in it.
#[derive(Debug)]
pub(super) struct Multipart {
    delimiter: Vec<u8>,
    held: BytesMut,
    state: State,
}

impl Multipart {
    /// By the request's media type; `None`: it is another.
    pub(super) fn of(media_type: &str) -> Option<Multipart> {
        let (kind, parameters) = media_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?.trim_matches('"');
        let fits = boundary.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY || !fits {
            return None;
        }
        // The first delimiter has no line end before it: this one stands for that.
        let (delimiter, held) = (format!("\r\n--{boundary}").into_bytes(), BytesMut::from(&b"\r\n"[..]));
        Some(Multipart { delimiter, held, state: State::Preamble })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next piece; `None`: more must come in first.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, Broken> {
        loop {
            match self.state {
                State::Preamble => {
                    // Browsers write none.
                    if self.held.len() < self.delimiter.len() {
                        return Ok(None);
                    }
                    if !self.held.starts_with(&self.delimiter) {
                        return Err(Broken);
                    }
                    let _ = self.held.split_to(self.delimiter.len());
                    self.state = State::Delimited;
                }
                State::Delimited => match self.held.get(..2) {
                    None => return Ok(None),
                    Some(b"\r\n") => {
                        let _ = self.held.split_to(2);
                        self.state = State::Head;
                    }
                    Some(b"--") => self.state = State::Done,
                    Some(_) => return Err(Broken),
                },
                State::Head => {
                    let Some(end) = memmem::find(&self.held, b"\r\n\r\n") else {
                        return if self.held.len() > HEAD { Err(Broken) } else { Ok(None) };
                    };
                    if end > HEAD {
                        return Err(Broken);
                    }
                    let head = self.held.split_to(end + 4);
                    self.state = State::Body;
                    return head_of(&head).map(Some);
                }
                State::Body => return Ok(self.body()),
                State::Done => {
                    self.held.clear();
                    return Ok(Some(Piece::Done));
                }
            }
        }
    }

    fn body(&mut self) -> Option<Piece> {
        match memmem::find(&self.held, &self.delimiter) {
            Some(0) => {
                let _ = self.held.split_to(self.delimiter.len());
                self.state = State::Delimited;
                Some(Piece::End)
            }
            Some(at) => Some(Piece::Data(self.held.split_to(at).freeze())),
            None => {
                // What may be the beginning of a delimiter waits for the rest.
                let safe = self.held.len().saturating_sub(self.delimiter.len());
                (safe > 0).then(|| Piece::Data(self.held.split_to(safe).freeze()))
            }
        }
    }
}

fn head_of(head: &[u8]) -> Result<Piece, Broken> {
    let text = std::str::from_utf8(head).map_err(|_| Broken)?;
    let disposition = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value.trim())
    });
    let disposition = disposition.filter(|value| value.starts_with("form-data")).ok_or(Broken)?;
    // In quotes, with %22 for a quote (HTML, multipart/form-data encoding algorithm).
    let parameter = |name: &str| {
        let start = disposition.find(&format!("; {name}=\""))? + name.len() + 4;
        let rest = disposition.get(start..)?;
        rest.split('"').next().map(str::to_owned)
    };
    let name = parameter("name").ok_or(Broken)?;
    Ok(Piece::Head { name, file: parameter("filename") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=----x7";

    fn form(file: &[u8]) -> Vec<u8> {
        let head = "------x7\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n------x7\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a b.raucb\"\r\nContent-Type: x/y\r\n\r\n";
        [head.as_bytes(), file, b"\r\n------x7--\r\n"].concat()
    }

    /// Its name, the file's, and what is in it.
    type Part = (String, Option<String>, Vec<u8>);

    /// All parts, by name, of a form that comes in pieces of this length.
    fn read(bytes: &[u8], length: usize) -> Result<Vec<Part>, Broken> {
        let mut multipart = Multipart::of(TYPE).expect("a form with a file");
        let mut parts = Vec::new();
        for piece in bytes.chunks(length) {
            multipart.push(piece);
            while let Some(piece) = multipart.next()? {
                match piece {
                    Piece::Head { name, file } => parts.push((name, file, Vec::new())),
                    Piece::Data(data) => parts.last_mut().expect("a head").2.extend_from_slice(&data),
                    Piece::End => {}
                    Piece::Done => return Ok(parts),
                }
            }
        }
        Err(Broken)
    }

    #[test]
    fn parts_come_out_to_the_byte_in_whatever_pieces_they_come_in() {
        for file in [&b""[..], b"hsqs\r\n------x8\r\n--", b"\r\n------x", &[0xff, 0, 13, 10, 45, 45]] {
            for length in [1, 2, 3, 7, 64, 4096] {
                let parts = read(&form(file), length).expect("a form");
                assert_eq!(parts[0], ("csrf".into(), None, b"token".to_vec()));
                assert_eq!(parts[1], ("file".into(), Some("a b.raucb".into()), file.to_vec()), "{length}");
            }
        }
    }

    #[test]
    fn a_form_that_is_cut_or_is_none_is_told() {
        let whole = form(b"hsqs");
        for cut in 0..whole.len() - 4 {
            assert!(read(&whole[..cut], 16).is_err(), "cut at {cut}");
        }
        for broken in [
            &b"csrf=token&file=x, which is another kind of form"[..],
            b"------x7xx\r\n",
            b"------x7\r\nX-Y: z\r\n\r\n",
            b"------x7\r\nContent-Disposition: attachment; name=\"x\"\r\n\r\n",
            &[b"------x7\r\n".as_slice(), &vec![b'a'; HEAD + 10]].concat(),
        ] {
            assert_eq!(read(broken, 64), Err(Broken));
        }
        for other in
            ["text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
        {
            assert!(Multipart::of(other).is_none(), "{other}");
        }
        assert!(Multipart::of("multipart/form-data; boundary=\"----x7\"").is_some());
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_file() {
        let mut multipart = Multipart::of(TYPE).expect("a form with a file");
        let form = form(b"");
        multipart.push(&form[..form.len() - 14]);
        while multipart.next().expect("a form").is_some() {}
        for _ in 0..1000 {
            multipart.push(&[7; 1000]);
            while multipart.next().expect("a form").is_some() {}
            assert!(multipart.held.len() <= multipart.delimiter.len());
        }
    }
}
