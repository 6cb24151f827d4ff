//! One connection of a sender, from handshake to end.
//!
//! Promise: TLS records are given to rustls one at a time, so each KeyUpdate is seen and answered by itself (given
//! two at once rustls would answer once), and nothing is read from the socket while the receiver is stalled.

use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::{ProtocolVersion, ServerConnection};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Faults, Frames, KeyUpdates, Shared};
use crate::door::lock;

/// A TLS record: type, version, length (RFC 8446 section 5.1).
const HEADER: usize = 5;
/// Bytes read from the socket at once.
const READ: usize = 64 << 10;

/// How a connection came to its end.
enum End {
    /// The peer closed in order and so do we.
    Closed,
    /// The peer went, with or without a word.
    Gone,
    /// We reset it.
    Reset,
    /// TLS or framing can't be read any further; our alert is on its way.
    Broken,
}

struct Connection {
    shared: Arc<Shared>,
    faults: watch::Receiver<Faults>,
    socket: TcpStream,
    tls: ServerConnection,
    /// Read from the socket, not yet given to rustls.
    records: BytesMut,
    frames: Frames,
    greeted: bool,
    key_updates: u64,
    resets: u64,
}

pub(super) fn connection(shared: Arc<Shared>, socket: TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let ended = Ended(shared.clone());
        // The configuration is the one that `Soc::start` has accepted.
        let Ok(tls) = ServerConnection::new(shared.tls.clone()) else { return };
        let faults = shared.faults.subscribe();
        let resets = faults.borrow().resets;
        let frames = Frames::new(shared.largest);
        let records = BytesMut::new();
        let connection =
            Connection { shared, faults, socket, tls, records, frames, greeted: false, key_updates: 0, resets };
        connection.run().await;
        drop(ended);
    })
}

impl Connection {
    async fn run(mut self) {
        let end = self.read_to_end().await.unwrap_or(End::Gone);
        if !self.greeted {
            lock(&self.shared.record).handshakes_failed += 1;
        } else if let (End::Closed | End::Gone, Err(error)) = (&end, self.frames.finish()) {
            lock(&self.shared.record).framing_errors.push(error);
        }
        match end {
            End::Reset => {
                // Closing with a linger of zero sends a reset, and drops what was not read.
                let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
            }
            End::Closed | End::Broken => {
                self.tls.send_close_notify();
                let _ = self.write_out().await;
                let _ = self.socket.shutdown().await;
            }
            End::Gone => {}
        }
    }

    async fn read_to_end(&mut self) -> io::Result<End> {
        loop {
            while let Some(record) = self.next_record() {
                if let Some(end) = self.process(&record).await? {
                    return Ok(end);
                }
            }
            if self.wait_to_read().await {
                return Ok(End::Reset);
            }
            if self.socket.try_read_buf(&mut self.records).map(Some).or_else(not_yet)? == Some(0) {
                return Ok(End::Gone);
            }
        }
    }

    /// The next whole record, header and all.
    fn next_record(&mut self) -> Option<BytesMut> {
        let length = self.records.get(3..HEADER).map(|two| usize::from(two[0]) << 8 | usize::from(two[1]))?;
        (self.records.len() >= HEADER + length).then(|| self.records.split_to(HEADER + length))
    }

    /// Gives one record to rustls, takes what is in it, and answers what must be answered.
    async fn process(&mut self, record: &[u8]) -> io::Result<Option<End>> {
        let mut rest = record;
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest)?;
        }
        let state = match self.tls.process_new_packets() {
            Ok(state) => state,
            Err(_) => return Ok(Some(End::Broken)),
        };
        if !self.greeted && !self.tls.is_handshaking() {
            self.greeted = true;
            self.shared.connected.add();
        } else if self.greeted && state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() {
            self.met_without_data()?;
        }
        self.write_out().await?;
        let mut plain = vec![0; state.plaintext_bytes_to_read()];
        self.tls.reader().read_exact(&mut plain)?;
        self.frames.push(&plain);
        if let Some(end) = self.take_messages().await {
            return Ok(Some(end));
        }
        if state.peer_has_closed() {
            return Ok(Some(self.closed_by_peer().await));
        }
        Ok(None)
    }

    /// A record that brought no data: after the handshake a client has nothing else to send but a KeyUpdate.
    fn met_without_data(&mut self) -> io::Result<()> {
        if self.tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return Ok(());
        }
        self.key_updates += 1;
        lock(&self.shared.record).key_updates += 1;
        let answered = match self.faults.borrow().key_updates {
            KeyUpdates::Unanswered => false,
            KeyUpdates::Each => true,
            KeyUpdates::AllButFirst => self.key_updates > 1,
        };
        if answered {
            // rustls has made its answer and waits for the next write: one of nothing lets it out.
            let _ = self.tls.writer().write(&[])?;
        }
        Ok(())
    }

    /// Records whole messages, each under the faults of its moment.
    async fn take_messages(&mut self) -> Option<End> {
        loop {
            let message = match self.frames.next_message() {
                Ok(Some(message)) => message,
                Ok(None) => return None,
                Err(error) => {
                    lock(&self.shared.record).framing_errors.push(error);
                    return Some(End::Broken);
                }
            };
            if self.wait_for_turn().await {
                return Some(End::Reset);
            }
            self.shared.take(message);
            let every = self.faults.borrow().reset_every;
            if every.is_some_and(|n| self.shared.arrived.count().is_multiple_of(n)) {
                return Some(End::Reset);
            }
        }
    }

    /// Waits while stalled or slowed, before a message; true: a reset was commanded.
    async fn wait_for_turn(&mut self) -> bool {
        let pause = self.faults.borrow().per_second.map(|n| Duration::from_secs(1) / n);
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        self.wait_while(|faults| faults.stalled).await
    }

    /// Waits until there is something to read and reading is wanted; true: a reset was commanded.
    async fn wait_to_read(&mut self) -> bool {
        self.records.reserve(READ);
        loop {
            if self.wait_while(|faults| faults.stalled).await {
                return true;
            }
            tokio::select! {
                // A fault that was set first is met first.
                biased;
                _ = self.faults.changed() => {}
                _ = self.socket.readable() => return false,
            }
        }
    }

    /// The peer has closed in order. Answered with our close, or held open until someone gives up.
    async fn closed_by_peer(&mut self) -> End {
        if self.wait_while(|faults| faults.close_unanswered).await { End::Reset } else { End::Closed }
    }

    /// Waits while this fault stands; true: a reset was commanded meanwhile.
    async fn wait_while(&mut self, stands: impl Fn(&Faults) -> bool) -> bool {
        let began = self.resets;
        match self.faults.wait_for(|faults| faults.resets != began || !stands(faults)).await {
            Ok(faults) => faults.resets != began,
            // The receiver is being dropped.
            Err(_) => true,
        }
    }

    /// Sends what rustls has to say.
    async fn write_out(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out)?;
        }
        self.socket.write_all(&out).await
    }
}

/// Counts the end of a connection, also of one that is cut from outside.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.add();
    }
}

fn not_yet(error: io::Error) -> io::Result<Option<usize>> {
    if error.kind() == ErrorKind::WouldBlock { Ok(None) } else { Err(error) }
}
