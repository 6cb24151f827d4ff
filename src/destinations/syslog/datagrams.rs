//! RFC 5424 over UDP (RFC 5426): each message a datagram, and no word from the receiver.
//!
//! Promise: what is told as taken was sent, and no refusal had come back for it when the next look was taken. Nothing
//! else is known of it: [`Receipt::Sent`].

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::net::UdpSocket;

use super::Settings;
use super::faults;
use super::messages::Messages;
use crate::destinations::link::{Dialler, Link};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::{Seq, Stored};
use crate::fault::Fault;
use crate::format::Shape;

/// To find the way.
const DIAL: Duration = Duration::from_secs(10);

/// One syslog receiver, over UDP.
#[derive(Debug)]
pub struct SyslogDatagrams {
    dialler: Dialler,
    messages: Messages,
    buffer: Vec<u8>,
    socket: Option<(UdpSocket, Instant)>,
    /// The last event that was sent and not told as taken.
    open: Option<Seq>,
    receipt: Receipt,
}

impl SyslogDatagrams {
    /// Prepares everything that needs no socket. `agent_name` is the HOSTNAME of the messages.
    ///
    /// # Errors
    /// `Misconfigured` for a facility or an address that can't be used.
    pub fn new(link: &Link, settings: &Settings, shape: Shape, agent_name: &str) -> Result<SyslogDatagrams, Fault> {
        Ok(SyslogDatagrams {
            dialler: link.dialler(None)?,
            messages: Messages::of_datagrams(settings, shape, agent_name)?,
            buffer: Vec::new(),
            socket: None,
            open: None,
            receipt: Receipt::Unknown,
        })
    }

    /// The same for events of a replay, which are marked as such.
    pub fn replaying(self) -> SyslogDatagrams {
        SyslogDatagrams { messages: self.messages.replaying(), ..self }
    }

    async fn send(&mut self, batch: &[Stored]) -> Result<(), Fault> {
        if self.socket.as_ref().is_some_and(|(_, made)| self.dialler.is_outlived(made.elapsed())) {
            self.socket = None;
        }
        let (socket, made) = match self.socket.take() {
            Some(made) => made,
            None => (self.dialler.datagrams(DIAL).await?, Instant::now()),
        };
        let (socket, _) = self.socket.insert((socket, made));
        for stored in batch {
            self.buffer.clear();
            if !self.messages.write(&mut self.buffer, stored)? {
                let bytes = stored.event.raw.len();
                tracing::warn!(address = self.dialler.address(), event = ?stored.event.id, bytes, "too long for one message: sent short");
            }
            socket.send(&self.buffer).await.map_err(|e| faults::unsent(self.dialler.address(), e))?;
            self.open = Some(stored.seq);
        }
        Ok(())
    }

    /// What was sent is taken, unless the system knows better by now: a machine without a listener says so (ICMP).
    fn look(&mut self) -> Result<Option<Seq>, Fault> {
        let Some((socket, _)) = self.socket.as_ref().filter(|_| self.open.is_some()) else { return Ok(None) };
        match socket.take_error() {
            Ok(None) => {
                self.receipt = Receipt::Sent;
                Ok(self.open.take())
            }
            Ok(Some(error)) | Err(error) => Err(faults::unsent(self.dialler.address(), error)),
        }
    }

    fn told(&mut self, taken: Option<Seq>, sent: Option<Seq>, outcome: Result<(), Fault>) -> Delivered {
        let fault = outcome.err();
        if fault.is_some() {
            self.socket = None;
            self.open = None;
        }
        Delivered { taken, sent, fault }
    }
}

#[async_trait]
impl Destination for SyslogDatagrams {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let taken = match self.look() {
            Ok(taken) => taken,
            Err(fault) => return self.told(None, None, Err(fault)),
        };
        let sent = self.send(batch).await;
        let open = self.open;
        self.told(taken, open, sent)
    }

    async fn confirm(&mut self) -> Delivered {
        match self.look() {
            Ok(taken) => self.told(taken, None, Ok(())),
            Err(fault) => self.told(None, None, Err(fault)),
        }
    }

    /// Is there a way? Nobody is connected to anybody.
    fn connected(&self) -> bool {
        self.socket.is_some()
    }

    fn receipt(&self) -> Receipt {
        self.receipt
    }

    async fn close(&mut self) -> Delivered {
        let last = self.confirm().await;
        self.socket = None;
        last
    }
}
