//! TLS over one TCP connection, driven by us record by record, because read receipts are counted in records.
//!
//! rustls does not tell that a KeyUpdate came. So the stream is cut into TLS records here and rustls is fed one at a
//! time. Promise: a record counts as an answer only if rustls authenticated and accepted it, it brought no data, no
//! session ticket and no close, and it has the size of a KeyUpdate; nothing is concluded from a size alone.
//!
//! What can't be told apart: a peer that starts a KeyUpdate of its own while one of ours is unanswered (RFC 8446 gives
//! them no numbers). A receiver would, by volume of data, after gigabytes on one key; ours change every window.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::faults;
use crate::fault::Fault;
use crate::net::tcp_info::{acked_bytes, is_established};

/// Encrypted bytes that wait for the socket, at most.
const BACKLOG: usize = 256 * 1024;
/// Reads in one exchange, at most: a peer that never stops talking must not keep us from looking at the clock.
const MOST_READS: usize = 256;
/// After this long without an acknowledgement the kernel gives the path up.
const DEAD_PATH: Duration = Duration::from_secs(30);
/// Content type, version, length: RFC 8446 5.1.
const HEADER: usize = 5;
/// The outer content type of every encrypted TLS 1.3 record.
const APPLICATION_DATA: u8 = 23;
/// A KeyUpdate's ciphertext: five bytes of message, one of type, 16 of tag; JSSE pads every record by 16. An alert
/// (19 and 35) and an empty data record (17 and 33) differ, though rustls accepts both as silently. A peer that pads
/// otherwise is taken for one that does not answer.
const KEY_UPDATE: [usize; 2] = [22, 38];

/// What one exchange brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// KeyUpdates.
    pub(super) answers: u32,
}

#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    tls: ClientConnection,
    address: String,
    peer: SocketAddr,
    inbound: Vec<u8>,
    origin: u64,
    written: u64,
    end: bool,
    spared: bool,
}

impl Wire {
    /// Finishes the handshake on a fresh connection to `address` (named so in faults).
    ///
    /// # Errors
    /// `Refused` for certificates, `Unavailable` for all else.
    pub(super) async fn open(
        stream: TcpStream,
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        address: &str,
        limit: Duration,
    ) -> Result<Wire, Fault> {
        let prepared = prepare(&stream).and_then(|()| Ok((stream.peer_addr()?, acked_bytes(&stream)?)));
        let (peer, origin) = prepared.map_err(|e| faults::unknowable(address, e))?;
        let mut tls = ClientConnection::new(config, server_name).map_err(|e| faults::tls(address, e))?;
        tls.set_buffer_limit(Some(BACKLOG));
        let address = address.to_owned();
        let mut wire =
            Wire { stream, tls, address, peer, inbound: Vec::new(), origin, written: 0, end: false, spared: false };
        let until = Instant::now() + limit;
        loop {
            wire.exchange()?;
            if !wire.tls.is_handshaking() && !wire.tls.wants_write() {
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
        self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Takes as many plain bytes as there is room for.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        io::Write::write(&mut self.tls.writer(), bytes).map_err(|e| faults::cut(&self.address, e))
    }

    /// Puts a KeyUpdate that wants an answer (RFC 8446 4.6.3) behind all that was put.
    pub(super) fn request_receipt(&mut self) -> Result<(), Fault> {
        self.tls.refresh_traffic_keys().map_err(|e| faults::tls(&self.address, e))
    }

    /// Reads what has come and writes what can go, without waiting. Reading comes first: an end of the peer's is seen
    /// before more is sent into it, and unread tickets would turn our close into a reset.
    pub(super) fn exchange(&mut self) -> Result<Seen, Fault> {
        let mut seen = Seen::default();
        self.read(&mut seen)?;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Outbound(&self.stream)) {
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
                Ok(_) => self.take_records(seen)?,
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
            self.take_records(seen)?;
        }
    }

    /// Feeds all whole records that have come.
    fn take_records(&mut self, seen: &mut Seen) -> Result<(), Fault> {
        let mut inbound = std::mem::take(&mut self.inbound);
        let mut rest = inbound.as_slice();
        while let Some((record, after)) = first_record(rest) {
            rest = after;
            if let Err(error) = self.accept(record, seen) {
                // Tell the peer why, if it still listens; the error itself is ours to report.
                let _ = self.tls.write_tls(&mut Outbound(&self.stream));
                return Err(faults::tls(&self.address, error));
            }
        }
        let used = inbound.len() - rest.len();
        inbound.drain(..used);
        self.inbound = inbound;
        Ok(())
    }

    /// Feeds one record and looks at what it did.
    fn accept(&mut self, record: &[u8], seen: &mut Seen) -> Result<(), rustls::Error> {
        let in_traffic = !self.tls.is_handshaking() && self.is_tls13();
        let tickets = self.tls.tls13_tickets_received();
        let mut rest = record;
        while !rest.is_empty() {
            match self.tls.read_tls(&mut rest) {
                // After a close_notify nothing is read any more (RFC 8446 6.1).
                Ok(0) => break,
                Ok(_) => {}
                Err(e) => return Err(rustls::Error::General(e.to_string())),
            }
        }
        let state = self.tls.process_new_packets()?;
        let plain = state.plaintext_bytes_to_read();
        if plain > 0 {
            // A syslog receiver has nothing to say; what it says is not ours to keep.
            let _ = io::copy(&mut self.tls.reader().take(plain as u64), &mut io::sink());
        }
        let effect = Effect {
            in_traffic,
            plain,
            tickets: self.tls.tls13_tickets_received() - tickets,
            closing: state.peer_has_closed(),
        };
        seen.answers += u32::from(effect.is_answer(record));
        Ok(())
    }

    /// Waits until something can be read, or written if there is something to write; at most until `until`.
    pub(super) async fn wait(&self, until: Instant) {
        let interest = match (self.end, self.tls.wants_write()) {
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
        !self.tls.wants_write()
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

    /// Has the peer's FIN come, behind whole records?
    pub(super) fn ended(&self) -> bool {
        self.end
    }

    /// Has the peer begun to end the connection in any way?
    pub(super) fn is_ending(&mut self) -> bool {
        self.end || self.tls.process_new_packets().is_ok_and(|state| state.peer_has_closed())
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
        self.tls.send_close_notify();
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

/// Options of every connection.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(DEAD_PATH))
}

/// What a record did that rustls authenticated and accepted.
#[derive(Clone, Copy, Debug)]
struct Effect {
    /// It came after the handshake, on TLS 1.3.
    in_traffic: bool,
    plain: usize,
    tickets: u32,
    closing: bool,
}

impl Effect {
    /// Was it a KeyUpdate?
    fn is_answer(self, record: &[u8]) -> bool {
        let silent = self.plain == 0 && self.tickets == 0 && !self.closing;
        let fits = record.first() == Some(&APPLICATION_DATA) && KEY_UPDATE.contains(&(record.len() - HEADER));
        self.in_traffic && silent && fits
    }
}

/// Cuts the first whole record off. What can't be a record is given whole, for rustls to refuse.
pub(super) fn first_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = bytes.first_chunk::<HEADER>()?;
    let length = HEADER + usize::from(u16::from_be_bytes([header[3], header[4]]));
    // 2^14 + 2048 (RFC 5246 6.2.3) is the most that any version allows.
    if length > HEADER + (1 << 14) + 2048 || !(20..=24).contains(&header[0]) {
        return Some((bytes, &[]));
    }
    bytes.split_at_checked(length)
}

/// The socket as rustls writes to it: what does not fit says so at once.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_silent_record_of_a_key_updates_size_counts_as_an_answer() {
        let silent = Effect { in_traffic: true, plain: 0, tickets: 0, closing: false };
        let record = |kind: u8, length: usize| [vec![kind, 3, 3, 0, length as u8], vec![0; length]].concat();
        let table = [
            (silent, 23, 22, true),
            (silent, 23, 38, true),
            // user_canceled, bare and padded by JSSE; an empty data record; a piece of a long ticket.
            (silent, 23, 19, false),
            (silent, 23, 35, false),
            (silent, 23, 17, false),
            (silent, 23, 200, false),
            (silent, 20, 22, false),
            (Effect { in_traffic: false, ..silent }, 23, 22, false),
            (Effect { plain: 5, ..silent }, 23, 22, false),
            (Effect { tickets: 1, ..silent }, 23, 22, false),
            (Effect { closing: true, ..silent }, 23, 22, false),
        ];
        for (effect, kind, length, expected) in table {
            assert_eq!(effect.is_answer(&record(kind, length)), expected, "{effect:?} {kind} {length}");
        }
    }

    #[test]
    fn the_stream_is_cut_at_record_borders() {
        let two = [&[23, 3, 3, 0, 2, 1, 2], [23, 3, 3, 0, 1, 9].as_slice()].concat();
        let (first, rest) = first_record(&two).expect("whole");
        assert_eq!((first.len(), rest), (7, [23, 3, 3, 0, 1, 9].as_slice()));
        assert!(first_record(&rest[..5]).is_none() && first_record(&rest[..3]).is_none());
        let (all, rest) = first_record(b"HTTP/1.1 400 Bad").expect("for rustls to refuse");
        assert_eq!((all.len(), rest.len()), (16, 0));
    }
}
