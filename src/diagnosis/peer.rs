//! A destination's peer, met without an event: dialled (through its proxy) and greeted by TLS with its CA, revocation
//! lists, certificate and key.
//!
//! Promise: no event and no other byte of ours is sent inside the TLS connection. It is ended in order and read to its
//! end, because in TLS 1.3 a peer refuses our certificate only after our handshake is done (RFC 8446 section 4.4.2.4).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::finding::Finding;
use super::greeting::{self, Greeting};
use crate::config::{Destination, Protocol, Transport};
use crate::fault::{Fault, FaultKind};
use crate::net::tls;
use crate::secrets::{SecretSources, resolve_text};

/// Dialling and the handshake, each.
const STEP: Duration = Duration::from_secs(6);
/// How long a peer may take to answer our close.
const FAREWELL: Duration = Duration::from_secs(2);
/// A NATS server of a large cluster lists all of it in its greeting.
const LONGEST_INFO: usize = 64 << 10;
/// A certificate that ends sooner is told.
const SOON: i64 = 14 * 86_400;

/// How far one came.
pub enum Met {
    Greeted(Peer),
    /// It takes plain connections.
    Plain,
    /// It takes datagrams, or does not: it can't be asked.
    Unasked,
}

/// What a handshake showed.
pub struct Peer {
    greeting: Greeting,
    /// It reset the connection where we had closed in order.
    reset: bool,
}

/// Dials, and greets where TLS is spoken; `connected` gets the address as soon as TCP is up.
///
/// # Errors
/// `Keyless`, `Misconfigured`: our own key or certificates; else what dialling and the handshake say.
pub async fn greet(
    destination: &Destination,
    secrets: &SecretSources,
    connected: &mut (dyn FnMut(SocketAddr) + Send),
) -> Result<Met, Fault> {
    let key = destination.key.as_ref().map(|key| resolve_text(key, secrets)).transpose()?;
    let dialler = destination.link.dialler(key)?;
    let Some((config, name)) = dialler.tls() else {
        return match destination.link.transport {
            Transport::Udp => Ok(Met::Unasked),
            Transport::Tcp | Transport::Tls => {
                dialler.dial(STEP).await?.peer_addr().into_iter().for_each(connected);
                Ok(Met::Plain)
            }
        };
    };
    let mut stream = dialler.dial(STEP).await?;
    stream.peer_addr().into_iter().for_each(&mut *connected);
    let host = dialler.host();
    match destination.protocol {
        // Its server speaks first, in the clear, and TLS begins behind that.
        Protocol::JetStream(_) => server_info(&mut stream, host).await?,
        Protocol::Syslog(_) | Protocol::Relp(_) | Protocol::Http(_) | Protocol::SplunkHec(_) | Protocol::Elastic(_) => {
        }
    }
    let mut stream = tls::handshake(config, &name.to_str(), stream, STEP).await?;
    let greeting = greeting::of(&stream);
    let reset = farewell(&mut stream, host).await?;
    Ok(Met::Greeted(Peer { greeting, reset }))
}

/// Reads the line that a NATS server greets with, and not a byte more.
async fn server_info(stream: &mut TcpStream, host: &str) -> Result<(), Fault> {
    let line = async {
        let mut line: Vec<u8> = Vec::new();
        while line.len() < LONGEST_INFO {
            match stream.read_u8().await? {
                b'\n' => return Ok(line.starts_with(b"INFO ")),
                byte => line.push(byte),
            }
        }
        Ok::<_, io::Error>(false)
    };
    let sentence = format!("{host} does not greet as a NATS server does: check host and port");
    match timeout(STEP, line).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Err(error)) => Err(Fault::new(FaultKind::Unavailable, sentence).caused_by(error)),
        Ok(Ok(false)) | Err(_) => Err(Fault::new(FaultKind::Unavailable, sentence)),
    }
}

/// Closes and reads to the end; an alert on the way is the peer's last word on our certificate. True: a reset.
async fn farewell(stream: &mut TlsStream<TcpStream>, host: &str) -> Result<bool, Fault> {
    let end = async {
        // A peer that has refused us may be gone: its alert is read all the same.
        let _ = stream.shutdown().await;
        let mut unread = [0; 512];
        loop {
            match stream.read(&mut unread).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    };
    match timeout(FAREWELL, end).await {
        // Many receivers close without a word of TLS, or not at all.
        Err(_) | Ok(Ok(())) => Ok(false),
        Ok(Err(error)) => match tls::fault_of(&error, host) {
            Some(fault) => Err(fault),
            None => Ok(matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)),
        },
    }
}

impl Peer {
    /// The line about what the handshake showed.
    pub fn judge(&self, id: &'static str, subject: &str, now: Timestamp) -> Finding {
        let mut text = self.greeting.to_string();
        let ends = self.greeting.certificates.first().map(|own| own.not_after.as_second());
        if ends.is_some_and(|ends| ends - now.as_second() < SOON) {
            let advice = "have the receiver's certificate renewed: events wait without it";
            return Finding::warning(id, subject, text, advice);
        }
        if self.reset {
            text.push_str("; it then reset the connection");
            return Finding::warning(id, subject, text, "see the receiver's log for why it did");
        }
        Finding::ok(id, subject, text)
    }
}

/// What to do about a fault of a destination.
pub fn advice(fault: &Fault, name: &str) -> String {
    let section = format!("[destinations.{name}]");
    match fault.kind {
        FaultKind::Keyless => format!("mend `cert` and what `key` of {section} refers to"),
        FaultKind::Misconfigured => format!("correct {section}"),
        FaultKind::Refused => format!("check `address`, `server-name`, `ca`, `cert` and `key` of {section}"),
        FaultKind::Unlicensed
        | FaultKind::Throttled
        | FaultKind::Unavailable
        | FaultKind::OutOfRetention
        | FaultKind::Unreadable
        | FaultKind::Rejected
        | FaultKind::Full
        | FaultKind::Corrupt => {
            format!("check `address` of {section}, the receiver, and the firewall between; events are kept meanwhile")
        }
    }
}
