//! How much of what was written to a TCP connection the peer's kernel has acknowledged.
//!
//! Promise: the number is the kernel's own count of acknowledged bytes (`tcpi_bytes_acked` of `TCP_INFO`). Unlike the
//! send queue's length (SIOCOUTQ) it stays true after a reset: what was purged was never counted.

use std::io;
use std::os::fd::AsFd;

use nix::libc;
use nix::sys::socket::sockopt::GetStruct;

/// `struct tcp_info` of linux/tcp.h up to `tcpi_bytes_acked` (kernel 4.1): eight one-byte fields and 24 32-bit ones,
/// two pacing rates, and the count that is wanted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Info {
    unused: [u64; 15],
    bytes_acked: u64,
}

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

        ours.set_nonblocking(true).expect("a socket");
        let mut written = 1000;
        while let Ok(n) = ours.write(&[7; 65536]) {
            written += n as u64;
        }
        drop(theirs);
        assert!(acked_bytes(&ours).expect("still a socket") - origin < written, "the reset took the rest");
    }
}
