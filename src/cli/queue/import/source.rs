//! Where the lines of an import come from.
//!
//! Promise: what the agent has not confirmed can be sent again: from the file, or from memory where there is none.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use bytes::Bytes;
use nix::errno::Errno;
use nix::sys::sendfile::sendfile;

use super::Shared;
use crate::cli::{Exit, Failure};

/// Bytes handed to the socket at once.
const CHUNK: usize = 256 << 10;

/// What is imported.
pub enum Source {
    /// Read once: what was sent and is not confirmed is kept in memory.
    Once { input: Box<dyn Read>, ended: bool },
    /// A file that stays as it is: read again from the first byte that is not confirmed. The kernel moves its pages into
    /// the socket; they are not copied through this process.
    File { file: File, size: u64, copying: bool },
}

/// Why sending ended before the source did.
pub enum Stopped {
    /// The agent went away.
    Away,
    /// The source can't be read.
    Source(io::Error),
}

impl Source {
    /// `-` is standard input.
    pub fn open(path: &Path) -> Result<Source, Failure> {
        if path == Path::new("-") {
            return Ok(Source::Once { input: Box::new(io::stdin()), ended: false });
        }
        let file = File::open(path).map_err(|e| {
            let exit = if e.kind() == io::ErrorKind::PermissionDenied { Exit::Permission } else { Exit::Usage };
            Failure::new(exit, format!("{} can't be read: {e}", path.display()))
        })?;
        match file.metadata() {
            Ok(about) if about.is_file() => Ok(Source::File { file, size: about.len(), copying: false }),
            // A pipe by name.
            Ok(_) | Err(_) => Ok(Source::Once { input: Box::new(file), ended: false }),
        }
    }

    /// Bytes of the whole, where that is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Source::Once { .. } => None,
            Source::File { size, .. } => Some(*size),
        }
    }

    /// Sends what is not confirmed, then what follows, never too far ahead.
    pub(super) fn send(&mut self, stream: &mut UnixStream, shared: &Shared) -> Result<(), Stopped> {
        match self {
            Source::Once { input, ended } => send_once(input, ended, stream, shared),
            Source::File { file, copying, .. } => send_file(file, copying, stream, shared),
        }
    }
}

fn send_once(input: &mut dyn Read, ended: &mut bool, stream: &mut UnixStream, shared: &Shared) -> Result<(), Stopped> {
    let again: Vec<Bytes> = shared.lock().chunks.iter().cloned().collect();
    if again.iter().any(|chunk| stream.write_all(chunk).is_err()) {
        return Err(Stopped::Away);
    }
    while !*ended {
        if !shared.wait_for_room() {
            return Err(Stopped::Away);
        }
        let mut chunk = vec![0; CHUNK];
        match input.read(&mut chunk) {
            Ok(0) => *ended = true,
            Ok(read) => {
                chunk.truncate(read);
                let chunk = Bytes::from(chunk);
                shared.lock().push(chunk.clone());
                stream.write_all(&chunk).map_err(|_| Stopped::Away)?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Stopped::Source(e)),
        }
    }
    Ok(())
}

fn send_file(file: &File, copying: &mut bool, stream: &mut UnixStream, shared: &Shared) -> Result<(), Stopped> {
    let mut offset = shared.lock().begin_again();
    loop {
        if !shared.wait_for_room() {
            return Err(Stopped::Away);
        }
        // Counted before it goes: the agent may confirm it before this thread comes back.
        shared.lock().bytes += CHUNK;
        let sent = send_some(file, offset, copying, stream);
        let unsent = CHUNK - sent.as_ref().map_or(0, |sent| *sent);
        {
            // Of what failed half way, the agent may have confirmed a part.
            let mut window = shared.lock();
            window.bytes = window.bytes.saturating_sub(unsent);
        }
        match sent? {
            0 => return Ok(()),
            sent => offset += sent as u64,
        }
    }
}

/// Sends a chunk at the most; 0 at the file's end.
fn send_some(file: &File, offset: u64, copying: &mut bool, stream: &mut UnixStream) -> Result<usize, Stopped> {
    let source = |errno: Errno| Stopped::Source(io::Error::from(errno));
    while !*copying {
        let mut from = i64::try_from(offset).map_err(|_| source(Errno::EFBIG))?;
        match sendfile(&*stream, file, Some(&mut from), CHUNK) {
            Ok(sent) => return Ok(sent),
            Err(Errno::EINTR) => {}
            Err(Errno::EPIPE | Errno::ECONNRESET | Errno::ENOTCONN | Errno::EBADF) => return Err(Stopped::Away),
            // A file system whose files can't be moved by the kernel.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => *copying = true,
            Err(errno) => return Err(source(errno)),
        }
    }
    let mut chunk = vec![0; CHUNK];
    let read = loop {
        match file.read_at(&mut chunk, offset) {
            Ok(read) => break read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Stopped::Source(e)),
        }
    };
    stream.write_all(&chunk[..read]).map_err(|_| Stopped::Away)?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_whole_from_the_first_byte_that_is_not_confirmed_by_the_kernel_and_by_copies() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("lines");
        let text: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, &text).expect("written");
        for by_copies in [false, true] {
            let Ok(Source::File { file, size, .. }) = Source::open(&path) else { panic!("a file") };
            assert_eq!(size, text.len() as u64);
            let mut source = Source::File { file, size, copying: by_copies };
            let shared = Shared::default();
            shared.lock().confirmed_bytes = 1000;
            let (mut ours, mut theirs) = UnixStream::pair().expect("sockets");
            let reading = std::thread::spawn(move || {
                let mut got = Vec::new();
                theirs.read_to_end(&mut got).map(|_| got)
            });
            assert!(source.send(&mut ours, &shared).is_ok());
            drop(ours);
            let got = reading.join().expect("it reads").expect("all of it");
            assert!(got == text[1000..], "{} bytes", got.len());
            assert_eq!(shared.lock().bytes, text.len() - 1000, "on their way, until they are confirmed");
        }
    }

    #[test]
    fn an_agent_that_goes_away_is_no_fault_of_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("lines");
        std::fs::write(&path, vec![b'x'; 4 << 20]).expect("written");
        let shared = Shared::default();
        let (mut ours, theirs) = UnixStream::pair().expect("sockets");
        drop(theirs);
        let mut source = Source::open(&path).unwrap_or_else(|_| panic!("a file"));
        assert!(matches!(source.send(&mut ours, &shared), Err(Stopped::Away)));
        assert_eq!(shared.lock().begin_again(), 0, "it is sent again from its beginning");
    }
}
