//! The destination: batches in, acknowledgements out.
//!
//! Promise: as of [`crate::destinations::jetstream`]; after any fault the connection is gone, and the next call makes
//! another one with the next server of the list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;
use async_trait::async_trait;
use rustls::{ClientConfig, RootCertStore};

use super::faults;
use super::login::Answer;
use super::message::Form;
use super::order::{Order, Step, keeps_refused};
use super::session::{ACKNOWLEDGEMENT, Session, Way};
use super::settings::{Login, Settings};
use super::stream;
use crate::destinations::link::{Dialler, Link};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::{Seq, Stored};
use crate::fault::{Fault, FaultKind};
use crate::format::{Body, Shape};
use crate::net::tls;
use crate::values::Secret;

/// The longest that one call takes: the engine gives it 90 s.
const CALL: Duration = Duration::from_secs(75);
/// How long a name that a page set is looked up for, before the library looks it up again.
const JUDGED_WITHIN: Duration = Duration::from_secs(5);
/// The longest that a close takes: the engine has 20 s for everything.
const FAREWELL: Duration = Duration::from_secs(8);
/// A server that takes no more than this is not set up for events.
const LEAST_MESSAGE: usize = 16 << 10;
/// Bytes on their way, at the most, beside the count of `window`: a server that stalls must not fill our memory.
const MOST_OPEN_BYTES: usize = 4 << 20;

/// One stream of one NATS cluster.
#[derive(Debug)]
pub struct JetStream {
    dialler: Dialler,
    settings: Settings,
    /// All servers of the cluster, that of `address` first.
    servers: Vec<String>,
    /// Which of them is next.
    turn: usize,
    way: Way,
    form: Form,
    order: Order,
    /// What the stream knows the event by that went last.
    last: String,
    session: Option<Session>,
    /// The longest message that server and stream take.
    largest: usize,
    fresh: Option<Seq>,
    sent: Option<Seq>,
    receipt: Receipt,
}

impl JetStream {
    /// Prepares everything that needs no connection. `key` is the PEM of our private key, for mTLS; `agent_name` is how
    /// the server lists us.
    ///
    /// # Errors
    /// `Keyless` for credentials that can't be used; what [`Link::dialler`] says of the way.
    pub fn new(
        link: &Link,
        key: Option<Secret>,
        login: Login<Secret>,
        settings: &Settings,
        shape: Shape,
        agent_name: &str,
    ) -> Result<JetStream, Fault> {
        let answer = Arc::new(Answer::new(login)?);
        let dialler = link.dialler(key)?;
        let servers = std::iter::once(&link.address).chain(&settings.servers).cloned().collect();
        let way = Way {
            name: format!("conductor {agent_name}"),
            tls: dialler.tls().is_some(),
            answer,
            window: settings.window,
        };
        let form = Form {
            stream: settings.stream.clone(),
            subject: settings.subject.clone(),
            body: Body { shape, ..Body::default() },
            replay: None,
        };
        Ok(JetStream {
            dialler,
            servers,
            turn: 0,
            way,
            form,
            order: Order::new(settings.window),
            settings: settings.clone(),
            last: String::new(),
            session: None,
            largest: 0,
            fresh: None,
            sent: None,
            receipt: Receipt::Unknown,
        })
    }

    /// The same for events of the replay that began then (milliseconds since 1970): they are marked, and the stream,
    /// which has had them, keeps them once more.
    pub fn replaying(self, began_ms: i64) -> JetStream {
        let body = Body { replayed: true, ..self.form.body };
        JetStream { form: Form { replay: Some(began_ms), body, ..self.form }, ..self }
    }

    async fn hand_over(&mut self, batch: &[Stored], until: Instant) -> Result<(), Fault> {
        self.connect().await?;
        for stored in batch {
            let step = self.may_go(until).await?;
            let behind = match step {
                Step::Behind => Some(self.last.as_str()),
                Step::Alone | Step::Wait => None,
            };
            let message = match self.form.message(stored, behind, self.largest) {
                Ok(message) => message,
                // Who speaks of one event has waited for all before it.
                Err(fault) => {
                    self.settle(0, until).await?;
                    return Err(fault);
                }
            };
            if !message.whole {
                let bytes = stored.event.raw.len();
                tracing::warn!(address = self.dialler.address(), event = ?stored.event.id, bytes, "too long for one message: sent short");
            }
            let Some(session) = &mut self.session else { return Err(faults::slow(self.dialler.address())) };
            if let Err(error) = session.publish(stored.seq, message).await {
                return Err(self.refused(error));
            }
            self.last = self.form.id(stored);
            self.sent = Some(stored.seq);
        }
        while let Some((seq, outcome)) = self.answered().await {
            self.note(seq, outcome)?;
        }
        Ok(())
    }

    /// Waits until the next one may go.
    async fn may_go(&mut self, until: Instant) -> Result<Step, Fault> {
        loop {
            let open = self.session.as_ref().map_or(0, Session::open_events);
            if self.session.as_ref().is_some_and(|session| session.open_bytes() > MOST_OPEN_BYTES) {
                self.settle(open.saturating_sub(1), until).await?;
                continue;
            }
            match self.order.step(open) {
                Step::Wait => self.settle(open.saturating_sub(1), until).await?,
                step @ (Step::Alone | Step::Behind) => return Ok(step),
            }
        }
    }

    /// Waits until no more than so many are on their way.
    async fn settle(&mut self, open: usize, until: Instant) -> Result<(), Fault> {
        while let Some(session) = self.session.as_mut().filter(|session| session.open_events() > open) {
            match session.oldest(until).await {
                Some((seq, outcome)) => self.note(seq, outcome)?,
                None => return Err(faults::slow(&session.server)),
            }
        }
        Ok(())
    }

    async fn answered(&mut self) -> Option<(Seq, Result<PublishAck, PublishError>)> {
        self.session.as_mut()?.oldest_now().await
    }

    /// What became of the oldest that was on its way.
    fn note(&mut self, seq: Seq, outcome: Result<PublishAck, PublishError>) -> Result<(), Fault> {
        let ack = outcome.map_err(|error| self.refused(error))?;
        if ack.sequence == 0 {
            return Err(faults::unstored(self.server(), &self.settings.stream));
        }
        self.order.acknowledged();
        self.fresh = Some(seq);
        self.receipt = Receipt::Acknowledged;
        Ok(())
    }

    /// The fault of an event that was not taken.
    fn refused(&mut self, error: PublishError) -> Fault {
        if error.kind() == PublishErrorKind::WrongLastMessageId && self.order.broken() {
            tracing::info!(
                stream = self.settings.stream,
                server = self.server(),
                "others write into the stream: to keep their order, events go one at a time for now"
            );
        }
        faults::unacknowledged(self.server(), &self.settings.stream, error, ACKNOWLEDGEMENT)
    }

    /// The one in use, else the one of `address`.
    fn server(&self) -> &str {
        self.session.as_ref().map_or_else(|| self.dialler.address(), |session| &session.server)
    }

    /// A connection to the first server that has one for us, and a look at the stream.
    async fn connect(&mut self) -> Result<(), Fault> {
        if let Some(session) = &self.session {
            if session.is_connected() {
                return Ok(());
            }
            if session.open_events() > 0 {
                let error = PublishError::new(PublishErrorKind::BrokenPipe);
                return Err(self.refused(error));
            }
            self.session = None;
        }
        let mut first = None;
        for _ in 0..self.servers.len() {
            let server = &self.servers[self.turn % self.servers.len()];
            let opened = match self.dialler.judge(server, JUDGED_WITHIN).await {
                Ok(()) => Session::open(&self.way, self.tls()?, server).await,
                Err(fault) => Err(fault),
            };
            let fault = match opened {
                Ok(session) => return self.begin(session).await,
                Err(fault) => fault,
            };
            tracing::debug!(server, "{}", fault.chain());
            self.turn = self.turn.wrapping_add(1);
            // What a person must mend tells more than what passes by itself.
            let grave = |fault: &Fault| fault.kind != FaultKind::Unavailable;
            if first.as_ref().is_none_or(|known| grave(&fault) && !grave(known)) {
                first = Some(fault);
            }
        }
        Err(first.unwrap_or_else(|| faults::slow(self.dialler.address())))
    }

    async fn begin(&mut self, session: Session) -> Result<(), Fault> {
        let kept = stream::ready(&session.context, &self.settings, &session.server, session.in_cluster()).await;
        let kept = match kept {
            Ok(kept) => kept,
            Err(fault) => {
                self.turn = self.turn.wrapping_add(1);
                return Err(fault);
            }
        };
        self.largest = kept.largest.unwrap_or(usize::MAX).min(session.largest());
        if session.largest() < LEAST_MESSAGE {
            // Events would lose all but their names, or end in quarantine one by one; and the server says it before TLS. What
            // the stream is set to is the operator's own.
            self.turn = self.turn.wrapping_add(1);
            return Err(faults::narrow(&session.server, session.largest()));
        }
        self.order.begin(!keeps_refused(&session.version(), kept.replicas));
        self.session = Some(session);
        Ok(())
    }

    /// TLS as the operator set it. A server may insist on TLS where none is set: it is then refused for its
    /// certificate, which nobody here knows.
    fn tls(&self) -> Result<ClientConfig, Fault> {
        if let Some((config, _)) = self.dialler.tls() {
            return Ok(ClientConfig::clone(&config));
        }
        let builder = ClientConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| {
            Fault::new(FaultKind::Misconfigured, "this build's TLS provider is incomplete").caused_by(e)
        })?;
        Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }

    /// What the engine is told. After a fault the connection is gone, and another server has its turn.
    fn told(&mut self, outcome: Result<(), Fault>) -> Delivered {
        let fault = outcome.err();
        if fault.is_some() && self.session.take().is_some() {
            self.turn = self.turn.wrapping_add(1);
        }
        Delivered { taken: self.fresh.take(), sent: self.sent.take(), fault }
    }
}

#[async_trait]
impl Destination for JetStream {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let outcome = self.hand_over(batch, Instant::now() + CALL).await;
        self.told(outcome)
    }

    async fn confirm(&mut self) -> Delivered {
        let outcome = self.settle(0, Instant::now() + CALL).await;
        self.told(outcome)
    }

    fn connected(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_connected)
    }

    fn receipt(&self) -> Receipt {
        self.receipt
    }

    async fn close(&mut self) -> Delivered {
        let outcome = self.settle(0, Instant::now() + FAREWELL).await;
        let told = self.told(outcome);
        self.session = None;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::jetstream::Template;
    use crate::destinations::link::Transport;

    fn jetstream() -> JetStream {
        let login = || Login { credentials: None, user: None, token: None };
        let settings = Settings {
            servers: Vec::new(),
            login: Login { credentials: None, user: None, token: None },
            stream: "CONDUCTOR".into(),
            subject: Template::read("conductor.{stream}").expect("a template"),
            replicas: None,
            create: true,
            window: 4,
        };
        let address = "127.0.0.1:4222".to_owned();
        let link = Link { address, transport: Transport::Tcp, ..Link::default() };
        JetStream::new(&link, None, login(), &settings, Shape::Json, "box").expect("valid")
    }

    #[test]
    fn an_acknowledgement_without_a_place_is_none() {
        let mut jetstream = jetstream();
        let ack = |sequence| Ok(PublishAck { sequence, duplicate: true, ..PublishAck::default() });
        let fault = jetstream.note(Seq(1), ack(0)).expect_err("it is stored nowhere");
        assert_eq!(fault.kind, FaultKind::Unavailable);
        let told = jetstream.told(Err(fault));
        assert_eq!((told.taken, jetstream.receipt()), (None, Receipt::Unknown));
        jetstream.note(Seq(1), ack(7)).expect("it has a place");
        assert_eq!((jetstream.told(Ok(())).taken, jetstream.receipt()), (Some(Seq(1)), Receipt::Acknowledged));
    }
}
