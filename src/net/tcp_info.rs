//! What the kernel knows of a TCP connection (`TCP_INFO`): is it up, how much has the peer's kernel acknowledged, and
//! since when does it owe us an answer.
//!
//! Promise: the number is the kernel's own count of acknowledged bytes. Unlike the send queue's length (SIOCOUTQ) it
//! stays true after a reset: what was purged was never counted.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::sockopt::GetStruct;

/// `struct tcp_info` of linux/tcp.h up to `tcpi_bytes_acked` (kernel 4.1): eight one-byte fields, 24 32-bit ones, two
/// pacing rates, and the count.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Info {
    state: u8,
    unused: [u8; 2],
    /// Window probes and keep-alives that are not answered.
    probes: u8,
    unused_too: [u8; 4],
    unused_words: [u32; 4],
    /// Segments under way.
    unacked: u32,
    unused_more: [u32; 4],
    /// Milliseconds since data was last sent, again or for the first time.
    last_data_sent: u32,
    unused_two: [u32; 2],
    /// Milliseconds since the peer's TCP last acknowledged anything.
    last_ack_recv: u32,
    unused_rest: [u32; 11],
    pacing: [u64; 2],
    bytes_acked: u64,
}

/// `TCP_ESTABLISHED` of linux/tcp_states.h.
const ESTABLISHED: u8 = 1;

#[derive(Clone, Copy)]
struct TcpInfo;

nix::getsockopt_impl!(TcpInfo, libc::IPPROTO_TCP, libc::TCP_INFO, Info, GetStruct<Info>);

/// Bytes that the peer's TCP has acknowledged since the connection began. The handshake's SYN counts as one byte on
/// the side that connected: take the value before the first write as the origin.
///
/// # Errors
/// What `getsockopt` says; a connected TCP socket has none.
pub fn acked_bytes(socket: &impl AsFd) -> io::Result<u64> {
    Ok(nix::sys::socket::getsockopt(socket, TcpInfo)?.bytes_acked)
}

/// Is the connection up, with neither side's FIN nor a reset on it?
pub fn is_established(socket: &impl AsFd) -> bool {
    nix::sys::socket::getsockopt(socket, TcpInfo).is_ok_and(|info| info.state == ESTABLISHED)
}

/// Since when the peer's TCP has owed us an answer.
///
/// This and not `TCP_USER_TIMEOUT`: that option also ends a connection whose peer is alive but does not read (a closed
/// window), although its kernel answers every probe. Such a receiver would be sent the same again and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owed(Option<Instant>);

impl Owed {
    /// For how long the peer's TCP has left unanswered what it should have answered; zero while it owes nothing. Looks
    /// must follow each other while something is waited for; between them nothing is counted that was not so.
    ///
    /// # Errors
    /// As of [`acked_bytes`].
    pub fn look(&mut self, socket: &impl AsFd, now: Instant) -> io::Result<Duration> {
        let info = nix::sys::socket::getsockopt(socket, TcpInfo)?;
        // A receiver without room may answer each sending by "not now": what it has not taken is then under way all the
        // time, but the last sending is answered.
        let unanswered = info.unacked > 0 && info.last_ack_recv > info.last_data_sent;
        // Kernels leave one probe in half a second unanswered (`tcp_invalid_ratelimit`), and any may get lost: two in a
        // row are a sign.
        let owes = unanswered || info.probes > 1;
        Ok(self.note(owes, Duration::from_millis(u64::from(info.last_ack_recv)), now))
    }

    fn note(&mut self, owes: bool, quiet: Duration, now: Instant) -> Duration {
        let since = self.0.unwrap_or(now);
        let owed = now.duration_since(since);
        // An acknowledgement since then has paid: whatever is owed now is another matter.
        let since = if quiet < owed { now } else { since };
        self.0 = owes.then_some(since);
        if owes { now.duration_since(since) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn bytes_that_the_peer_has_read_are_acknowledged_and_those_that_do_not_fit_are_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let mut ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("listening");
        let (mut theirs, _) = listener.accept().expect("connected");
        let origin = acked_bytes(&ours).expect("connected");

        ours.write_all(&[7; 1000]).expect("open");
        theirs.read_exact(&mut [0; 1000]).expect("sent");
        // The acknowledgement follows the data by a delayed-ACK timer at most; an answer carries it at once.
        theirs.write_all(b"!").expect("open");
        ours.read_exact(&mut [0; 1]).expect("answered");
        assert_eq!(acked_bytes(&ours).expect("open") - origin, 1000);

        assert!(is_established(&ours));

        ours.set_nonblocking(true).expect("a socket");
        let mut written = 1000;
        while let Ok(n) = ours.write(&[7; 65536]) {
            written += n as u64;
        }
        drop(theirs);
        assert!(acked_bytes(&ours).expect("still a socket") - origin < written, "the reset took the rest");
        assert!(!is_established(&ours));
    }

    #[test]
    fn an_answer_is_owed_from_when_something_was_under_way_and_paid_by_any_acknowledgement() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        // At which second; is the last sending unanswered; seconds since the last acknowledgement; what is owed then.
        let table = [
            // After an hour of quiet, something is sent: it is owed from now on.
            (0, true, 3600, 0),
            (29, true, 3629, 29),
            // An acknowledgement came two seconds ago, and more was sent.
            (31, true, 2, 0),
            (40, true, 11, 9),
            (41, false, 0, 0),
            // A closed window: between two probes nothing is owed, however long ago the last was answered.
            (100, false, 59, 0),
            (101, true, 60, 0),
            (102, false, 1, 0),
            // A dead path.
            (200, true, 99, 0),
            (230, true, 129, 30),
        ];
        let mut owed = Owed::default();
        for (at, owes, quiet, expected) in table {
            assert_eq!(owed.note(owes, seconds(quiet), start + seconds(at)), seconds(expected), "at {at} s");
        }
    }
}
