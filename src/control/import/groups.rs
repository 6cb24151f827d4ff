//! Reading an import: lines out of a stream of bytes, in groups that become a frame each.
//!
//! Promise: every byte is in one group, in order; a line that is no JSON object is told with its number, and a trickle
//! does not wait for a whole frame's worth.

use std::io::{self, Read};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use bytestring::ByteString;
use jiff::Timestamp;

use crate::control::{LONGEST_LINE, Reply, line};
use crate::event::Event;

/// A frame: this many lines or bytes, whichever is reached first. From ten lines a frame, little is written
/// beside the payload.
const FRAME_LINES: usize = 512;
const FRAME_BYTES: usize = 384 << 10;
/// What is read at once: little enough to be in the processor's cache still when its lines are counted.
const READ_BYTES: usize = 64 << 10;
/// Lines that come one by one wait for others so long: from twenty a second on, a frame holds ten of them.
const LINGER: Duration = Duration::from_millis(500);

/// Lines that become one frame.
pub(super) struct Group {
    pub(super) events: Vec<Event>,
    pub(super) told: Told,
}

/// What the sender is told of a group, once it is kept.
pub(super) struct Told {
    pub(super) skipped: Vec<Reply>,
    /// Lines that hold anything.
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// Cuts the input into groups of whole lines. One that has lingered ends early, whether more comes or not (a read that
/// times out is a look at the clock), so that a trickle is kept soon, and not each line of it alone.
pub(super) fn read_groups(
    mut input: impl Read,
    groups: SyncSender<Group>,
    stopped: &dyn Fn() -> bool,
    now: impl Fn() -> Instant,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(FRAME_BYTES + READ_BYTES);
    let (mut lines, mut line_number) = (0, 0);
    let mut since = None;
    while !stopped() {
        if buffer.len() >= LONGEST_LINE && lines == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the import is longer than 20 MiB"));
        }
        let had = buffer.len();
        buffer.resize(had + READ_BYTES, 0);
        let read = input.read(&mut buffer[had..]);
        buffer.truncate(had + read.as_ref().map_or(0, |read| *read));
        let ended = match read {
            Ok(read) => read == 0,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => false,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        lines += memchr::memchr_iter(b'\n', &buffer[had..]).count();
        if ended && buffer.last().is_some_and(|last| *last != b'\n') {
            // The last line of a file may lack its end; its bytes are counted without it.
            return send(&groups, group_of(buffer, &mut line_number));
        }
        let lingered = lines > 0 && now().saturating_duration_since(*since.get_or_insert_with(&now)) >= LINGER;
        let whole = lines > 0 && (buffer.len() >= FRAME_BYTES || lines >= FRAME_LINES || ended || lingered);
        if let Some(end) = memchr::memrchr(b'\n', &buffer).filter(|_| whole) {
            let mut next = Vec::with_capacity(FRAME_BYTES + READ_BYTES);
            next.extend_from_slice(&buffer[end + 1..]);
            buffer.truncate(end + 1);
            send(&groups, group_of(std::mem::replace(&mut buffer, next), &mut line_number))?;
            (lines, since) = (0, None);
        }
        if ended {
            return Ok(());
        }
    }
    // Not the sender's end: it must not hear that all is done.
    Err(io::Error::other("the import was ended"))
}

fn send(groups: &SyncSender<Group>, group: Group) -> io::Result<()> {
    groups.send(group).map_err(|_| io::Error::other("the import was ended"))
}

fn group_of(mut buffer: Vec<u8>, line_number: &mut u64) -> Group {
    if buffer.len() < buffer.capacity() / 2 {
        // Its events share this memory for as long as they are in it: a trickle would hold a whole frame's for each line.
        buffer.shrink_to_fit();
    }
    let told = Told { skipped: Vec::new(), lines: 0, bytes: buffer.len() as u64 };
    let mut group = Group { events: Vec::new(), told };
    let now = Timestamp::now();
    let buffer = Bytes::from(buffer);
    // One check of UTF-8 for all lines; where it fails, each line is looked at alone.
    let whole = ByteString::try_from(buffer.clone()).ok();
    let mut start = 0;
    while start < buffer.len() {
        let end = memchr::memchr(b'\n', &buffer[start..]).map_or(buffer.len(), |at| start + at);
        *line_number += 1;
        let cut = if buffer[start..end].last() == Some(&b'\r') { end - 1 } else { end };
        if cut > start {
            group.told.lines += 1;
            let text = match &whole {
                Some(whole) => whole.get(start..cut).map(|part| whole.slice_ref(part)),
                None => ByteString::try_from(buffer.slice(start..cut)).ok(),
            };
            match text.ok_or_else(|| "it is not UTF-8".to_owned()).and_then(|text| line::read(text, now)) {
                Ok(event) => group.events.push(event),
                Err(why) => group.told.skipped.push(Reply::Skipped { skipped_line: *line_number, why }),
            }
        }
        start = end + 1;
    }
    group
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_group_takes_lines_whole_and_tells_the_ones_it_skips() {
        let mut number = 10;
        let group = group_of(b"{\"a\":1}\n\nnonsense\n{\"b\":2}\r\n{\"c\":\"\xff\"}\n".to_vec(), &mut number);
        assert_eq!(group.events.iter().map(|e| &*e.raw).collect::<Vec<_>>(), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!((group.told.lines, number), (4, 15));
        assert!(matches!(&group.told.skipped[0], Reply::Skipped { skipped_line: 13, .. }));
        assert!(matches!(&group.told.skipped[1], Reply::Skipped { skipped_line: 15, why } if why.contains("UTF-8")));
    }

    /// Gives what it has in the sizes it is told, then pauses once, then ends.
    struct Drip(Vec<Vec<u8>>, bool);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.first_mut() {
                None if self.1 => {
                    self.1 = false;
                    Err(io::ErrorKind::WouldBlock.into())
                }
                None => Ok(0),
                Some(first) => {
                    let n = first.len().min(buffer.len());
                    buffer[..n].copy_from_slice(&first[..n]);
                    first.drain(..n);
                    if first.is_empty() {
                        self.0.remove(0);
                    }
                    Ok(n)
                }
            }
        }
    }

    #[test]
    fn lines_cut_anywhere_by_the_socket_come_whole_and_are_counted_to_the_byte() {
        let text: String = (0..3000).map(|n| format!("{{\"n\":{n},\"pad\":\"{}\"}}\n", "x".repeat(n % 900))).collect();
        let text = text.trim_end();
        let pieces = text.as_bytes().chunks(77_777).map(<[u8]>::to_vec).collect();
        let (sender, receiver) = sync_channel(10_000);
        read_groups(Drip(pieces, true), sender, &|| false, Instant::now).expect("read");
        let groups: Vec<Group> = receiver.into_iter().collect();
        assert_eq!(groups.iter().map(|g| g.told.bytes).sum::<u64>(), text.len() as u64);
        assert_eq!(groups.iter().map(|g| g.told.lines).sum::<u64>(), 3000);
        let raws: Vec<String> = groups.iter().flat_map(|g| g.events.iter().map(|e| e.raw.to_string())).collect();
        assert_eq!(raws.join("\n"), text);
        assert!(groups.len() > 3 && groups.iter().all(|g| g.told.lines <= 4 * FRAME_LINES as u64));
    }

    #[test]
    fn a_trickle_is_kept_half_a_second_after_its_first_line_and_not_each_line_alone() {
        // A line each 20 ms, by the clock of the test: it stands still while nothing is read.
        let pieces = (0..100).map(|n| format!("{{\"n\":{n}}}\n").into_bytes()).collect();
        let (begun, reads) = (Instant::now(), std::cell::Cell::new(0));
        let clock = || {
            reads.set(reads.get() + 1);
            begun + Duration::from_millis(20) * reads.get()
        };
        let (sender, receiver) = sync_channel(200);
        read_groups(Drip(pieces, false), sender, &|| false, clock).expect("read");
        let sizes: Vec<u64> = receiver.into_iter().map(|group| group.told.lines).collect();
        assert_eq!(sizes.iter().sum::<u64>(), 100);
        assert!(sizes.iter().rev().skip(1).all(|lines| (20..30).contains(lines)), "{sizes:?}");
    }

    #[test]
    fn a_line_longer_than_a_frame_is_kept_whole_and_an_endless_one_ends_the_import() {
        let long = format!("{{\"pad\":\"{}\"}}\n", "x".repeat(3 << 20));
        let (sender, receiver) = sync_channel(10);
        read_groups(Drip(vec![long.clone().into_bytes()], false), sender, &|| false, Instant::now).expect("read");
        assert_eq!(receiver.recv().expect("a group").events[0].raw.len() + 1, long.len());
        let endless = vec![b'x'; 40 << 20];
        let (sender, _receiver) = sync_channel(10);
        let error = read_groups(Drip(vec![endless], false), sender, &|| false, Instant::now).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "the kind that is told to the sender");
    }
}
