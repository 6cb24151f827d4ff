//! TLS, record by record, because read receipts are counted in records.
//!
//! rustls does not tell that a KeyUpdate came. So the stream is cut into TLS records here and rustls is fed one at a
//! time. Promise: a record counts as an answer only if rustls authenticated and accepted it, it brought no data, no
//! session ticket and no close, and it has the size of a KeyUpdate; nothing is concluded from a size alone.
//!
//! What can't be told apart: a peer that starts a KeyUpdate of its own while one of ours is unanswered (RFC 8446 gives
//! them no numbers). A receiver would, by volume of data, after gigabytes on one key; ours change every window.

use std::io::{self, Read, Write};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};

use super::wire::{BACKLOG, Seen};
use crate::net::certificate;

/// Content type, version, length: RFC 8446 5.1.
const HEADER: usize = 5;
/// The outer content type of every encrypted TLS 1.3 record.
const APPLICATION_DATA: u8 = 23;
/// A KeyUpdate's ciphertext: five bytes of message, one of type, 16 of tag; JSSE pads every record by 16. An alert
/// (19 and 35) and an empty data record (17 and 33) differ, though rustls accepts both as silently. A peer that pads
/// otherwise is taken for one that does not answer.
const KEY_UPDATE: [usize; 2] = [22, 38];

/// One connection's TLS.
#[derive(Debug)]
pub(super) struct Records(ClientConnection);

impl Records {
    pub(super) fn new(config: Arc<ClientConfig>, server_name: ServerName<'static>) -> Result<Records, rustls::Error> {
        let mut tls = ClientConnection::new(config, server_name)?;
        tls.set_buffer_limit(Some(BACKLOG));
        Ok(Records(tls))
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.0.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Until when the peer's own certificate holds.
    pub(super) fn peer_ends(&self) -> Option<Timestamp> {
        Some(certificate::read(self.0.peer_certificates()?.first()?)?.not_after)
    }

    pub(super) fn wants_write(&self) -> bool {
        self.0.wants_write()
    }

    /// Takes as many plain bytes as there is room for.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.writer().write(bytes)
    }

    /// Puts a KeyUpdate that wants an answer (RFC 8446 4.6.3) behind all that was put.
    pub(super) fn request_receipt(&mut self) -> Result<(), rustls::Error> {
        self.0.refresh_traffic_keys()
    }

    pub(super) fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<usize> {
        self.0.write_tls(socket)
    }

    /// Has the peer said that it sends nothing more?
    pub(super) fn peer_has_closed(&mut self) -> bool {
        self.0.process_new_packets().is_ok_and(|state| state.peer_has_closed())
    }

    pub(super) fn close_notify(&mut self) {
        self.0.send_close_notify();
    }

    /// Takes all whole records out of `inbound`.
    pub(super) fn take(&mut self, inbound: &mut Vec<u8>, seen: &mut Seen) -> Result<(), rustls::Error> {
        let mut rest = inbound.as_slice();
        while let Some((record, after)) = first_record(rest) {
            rest = after;
            self.accept(record, seen)?;
        }
        let used = inbound.len() - rest.len();
        inbound.drain(..used);
        Ok(())
    }

    /// Feeds one record and looks at what it did.
    fn accept(&mut self, record: &[u8], seen: &mut Seen) -> Result<(), rustls::Error> {
        let in_traffic = !self.is_handshaking() && self.is_tls13();
        let tickets = self.0.tls13_tickets_received();
        let mut rest = record;
        while !rest.is_empty() {
            match self.0.read_tls(&mut rest) {
                // After a close_notify nothing is read any more (RFC 8446 6.1).
                Ok(0) => break,
                Ok(_) => {}
                Err(e) => return Err(rustls::Error::General(e.to_string())),
            }
        }
        let state = self.0.process_new_packets()?;
        let plain = state.plaintext_bytes_to_read();
        if plain > 0 {
            // A syslog receiver has nothing to say; what it says is not ours to keep.
            let _ = io::copy(&mut self.0.reader().take(plain as u64), &mut io::sink());
        }
        let effect = Effect {
            in_traffic,
            plain,
            tickets: self.0.tls13_tickets_received() - tickets,
            closing: state.peer_has_closed(),
        };
        seen.answers += u32::from(effect.is_answer(record));
        Ok(())
    }
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
