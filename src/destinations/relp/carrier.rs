//! What carries RELP: a TCP connection, bare or inside TLS.
//!
//! Promise: a connection that is aborted sends no more of what it held.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::destinations::link::Dialler;
use crate::fault::Fault;
use crate::net::tcp_info::{Owed, is_established};
use crate::net::tls;

/// A stream of bytes in both directions.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Debug + Unpin + Send {
    /// Is the connection up, as far as the kernel knows?
    fn is_up(&self) -> bool;

    /// For how long the peer's TCP has owed us an answer, as of [`Owed::look`].
    fn owed(&self, owed: &mut Owed, now: Instant) -> io::Result<Duration>;

    /// When it is dropped, its peer shall get no more: what was not acknowledged goes again, by another connection.
    fn abort(&self);
}

impl Carrier for TcpStream {
    fn is_up(&self) -> bool {
        is_established(self)
    }

    fn owed(&self, owed: &mut Owed, now: Instant) -> io::Result<Duration> {
        owed.look(self, now.into_std())
    }

    fn abort(&self) {
        // Fails only on a socket that is gone already.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl Carrier for TlsStream<TcpStream> {
    fn is_up(&self) -> bool {
        self.get_ref().0.is_up()
    }

    fn owed(&self, owed: &mut Owed, now: Instant) -> io::Result<Duration> {
        self.get_ref().0.owed(owed, now)
    }

    fn abort(&self) {
        self.get_ref().0.abort();
    }
}

/// Dials, and speaks TLS where that is wanted.
///
/// # Errors
/// As of [`Dialler::dial`] and [`tls::handshake`].
pub(super) async fn dial(dialler: &Dialler, until: Instant) -> Result<Box<dyn Carrier>, Fault> {
    let left = || until.saturating_duration_since(Instant::now());
    let stream = dialler.dial(left()).await?;
    match dialler.tls() {
        None => Ok(Box::new(stream)),
        Some((config, name)) => Ok(Box::new(tls::handshake(config, &name.to_str(), stream, left()).await?)),
    }
}
