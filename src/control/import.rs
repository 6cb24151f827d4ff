//! An import: lines from a socket into the queue, frame by frame.
//!
//! Promise: bytes are confirmed in order and only once they are fsynced; a full queue makes the sender wait, and
//! a line that is no JSON object is told, never dropped in silence.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use jiff::Timestamp;

use super::{Reply, line};
use crate::event::Event;
use crate::queue::{NewPage, Queue};

/// A frame: this many lines or bytes, whichever is reached first. From ten lines a frame, little is written
/// beside the payload.
const FRAME_LINES: usize = 512;
const FRAME_BYTES: usize = 1 << 20;
/// No line is longer than this.
const LONGEST_LINE: usize = 16 << 20;
/// How long a full queue is left alone before it is tried again.
const FULL_WAIT: Duration = Duration::from_millis(250);

/// Lines that become one frame, and how far into the import they reach.
struct Group {
    events: Vec<Event>,
    skipped: Vec<Reply>,
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
        let reading = scope.spawn(move || read_groups(input, &sender, stopped));
        let kept = keep_groups(queue, &receiver, output, stopped);
        drop(receiver); // the reader must not wait for a place that nobody will free
        let read = reading.join().unwrap_or_else(|_| Err(io::Error::other("the import's reader failed")));
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

/// Cuts the input into groups of whole lines. A pause in the input (its read timing out) ends a group early, so
/// that a trickle is kept soon.
fn read_groups(mut input: impl Read, groups: &SyncSender<Group>, stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 4);
    let (mut line_number, mut lines) = (0, 0);
    loop {
        if stopped() {
            return Ok(());
        }
        let filled = buffer.len();
        let want = (FRAME_BYTES - filled.min(FRAME_BYTES - 4096)).max(64 << 10);
        buffer.resize(filled + want, 0);
        let read = input.read(&mut buffer[filled..]);
        buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        let ended = matches!(read, Ok(0));
        let paused = match read {
            Ok(_) => false,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => true,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => false,
            Err(e) => return Err(e),
        };
        if ended && !buffer.is_empty() && buffer.last() != Some(&b'\n') {
            // The last line of a file may lack its end; its bytes are counted without it.
            let group = group_of(std::mem::take(&mut buffer), &mut line_number);
            return send(groups, group);
        }
        lines += lines_of(&buffer[filled..]);
        let full = buffer.len() >= FRAME_BYTES || lines >= FRAME_LINES;
        if full || ended || paused {
            if let Some(end) = memchr::memrchr(b'\n', &buffer) {
                let mut rest = Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 4);
                rest.extend_from_slice(&buffer[end + 1..]);
                buffer.truncate(end + 1);
                lines = 0;
                send(groups, group_of(std::mem::replace(&mut buffer, rest), &mut line_number))?;
            } else if buffer.len() > LONGEST_LINE {
                return Err(io::Error::other("a line of the import is longer than 16 MiB"));
            }
        }
        if ended {
            return Ok(());
        }
    }
}

fn send(groups: &SyncSender<Group>, group: Group) -> io::Result<()> {
    groups.send(group).map_err(|_| io::Error::other("the import was ended"))
}

fn lines_of(buffer: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', buffer).count()
}

fn group_of(buffer: Vec<u8>, line_number: &mut u64) -> Group {
    let mut group = Group { events: Vec::new(), skipped: Vec::new(), lines: 0, bytes: buffer.len() as u64 };
    let now = Timestamp::now();
    let buffer = Bytes::from(buffer);
    // One check of UTF-8 for all lines; where it fails, each line is looked at alone.
    let whole = ByteString::try_from(buffer.clone()).ok();
    let mut start = 0;
    while start < buffer.len() {
        let end = memchr::memchr(b'\n', &buffer[start..]).map_or(buffer.len(), |at| start + at);
        *line_number += 1;
        group.lines += 1;
        let cut = if buffer[start..end].last() == Some(&b'\r') { end - 1 } else { end };
        if cut > start {
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

fn reply(output: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    output.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_takes_lines_whole_and_tells_the_ones_it_skips() {
        let mut number = 10;
        let group = group_of(b"{\"a\":1}\n\nnonsense\n{\"b\":2}\r\n{\"c\":\"\xff\"}\n".to_vec(), &mut number);
        assert_eq!(group.events.iter().map(|e| &*e.raw).collect::<Vec<_>>(), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!((group.lines, number), (5, 15));
        assert!(matches!(&group.skipped[0], Reply::Skipped { skipped_line: 13, .. }));
        assert!(matches!(&group.skipped[1], Reply::Skipped { skipped_line: 15, why } if why.contains("UTF-8")));
    }
}
