//! The socket's listening side, in the agent.
//!
//! Promise: only the folder's owner reaches it; each connection has a thread of its own and ends at the stop.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::Semaphore;

use super::{Request, SOCKET, answer, verbs};
use crate::queue::Queue;

/// How long a read waits before it looks whether the agent stops; a trickle of an import is kept after as much.
const LOOK: Duration = Duration::from_millis(100);
const CONNECTIONS: usize = 8;

/// Listens in the state folder. The agent holds the queue's lock, so a socket that is there already is a dead one.
pub fn bind(state_dir: &Path) -> io::Result<UnixListener> {
    let path = state_dir.join(SOCKET);
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until `stop` is done.
pub async fn serve(listener: UnixListener, state_dir: &Path, queue: Arc<Queue>, stop: impl Future<Output = ()>) {
    let stopping = Arc::new(AtomicBool::new(false));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, the connection still waits and the next try would fail at once.
                tracing::warn!(%error, "the control socket can't accept a connection; it goes on");
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(LOOK) => continue,
                }
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (queue, stopping) = (Arc::clone(&queue), Arc::clone(&stopping));
        let Ok(stream) = stream.into_std() else { continue };
        tokio::task::spawn_blocking(move || {
            let _place = place;
            if let Err(e) = converse(&queue, &stream, &stopping) {
                tracing::debug!(error = %e, "a control connection ended early");
            }
        });
    }
    stopping.store(true, Ordering::SeqCst);
    let _ = fs::remove_file(state_dir.join(SOCKET));
    // Threads look each 100 ms; the queue is closed after the last of them.
    let _ = tokio::time::timeout(Duration::from_secs(3), places.acquire_many(CONNECTIONS as u32)).await;
}

fn converse(queue: &Queue, stream: &UnixStream, stopping: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let mut input = BufReader::with_capacity(4096, stream);
    let mut asked = Vec::new();
    input.by_ref().take(64 << 10).read_until(b'\n', &mut asked)?;
    let mut output = stream;
    let request: Request = match serde_json::from_slice(&asked) {
        Ok(request) => request,
        Err(error) => return verbs::misunderstood(&mut output, &error),
    };
    stream.set_read_timeout(Some(LOOK))?;
    answer(queue, request, input, &mut output, &|| stopping.load(Ordering::SeqCst))
}
