//! One connection to one server, and what was published on it and not yet acknowledged.
//!
//! Promise: nothing of ours is ever sent by another connection than this one: when it breaks, the client library may
//! not make the next. What is open is told in the order in which it was published.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::context::{Context, ContextBuilder, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::{AuthError, Client, ConnectOptions, ServerAddr};
use rustls::ClientConfig;
use tokio::time::timeout_at;

use super::faults;
use super::login::Answer;
use super::message::Message;
use crate::event::Seq;
use crate::fault::{Fault, FaultKind};

/// Dialling, TLS and the login together.
pub(super) const GREETING: Duration = Duration::from_secs(5);
/// The wait for an acknowledgement.
pub(super) const ACKNOWLEDGEMENT: Duration = Duration::from_secs(10);
/// A server that says nothing is asked so often; two questions without an answer end the connection.
const PING: Duration = Duration::from_secs(10);

type Pending = Pin<Box<dyn Future<Output = Result<PublishAck, PublishError>> + Send>>;

pub(super) struct Session {
    client: Client,
    pub(super) context: Context,
    /// `host:port`, as the operator wrote it.
    pub(super) server: String,
    open: VecDeque<(Seq, usize, Pending)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("server", &self.server).field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// How a connection is made, whichever server it goes to.
#[derive(Debug)]
pub(super) struct Way {
    /// How the server lists us.
    pub(super) name: String,
    /// TLS from the first, or only where the server insists.
    pub(super) tls: bool,
    pub(super) answer: Arc<Answer>,
    /// As many acknowledgements are waited for at once.
    pub(super) window: usize,
}

impl Session {
    /// # Errors
    /// As of [`faults::unconnected`].
    pub(super) async fn open(way: &Way, config: ClientConfig, server: &str) -> Result<Session, Fault> {
        let address: ServerAddr = server.parse().map_err(|e: std::io::Error| {
            Fault::new(FaultKind::Misconfigured, format!("{server:?} must be host:port")).caused_by(e)
        })?;
        // From here on a question for our login is one of the library's reconnecting: it would send what it holds.
        let only_one = Arc::new(AtomicBool::new(false));
        let (barred, answer) = (Arc::clone(&only_one), Arc::clone(&way.answer));
        let options = ConnectOptions::with_auth_callback(move |nonce| {
            let (barred, answer) = (Arc::clone(&barred), Arc::clone(&answer));
            async move {
                if barred.load(Ordering::Acquire) {
                    return Err(AuthError::new("a session is one connection"));
                }
                answer.to(&nonce)
            }
        });
        let options = options
            .name(&way.name)
            .require_tls(way.tls)
            .tls_client_config(config)
            .max_reconnects(1)
            .ignore_discovered_servers()
            .retain_servers_order()
            .reconnect_delay_callback(|_| Duration::ZERO)
            .connection_timeout(GREETING)
            .ping_interval(PING)
            .request_timeout(Some(ACKNOWLEDGEMENT));
        let client = options.connect(address).await.map_err(|error| faults::unconnected(server, error))?;
        only_one.store(true, Ordering::Release);
        let context = ContextBuilder::new()
            .timeout(ACKNOWLEDGEMENT)
            .max_ack_inflight(way.window.saturating_add(1))
            .build(client.clone());
        Ok(Session { client, context, server: server.to_owned(), open: VecDeque::new() })
    }

    /// The server's version, such as `2.9.10`.
    pub(super) fn version(&self) -> String {
        self.client.server_info().version
    }

    pub(super) fn in_cluster(&self) -> bool {
        self.client.server_info().cluster.is_some()
    }

    /// The longest message that the server takes, headers and all.
    pub(super) fn largest(&self) -> usize {
        self.client.max_payload()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Events on their way.
    pub(super) fn open_events(&self) -> usize {
        self.open.len()
    }

    /// Bytes of the texts of those.
    pub(super) fn open_bytes(&self) -> usize {
        self.open.iter().map(|(_, bytes, _)| bytes).sum()
    }

    /// Hands a message to the connection; does not wait for its acknowledgement.
    pub(super) async fn publish(&mut self, seq: Seq, message: Message) -> Result<(), PublishError> {
        if !self.is_connected() {
            return Err(PublishError::new(PublishErrorKind::BrokenPipe));
        }
        let bytes = message.text.len();
        let publish = PublishMessage::build().payload(message.text).headers(message.headers);
        let pending = self.context.send_publish(message.subject, publish).await?;
        self.open.push_back((seq, bytes, Box::pin(pending.into_future())));
        Ok(())
    }

    /// Waits for the oldest that is open; `None`: nothing is, or `until` has come.
    pub(super) async fn oldest(&mut self, until: Instant) -> Option<(Seq, Result<PublishAck, PublishError>)> {
        let (seq, _, pending) = self.open.front_mut()?;
        let (seq, outcome) = (*seq, timeout_at(until.into(), pending.as_mut()).await.ok()?);
        self.open.pop_front();
        Some((seq, outcome))
    }

    /// The same for what is there already.
    pub(super) async fn oldest_now(&mut self) -> Option<(Seq, Result<PublishAck, PublishError>)> {
        let (seq, _, pending) = self.open.front_mut()?;
        let seq = *seq;
        let outcome = poll_fn(|cx| match pending.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => Poll::Ready(None),
        });
        let outcome = outcome.await?;
        self.open.pop_front();
        Some((seq, outcome))
    }
}
