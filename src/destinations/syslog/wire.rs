//! One connection: TLS ([`Records`]) or plain TCP over a socket, served without waiting; the wait is beside it.
//!
//! Promise: what the peer's TCP has and has not is the kernel's word; a connection that was not ended in order is
//! aborted, unless what its peer holds would be lost by that.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::faults;
use super::records::Records;
use crate::fault::Fault;
use crate::net::tcp_info::{Owed, acked_bytes, is_established};

/// Bytes that wait for the socket, at most.
pub(super) const BACKLOG: usize = 256 * 1024;
/// Reads in one exchange, at most: a peer that never stops talking must not keep us from looking at the clock.
const MOST_READS: usize = 256;
/// What one exchange brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// KeyUpdates.
    pub(super) answers: u32,
}

/// What is spoken on it.
#[derive(Debug)]
enum Speech {
    Tls(Box<Records>),
    Plain(Plain),
}

/// Bytes as they are, those that the socket has not taken yet.
#[derive(Debug, Default)]
struct Plain {
    waiting: Vec<u8>,
    /// Of these, the socket has so many.
    gone: usize,
}

impl Plain {
    /// All or nothing: a piece is in the stream whole, or can be given again.
    fn put(&mut self, bytes: &[u8]) -> usize {
        if self.waiting.len() - self.gone >= BACKLOG {
            return 0;
        }
        self.waiting.drain(..self.gone);
        self.gone = 0;
        self.waiting.extend_from_slice(bytes);
        bytes.len()
    }

    fn wants_write(&self) -> bool {
        self.gone < self.waiting.len()
    }

    fn write_to(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let written = socket.write(&self.waiting[self.gone..])?;
        self.gone += written;
        Ok(written)
    }
}

impl Speech {
    fn wants_write(&self) -> bool {
        match self {
            Speech::Tls(records) => records.wants_write(),
            Speech::Plain(plain) => plain.wants_write(),
        }
    }

    fn is_greeting(&self) -> bool {
        match self {
            Speech::Tls(records) => records.is_handshaking(),
            Speech::Plain(_) => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    speech: Speech,
    address: String,
    peer: SocketAddr,
    inbound: Vec<u8>,
    origin: u64,
    written: u64,
    owed: Owed,
    end: bool,
    spared: bool,
}

impl Wire {
    /// Finishes the handshake on a fresh connection to `address` (named so in faults); without `tls` there is none.
    ///
    /// # Errors
    /// `Refused` for certificates, `Unavailable` for all else.
    pub(super) async fn open(
        stream: TcpStream,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
        address: &str,
        limit: Duration,
    ) -> Result<Wire, Fault> {
        let prepared = stream.set_nodelay(true).and_then(|()| Ok((stream.peer_addr()?, acked_bytes(&stream)?)));
        let (peer, origin) = prepared.map_err(|e| faults::unknowable(address, e))?;
        let speech = match tls {
            None => Speech::Plain(Plain::default()),
            Some((config, name)) => {
                Speech::Tls(Box::new(Records::new(config, name).map_err(|e| faults::tls(address, e))?))
            }
        };
        let mut wire = Wire {
            stream,
            speech,
            address: address.to_owned(),
            peer,
            inbound: Vec::new(),
            origin,
            written: 0,
            owed: Owed::default(),
            end: false,
            spared: false,
        };
        let until = Instant::now() + limit;
        loop {
            wire.exchange()?;
            if !wire.speech.is_greeting() && !wire.speech.wants_write() {
                return Ok(wire);
            }
            if wire.end {
                return Err(faults::ended(&wire.address));
            }
            if Instant::now() >= until {
                return Err(faults::mute(&wire.address, limit));
            }
            wire.wait(until).await;
        }
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn is_tls13(&self) -> bool {
        match &self.speech {
            Speech::Tls(records) => records.is_tls13(),
            Speech::Plain(_) => false,
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        match self.speech {
            Speech::Tls(_) => false,
            Speech::Plain(_) => true,
        }
    }

    /// Until when the peer's certificate holds, where it showed one.
    pub(super) fn peer_ends(&self) -> Option<Timestamp> {
        match &self.speech {
            Speech::Tls(records) => records.peer_ends(),
            Speech::Plain(_) => None,
        }
    }

    /// Takes as many plain bytes as there is room for.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.speech {
            Speech::Tls(records) => records.put(bytes).map_err(|e| faults::cut(&self.address, e)),
            Speech::Plain(plain) => Ok(plain.put(bytes)),
        }
    }

    /// Asks for an answer behind all that was put. Plain TCP has no such question: its peer is never asked.
    pub(super) fn request_receipt(&mut self) -> Result<(), Fault> {
        match &mut self.speech {
            Speech::Tls(records) => records.request_receipt().map_err(|e| faults::tls(&self.address, e)),
            Speech::Plain(_) => Ok(()),
        }
    }

    /// Reads what has come and writes what can go, without waiting. Reading comes first: an end of the peer's is seen
    /// before more is sent into it, and unread tickets would turn our close into a reset.
    pub(super) fn exchange(&mut self) -> Result<Seen, Fault> {
        let mut seen = Seen::default();
        self.read(&mut seen)?;
        while self.speech.wants_write() {
            let mut socket = Outbound(&self.stream);
            let written = match &mut self.speech {
                Speech::Tls(records) => records.write_to(&mut socket),
                Speech::Plain(plain) => plain.write_to(&mut socket),
            };
            match written {
                Ok(n) => self.written += n as u64,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => {
                    self.read_last_words(&mut seen)?;
                    return Err(faults::cut(&self.address, e));
                }
            }
        }
        Ok(seen)
    }

    fn read(&mut self, seen: &mut Seen) -> Result<(), Fault> {
        for _ in 0..MOST_READS {
            if self.end {
                break;
            }
            self.inbound.reserve(4096);
            match self.stream.try_read_buf(&mut self.inbound) {
                Ok(0) if self.inbound.is_empty() => self.end = true,
                Ok(0) => return Err(faults::cut(&self.address, io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => self.take(seen)?,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(faults::cut(&self.address, e)),
            }
        }
        Ok(())
    }

    /// What the peer said before it went, past the readiness that tokio knows of: its alert, if it sent one.
    fn read_last_words(&mut self, seen: &mut Seen) -> Result<(), Fault> {
        let mut chunk = [0; 512];
        loop {
            let read = (&mut &*SockRef::from(&self.stream)).read(&mut chunk);
            let Ok(n @ 1..) = read else { return Ok(()) };
            self.inbound.extend_from_slice(&chunk[..n]);
            self.take(seen)?;
        }
    }

    /// Looks at what has come. On plain TCP a syslog receiver has nothing to say.
    fn take(&mut self, seen: &mut Seen) -> Result<(), Fault> {
        match &mut self.speech {
            Speech::Plain(_) => {
                self.inbound.clear();
                Ok(())
            }
            Speech::Tls(records) => records.take(&mut self.inbound, seen).map_err(|error| {
                // Tell the peer why, if it still listens; the error itself is ours to report.
                let _ = records.write_to(&mut Outbound(&self.stream));
                faults::tls(&self.address, error)
            }),
        }
    }

    /// Waits until something can be read, or written if there is something to write; at most until `until`.
    pub(super) async fn wait(&self, until: Instant) {
        let interest = match (self.end, self.speech.wants_write()) {
            (false, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, true) => Some(Interest::WRITABLE),
            (true, false) => None,
        };
        match interest {
            // An error of the wait is met again, and told, by the next exchange.
            Some(interest) => drop(tokio::time::timeout_at(until.into(), self.stream.ready(interest)).await),
            None => tokio::time::sleep_until(until.into()).await,
        }
    }

    /// Is everything in the socket?
    pub(super) fn is_written(&self) -> bool {
        !self.speech.wants_write()
    }

    /// Bytes that the peer's TCP has acknowledged, of those that were written.
    pub(super) fn acked(&self) -> Result<u64, Fault> {
        let acked = acked_bytes(&self.stream).map_err(|e| faults::unknowable(&self.address, e))?;
        Ok(acked.saturating_sub(self.origin))
    }

    /// Has the peer's TCP everything? (What SIOCOUTQ = 0 says, and true after a reset too.)
    pub(super) fn is_drained(&self) -> Result<bool, Fault> {
        Ok(self.is_written() && self.acked()? >= self.written)
    }

    /// For how long the peer's TCP has owed us an answer, as the looks so far have seen it.
    pub(super) fn owed(&mut self, now: Instant) -> Result<Duration, Fault> {
        self.owed.look(&self.stream, now).map_err(|e| faults::unknowable(&self.address, e))
    }

    /// Has the peer's FIN come, behind whole records?
    pub(super) fn ended(&self) -> bool {
        self.end
    }

    /// Has the peer begun to end the connection in any way?
    pub(super) fn is_ending(&mut self) -> bool {
        self.end
            || match &mut self.speech {
                Speech::Tls(records) => records.peer_has_closed(),
                Speech::Plain(_) => false,
            }
    }

    /// Is the connection up, as far as the kernel knows?
    pub(super) fn is_up(&self) -> bool {
        is_established(&self.stream)
    }

    /// Never resets this connection: a reset would take what its peer holds and has not read, and nobody sends it again.
    pub(super) fn spare(&mut self) {
        self.spared = true;
    }

    /// Queues our close_notify.
    pub(super) fn close_notify(&mut self) {
        match &mut self.speech {
            Speech::Tls(records) => records.close_notify(),
            Speech::Plain(_) => {}
        }
    }

    /// Sends our FIN.
    pub(super) fn finish(&self) {
        // Fails only on a connection that is gone already: the next exchange says so.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }
}

impl Drop for Wire {
    /// A connection that was not ended in order is aborted: the peer shall not take its rest for a clean end.
    fn drop(&mut self) {
        if !self.end && !self.spared {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// The socket as it is written to: what does not fit says so at once.
struct Outbound<'a>(&'a TcpStream);

impl io::Write for Outbound<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
