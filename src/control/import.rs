//! An import: lines from a socket into the queue, frame by frame.
//!
//! Promise: bytes are confirmed in order and only once they are fsynced; a full queue makes the sender wait, and
//! a line that is no JSON object is told, never dropped in silence.

mod groups;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use self::groups::{Group, Told, read_groups};
use super::Reply;
use super::reply::reply;
use crate::queue::{Prepared, Queue, QueueError};

/// How long a full queue is left alone before it is tried again.
const FULL_WAIT: Duration = Duration::from_millis(250);

/// Frames that wait, made ready, while a barrier takes its time: the next one covers them and the one behind them. Where
/// a barrier takes 5 ms, an import is 1.7 times as fast as without (docs/benchmarks.md).
const FRAMES_AHEAD: usize = 2;

/// A group on its way to disk; no page where it has no event.
struct Ready {
    page: Option<Prepared>,
    told: Told,
}

/// Runs an import until the sender closes its half, or `stopped` says so. One thread reads and checks lines, one makes
/// frames of them, this one keeps them: a barrier is overlapped by both, and covers what they have ready by then.
pub fn run(
    queue: &Queue,
    input: impl Read + Send,
    output: &mut impl Write,
    stopped: &(dyn Fn() -> bool + Sync),
) -> io::Result<()> {
    let (checked, to_prepare) = sync_channel(0);
    let (prepared, to_keep) = sync_channel(FRAMES_AHEAD);
    let over = AtomicBool::new(false);
    let ended = || stopped() || over.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_groups(input, checked, &ended, Instant::now));
        let preparing = scope.spawn(move || prepare_groups(queue, to_prepare, &prepared));
        let kept = keep_groups(queue, &to_keep, output, stopped);
        // The others must not wait for a place that nobody will free, nor for a sender that has nothing to say.
        drop(to_keep);
        over.store(true, Ordering::SeqCst);
        let read = reading.join().unwrap_or_else(|_| Err(io::Error::other("the import's reader failed")));
        if let (Ok(()), Err(error)) = (&kept, &read)
            && error.kind() == io::ErrorKind::InvalidData
        {
            // Told, or the sender would take us for gone and send it again for ever.
            reply(output, &Reply::Refused { refused: error.to_string() })?;
        }
        let all_prepared = preparing.join().map_err(|_| io::Error::other("the import's frames could not be made"));
        kept.and(read).and(all_prepared)
    })?;
    reply(output, &Reply::Done { done: true })
}

/// Until there are no more groups, nobody takes them, or one can't be prepared, which is said instead.
fn prepare_groups(queue: &Queue, groups: Receiver<Group>, prepared: &SyncSender<Result<Ready, QueueError>>) {
    for Group { events, told } in groups {
        let page = (!events.is_empty()).then(|| queue.prepare("import", "import", events)).transpose();
        let failed = page.is_err();
        if prepared.send(page.map(|page| Ready { page, told })).is_err() || failed {
            return;
        }
    }
}

fn keep_groups(
    queue: &Queue,
    prepared: &Receiver<Result<Ready, QueueError>>,
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut so_far = (0, 0);
    for first in prepared {
        let (mut pages, mut told) = (VecDeque::new(), VecDeque::new());
        for ready in iter::once(first).chain(prepared.try_iter().take(FRAMES_AHEAD)) {
            let ready = ready.or_else(|error| failed(output, &error))?;
            told.push_back((ready.page.is_some(), ready.told));
            pages.extend(ready.page);
        }
        keep(queue, pages, told, &mut so_far, output, stopped)?;
    }
    Ok(())
}

/// Keeps all of these pages and tells each as soon as it is durable; waits while they have no room.
fn keep(
    queue: &Queue,
    mut pages: VecDeque<Prepared>,
    mut told: VecDeque<(bool, Told)>,
    so_far: &mut (u64, u64),
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut said = false;
    while !told.is_empty() {
        let before = pages.len();
        let kept = queue.append_prepared(&mut pages);
        let all_in_hand = pages.len() + kept.last.len() == before;
        tell(&mut told, kept.last.len(), so_far, output)?;
        match kept.fault {
            None => {}
            Some(fault) if fault.is_full() && all_in_hand && !stopped() => {
                if !said {
                    reply(output, &Reply::Waiting { waiting: fault.to_string() })?;
                    said = true;
                }
                std::thread::sleep(FULL_WAIT);
            }
            Some(fault) => return failed(output, &fault),
        }
    }
    Ok(())
}

/// Tells the groups whose pages were kept, and those between them that have none.
fn tell(
    told: &mut VecDeque<(bool, Told)>,
    mut kept: usize,
    (confirmed, bytes): &mut (u64, u64),
    output: &mut impl Write,
) -> io::Result<()> {
    let through = told.iter().position(|(has_page, _)| {
        let open = *has_page && kept == 0;
        kept -= usize::from(*has_page && !open);
        open
    });
    let through = through.unwrap_or(told.len());
    for (_, group) in told.drain(..through) {
        for skipped in &group.skipped {
            reply(output, skipped)?;
        }
        *confirmed += group.lines;
        *bytes += group.bytes;
    }
    if through > 0 {
        reply(output, &Reply::Confirmed { confirmed: *confirmed, bytes: *bytes })?;
    }
    Ok(())
}

fn failed<T>(output: &mut impl Write, error: &QueueError) -> io::Result<T> {
    reply(output, &Reply::Failed { failed: error.to_string() })?;
    Err(io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_told_when_its_page_is_kept_and_one_without_a_page_when_all_before_it_are() {
        let skip = |line| Reply::Skipped { skipped_line: line, why: "it is not JSON".into() };
        let group = |lines, bytes, skipped| Told { skipped, lines, bytes };
        let mut told = VecDeque::from([
            (false, group(1, 10, vec![skip(1)])),
            (true, group(5, 100, vec![])),
            (false, group(2, 20, vec![skip(7), skip(8)])),
            (true, group(3, 50, vec![])),
        ]);
        let (mut so_far, mut output) = ((1000, 5000), Vec::new());
        tell(&mut told, 0, &mut so_far, &mut output).expect("memory takes it");
        assert_eq!((told.len(), so_far), (3, (1001, 5010)));
        tell(&mut told, 1, &mut so_far, &mut output).expect("memory takes it");
        assert_eq!((told.len(), so_far), (1, (1008, 5130)), "the last one is not durable yet");
        let text = String::from_utf8(output).expect("UTF-8");
        assert_eq!(text.matches("skipped_line").count(), 3);
        assert!(text.ends_with("{\"confirmed\":1008,\"bytes\":5130}\n"), "{text}");
    }
}
