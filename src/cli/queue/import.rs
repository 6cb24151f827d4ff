//! `conductor queue import`: feeds lines to the agent and follows its confirmations.
//!
//! Promise: what the agent has not confirmed is sent again when it is back, so that a killed agent or a full queue costs
//! time, not lines. A file must stay as it is meanwhile; of what comes through a pipe it is kept here.

mod source;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use self::source::{Source, Stopped};
use super::bar::Bar;
use crate::cli::agent_socket::{ask, connect, reply};
use crate::cli::{Exit, Failure};
use crate::control::{LONGEST_LINE, Reply, Request};

/// Bytes sent and not confirmed, at the most. More than the longest line that the agent takes: a line is confirmed
/// only when the agent has it whole, and before that there is nothing to wait for.
const AHEAD: usize = LONGEST_LINE + (8 << 20);
/// How often an agent that is away is looked for.
const AWAY: Duration = Duration::from_millis(50);
/// How long an agent that failed to keep something is left alone.
const FAILED: Duration = Duration::from_secs(1);

/// What was sent and is not confirmed, shared by the thread that sends and the one that listens.
#[derive(Default)]
struct Window {
    /// Only of what can't be read again.
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// Confirmed over all connections.
    confirmed_bytes: u64,
    confirmed_lines: u64,
    skipped: u64,
    /// The source has ended, and all of it went out on this connection.
    all_sent: bool,
    /// The agent has confirmed the whole import.
    done: bool,
    /// This connection is over.
    closed: bool,
    /// The agent could not keep what was sent: it is given time.
    failed: bool,
    /// The agent will never take what is sent, and why.
    refused: Option<String>,
}

impl Window {
    /// A new connection: nothing is on its way. Where it begins, in bytes of the whole.
    fn begin_again(&mut self) -> u64 {
        self.bytes = 0;
        self.confirmed_bytes
    }

    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    fn confirm(&mut self, mut bytes: usize) {
        self.confirmed_bytes += bytes as u64;
        self.bytes -= bytes.min(self.bytes);
        while let Some(front) = self.chunks.front_mut() {
            if front.len() > bytes {
                let _ = front.split_to(bytes);
                return;
            }
            bytes -= front.len();
            self.chunks.pop_front();
        }
    }
}

#[derive(Default)]
struct Shared {
    window: Mutex<Window>,
    moved: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for another chunk. False: the connection is over.
    fn wait_for_room(&self) -> bool {
        let mut window = self.lock();
        while window.bytes > AHEAD && !window.closed {
            window = self.moved.wait(window).unwrap_or_else(PoisonError::into_inner);
        }
        !window.closed
    }
}

pub fn run(state_dir: &Path, file: &Path) -> Result<u8, Failure> {
    let mut source = Source::open(file)?;
    let shared = Shared::default();
    let mut told_away = false;
    loop {
        match connect(state_dir) {
            Ok(stream) => {
                told_away = false;
                feed(stream, &mut source, &shared)?;
                if shared.lock().done {
                    break;
                }
                let (lines, refused) = {
                    let mut window = shared.lock();
                    (window.confirmed_lines, window.refused.take())
                };
                if let Some(why) = refused {
                    let text = format!("{why}; the {lines} lines before it are kept");
                    return Err(Failure::new(Exit::Usage, text));
                }
                eprintln!("conductor: the agent went away after {lines} confirmed lines; waiting for it");
            }
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Err(e.into()),
            Err(_) if !told_away => {
                eprintln!("conductor: no agent runs on {}; waiting for it", state_dir.display());
                told_away = true;
            }
            Err(_) => {}
        }
        let failed = std::mem::take(&mut shared.lock().failed);
        std::thread::sleep(if failed { FAILED } else { AWAY });
    }
    let window = shared.lock();
    eprintln!("conductor: {} lines imported, each of them durable", window.confirmed_lines - window.skipped);
    if window.skipped > 0 {
        let text = format!("{} lines are not JSON objects and were skipped", window.skipped);
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(0)
}

/// Feeds over one connection until all is confirmed or the agent goes away. Errors are of the source alone.
fn feed(mut stream: UnixStream, source: &mut Source, shared: &Shared) -> Result<(), Failure> {
    {
        let mut window = shared.lock();
        (window.closed, window.all_sent) = (false, false);
    }
    let (answers, size) = (stream.try_clone()?, source.size());
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| listen(answers, shared, size));
        let asked = ask(&mut stream, &Request::Import).map_err(|_| Stopped::Away);
        let sent = asked.and_then(|()| source.send(&mut stream, shared));
        shared.lock().all_sent = sent.is_ok();
        // Whole: the agent confirms the rest and says so. Cut: nothing more is to be expected.
        let _ = stream.shutdown(if sent.is_ok() { Shutdown::Write } else { Shutdown::Both });
        let _ = listening.join();
        match sent {
            Ok(()) | Err(Stopped::Away) => Ok(()),
            Err(Stopped::Source(error)) => Err(Failure::from(error)),
        }
    })
}

/// Follows the confirmations of one connection.
fn listen(stream: UnixStream, shared: &Shared, size: Option<u64>) {
    let (mut lines_before, mut bytes_before) = (0, 0);
    let mut bar = Bar::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match reply(&line) {
            Some(Reply::Confirmed { confirmed, bytes }) => {
                let mut window = shared.lock();
                window.confirm((bytes - bytes_before) as usize);
                window.confirmed_lines += confirmed - lines_before;
                (lines_before, bytes_before) = (confirmed, bytes);
                bar.draw(window.confirmed_bytes, size, &format!("{} lines", window.confirmed_lines));
            }
            Some(Reply::Skipped { skipped_line, why }) => {
                shared.lock().skipped += 1;
                eprintln!("conductor: line {skipped_line} (since the agent was last connected) is skipped: {why}");
            }
            Some(Reply::Waiting { waiting }) => eprintln!("conductor: waiting: {waiting}"),
            Some(Reply::Failed { failed }) => {
                eprintln!("conductor: {failed}; trying again in a second");
                shared.lock().failed = true;
            }
            Some(Reply::Refused { refused }) => shared.lock().refused = Some(refused),
            Some(Reply::Done { .. }) => {
                let mut window = shared.lock();
                // An agent that stops has nothing more to confirm either.
                window.done = window.all_sent && window.bytes == 0;
            }
            Some(
                Reply::Show { .. }
                | Reply::Forgotten { .. }
                | Reply::Quarantined { .. }
                | Reply::CountedOut { .. }
                | Reply::Acted { .. }
                | Reply::Progress { .. }
                | Reply::Replay { .. }
                | Reply::Cancelled { .. }
                | Reply::Evidence { .. }
                | Reply::Stream { .. }
                | Reply::Looked { .. }
                | Reply::Verified { .. },
            )
            | None => {}
        }
        shared.moved.notify_all();
    }
    shared.lock().closed = true;
    shared.moved.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_says_done_before_all_was_sent_has_not_got_all() {
        for all_sent in [false, true] {
            let shared = Shared::default();
            shared.lock().all_sent = all_sent;
            let (ours, mut theirs) = UnixStream::pair().expect("sockets");
            std::io::Write::write_all(&mut theirs, b"{\"done\":true}\n").expect("sent");
            drop(theirs);
            listen(ours, &shared, None);
            assert_eq!(shared.lock().done, all_sent);
        }
    }

    #[test]
    fn what_is_confirmed_is_forgotten_to_the_byte_and_the_rest_stays_to_be_sent_again() {
        let mut window = Window::default();
        window.push(Bytes::from_static(b"aaaa"));
        window.push(Bytes::from_static(b"bbbb"));
        window.confirm(6);
        assert_eq!(window.chunks, [Bytes::from_static(b"bb")]);
        assert_eq!((window.bytes, window.confirmed_bytes), (2, 6));
        window.confirm(2);
        assert!(window.chunks.is_empty() && window.bytes == 0);
    }
}
