//! One request and its answer, over a connection that is kept for the next one.
//!
//! Promise: an exchange ends within its time, in a whole answer or in a fault that says whether the request may have
//! arrived. Whatever is doubtful counts as "may have": it is sent again, and never lost.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, LOCATION};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use crate::destinations::link::Dialler;
use crate::fault::{Fault, FaultKind};
use crate::net::http::retry_after;
use crate::net::tls;
use crate::values::{ByteSize, format_duration};

/// DNS, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer's head.
const HEAD: usize = 64 << 10;
/// Shorter than what receivers and load balancers give a connection that rests: one that closes while we write costs
/// a batch that is sent twice.
const IDLE: Duration = Duration::from_secs(20);
/// How long the peer may take to close with us.
const FAREWELL: Duration = Duration::from_secs(1);

/// The way to one receiver.
#[derive(Debug)]
pub struct Exchange {
    dialler: Dialler,
    /// A whole exchange.
    limit: Duration,
    /// Bytes of an answer's body.
    largest: usize,
    resting: Option<Connection>,
    /// Connections made so far.
    made: u64,
    /// The next request goes over the connection that stands, or not at all.
    held: bool,
}

/// No answer.
#[derive(Debug)]
pub struct Unanswered {
    pub fault: Fault,
    /// The request may have arrived.
    pub sent: bool,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: Task,
    /// When it has rested too long to be used again.
    until: Instant,
    made: Instant,
}

/// What moves a connection's bytes. Dropped, the connection is cut: whoever gives a request up leaves nothing behind.
#[derive(Debug)]
struct Task(JoinHandle<()>);

/// One try on one connection.
enum Tried {
    Answered(Answer),
    /// The peer had closed it: nothing was written.
    Unsent(Box<Request<Full<Bytes>>>),
    Failed(Unanswered),
}

impl Exchange {
    pub fn new(dialler: Dialler, limit: Duration, largest: usize) -> Exchange {
        Exchange { dialler, limit, largest, resting: None, made: 0, held: false }
    }

    /// The receiver in sentences: `host:port`.
    pub fn place(&self) -> &str {
        self.dialler.address()
    }

    /// How long an exchange may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    pub fn is_connected(&self) -> bool {
        self.resting.as_ref().is_some_and(|connection| !connection.sender.is_closed())
    }

    /// Which connection stands, or stood last: another number is another connection.
    pub fn connection(&self) -> u64 {
        self.made
    }

    /// While held, a connection that ended is not replaced: what a receiver had of it may be gone, and what comes over the
    /// next one would come before it.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Asks, by `until` at the latest.
    ///
    /// # Errors
    /// `Unavailable` where no answer came, or none that is whole; `Refused` for certificates.
    pub async fn ask(&mut self, request: Request<Full<Bytes>>, until: Instant) -> Result<Answer, Unanswered> {
        let now = Instant::now();
        let until = until.min(now + self.limit);
        let mut request = request;
        if let Some(connection) = self.resting.take().filter(|resting| resting.until > now) {
            match self.attempt(connection, request, until).await {
                Tried::Answered(answer) => return Ok(answer),
                Tried::Failed(unanswered) => return Err(unanswered),
                Tried::Unsent(back) => request = *back,
            }
        }
        if self.held {
            let text = format!("{} ended the connection; what it has not confirmed is sent again", self.place());
            return Err(Unanswered { fault: Fault::new(FaultKind::Unavailable, text), sent: false });
        }
        let connection = self.connect(until).await.map_err(|fault| Unanswered { fault, sent: false })?;
        self.made += 1;
        match self.attempt(connection, request, until).await {
            Tried::Answered(answer) => Ok(answer),
            Tried::Failed(unanswered) => Err(unanswered),
            Tried::Unsent(_) => {
                let text = format!(
                    "{} ended the connection before a request could be sent: check host and port of `url`, and what \
                     answers there",
                    self.place()
                );
                Err(Unanswered { fault: Fault::new(FaultKind::Unavailable, text), sent: false })
            }
        }
    }

    /// Ends the connection in order.
    pub async fn close(&mut self) {
        if let Some(Connection { sender, mut task, .. }) = self.resting.take() {
            drop(sender);
            // A peer that does not answer is left.
            let _ = timeout(FAREWELL, &mut task.0).await;
        }
    }

    async fn connect(&self, until: Instant) -> Result<Connection, Fault> {
        let by = until.min(Instant::now() + CONNECT);
        let left = || by.saturating_duration_since(Instant::now());
        let stream = self.dialler.dial(left()).await?;
        let opened = match self.dialler.tls() {
            None => open(stream).await,
            Some((config, name)) => open(tls::handshake(config, &name.to_str(), stream, left()).await?).await,
        };
        opened.map_err(|error| self.broken(error).fault)
    }

    async fn attempt(&mut self, mut connection: Connection, request: Request<Full<Bytes>>, until: Instant) -> Tried {
        if connection.sender.ready().await.is_err() {
            return Tried::Unsent(Box::new(request));
        }
        let response = match timeout_at(until, connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(mut error)) => {
                return match error.take_message() {
                    Some(request) => Tried::Unsent(Box::new(request)),
                    None => Tried::Failed(self.broken(error.into_error())),
                };
            }
            Err(_) => {
                let waited = format_duration(self.limit);
                let text = format!(
                    "{} took a request and did not answer it within {waited}; it is sent again. Look at its load, or \
                     raise `timeout`",
                    self.place()
                );
                return Tried::Failed(doubtful(text));
            }
        };
        match self.read(response, until).await {
            Ok((answer, keep)) => {
                let now = Instant::now();
                let keep = keep.filter(|_| !self.dialler.is_outlived(now.duration_since(connection.made)));
                self.resting = keep.map(|time| Connection { until: now + time, ..connection });
                Tried::Answered(answer)
            }
            Err(unanswered) => Tried::Failed(unanswered),
        }
    }

    /// The whole answer, and how long its connection may rest.
    async fn read(
        &self,
        response: Response<Incoming>,
        until: Instant,
    ) -> Result<(Answer, Option<Duration>), Unanswered> {
        let (head, mut body) = response.into_parts();
        let mut kept = Vec::new();
        let stopped = loop {
            match timeout_at(until, body.frame()).await {
                Ok(None) => break None,
                Ok(Some(Ok(frame))) => {
                    // Trailers are nothing to us.
                    let Ok(data) = frame.into_data() else { continue };
                    let room = self.largest.saturating_sub(kept.len());
                    kept.extend_from_slice(&data[..data.len().min(room)]);
                    if data.len() > room {
                        break Some(format!("is larger than {}", ByteSize(self.largest as u64)));
                    }
                }
                Ok(Some(Err(_))) => break Some("was cut in the middle".to_owned()),
                Err(_) => break Some(format!("did not end within {}", format_duration(self.limit))),
            }
        };
        let answer = Answer {
            status: head.status.as_u16(),
            retry_after: retry_after(&head.headers, Timestamp::now()),
            location: head.headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned),
            body: kept.into(),
        };
        match stopped {
            None => Ok((answer, Some(idle(&head.headers)))),
            // Of an answer that is no success, the status is what counts.
            Some(_) if !head.status.is_success() => Ok((answer, None)),
            Some(how) => Err(doubtful(format!(
                "{} said {}, but its answer {how}: it does not count, and the batch is sent again",
                self.place(),
                answer.status
            ))),
        }
    }

    fn broken(&self, error: hyper::Error) -> Unanswered {
        let place = self.place();
        if let Some(fault) = tls::fault_of(&error, self.dialler.host()) {
            return Unanswered { fault, sent: true };
        }
        let what = if error.is_parse() || error.is_parse_too_large() {
            "did not answer in HTTP/1.1: check host and port of `url`, and what answers there"
        } else {
            "cut the connection before it had answered; what was on its way is sent again"
        };
        let fault = Fault::new(FaultKind::Unavailable, format!("{place} {what}"));
        Unanswered { fault: fault.caused_by(error), sent: true }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn doubtful(text: String) -> Unanswered {
    Unanswered { fault: Fault::new(FaultKind::Unavailable, text), sent: true }
}

async fn open<S>(stream: S) -> hyper::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::Builder::new().max_header_size(HEAD).max_buf_size(HEAD).handshake(TokioIo::new(stream)).await?;
    // Its error reaches the request in flight; with none in flight it only means that the peer left.
    let task = Task(tokio::spawn(async move { drop(connection.await) }));
    let now = Instant::now();
    Ok(Connection { sender, task, until: now + IDLE, made: now })
}

/// How long a connection may rest: a second less than the peer's own limit where it tells one.
fn idle(headers: &HeaderMap) -> Duration {
    let told = headers.get(HeaderName::from_static("keep-alive")).and_then(|value| value.to_str().ok());
    let seconds = told.and_then(|text| {
        text.split(',').find_map(|part| part.trim().strip_prefix("timeout=")?.trim().parse::<u64>().ok())
    });
    seconds.map_or(IDLE, |seconds| Duration::from_secs(seconds.saturating_sub(1)).min(IDLE))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_connection_rests_no_longer_than_its_peer_allows() {
        let rest = |told: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(told) = told {
                headers.insert("keep-alive", HeaderValue::from_str(told).expect("a value"));
            }
            idle(&headers).as_secs()
        };
        assert_eq!(rest(Some("timeout=5, max=100")), 4, "Node's");
        assert_eq!(rest(Some("max=3, timeout=900")), 20);
        assert_eq!((rest(Some("timeout=0")), rest(Some("soon")), rest(None)), (0, 20, 20));
    }
}
