//! One entry of the audit log, as a line of JSON, and the chain that binds it to the one before.
//!
//! Promise: the bytes that a hash covers are the line itself, so that anybody can check it with `sha256sum`: SHA-256 of
//! everything before `,"hash":"`, in which stands the hash of the line before as `before`.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Act, Outcome};
use crate::values::hex;

/// What stands as `before` in entry 1.
pub const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Bytes of `who`, of `act` and of `about` that are kept, at the most: what a stranger types at the login must not fill the disk.
const WHO: usize = 256;
const ABOUT: usize = 1024;

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 and so on, over all files.
    pub number: u64,
    pub time: Timestamp,
    /// A user of the pages, `NAME (uid N)` of this machine, or `conductor` itself.
    pub who: String,
    /// Where a request over the network came from.
    pub from: Option<IpAddr>,
    pub act: String,
    /// What it was done to; never a secret.
    pub about: String,
    pub outcome: Outcome,
    /// The hash of the entry before it.
    pub before: String,
    /// Its own hash; see the head of this file.
    #[serde(default)]
    pub hash: String,
}

/// As it is written, but for its hash. The order of the fields is part of the form.
#[derive(Serialize)]
struct Body<'a> {
    number: u64,
    time: Timestamp,
    who: &'a str,
    from: Option<IpAddr>,
    act: &'a str,
    about: &'a str,
    outcome: Outcome,
    before: &'a str,
}

/// The end of a line after what its hash covers.
const MARK: &str = ",\"hash\":\"";
const HASH: usize = 64;

/// Why a line is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It does not read as an entry at all.
    Form,
    /// Its bytes are not those that were hashed.
    Hash,
}

/// The line of the next entry, with its end of line, and its hash. Pure.
pub fn line(number: u64, before: &str, act: &Act, now: Timestamp) -> (String, String) {
    let body = Body {
        number,
        time: now,
        who: cut(&act.who, WHO),
        from: act.from,
        act: cut(act.act, WHO),
        about: cut(&act.about, ABOUT),
        outcome: act.outcome,
        before,
    };
    // Numbers, texts and a time: there is nothing in it that JSON can't hold.
    let body = serde_json::to_string(&body).unwrap_or_default();
    let covered = body.strip_suffix('}').unwrap_or(&body);
    let hash = hash(covered.as_bytes());
    (format!("{covered}{MARK}{hash}\"}}\n"), hash)
}

/// Reads a line without its end, and holds its bytes against its hash. Pure.
///
/// # Errors
/// [`Unfit::Form`] where it is no entry, [`Unfit::Hash`] where it was changed.
pub fn read(line: &[u8]) -> Result<Entry, Unfit> {
    let entry: Entry = serde_json::from_slice(line).map_err(|_| Unfit::Form)?;
    let tail = MARK.len() + HASH + 2;
    let (covered, end) = line.split_at_checked(line.len().saturating_sub(tail)).ok_or(Unfit::Form)?;
    if end != format!("{MARK}{}\"}}", entry.hash).as_bytes() {
        return Err(Unfit::Form);
    }
    if hash(covered) == entry.hash { Ok(entry) } else { Err(Unfit::Hash) }
}

fn hash(bytes: &[u8]) -> String {
    hex::text(&Sha256::digest(bytes))
}

/// Between characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(about: &str) -> Act {
        let (who, about) = ("root (uid 0)".to_owned(), about.to_owned());
        Act {
            who,
            from: Some("192.0.2.7".parse().expect("an address")),
            act: "integration add",
            about,
            outcome: Outcome::Done,
        }
    }

    #[test]
    fn an_entry_has_this_form_and_its_hash_is_of_the_bytes_before_it() {
        let now = "2026-11-21T08:30:00Z".parse().expect("a time");
        let (line, hash) = line(1, NOTHING_BEFORE, &act("acme"), now);
        let covered = "{\"number\":1,\"time\":\"2026-11-21T08:30:00Z\",\"who\":\"root (uid 0)\",\"from\":\"192.0.2.7\",\
                       \"act\":\"integration add\",\"about\":\"acme\",\"outcome\":\"done\",\"before\":\
                       \"0000000000000000000000000000000000000000000000000000000000000000\"";
        assert_eq!(line, format!("{covered},\"hash\":\"{hash}\"}}\n"));
        let entry = read(line.trim_end().as_bytes()).expect("an entry");
        assert_eq!((entry.number, entry.about.as_str(), entry.hash), (1, "acme", hash));
    }

    #[test]
    fn a_changed_byte_anywhere_in_a_line_is_seen() {
        let (line, _) = line(7, NOTHING_BEFORE, &act("a \"name\"\nof two lines, ü"), Timestamp::UNIX_EPOCH);
        let line = line.trim_end().as_bytes();
        read(line).expect("an entry");
        for at in 0..line.len() {
            let mut changed = line.to_vec();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "{at}");
        }
        assert_eq!(read(b""), Err(Unfit::Form));
    }

    #[test]
    fn what_a_stranger_types_takes_little_room() {
        let long = Act { who: "ü".repeat(5000), ..act(&"\u{1}".repeat(100_000)) };
        let (line, _) = line(1, NOTHING_BEFORE, &long, Timestamp::UNIX_EPOCH);
        assert!(line.len() < 8 << 10, "{}", line.len());
        assert_eq!(line.matches('\n').count(), 1, "one entry is one line");
        read(line.trim_end().as_bytes()).expect("an entry");
    }
}
