//! RELP frames, written and read: `TXNR SP COMMAND SP DATALEN [SP DATA] LF`. Pure.
//!
//! Promise: no bytes make the reader panic, and it never asks for more than one answer of [`LARGEST_ANSWER`]; what is
//! no frame is told as such and never skipped.

/// Transactions of one connection are numbered from here, each one more than the one before.
pub(super) const FIRST: u32 = 1;
/// The last number of a connection. The protocol's text begins again at 1 behind 999,999,999; librelp counts on to a
/// number that fits in no frame, and then ends the connection. So nobody gets there: a new connection begins at 1.
pub(super) const LAST: u32 = 999_999_998;
/// Bytes of data in an answer, at most: a line of 80 characters, or a list of offers.
pub(super) const LARGEST_ANSWER: usize = 16 << 10;

/// The number of a hint, which belongs to no transaction.
const HINT: u32 = 0;
const MOST_DIGITS: usize = 9;
const LONGEST_COMMAND: usize = 32;
/// Characters of an answer's text that are told on; the protocol has no longer ones.
const LONGEST_TEXT: usize = 80;

/// What the peer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// `rsp`: to this transaction, with this data.
    Answer(u32, Vec<u8>),
    /// `serverclose`: it ends the connection.
    ServerClose,
    /// Another hint: nothing that anyone must know.
    Hint,
}

/// What came is no frame, or none that a server may send; what was expected instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what came is not RELP: {0}")]
pub(super) struct Garbage(&'static str);

/// An answer's code and its text, made safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) code: u16,
    pub(super) text: String,
}

/// Appends a frame around the data. Empty data has no space before it.
pub(super) fn write(out: &mut Vec<u8>, txnr: u32, command: &str, data: &[u8]) {
    head(out, txnr, command);
    out.extend_from_slice(data.len().to_string().as_bytes());
    if !data.is_empty() {
        out.push(b' ');
        out.extend_from_slice(data);
    }
    tail(out);
}

/// Appends a frame up to where `DATALEN` begins. What octet counting writes, `LENGTH SP MESSAGE`, fits behind it as it is.
pub(super) fn head(out: &mut Vec<u8>, txnr: u32, command: &str) {
    out.extend_from_slice(txnr.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(command.as_bytes());
    out.push(b' ');
}

/// Ends a frame.
pub(super) fn tail(out: &mut Vec<u8>) {
    out.push(b'\n');
}

/// What the first whole frame says, and its length in bytes; `None`: more must come first.
///
/// # Errors
/// [`Garbage`], as soon as the bytes can't become a frame of a server's.
pub(super) fn first(bytes: &[u8]) -> Result<Option<(Said, usize)>, Garbage> {
    let mut reader = Reader { bytes, at: 0 };
    let Some((txnr, _)) = reader.number(|byte| byte == b' ', Garbage("a transaction number and a space"))? else {
        return Ok(None);
    };
    let Some(command) = reader.command()? else { return Ok(None) };
    let ends = |byte| byte == b' ' || byte == b'\n';
    let Some((length, end)) = reader.number(ends, Garbage("the length of its data"))? else { return Ok(None) };
    let length = length as usize;
    if length > LARGEST_ANSWER {
        return Err(Garbage("an answer of a sensible length"));
    }
    if end == b'\n' && length > 0 {
        return Err(Garbage("as much data as it promised"));
    }
    let data = reader.at..reader.at + length;
    let mut used = data.end;
    if end == b' ' {
        match bytes.get(used) {
            Some(b'\n') => used += 1,
            Some(_) => return Err(Garbage("a line end behind the data")),
            None => return Ok(None),
        }
    }
    let data = &bytes[data];
    let said = match (txnr, command) {
        (HINT, b"serverclose") => Said::ServerClose,
        (HINT, _) => Said::Hint,
        (txnr, b"rsp") => Said::Answer(txnr, data.to_vec()),
        // Some servers number it.
        (_, b"serverclose") => Said::ServerClose,
        (_, _) => return Err(Garbage("an answer, not a command")),
    };
    Ok(Some((said, used)))
}

/// The code that an answer begins with, and its first line; `None`: it has none.
pub(super) fn verdict(data: &[u8]) -> Option<Verdict> {
    let (digits, rest) = data.split_first_chunk::<3>()?;
    let code =
        digits.iter().try_fold(0, |code, digit| digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0')))?;
    if !matches!(rest.first(), None | Some(b' ' | b'\n')) {
        return None;
    }
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text: String = String::from_utf8_lossy(line).trim().chars().take(LONGEST_TEXT).collect();
    Some(Verdict { code, text: text.escape_debug().to_string() })
}

/// The values of an offer in the answer to `open`; `None`: there is no such offer.
pub(super) fn offer<'a>(data: &'a [u8], name: &str) -> Option<Vec<&'a [u8]>> {
    let value =
        data.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    Some(value?.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Digits and the byte that ends them.
    fn number(&mut self, ends: impl Fn(u8) -> bool, wrong: Garbage) -> Result<Option<(u32, u8)>, Garbage> {
        let mut number = 0;
        for (count, byte) in self.bytes[self.at..].iter().enumerate() {
            match *byte {
                digit @ b'0'..=b'9' if count < MOST_DIGITS => number = number * 10 + u32::from(digit - b'0'),
                end if count > 0 && ends(end) => {
                    self.at += count + 1;
                    return Ok(Some((number, end)));
                }
                _ => return Err(wrong),
            }
        }
        Ok(None)
    }

    /// Letters and the space behind them.
    fn command(&mut self) -> Result<Option<&'a [u8]>, Garbage> {
        let rest = &self.bytes[self.at..];
        let wrong = Garbage("a command of letters and a space");
        match rest.iter().position(|byte| !byte.is_ascii_alphabetic()) {
            Some(count) if (1..=LONGEST_COMMAND).contains(&count) && rest[count] == b' ' => {
                self.at += count + 1;
                Ok(Some(&rest[..count]))
            }
            None if rest.len() <= LONGEST_COMMAND => Ok(None),
            Some(_) | None => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The longest that a frame of a server's can be.
    const LARGEST_FRAME: usize = MOST_DIGITS + 1 + LONGEST_COMMAND + 1 + MOST_DIGITS + 1 + LARGEST_ANSWER + 1;

    fn answer(txnr: u32, data: &[u8]) -> Said {
        Said::Answer(txnr, data.to_vec())
    }

    #[test]
    fn frames_are_written_as_the_protocol_has_them() {
        let mut out = Vec::new();
        write(&mut out, 1, "open", b"relp_version=0\ncommands=syslog");
        write(&mut out, 999_999_998, "close", b"");
        head(&mut out, 7, "syslog");
        out.extend_from_slice(b"5 hello");
        tail(&mut out);
        let expected = "1 open 30 relp_version=0\ncommands=syslog\n999999998 close 0\n7 syslog 5 hello\n";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn what_servers_say_is_read_frame_by_frame() {
        let table: [(&[u8], Said, usize); 7] = [
            (b"1 rsp 6 200 OK\nrest", answer(1, b"200 OK"), 15),
            (b"12 rsp 9 200 OK\nx\n", answer(12, b"200 OK\nx\n"), 0),
            (b"3 rsp 0\n", answer(3, b""), 8),
            // Some servers put the space there all the same.
            (b"3 rsp 0 \n", answer(3, b""), 9),
            (b"0 serverclose 0\n1 rsp", Said::ServerClose, 16),
            (b"9 serverclose 0\n", Said::ServerClose, 16),
            (b"0 abort 3 xyz\n", Said::Hint, 14),
        ];
        for (bytes, said, used) in table {
            let used = if used == 0 { None } else { Some((said, used)) };
            assert_eq!(first(bytes), Ok(used), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_as_soon_as_that_is_certain() {
        let table: [&[u8]; 15] = [
            b"H",
            b" ",
            b"\n",
            b"1234567890",
            b"1\n",
            b"1 rsp\n",
            b"1 r5",
            b"1  ",
            b"1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            b"1 rsp x",
            b"1 rsp 5\n",
            b"1 rsp 2 okx",
            b"1 rsp 999999999 ",
            b"1 rsp 0 x",
            b"1 syslog 0\n",
        ];
        for bytes in table {
            assert!(first(bytes).is_err(), "{}", bytes.escape_ascii());
            assert_eq!(first(&bytes[..bytes.len() - 1]), Ok(None), "{}", bytes.escape_ascii());
        }
        assert_eq!(first(b""), Ok(None));
    }

    #[test]
    fn an_answer_has_a_code_of_three_digits_and_a_text_that_is_safe_to_show() {
        let told = |data: &[u8]| verdict(data).map(|verdict| (verdict.code, verdict.text));
        assert_eq!(told(b"200 OK\nrelp_version=0"), Some((200, "OK".to_owned())));
        assert_eq!(told(b"500 no \x1b[31m\xff"), Some((500, "no \\u{1b}[31m\u{fffd}".to_owned())));
        assert_eq!(told(b"200"), Some((200, String::new())));
        assert_eq!(told(&[b"500 ".as_slice(), &[b'x'; 300]].concat()).expect("a code").1.len(), LONGEST_TEXT);
        for none in [b"".as_slice(), b"OK", b"2000 OK", b"20", b"200OK", b"-20 x"] {
            assert_eq!(told(none), None, "{}", none.escape_ascii());
        }
    }

    #[test]
    fn offers_are_found_by_their_names() {
        let data =
            b"200 OK\nrelp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog, x";
        assert_eq!(offer(data, "commands"), Some(vec![b"syslog".as_slice(), b"x"]));
        assert_eq!(offer(data, "relp_version"), Some(vec![b"0".as_slice()]));
        assert_eq!(offer(data, "command"), None);
        assert_eq!(offer(b"200 OK", "commands"), None);
    }

    fn looks_like_a_frame() -> impl Strategy<Value = Vec<u8>> {
        let digits = prop_oneof![Just("0".to_owned()), "[0-9]{1,11}"];
        let command = prop_oneof![Just("rsp".to_owned()), Just("serverclose".to_owned()), "[a-z0-9 ]{0,34}"];
        let data = proptest::collection::vec(any::<u8>(), 0..40);
        (digits, command, prop_oneof![Just(None), (0u32..50).prop_map(Some)], data).prop_map(
            |(txnr, command, length, data)| {
                let length = length.map_or(data.len(), |length| length as usize);
                [format!("{txnr} {command} {length} ").as_bytes(), &data, b"\n"].concat()
            },
        )
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_wait_for_more_than_one_frame(
            mut bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), looks_like_a_frame()],
        ) {
            match first(&bytes) {
                Ok(Some((_, used))) => {
                    prop_assert!(used <= bytes.len() && bytes[used - 1] == b'\n');
                    // However the same bytes are cut, they are read as the same.
                    prop_assert_eq!(first(&bytes[..used]), first(&bytes));
                    prop_assert_eq!(first(&bytes[..used - 1]), Ok(None));
                }
                Ok(None) => {
                    bytes.resize(LARGEST_FRAME, b'7');
                    prop_assert!(first(&bytes) != Ok(None), "it would wait for ever");
                }
                Err(_) => {
                    bytes.push(b'0');
                    prop_assert!(first(&bytes).is_err(), "garbage stays garbage");
                }
            }
        }

        #[test]
        fn what_is_written_as_an_answer_is_read_as_one(
            txnr in FIRST..=LAST,
            data in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut out = Vec::new();
            write(&mut out, txnr, "rsp", &data);
            prop_assert_eq!(first(&out), Ok(Some((Said::Answer(txnr, data), out.len()))));
        }
    }
}
