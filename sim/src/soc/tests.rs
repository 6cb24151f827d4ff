//! The receiver as a raw sender sees it: what arrives, what is confirmed, and each fault once.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection};

use super::*;
use crate::ca::{Authority, LOOPBACK};

/// A guard against a test that would hang, never a measure.
const GUARD: Duration = Duration::from_secs(30);

struct Bench {
    soc: Soc,
    trust: Arc<ClientConfig>,
}

/// A sender that sees every byte of TLS that comes back.
struct Sender {
    tls: ClientConnection,
    socket: TcpStream,
}

fn bench(change: impl FnOnce(&mut SocOptions)) -> Bench {
    let authority = Authority::new("Test CA").expect("a CA");
    let mut options = SocOptions::new(authority.server(&LOOPBACK).expect("a certificate"));
    change(&mut options);
    Bench { soc: Soc::start(options).expect("started"), trust: crate::tls::client(&authority.ca_pem(), None) }
}

impl Bench {
    fn connect(&self) -> Sender {
        let before = self.soc.connections();
        let socket = TcpStream::connect(self.soc.addr()).expect("connected");
        socket.set_read_timeout(Some(GUARD)).expect("a guard");
        let tls = ClientConnection::new(self.trust.clone(), "localhost".try_into().expect("a name")).expect("TLS");
        let mut sender = Sender { tls, socket };
        while sender.tls.is_handshaking() {
            sender.tls.complete_io(&mut sender.socket).expect("a handshake");
        }
        assert!(self.soc.wait_for_connections(before + 1, GUARD));
        sender
    }

    fn texts(&self) -> Vec<String> {
        self.soc.messages().iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect()
    }
}

impl Sender {
    fn send(&mut self, messages: &[&str]) -> io::Result<()> {
        let frames: String = messages.iter().map(|m| format!("{} {m}", m.len())).collect();
        self.raw(frames.as_bytes())
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        // rustls buffers 64 KiB at the most.
        for part in bytes.chunks(16 << 10) {
            self.tls.writer().write_all(part)?;
            self.write_out()?;
        }
        Ok(())
    }

    fn ask_key_update(&mut self) {
        self.tls.refresh_traffic_keys().expect("TLS 1.3");
        self.write_out().expect("asked");
    }

    fn write_out(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    fn close(&mut self) {
        self.tls.send_close_notify();
        self.write_out().expect("closed");
        self.socket.shutdown(Shutdown::Write).expect("shut");
    }

    /// Reads to the end; gives the lengths of the records that came, tickets and answers alike.
    fn records_to_end(&mut self) -> io::Result<Vec<usize>> {
        let mut bytes = Vec::new();
        self.socket.read_to_end(&mut bytes)?;
        let (mut lengths, mut rest) = (Vec::new(), &bytes[..]);
        while let [_, _, _, high, low, ..] = *rest {
            let length = usize::from(high) << 8 | usize::from(low);
            lengths.push(length);
            rest = &rest[5 + length..];
        }
        Ok(lengths)
    }
}

/// Records of a KeyUpdate's length (RFC 8446: 5 bytes of message, 1 of type, 16 of tag): an alert has 19, tickets more.
fn key_updates(records: &[usize]) -> usize {
    records.iter().filter(|&&length| length == 22).count()
}

/// Three requests, each behind a message, all in one write, then an orderly close: how many answers came?
fn answers(how: KeyUpdates) -> (usize, u64) {
    let bench = bench(|options| options.key_updates = how);
    let mut sender = bench.connect();
    for frame in [b"3 one", b"3 two", b"3 six"] {
        sender.tls.writer().write_all(frame).expect("buffered");
        sender.tls.refresh_traffic_keys().expect("TLS 1.3");
    }
    sender.write_out().expect("sent");
    assert!(bench.soc.wait_for(3, GUARD));
    sender.close();
    let records = sender.records_to_end().expect("answered and closed");
    (key_updates(&records), bench.soc.key_updates())
}

#[test]
fn each_key_update_is_answered_once_or_the_first_is_left_out() {
    assert_eq!(answers(KeyUpdates::Each), (3, 3));
    assert_eq!(answers(KeyUpdates::AllButFirst), (2, 3));
    // rustls lets its one queued answer go with the close: too late to confirm anything before it.
    assert_eq!(answers(KeyUpdates::Unanswered), (1, 3));
}

#[test]
fn an_answer_comes_without_any_write_of_the_receivers_own() {
    let bench = bench(|options| options.key_updates = KeyUpdates::Each);
    let mut sender = bench.connect();
    // What came with the handshake may still lie unread: from here on every record counts.
    sender.ask_key_update();
    let mut header = [0; 5];
    loop {
        sender.socket.read_exact(&mut header).expect("tickets, then the answer");
        let length = usize::from(header[3]) << 8 | usize::from(header[4]);
        sender.socket.read_exact(&mut vec![0; length]).expect("a record");
        if length == 22 {
            break;
        }
    }
    assert_eq!(bench.soc.key_updates(), 1);
}

#[test]
fn messages_are_kept_byte_for_byte_in_order_and_an_orderly_close_is_answered() {
    for tls12 in [false, true] {
        let bench = bench(|options| options.tls12 = tls12);
        let mut sender = bench.connect();
        let large = "x".repeat(300_000);
        sender.send(&["<13>1 a\nb", "\u{1F4A3}\0", &large]).expect("sent");
        assert!(bench.soc.wait_for(3, GUARD));
        assert_eq!(bench.texts(), ["<13>1 a\nb", "\u{1F4A3}\0", &large]);
        sender.close();
        sender.records_to_end().expect("a close, not a reset");
        assert!(bench.soc.wait_for_ends(1, GUARD));
        assert_eq!(bench.soc.framing_errors(), []);
    }
}

#[test]
fn a_bad_frame_is_recorded_and_ends_the_connection() {
    let bench = bench(|_| {});
    let mut sender = bench.connect();
    sender.raw(b"3 one<13>1 no length").expect("sent");
    sender.records_to_end().expect("closed in order");
    assert!(bench.soc.wait_for_ends(1, GUARD));
    assert_eq!(
        (bench.texts(), bench.soc.framing_errors()),
        (vec!["one".to_owned()], vec![FramingError::NotADigit(b'<')])
    );
}

#[test]
fn a_cut_inside_of_a_frame_is_told_from_a_cut_between_two() {
    let bench = bench(|_| {});
    for (bytes, ends) in [(&b"3 one"[..], 1), (b"5 cu", 2)] {
        let mut sender = bench.connect();
        sender.raw(bytes).expect("sent");
        sender.socket.shutdown(Shutdown::Write).expect("cut");
        assert!(bench.soc.wait_for_ends(ends, GUARD));
    }
    assert_eq!(bench.soc.framing_errors(), [FramingError::Unfinished(4)]);
}

#[test]
fn a_reset_comes_after_every_nth_message_and_drops_the_rest() {
    let bench = bench(|_| {});
    bench.soc.reset_every(Some(2));
    let mut sender = bench.connect();
    sender.send(&["1", "2", "3"]).expect("sent");
    assert_eq!(sender.records_to_end().map_err(|e| e.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(bench.texts(), ["1", "2"]);
    bench.soc.reset_every(None);
    let mut sender = bench.connect();
    sender.send(&["3", "4"]).expect("sent");
    assert!(bench.soc.wait_for(4, GUARD));
    bench.soc.reset();
    assert_eq!(sender.records_to_end().map_err(|e| e.kind()), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_stalled_receiver_takes_nothing_until_it_resumes() {
    let bench = bench(|options| options.keep = Keep::Nothing);
    let mut sender = bench.connect();
    bench.soc.stall();
    // More than any kernel buffers: a receiver that reads takes it all, one that does not blocks the sender.
    sender.socket.set_write_timeout(Some(Duration::from_millis(200))).expect("a limit");
    let message = "x".repeat(10_000);
    let sent = (0..20_000).take_while(|_| sender.send(&[&message]).is_ok()).count() as u64;
    assert!((1..20_000).contains(&sent) && bench.soc.count() == 0, "{sent} were sent, {} taken", bench.soc.count());
    bench.soc.resume();
    sender.socket.set_write_timeout(None).expect("no limit");
    sender.write_out().expect("the rest goes out");
    assert!(bench.soc.wait_for(sent, GUARD));
}

#[test]
fn a_receiver_that_refuses_comes_back_at_the_same_port_and_keeps_what_it_has() {
    let bench = bench(|_| {});
    let mut sender = bench.connect();
    bench.soc.refuse();
    assert_eq!(TcpStream::connect(bench.soc.addr()).map_err(|e| e.kind()).err(), Some(ErrorKind::ConnectionRefused));
    sender.send(&["still here"]).expect("an old connection goes on");
    assert!(bench.soc.wait_for(1, GUARD));
    bench.soc.kill_all();
    let _ = sender.records_to_end();
    assert!(bench.soc.wait_for_ends(1, GUARD));
    bench.soc.listen_again().expect("the port is still ours");
    bench.connect().send(&["again"]).expect("sent");
    assert!(bench.soc.wait_for(2, GUARD));
}

#[test]
fn a_close_that_is_not_answered_leaves_the_sender_waiting_until_someone_gives_up() {
    let bench = bench(|_| {});
    bench.soc.answer_close(false);
    let mut sender = bench.connect();
    sender.send(&["one"]).expect("sent");
    sender.close();
    assert!(bench.soc.wait_for(1, GUARD));
    bench.soc.reset();
    assert_eq!(sender.records_to_end().map_err(|e| e.kind()), Err(ErrorKind::ConnectionReset), "a reset, not a close");
}

#[test]
fn without_the_certificate_asked_for_nobody_gets_in() {
    let authority = Authority::new("Test CA").expect("a CA");
    let own = authority.client("conductor").expect("a client");
    let mut bench = bench(|options| options.client_ca = Some(authority.ca_pem()));
    let socket = TcpStream::connect(bench.soc.addr()).expect("connected");
    socket.set_read_timeout(Some(GUARD)).expect("a guard");
    let tls = ClientConnection::new(bench.trust.clone(), "localhost".try_into().expect("a name")).expect("TLS");
    let refused = rustls::StreamOwned::new(tls, socket).read_to_end(&mut Vec::new());
    assert!(refused.is_err());
    assert!(bench.soc.wait_for_ends(1, GUARD));
    assert_eq!((bench.soc.connections(), bench.soc.handshakes_failed()), (0, 1));

    let server = Authority::new("Another CA").expect("a CA");
    let mut options = SocOptions::new(server.server(&LOOPBACK).expect("a certificate"));
    options.client_ca = Some(authority.ca_pem());
    bench.soc = Soc::start(options).expect("started");
    bench.trust = crate::tls::client(&server.ca_pem(), Some(&own));
    bench.connect().send(&["welcome"]).expect("sent");
    assert!(bench.soc.wait_for(1, GUARD));
}

#[test]
fn only_what_the_callback_makes_of_a_message_is_kept() {
    let first = |message: &[u8]| message.get(..2).map(<[u8]>::to_vec);
    let bench = bench(|options| options.keep = Keep::Part(Arc::new(first)));
    bench.connect().send(&["abcdef", "x", "gh"]).expect("sent");
    assert!(bench.soc.wait_for(3, GUARD));
    assert_eq!(bench.texts(), ["ab", "gh"]);
}
