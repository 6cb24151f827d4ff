//! A SOC's HTTP receiver: a plain collector, Splunk's HTTP Event Collector or Elastic's `_bulk`, failing on command.
//!
//! Promise: what is in [`Collector::kept`] came in a request that was answered, or would have been, with a word that it
//! is kept; nothing else is. Each language is written from its vendor's published contract.

mod bulk;
mod hec;
mod plain;
mod serve;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::watch;

use crate::ca::Issued;
use crate::door::{Door, lock};
use crate::tally::Tally;

/// What is spoken.
#[derive(Clone, Debug)]
pub enum Language {
    /// JSON lines or an array, by the content type.
    Plain,
    /// Splunk's, with or without indexer acknowledgement for the token.
    Hec { acknowledges: bool },
    /// Elastic's.
    Bulk,
}

/// How to start. [`CollectorOptions::new`] gives the usual values.
#[derive(Clone)]
pub struct CollectorOptions {
    pub language: Language,
    /// The server's certificate; `None`: plain HTTP.
    pub tls: Option<Issued>,
    /// PEM of the CA that clients must have a certificate of; `None`: anyone may come.
    pub client_ca: Option<String>,
    /// Where it listens, on a port from the system.
    pub at: Ipv4Addr,
    /// What the header Authorization must say; `None`: nothing is asked.
    pub authorization: Option<String>,
    /// The largest body, before it is decompressed; a larger one gets 413.
    pub largest: usize,
    /// An event that holds this text is bad.
    pub poison: Option<String>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing: it stands before one that is to fall on a later request.
    None,
    /// This answer, and nothing is kept.
    Says(u16, Vec<(&'static str, String)>),
    /// No answer, ever; the batch is kept or not.
    Hangs { keeps: bool },
    /// The connection is cut instead of an answer.
    Cuts { keeps: bool },
    /// The answer is cut in the middle of its body.
    CutsAnswer { keeps: bool },
    /// The answer's head comes, its body does not.
    HangsInAnswer,
    /// The answer's body does not end.
    Endless,
    /// What comes is not HTTP.
    Gibberish,
}

/// The running receiver. It stops when dropped.
pub struct Collector {
    door: Door,
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    tls: Option<Arc<ServerConfig>>,
    options: CollectorOptions,
    record: Mutex<Record>,
    kept: Tally,
    asked: Tally,
    stalled: watch::Sender<bool>,
}

/// What there is, and what is to go wrong.
pub(crate) struct Record {
    language: Speaker,
    heard: Vec<Heard>,
    faults: VecDeque<Fault>,
    /// Which process answers: what a request of an earlier one's said died with it.
    process: u64,
    /// How much is kept when it stalls by itself.
    stall_at: u64,
}

/// The state of a language.
pub(crate) enum Speaker {
    Plain(plain::Plain),
    Hec(hec::Hec),
    Bulk(bulk::Bulk),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    fn new(status: u16, body: impl Into<String>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into() }
    }
}

impl CollectorOptions {
    /// TLS on loopback, everyone may come, bodies up to 16 MiB.
    pub fn new(language: Language, tls: Issued) -> CollectorOptions {
        CollectorOptions {
            language,
            tls: Some(tls),
            client_ca: None,
            at: Ipv4Addr::LOCALHOST,
            authorization: None,
            largest: 16 << 20,
            poison: None,
        }
    }
}

impl Collector {
    /// Listens from when this returns.
    pub fn start(options: CollectorOptions) -> io::Result<Collector> {
        let at = SocketAddr::from((options.at, 0));
        let server = |tls| crate::tls::server(tls, options.client_ca.as_deref(), rustls::ALL_VERSIONS);
        let language = match options.language {
            Language::Plain => Speaker::Plain(plain::Plain::default()),
            Language::Hec { acknowledges } => Speaker::Hec(hec::Hec::new(acknowledges)),
            Language::Bulk => Speaker::Bulk(bulk::Bulk::default()),
        };
        let shared = Arc::new(Shared {
            tls: options.tls.as_ref().map(server).transpose()?,
            record: Mutex::new(Record {
                language,
                heard: Vec::new(),
                faults: VecDeque::new(),
                process: 0,
                stall_at: u64::MAX,
            }),
            kept: Tally::new(),
            asked: Tally::new(),
            stalled: watch::Sender::new(false),
            options,
        });
        let serving = shared.clone();
        let serve = Arc::new(move |stream| serve::connection(serving.clone(), stream));
        let door = Door::new("sim-collector", at, serve)?;
        Ok(Collector { door, shared })
    }

    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    //---- What came ----

    /// What is kept, in the order of its keeping: events as JSON or text, repeats and all; of Elastic the documents,
    /// each once.
    pub fn kept(&self) -> Vec<String> {
        match &lock(&self.shared.record).language {
            Speaker::Plain(plain) => plain.kept.clone(),
            Speaker::Hec(hec) => hec.indexed.clone(),
            Speaker::Bulk(bulk) => bulk.documents.clone(),
        }
    }

    /// Blocks until so much is kept; false if it was not in time.
    pub fn wait_for(&self, n: u64, limit: Duration) -> bool {
        self.shared.kept.wait(n, limit)
    }

    /// How many events are kept, repeats and all.
    pub fn count(&self) -> u64 {
        self.shared.kept.count()
    }

    /// Every request so far.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.record).heard.clone()
    }

    /// Blocks until so many requests have come; false if they did not in time.
    pub fn wait_for_requests(&self, n: u64, limit: Duration) -> bool {
        self.shared.asked.wait(n, limit)
    }

    /// The same as a future, without a limit of its own.
    pub async fn asked(&self, n: u64) {
        self.shared.asked.reached(n).await;
    }

    //---- What goes wrong ----

    /// The next requests go wrong, each by one of these.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.record).faults.extend(faults);
    }

    /// No request is answered until [`Collector::resume`].
    pub fn stall(&self) {
        self.shared.stalled.send_replace(true);
    }

    /// Goes on, if it stalls, until so much is kept in all: whoever sent the last of it is not told.
    pub fn stall_at(&self, kept: u64) {
        let mut record = lock(&self.shared.record);
        record.stall_at = kept;
        self.shared.stalled.send_replace(self.count() >= kept);
    }

    /// Does it stand still now?
    pub fn stalls(&self) -> bool {
        *self.shared.stalled.borrow()
    }

    pub fn resume(&self) {
        self.stall_at(u64::MAX);
    }

    /// Dials are refused from when this returns.
    pub fn refuse(&self) {
        self.door.close();
    }

    /// Listens again, at the same port.
    pub fn listen_again(&self) -> io::Result<()> {
        self.door.open()
    }

    /// Ends every connection without a word.
    pub fn kill_all(&self) {
        self.door.cut();
    }

    /// Splunk: what was received and is not indexed is lost, and so is every acknowledgement id; ids begin anew.
    pub fn forget(&self) {
        let mut record = lock(&self.shared.record);
        record.process += 1;
        if let Speaker::Hec(hec) = &mut record.language {
            hec.restart();
        }
    }

    /// Splunk: nothing is indexed while this is so.
    pub fn hold_indexing(&self, hold: bool) {
        if let Speaker::Hec(hec) = &mut lock(&self.shared.record).language {
            hec.held = hold;
        }
    }

    /// Elastic: every n-th item is refused with 429, each once; 0: none is.
    pub fn refuse_items(&self, every: u64) {
        if let Speaker::Bulk(bulk) = &mut lock(&self.shared.record).language {
            bulk.busy_every = every;
        }
    }
}

impl Shared {
    /// What a request gets, by its language; nothing, and nothing is kept of it, where its process is gone.
    fn answer(&self, heard: &Heard, process: u64) -> Option<Reply> {
        let mut record = lock(&self.record);
        if record.process != process {
            return None;
        }
        let header = |name: &str| heard.headers.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        let poison = self.options.poison.as_deref();
        let right = self.options.authorization.as_deref();
        let (reply, kept) = match &mut record.language {
            Speaker::Plain(plain) => match right {
                Some(right) if header("authorization") != Some(right) => (Reply::new(401, "who are you?"), 0),
                Some(_) | None => plain.take(heard, header("content-type"), poison),
            },
            Speaker::Hec(hec) => {
                let channel = header("x-splunk-request-channel");
                hec.take(&heard.path, header("authorization"), right, channel, &heard.body, poison)
            }
            Speaker::Bulk(bulk) => match right {
                Some(right) if header("authorization") != Some(right) => {
                    (Reply::new(401, r#"{"error":{"type":"security_exception"},"status":401}"#), 0)
                }
                Some(_) | None => bulk.take(&heard.path, &heard.body, poison),
            },
        };
        (0..kept).for_each(|_| self.kept.add());
        if self.kept.count() >= record.stall_at {
            self.stalled.send_replace(true);
        }
        drop(record);
        Some(reply)
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("addr", &self.addr()).finish_non_exhaustive()
    }
}
