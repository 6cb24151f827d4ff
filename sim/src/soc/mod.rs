//! A SOC's receiver: TLS syslog with octet counting (RFC 5425), keeping what it read, failing on command.
//!
//! [`Soc::start`] gives a handle: [`Soc::messages`] is what arrived, in order; the rest are faults, set while it runs.
//!
//! Promise: a message is recorded if and only if all its bytes were read by this process, and never twice for one
//! sending; a stream that is badly framed is recorded as such and closed, as strict receivers do.

mod connection;
mod frames;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use tokio::sync::watch;

pub use frames::{Frames, FramingError};

use crate::ca::Issued;
use crate::door::{Door, lock};
use crate::tally::Tally;

/// Makes of a message what is kept of it. Must not call the receiver's own handle: it would wait for itself.
pub type Part = Arc<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// What is kept of a message.
#[derive(Clone)]
pub enum Keep {
    /// All its bytes.
    Whole,
    /// What this makes of it, such as its event id; `None` keeps nothing of it, and it counts all the same. Called in
    /// order, on the receiver's thread; it may print, too.
    Part(Part),
    /// Nothing: messages are counted.
    Nothing,
}

/// Whether and how a TLS 1.3 KeyUpdate that asks for an answer (RFC 8446 section 4.6.3) gets one.
///
/// rustls queues its answer until it next writes, which a receiver never does. An empty write through
/// `Connection::writer` moves it out; a flush does not, nor does an empty write through tokio-rustls' stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyUpdates {
    /// No answer while the connection lasts: rustls as it comes.
    #[default]
    Unanswered,
    /// Each request is answered, once: Java.
    Each,
    /// The first of a connection is left, each later one answered once: OpenSSL.
    AllButFirst,
}

/// How to start. [`SocOptions::new`] gives the usual values.
#[derive(Clone)]
pub struct SocOptions {
    /// The server's certificate.
    pub tls: Issued,
    /// PEM of the CA that clients must have a certificate of; `None`: anyone may come.
    pub client_ca: Option<String>,
    /// Port 0: one of the system's choice.
    pub listen: SocketAddr,
    pub keep: Keep,
    pub key_updates: KeyUpdates,
    /// Speak TLS 1.2 only: no KeyUpdates at all.
    pub tls12: bool,
    /// The longest message in bytes.
    pub largest: usize,
}

/// The running receiver. It stops when dropped.
pub struct Soc {
    door: Door,
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    tls: Arc<ServerConfig>,
    keep: Keep,
    largest: usize,
    record: Mutex<Record>,
    arrived: Tally,
    connected: Tally,
    ended: Tally,
    faults: watch::Sender<Faults>,
}

#[derive(Default)]
struct Record {
    messages: Vec<Bytes>,
    framing_errors: Vec<FramingError>,
    handshakes_failed: u64,
    /// KeyUpdates that peers sent.
    key_updates: u64,
}

/// What is wrong right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Faults {
    stalled: bool,
    per_second: Option<u32>,
    reset_every: Option<u64>,
    close_unanswered: bool,
    key_updates: KeyUpdates,
    /// Rises with each command to reset what is connected.
    resets: u64,
}

impl SocOptions {
    /// Loopback, a port of the system's choice, no client certificates, whole messages up to 16 MiB, TLS 1.2 and 1.3.
    pub fn new(tls: Issued) -> SocOptions {
        SocOptions {
            tls,
            client_ca: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keep: Keep::Whole,
            key_updates: KeyUpdates::default(),
            tls12: false,
            largest: 16 << 20,
        }
    }
}

impl Soc {
    /// Listens from when this returns.
    pub fn start(options: SocOptions) -> io::Result<Soc> {
        let versions = if options.tls12 { &[&rustls::version::TLS12][..] } else { rustls::ALL_VERSIONS };
        let shared = Arc::new(Shared {
            tls: crate::tls::server(&options.tls, options.client_ca.as_deref(), versions)?,
            keep: options.keep,
            largest: options.largest,
            record: Mutex::default(),
            arrived: Tally::new(),
            connected: Tally::new(),
            ended: Tally::new(),
            faults: watch::Sender::new(Faults { key_updates: options.key_updates, ..Faults::default() }),
        });
        let serving = shared.clone();
        let serve = Arc::new(move |stream| connection::connection(serving.clone(), stream));
        Ok(Soc { door: Door::new("sim-soc", options.listen, serve)?, shared })
    }

    /// Where it listens, or did.
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// Ends it. Dropping does the same.
    pub fn stop(self) {}

    //---- What arrived ----

    /// What was kept of each message, in the order of arrival; empty with [`Keep::Nothing`].
    pub fn messages(&self) -> Vec<Bytes> {
        lock(&self.shared.record).messages.clone()
    }

    /// How many messages arrived.
    pub fn count(&self) -> u64 {
        self.shared.arrived.count()
    }

    /// Blocks until so many messages have arrived; false if they did not in time.
    pub fn wait_for(&self, n: u64, limit: Duration) -> bool {
        self.shared.arrived.wait(n, limit)
    }

    /// The same as a future, without a limit of its own.
    pub async fn arrived(&self, n: u64) {
        self.shared.arrived.reached(n).await;
    }

    /// Connections whose TLS handshake succeeded, since the start.
    pub fn connections(&self) -> u64 {
        self.shared.connected.count()
    }

    /// Blocks until so many connections were made; false if they were not in time.
    pub fn wait_for_connections(&self, n: u64, limit: Duration) -> bool {
        self.shared.connected.wait(n, limit)
    }

    /// Blocks until so many connections have ended, however they did; false if they have not in time.
    pub fn wait_for_ends(&self, n: u64, limit: Duration) -> bool {
        self.shared.ended.wait(n, limit)
    }

    /// Handshakes that failed, such as of a client without the certificate asked for.
    pub fn handshakes_failed(&self) -> u64 {
        lock(&self.shared.record).handshakes_failed
    }

    /// Streams that could not be read to their end, and why. A cut inside of a frame counts.
    pub fn framing_errors(&self) -> Vec<FramingError> {
        lock(&self.shared.record).framing_errors.clone()
    }

    /// KeyUpdates that came, answered or not.
    pub fn key_updates(&self) -> u64 {
        lock(&self.shared.record).key_updates
    }

    //---- What goes wrong ----

    /// Resets the connection (RST) after every `n` messages counted from the start; `None`: no more.
    pub fn reset_every(&self, n: Option<u64>) {
        self.shared.faults.send_modify(|faults| faults.reset_every = n.filter(|&n| n > 0));
    }

    /// Resets (RST) every connection now. What was not read is lost.
    pub fn reset(&self) {
        self.shared.faults.send_modify(|faults| faults.resets += 1);
    }

    /// Stops reading: the kernel's buffers fill, then the sender waits. New connections are not greeted.
    pub fn stall(&self) {
        self.shared.faults.send_modify(|faults| faults.stalled = true);
    }

    /// Reads on.
    pub fn resume(&self) {
        self.shared.faults.send_modify(|faults| faults.stalled = false);
    }

    /// Closes the listener: dials are refused from when this returns. Connections go on.
    pub fn refuse(&self) {
        self.door.close();
    }

    /// Listens again, at the same port.
    pub fn listen_again(&self) -> io::Result<()> {
        self.door.open()
    }

    /// Ends every connection without a word of TLS. What was read stays recorded.
    pub fn kill_all(&self) {
        self.door.cut();
    }

    /// Takes at most so many messages a second on each connection; `None`: as fast as they come.
    pub fn slow(&self, per_second: Option<u32>) {
        self.shared.faults.send_modify(|faults| faults.per_second = per_second.filter(|&n| n > 0));
    }

    /// Whether a peer's orderly close is answered with ours (it is, at first). If not, the connection stays open.
    pub fn answer_close(&self, answer: bool) {
        self.shared.faults.send_modify(|faults| faults.close_unanswered = !answer);
    }

    /// How KeyUpdates that come from now on are answered.
    pub fn answer_key_updates(&self, how: KeyUpdates) {
        self.shared.faults.send_modify(|faults| faults.key_updates = how);
    }
}

impl Shared {
    fn take(&self, message: Bytes) {
        let kept = match &self.keep {
            Keep::Whole => Some(message),
            Keep::Part(part) => part(&message).map(Bytes::from),
            Keep::Nothing => None,
        };
        lock(&self.record).messages.extend(kept);
        self.arrived.add();
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Keep::Whole => "Whole",
            Keep::Part(_) => "Part",
            Keep::Nothing => "Nothing",
        })
    }
}

impl fmt::Debug for Soc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Soc").field("addr", &self.addr()).finish_non_exhaustive()
    }
}
