//! What the kernel knows of a TCP connection (`TCP_INFO`): is it up, and how much has the peer's kernel acknowledged.
//!
//! Promise: the number is the kernel's own count of acknowledged bytes. Unlike the send queue's length (SIOCOUTQ) it
//! stays true after a reset: what was purged was never counted.

use std::io;
use std::os::fd::AsFd;

use nix::libc;
use nix::sys::socket::sockopt::GetStruct;

/// `struct tcp_info` of linux/tcp.h up to `tcpi_bytes_acked` (kernel 4.1): `tcpi_state`, seven more one-byte fields,
/// 24 32-bit ones, two pacing rates, and the count.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Info {
    state: u8,
    unused: [u8; 7],
    unused_too: [u64; 14],
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
}
