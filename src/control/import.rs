//! An import: lines from a socket into the queue, frame by frame.
//!
//! Promise: bytes are confirmed in order and only once they are fsynced; a full queue makes the sender wait, and
//! a line that is no JSON object is told, never dropped in silence.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use bytestring::ByteString;
use jiff::Timestamp;

use super::reply::reply;
use super::{LONGEST_LINE, Reply, line};
use crate::event::Event;
use crate::queue::{NewPage, Queue};

/// A frame: this many lines or bytes, whichever is reached first. From ten lines a frame, little is written
/// beside the payload.
const FRAME_LINES: usize = 512;
const FRAME_BYTES: usize = 512 << 10;
/// What is read at once: little enough to stay in the processor's cache until it is copied into its group.
const READ_BYTES: usize = 64 << 10;
/// Lines that come one by one wait for others so long: from twenty a second on, a frame holds ten of them.
const LINGER: Duration = Duration::from_millis(500);
/// How long a full queue is left alone before it is tried again.
const FULL_WAIT: Duration = Duration::from_millis(250);

/// Lines that become one frame, and how far into the import they reach.
struct Group {
    events: Vec<Event>,
    skipped: Vec<Reply>,
    /// Those that hold anything.
    lines: u64,
    bytes: u64,
}

/// Runs an import until the sender closes its half, or `stopped` says so. One thread reads and checks lines,
/// this one keeps them: checking the next frame overlaps the barrier of the last.
pub fn run(
    queue: &Queue,
    input: impl Read + Send,
    output: &mut impl Write,
    stopped: &(dyn Fn() -> bool + Sync),
) -> io::Result<()> {
    let (sender, receiver) = sync_channel(1);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_groups(input, &sender, stopped, Instant::now));
        let kept = keep_groups(queue, &receiver, output, stopped);
        drop(receiver); // the reader must not wait for a place that nobody will free
        let read = reading.join().unwrap_or_else(|_| Err(io::Error::other("the import's reader failed")));
        if let (Ok(()), Err(error)) = (&kept, &read)
            && error.kind() == io::ErrorKind::InvalidData
        {
            // Told, or the sender would take us for gone and send it again for ever.
            reply(output, &Reply::Refused { refused: error.to_string() })?;
        }
        kept.and(read)
    })?;
    reply(output, &Reply::Done { done: true })
}

fn keep_groups(
    queue: &Queue,
    groups: &Receiver<Group>,
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<()> {
    let (mut confirmed, mut bytes) = (0, 0);
    for group in groups {
        for skipped in &group.skipped {
            reply(output, skipped)?;
        }
        if !group.events.is_empty() {
            keep(queue, group.events, output, stopped)?;
        }
        confirmed += group.lines;
        bytes += group.bytes;
        reply(output, &Reply::Confirmed { confirmed, bytes })?;
    }
    Ok(())
}

fn keep(queue: &Queue, events: Vec<Event>, output: &mut impl Write, stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let mut told = false;
    loop {
        // A clone costs reference counts: the frame may have to be tried again.
        let page = NewPage {
            integration: "import".into(),
            stream: "import".into(),
            events: events.clone(),
            ..NewPage::default()
        };
        match queue.append(page) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_full() && !stopped() => {
                if !told {
                    reply(output, &Reply::Waiting { waiting: error.to_string() })?;
                    told = true;
                }
                std::thread::sleep(FULL_WAIT);
            }
            Err(error) => {
                reply(output, &Reply::Failed { failed: error.to_string() })?;
                return Err(io::Error::other(error.to_string()));
            }
        }
    }
}

/// Cuts the input into groups of whole lines. One that has lingered ends early, whether more comes or not (a read that
/// times out is a look at the clock), so that a trickle is kept soon, and not each line of it alone.
fn read_groups(
    input: impl Read,
    groups: &SyncSender<Group>,
    stopped: &dyn Fn() -> bool,
    now: impl Fn() -> Instant,
) -> io::Result<()> {
    let mut input = BufReader::with_capacity(READ_BYTES, input);
    let mut buffer = Vec::with_capacity(FRAME_BYTES + READ_BYTES);
    let (mut lines, mut line_number) = (0, 0);
    let mut since = None;
    while !stopped() {
        if buffer.len() >= LONGEST_LINE && lines == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the import is longer than 20 MiB"));
        }
        let (read, paused) = match input.fill_buf() {
            Ok(read) => (read, false),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => (&[][..], true),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let ended = read.is_empty() && !paused;
        lines += memchr::memchr_iter(b'\n', read).count();
        buffer.extend_from_slice(read);
        let read = read.len();
        input.consume(read);
        if ended && buffer.last().is_some_and(|last| *last != b'\n') {
            // The last line of a file may lack its end; its bytes are counted without it.
            return send(groups, group_of(buffer, &mut line_number));
        }
        let lingered = lines > 0 && now().saturating_duration_since(*since.get_or_insert_with(&now)) >= LINGER;
        let whole = lines > 0 && (buffer.len() >= FRAME_BYTES || lines >= FRAME_LINES || ended || lingered);
        if let Some(end) = memchr::memrchr(b'\n', &buffer).filter(|_| whole) {
            let mut next = Vec::with_capacity(FRAME_BYTES + READ_BYTES);
            next.extend_from_slice(&buffer[end + 1..]);
            buffer.truncate(end + 1);
            send(groups, group_of(std::mem::replace(&mut buffer, next), &mut line_number))?;
            (lines, since) = (0, None);
        }
        if ended {
            return Ok(());
        }
    }
    Ok(())
}

fn send(groups: &SyncSender<Group>, group: Group) -> io::Result<()> {
    groups.send(group).map_err(|_| io::Error::other("the import was ended"))
}

fn group_of(mut buffer: Vec<u8>, line_number: &mut u64) -> Group {
    if buffer.len() < buffer.capacity() / 2 {
        // Its events share this memory for as long as they are in it: a trickle would hold a whole frame's for each line.
        buffer.shrink_to_fit();
    }
    let mut group = Group { events: Vec::new(), skipped: Vec::new(), lines: 0, bytes: buffer.len() as u64 };
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
            group.lines += 1;
            let text = match &whole {
                Some(whole) => whole.get(start..cut).map(|part| whole.slice_ref(part)),
                None => ByteString::try_from(buffer.slice(start..cut)).ok(),
            };
            match text.ok_or_else(|| "it is not UTF-8".to_owned()).and_then(|text| line::read(text, now)) {
                Ok(event) => group.events.push(event),
                Err(why) => group.skipped.push(Reply::Skipped { skipped_line: *line_number, why }),
            }
        }
        start = end + 1;
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_takes_lines_whole_and_tells_the_ones_it_skips() {
        let mut number = 10;
        let group = group_of(b"{\"a\":1}\n\nnonsense\n{\"b\":2}\r\n{\"c\":\"\xff\"}\n".to_vec(), &mut number);
        assert_eq!(group.events.iter().map(|e| &*e.raw).collect::<Vec<_>>(), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!((group.lines, number), (4, 15));
        assert!(matches!(&group.skipped[0], Reply::Skipped { skipped_line: 13, .. }));
        assert!(matches!(&group.skipped[1], Reply::Skipped { skipped_line: 15, why } if why.contains("UTF-8")));
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
        read_groups(Drip(pieces, true), &sender, &|| false, Instant::now).expect("read");
        drop(sender);
        let groups: Vec<Group> = receiver.into_iter().collect();
        assert_eq!(groups.iter().map(|g| g.bytes).sum::<u64>(), text.len() as u64);
        assert_eq!(groups.iter().map(|g| g.lines).sum::<u64>(), 3000);
        let raws: Vec<String> = groups.iter().flat_map(|g| g.events.iter().map(|e| e.raw.to_string())).collect();
        assert_eq!(raws.join("\n"), text);
        assert!(groups.len() > 3 && groups.iter().all(|g| g.lines <= 4 * FRAME_LINES as u64));
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
        read_groups(Drip(pieces, false), &sender, &|| false, clock).expect("read");
        drop(sender);
        let sizes: Vec<u64> = receiver.into_iter().map(|group| group.lines).collect();
        assert_eq!(sizes.iter().sum::<u64>(), 100);
        assert!(sizes.iter().rev().skip(1).all(|lines| (20..30).contains(lines)), "{sizes:?}");
    }

    #[test]
    fn a_line_longer_than_a_frame_is_kept_whole_and_an_endless_one_ends_the_import() {
        let long = format!("{{\"pad\":\"{}\"}}\n", "x".repeat(3 << 20));
        let (sender, receiver) = sync_channel(10);
        read_groups(Drip(vec![long.clone().into_bytes()], false), &sender, &|| false, Instant::now).expect("read");
        assert_eq!(receiver.recv().expect("a group").events[0].raw.len() + 1, long.len());
        let endless = vec![b'x'; 40 << 20];
        let (sender, _receiver) = sync_channel(10);
        let error = read_groups(Drip(vec![endless], false), &sender, &|| false, Instant::now).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "the kind that is told to the sender");
    }
}
