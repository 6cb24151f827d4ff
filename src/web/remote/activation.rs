//! A listening socket from systemd (sd_listen_fds(3)), so that an unprivileged agent can have port 443.
//!
//! Promise: the socket named `remote` is taken, else the first; what is no TCP listener is said and left alone.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

/// The word of `FileDescriptorName=`.
const NAME: &str = "remote";

/// The socket that this process was started with, if any. To be called once, before there are threads: it takes the
/// variables out of the environment.
///
/// # Errors
/// What was handed over is no TCP listener.
pub fn handed_over() -> io::Result<Option<TcpListener>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut sockets = ListenFd::from_env();
    let socket = sockets.take_tcp_listener(which(&names))?;
    if let Some(socket) = &socket {
        socket.set_nonblocking(true)?;
    }
    Ok(socket)
}

/// In words, for the log.
pub fn none_handed_over(error: &io::Error) -> String {
    format!(
        "the socket that systemd handed over can't be used ({error}): give its unit one ListenStream= of TCP, named {NAME}"
    )
}

/// The place of the name among those of the sockets, which colons part.
fn which(names: &str) -> usize {
    names.split(':').position(|name| name == NAME).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_our_name_is_taken_else_the_first() {
        for (names, place) in [("", 0), ("unknown", 0), ("remote", 0), ("other:remote:third", 1), ("a:b", 0)] {
            assert_eq!(which(names), place, "{names}");
        }
    }
}
