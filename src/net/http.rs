//! The HTTP client: GET within limits, through the proxy and the path that the operator chose.
//!
//! Promise: every request ends within its limits in a whole answer or in a sentence that says why not; no
//! redirect is followed, and the token is in no error and no log.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::dial::{Path, dial_by};
use super::pool::{Connection, Pool};
use super::proxy::{Environment, Proxy};
pub use super::question::retry_after;
use super::question::{self, Question};
use super::shared::Shared;
use super::tls::{self, TlsOptions};
use crate::fault::{Fault, FaultKind};
use crate::values::{ByteSize, Secret, format_duration};

/// What came back, read whole within the limits.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The server's clock.
    pub date: Option<Timestamp>,
    /// Both forms, as a wait from now; at most a day.
    pub retry_after: Option<Duration>,
    pub content_type: Option<String>,
    /// Whole where the status is 2xx; of another status, what came within the limits.
    pub body: Bytes,
}

/// Asks one URL. The engine puts its pace around the client that connectors are given (`engine::pace`);
/// tests script it.
#[async_trait]
pub trait Get: Send + Sync {
    /// Any answer with a status is `Ok`; a [`Fault`] means that there was none within the limits.
    async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault>;
}

/// How long, how much, how plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// DNS, TCP, the proxy's tunnel and TLS together.
    pub connect: Duration,
    /// From the request sent to the answer's head.
    pub headers: Duration,
    /// All of it.
    pub whole: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
    /// How long a connection may rest between two requests.
    pub idle: Duration,
    /// Is `http://` allowed, without a token? For the egress probe.
    pub allow_http: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(10),
            headers: Duration::from_secs(30),
            whole: Duration::from_secs(60),
            body: 16 << 20,
            idle: Duration::from_secs(60),
            allow_http: false,
        }
    }
}

/// What a client is made of.
#[derive(Clone, Default)]
pub struct ClientOptions {
    pub tls: TlsOptions,
    pub path: Path,
    pub limits: Limits,
    /// What clients of one agent have together.
    pub shared: Shared,
}

/// An HTTP/1.1 client with connections of its own. Cheap, so one for each integration.
pub struct Client {
    tls: Arc<ClientConfig>,
    path: Path,
    environment: Environment,
    limits: Limits,
    pool: Pool,
    shared: Shared,
    /// Bodies past [`SMALL`] are read one at a time, into memory that all clients share.
    large: Mutex<()>,
}

/// Nearly every answer is smaller than this.
const SMALL: usize = 256 << 10;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("path", &self.path).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A request that got no answer's head.
pub(super) struct Unanswered {
    pub(super) fault: Fault,
    /// The connection ended before the head: on one that had rested, the peer may just have closed it.
    cut: bool,
}

impl Client {
    /// Reads the CA file and the proxy variables of the environment, and the roots where `shared` does not know them
    /// yet; later changes of them need a new client.
    ///
    /// # Errors
    /// As [`tls::client_config`], and `Misconfigured` for a proxy URL that is none.
    pub fn new(options: ClientOptions) -> Result<Client, Fault> {
        options.path.explicit_proxy()?;
        Ok(Client {
            tls: options.shared.trust.config(&options.tls)?,
            path: options.path,
            environment: Environment::read(),
            pool: Pool::new(options.limits.idle, Arc::clone(&options.shared.resting)),
            limits: options.limits,
            shared: options.shared,
            large: Mutex::new(()),
        })
    }

    pub(super) async fn connect(
        &self,
        question: &Question,
        proxy: Option<&Proxy>,
        deadline: Instant,
    ) -> Result<Connection, Fault> {
        let (place, names) = (&question.place, &self.shared.names);
        let deadline = deadline.min(Instant::now() + self.limits.connect);
        let opened = if place.secure {
            let stream = dial_by(names, proxy, &place.host, place.port, &self.path, deadline).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            Connection::open(tls::handshake(self.tls.clone(), &place.host, stream, left).await?).await
        } else {
            let (host, port) = proxy.map_or((&place.host, place.port), |proxy| (&proxy.host, proxy.port));
            Connection::open(dial_by(names, None, host, port, &self.path, deadline).await?).await
        };
        opened.map_err(|error| unanswered(error, question).fault)
    }

    /// The proxy on the way to it.
    pub(super) fn proxy_for(&self, question: &Question) -> Result<Option<Proxy>, Fault> {
        self.path.proxy_for(&question.uri, &self.environment)
    }

    /// Sends the question and waits for the answer's head.
    pub(super) async fn ask(
        &self,
        connection: &mut Connection,
        question: &Question,
        proxy: Option<&Proxy>,
        deadline: Instant,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        let patience = deadline.min(Instant::now() + self.limits.headers);
        let exchange = async {
            connection.sender.ready().await?;
            connection.sender.send_request(question.request(proxy)).await
        };
        match timeout_at(patience, exchange).await {
            Ok(answered) => answered.map_err(|error| unanswered(error, question)),
            Err(_) => {
                let text = format!("{} took the request, but did not answer in time", question.place);
                Err(Unanswered { fault: Fault::new(FaultKind::Unavailable, text), cut: false })
            }
        }
    }

    /// Reads the body; `false` where it did not come to its end, and then the connection is of no more use.
    async fn read(
        &self,
        question: &Question,
        response: http::Response<Incoming>,
        deadline: Instant,
    ) -> Result<(Answer, bool), Fault> {
        let (head, mut body) = response.into_parts();
        let mut answer = Answer {
            status: head.status.as_u16(),
            date: question::date(&head.headers),
            retry_after: question::retry_after(&head.headers, Timestamp::now()),
            content_type: head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned),
            body: Bytes::new(),
        };
        let encoded =
            head.headers.get(CONTENT_ENCODING).is_some_and(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
        let mut kept = Vec::new();
        let stopped = if encoded {
            let text = format!("{} compressed its answer though it was not asked to", question.place);
            Some(Fault::new(FaultKind::Unreadable, text))
        } else {
            self.read_body(question, &mut body, &mut kept, deadline).await.err()
        };
        answer.body = kept.into();
        match stopped {
            // Of an answer that is no success, the status is what counts.
            Some(fault) if head.status.is_success() => Err(fault),
            Some(_) => Ok((answer, false)),
            None => Ok((answer, true)),
        }
    }

    async fn read_body(
        &self,
        question: &Question,
        body: &mut Incoming,
        kept: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<(), Fault> {
        let limit = self.limits.body;
        let too_large = || {
            let text = format!("the answer of {} is larger than {}", question.place, ByteSize(limit as u64));
            Fault::new(FaultKind::Unreadable, text)
        };
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let late = || {
            let whole = format_duration(self.limits.whole);
            let text = format!("{} did not finish its answer within {whole}", question.place);
            Fault::new(FaultKind::Unavailable, text)
        };
        let mut large = None;
        loop {
            if large.is_none() && kept.len() > SMALL {
                // Meanwhile nothing is read, and the peer's TCP waits.
                let lend = async {
                    let turn = self.large.lock().await;
                    (turn, self.shared.large.lend(limit).await)
                };
                let (turn, mut memory) = timeout_at(deadline, lend).await.map_err(|_| late())?;
                memory.append(kept);
                large = Some((turn, memory));
            }
            let into = match &mut large {
                Some((_, memory)) => &mut **memory,
                None => &mut *kept,
            };
            let frame = match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => {
                    if let Some((_, memory)) = large {
                        kept.extend_from_slice(&memory);
                    }
                    return Ok(());
                }
                Ok(Some(Err(error))) => {
                    let text = format!("{} cut its answer in the middle", question.place);
                    return Err(Fault::new(FaultKind::Unavailable, text).caused_by(error));
                }
                Err(_) => return Err(late()),
            };
            // Trailers are nothing to us.
            let Ok(data) = frame.into_data() else { continue };
            let room = limit - into.len();
            into.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Err(too_large());
            }
        }
    }
}

#[async_trait]
impl Get for Client {
    async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
        let question = Question::new(url, headers, bearer, self.limits.allow_http)?;
        let proxy = self.proxy_for(&question)?;
        let _room = self.shared.room().await;
        let deadline = Instant::now() + self.limits.whole;
        let mut rested = self.pool.take(&question.place, Instant::now());
        loop {
            let had_rested = rested.is_some();
            let mut connection = match rested.take() {
                Some(connection) => connection,
                None => self.connect(&question, proxy.as_ref(), deadline).await?,
            };
            match self.ask(&mut connection, &question, proxy.as_ref(), deadline).await {
                Ok(response) => {
                    let (answer, whole) = self.read(&question, response, deadline).await?;
                    if whole {
                        self.pool.put(&question.place, connection, Instant::now());
                    }
                    return Ok(answer);
                }
                // The peer closed a resting connection while we wrote: a GET may go again, once, on a fresh one.
                Err(Unanswered { cut: true, .. }) if had_rested => {}
                Err(Unanswered { fault, .. }) => return Err(fault),
            }
        }
    }
}

fn unanswered(error: hyper::Error, question: &Question) -> Unanswered {
    if let Some(fault) = tls::fault_of(&error, question.host()) {
        return Unanswered { fault, cut: false };
    }
    let (kind, cut, what) = if error.is_parse_too_large() {
        (FaultKind::Unreadable, false, "sent headers beyond any measure")
    } else if error.is_parse() {
        (FaultKind::Unreadable, false, "did not answer in HTTP/1.1: check host and port, and what answers there")
    } else {
        (FaultKind::Unavailable, ended(&error), "cut the connection before it answered")
    };
    let fault = Fault::new(kind, format!("{} {what}", question.place)).caused_by(error);
    Unanswered { fault, cut }
}

fn ended(error: &hyper::Error) -> bool {
    let io = error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    error.is_incomplete_message() || error.is_canceled() || error.is_closed() || io
}
