//! The command line's end of the control socket, and the queue itself when no agent holds it.
//!
//! Promise: a verb works alike in both cases, and never both at once touch the queue: the lock decides.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{Exit, Failure};
use crate::config::Settings;
use crate::control::{self, Reply, Request};
use crate::engine;
use crate::queue::QueueError;

/// Connects to the agent that runs on this state folder.
pub fn connect(state_dir: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(state_dir.join(control::SOCKET))
}

/// Sends one request line.
pub fn ask(stream: &mut UnixStream, request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Asks the agent, or the queue itself where no agent runs; each line of the answer goes to `line`.
pub fn converse(
    settings: &Settings,
    request: &Request,
    mut line: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let state_dir = &settings.agent.state_dir;
    match connect(state_dir) {
        Ok(mut stream) => {
            ask(&mut stream, request).map_err(|_| gone())?;
            let mut whole = false;
            for answer in BufReader::new(stream).lines() {
                // An agent that is killed resets the connection: the same as one that closes it.
                let Ok(answer) = answer else { break };
                whole = matches!(reply(&answer), Some(Reply::Done { .. } | Reply::Failed { .. }));
                line(&answer)?;
            }
            if whole {
                return Ok(());
            }
            Err(gone())
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            let dir = folder(state_dir)?;
            let queue = match engine::open_queue(&dir, &settings.queue) {
                Err(QueueError::Locked { .. }) => return Err(held()),
                other => other?.0,
            };
            let mut lines = Lines { rest: Vec::new(), line, failed: None };
            let answered = control::answer(&queue, request.clone(), io::empty(), &mut lines, &|| false);
            queue.close();
            match lines.failed {
                Some(failure) => Err(failure),
                None => answered.map_err(Failure::from),
            }
        }
        Err(e) => Err(e.into()),
    }
}

/// The queue's folder, for whoever opens it without an agent.
pub fn folder(state_dir: &Path) -> Result<PathBuf, Failure> {
    let dir = state_dir.join("queue");
    if !dir.exists() {
        let text = format!("there is no queue in {}: has the agent ever run here?", state_dir.display());
        return Err(Failure::new(Exit::Unavailable, text));
    }
    let owner = fs::metadata(&dir)?.uid();
    if owner != nix::unistd::geteuid().as_raw() {
        // Files of ours in there would keep the agent from its own queue.
        let dir = dir.display();
        let text = format!("the queue in {dir} belongs to user {owner}: say it as that user (sudo -u '#{owner}' ...)");
        return Err(Failure::new(Exit::Permission, text));
    }
    Ok(dir)
}

/// Does an agent answer on this state folder?
pub fn is_running(state_dir: &Path) -> bool {
    connect(state_dir).is_ok()
}

fn gone() -> Failure {
    let text =
        "the agent went away in the middle of its answer, which is not whole: wait until it runs and say it again";
    Failure::new(Exit::Unavailable, text)
}

/// The agent holds the lock, and no socket answers.
pub fn held() -> Failure {
    let text = "the agent holds the queue, but its control socket does not answer: is it starting or stopping?";
    Failure::new(Exit::Unavailable, text)
}

/// Cuts what is written into lines.
struct Lines<F> {
    rest: Vec<u8>,
    line: F,
    failed: Option<Failure>,
}

impl<F: FnMut(&str) -> Result<(), Failure>> Write for Lines<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = memchr::memchr(b'\n', &self.rest) {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line[..end]).into_owned();
            if let Err(failure) = (self.line)(&text) {
                self.failed = Some(failure);
                return Err(io::Error::other("ended"));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line of an answer that is not an event.
pub fn reply(line: &str) -> Option<Reply> {
    // Events of an export begin otherwise; everything else is one of ours.
    if line.starts_with("{\"conductor_export\"") { None } else { serde_json::from_str(line).ok() }
}
