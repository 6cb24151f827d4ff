//! Splunk's HTTP Event Collector, with indexer acknowledgement.
//!
//! Promise: with `ack` (the default) an event is taken when the indexer says that it is indexed; a 200 alone says only
//! that it was read. Without `ack` the 200 has to do, and the receipt says so.
//!
//! A batch is sent when the answer to the one before has come; up to [`MOST_OPEN`] wait for their acknowledgement. One
//! that does not come within `ack-timeout` is sent again with all behind it: a server that started anew has forgotten
//! its ids, and answers `false` to them for ever.

mod acks;
mod codes;
mod event;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use self::acks::Acks;
pub use self::event::Routing;
use crate::destinations::http::answer::{Answer, Verdict};
use crate::destinations::http::courier::{CALL, Courier, Dialect, Sent};
use crate::destinations::http::request::Frame;
use crate::destinations::http::settings::{Common, Given};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::Stored;
use crate::fault::{Fault, FaultKind};
use crate::format::Body;

/// Of type `splunk-hec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub common: Common,
    /// Is each batch's acknowledgement waited for?
    pub ack: bool,
    /// After so long without one, the batch is sent again.
    pub ack_timeout: Duration,
    /// A GUID; `None`: one is made up, and another after each fault.
    pub channel: Option<String>,
    pub routing: Routing,
}

/// Batches that may wait for their acknowledgement.
pub const MOST_OPEN: usize = 16;
/// Between two questions for acknowledgements: from the first to the second, doubling.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How long one `confirm` waits; the engine calls it again. New events wait no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the last acknowledgements are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(3);

const CHANNEL: &str = "x-splunk-request-channel";

/// One HEC token of one Splunk.
pub struct SplunkHec {
    courier: Courier<Hec>,
    ack: bool,
    ack_timeout: Duration,
    channel: Option<String>,
    ack_path: String,
    acks: Acks,
    /// The connection over which the open ones went.
    over: u64,
    /// The server has said that it acknowledges.
    asked: bool,
    /// When acknowledgements are next asked for, and how long to wait then.
    look: (Instant, Duration),
}

/// The language alone.
struct Hec {
    body: Body,
    routing: Routing,
    ack: bool,
}

impl SplunkHec {
    /// Prepares everything that needs no connection.
    ///
    /// # Errors
    /// What the link says of certificates, and the resolver of the token.
    pub fn new(settings: &Settings, given: &Given<'_>) -> Result<SplunkHec, Fault> {
        let base = base(&settings.common.path);
        let routing = settings.routing.clone().on(given.agent_name);
        let hec = Hec { body: given.body(), routing, ack: settings.ack };
        let courier = Courier::new(&settings.common, format!("{base}/services/collector/event"), hec, given)?;
        let mut made = SplunkHec {
            courier,
            ack: settings.ack,
            ack_timeout: settings.ack_timeout,
            channel: settings.channel.clone(),
            ack_path: format!("{base}/services/collector/ack"),
            acks: Acks::default(),
            over: 0,
            asked: false,
            look: (Instant::now(), FIRST_LOOK),
        };
        made.open_channel();
        Ok(made)
    }

    /// Ids are counted in a channel: a new one can't be mistaken for one of before the fault.
    fn open_channel(&mut self) {
        self.acks.clear();
        let channel = self.channel.clone().unwrap_or_else(made_up);
        self.courier.more = vec![(CHANNEL, channel)];
    }

    async fn hand_over(&mut self, flush: bool, until: Instant) -> Result<(), Fault> {
        if self.ack && !self.asked {
            self.ask_whether_it_acknowledges(until).await?;
        }
        loop {
            if self.acks.open() >= MOST_OPEN {
                self.settle(MOST_OPEN - 1, until).await?;
                if self.acks.open() >= MOST_OPEN {
                    return Err(self.slow());
                }
            }
            let sent = self.send_behind_what_is_open(flush, until).await;
            match sent {
                Ok(None) => return Ok(()),
                Ok(Some(Sent::Taken)) => {}
                Ok(Some(Sent::Received { upto, ack })) => {
                    let known = self.acks.received(ack, upto, Instant::now());
                    known.map_err(|_| self.forgotten())?;
                    self.over = self.courier.connection();
                    self.look = (Instant::now() + FIRST_LOOK, FIRST_LOOK);
                }
                Err(fault) if fault.kind == FaultKind::Rejected => {
                    // It speaks of the first event after what is taken: so all before must be.
                    self.settle(0, until).await?;
                    return Err(if self.acks.open() == 0 { fault } else { self.slow() });
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// A server that started anew has lost what it had not indexed, and nothing but the end of the connection tells of it: a
    /// batch over the next one would stand before those that must come again. So they are settled first.
    async fn send_behind_what_is_open(&mut self, flush: bool, until: Instant) -> Result<Option<Sent>, Fault> {
        let same = self.courier.is_connected() && self.courier.connection() == self.over;
        if self.acks.open() > 0 && !same {
            self.settle(0, until).await?;
            if self.acks.open() > 0 {
                return Err(self.slow());
            }
        }
        self.courier.hold(self.acks.open() > 0);
        let sent = self.courier.send(flush, until).await;
        self.courier.hold(false);
        sent
    }

    /// Asked once, before the first event: else each try would leave its events there, and nobody would say that they are indexed.
    async fn ask_whether_it_acknowledges(&mut self, until: Instant) -> Result<(), Fault> {
        let (answer, said) = self.courier.question(&self.ack_path, &acks::question([0]), until).await?;
        match codes::of_question(&answer, self.courier.place(), &said) {
            Ok(()) => {
                self.asked = true;
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Asks for acknowledgements until no more than `most` are open, or it is `until`.
    async fn settle(&mut self, most: usize, until: Instant) -> Result<(), Fault> {
        while self.acks.open() > most && Instant::now() < until {
            let (next, wait) = self.look;
            let now = Instant::now();
            if next > now {
                sleep((next - now).min(until - now)).await;
            }
            if self.look_for_acks(until).await? {
                self.look = (Instant::now() + FIRST_LOOK, FIRST_LOOK);
            } else {
                self.look = (Instant::now() + wait, (wait * 2).min(LAST_LOOK));
            }
        }
        Ok(())
    }

    /// One question. True: something was acknowledged.
    async fn look_for_acks(&mut self, until: Instant) -> Result<bool, Fault> {
        let question = acks::question(self.acks.ids());
        // One that began must be able to end.
        let until = until.max(Instant::now() + Duration::from_secs(2));
        let (answer, said) = self.courier.question(&self.ack_path, &question, until).await?;
        codes::of_question(&answer, self.courier.place(), &said)?;
        let told = acks::told(&answer.body).ok_or_else(|| {
            let text = format!("{} does not answer for acknowledgements as Splunk does", self.courier.place());
            Fault::new(FaultKind::Unavailable, text)
        })?;
        let upto = self.acks.acknowledged(&told);
        self.courier.confirmed(upto);
        if self.acks.overdue(Instant::now(), self.ack_timeout) {
            return Err(self.forgotten());
        }
        Ok(!told.is_empty())
    }

    fn forgotten(&self) -> Fault {
        let text = format!(
            "{} has not said that what it received is indexed: it started anew, its indexers are slow (then raise \
             `ack-timeout`), or a load balancer lets each request go elsewhere (then make its sessions sticky); what it \
             did not confirm is sent again",
            self.courier.place()
        );
        Fault::new(FaultKind::Unavailable, text)
    }

    fn slow(&self) -> Fault {
        let text =
            format!("{} indexes too slowly to take more now; the rest is handed over again", self.courier.place());
        Fault::new(FaultKind::Unavailable, text)
    }

    fn told(&mut self, outcome: Result<(), Fault>) -> Delivered {
        if outcome.is_err() {
            self.open_channel();
        }
        self.courier.told(outcome)
    }
}

#[async_trait]
impl Destination for SplunkHec {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let until = Instant::now() + CALL;
        let outcome = match self.courier.put(batch) {
            Ok(()) => self.hand_over(false, until).await,
            Err(fault) => Err(fault),
        };
        let outcome = match outcome {
            Ok(()) if self.acks.open() > 0 && self.look.0 <= Instant::now() => self.settle_once(until).await,
            outcome => outcome,
        };
        self.told(outcome)
    }

    /// Waits two seconds at the most; what is open then is asked for in the next call.
    async fn confirm(&mut self) -> Delivered {
        let outcome = match self.hand_over(true, Instant::now() + CALL).await {
            Ok(()) => self.settle(0, Instant::now() + PATIENCE).await,
            Err(fault) => Err(fault),
        };
        self.told(outcome)
    }

    fn connected(&self) -> bool {
        self.courier.is_connected()
    }

    fn receipt(&self) -> Receipt {
        match (self.courier.has_taken, self.ack) {
            (false, _) => Receipt::Unknown,
            (true, true) => Receipt::Indexed,
            (true, false) => Receipt::Acknowledged,
        }
    }

    async fn close(&mut self) -> Delivered {
        let outcome = self.settle(0, Instant::now() + FAREWELL).await;
        self.courier.close().await;
        self.told(outcome)
    }
}

impl SplunkHec {
    /// One look, without waiting for it.
    async fn settle_once(&mut self, until: Instant) -> Result<(), Fault> {
        let (_, wait) = self.look;
        let found = self.look_for_acks(until).await?;
        let wait = if found { FIRST_LOOK } else { (wait * 2).min(LAST_LOOK) };
        self.look = (Instant::now() + wait, wait);
        Ok(())
    }
}

impl Dialect for Hec {
    const LARGEST_ANSWER: usize = 1 << 20;
    const CONTENT_TYPE: &'static str = "application/json";

    fn write(&self, text: &mut Vec<u8>, stored: &Stored) -> std::io::Result<()> {
        event::write(text, stored, &self.body, &self.routing)
    }

    fn frame(&self) -> Frame {
        Frame { open: "", between: "\n", close: "\n" }
    }

    fn judge(&self, answer: &Answer, _: usize, place: &str, quote: &str) -> Verdict {
        codes::verdict(answer, self.ack, place, quote)
    }
}

/// The URL's path without what we write ourselves.
fn base(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    ["/services/collector/event/1.0", "/services/collector/event", "/services/collector"]
        .into_iter()
        .find_map(|end| path.strip_suffix(end))
        .unwrap_or(path)
}

/// A random GUID (RFC 9562, version 4).
fn made_up() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_acknowledgements_go_below_the_path_of_the_url() {
        for path in ["/", "/services/collector", "/services/collector/event", "/services/collector/event/1.0"] {
            assert_eq!(base(path), "", "{path}");
        }
        assert_eq!(base("/splunk/services/collector/event?x=1"), "/splunk");
        assert_eq!(base("/splunk"), "/splunk");
    }

    #[test]
    fn a_channel_is_a_guid_and_no_two_are_the_same() {
        let guid = made_up();
        let lengths: Vec<usize> = guid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{guid}");
        assert!(guid.as_bytes()[14] == b'4' && b"89ab".contains(&guid.as_bytes()[19]), "{guid}");
        assert_ne!(guid, made_up());
    }
}
