//! One marked event to one destination, step by step: secrets, name, TCP or proxy, TLS, login, sent, confirmed.
//!
//! Promise: each line is told as soon as it is known, and what can't be known because an earlier step failed is told as
//! not tried. No cursor moves and nothing is queued; the last line claims what the protocol can know and no more.

use jiff::Timestamp;
use tokio::time::timeout;

use super::finding::{Finding, Trouble};
use super::peer::{self, Met};
use super::{LIMIT, late, names};
use crate::config::{Destination, Protocol, Transport};
use crate::destinations::Receipt;
use crate::engine::delivery_trial::{self, Tried};
use crate::event::Event;
use crate::fault::{Fault, FaultKind};
use crate::secrets::SecretSources;

const SECRETS: &str = "secrets";
const TCP: &str = "tcp";
const TLS: &str = "tls";
const LOGIN: &str = "login";
const SENT: &str = "sent";
const CONFIRMED: &str = "confirmed";

/// What is tested, and with what.
pub struct Subject<'a> {
    pub destination: &'a Destination,
    /// As events of this box are signed.
    pub agent_name: &'a str,
    pub secrets: &'a SecretSources,
    /// Of [`delivery_trial::event`].
    pub event: Event,
}

type Tell<'t> = &'t mut (dyn FnMut(Finding) + Send);

/// Sends the event; `tell` gets each line. Returns how its peer confirmed it; `None`: it did not.
pub async fn test(subject: Subject<'_>, now: fn() -> Timestamp, tell: Tell<'_>) -> Option<Receipt> {
    let Subject { destination, agent_name, secrets, event } = subject;
    let trial = match delivery_trial::prepare(destination, agent_name, secrets) {
        Ok(trial) => trial,
        Err(fault) => {
            tell(Finding::fault(SECRETS, "", &fault, peer::advice(&fault, destination.name.as_str())));
            skip(tell, &[names::ID, TCP, TLS, LOGIN, SENT, CONFIRMED], "it can't be used as it is set");
            return None;
        }
    };
    tell(Finding::ok(SECRETS, "", "its secrets and certificates can be read and used"));
    if let Err(why) = reach(destination, secrets, now, tell).await {
        skip(tell, &[LOGIN, SENT, CONFIRMED], why);
        return None;
    }
    let id = event.id.to_string();
    let tried = trial.hand_over(event).await;
    judge(destination, &tried, &id).into_iter().for_each(tell);
    tried.taken.then_some(tried.receipt)
}

fn skip(tell: Tell<'_>, ids: &[&'static str], why: &str) {
    for id in ids {
        tell(Finding::skipped(id, "", format!("not tried: {why}"), ""));
    }
}

/// Name, TCP and TLS. The error says why nothing can be sent.
async fn reach(
    destination: &Destination,
    secrets: &SecretSources,
    now: fn() -> Timestamp,
    tell: Tell<'_>,
) -> Result<(), &'static str> {
    let host = destination.link.host_and_port().map_or("", |(host, _)| host).trim_matches(['[', ']']);
    let known = names::look(host, destination.link.proxy.is_some()).await;
    let spare = has_others(destination);
    let failed = known.trouble.is_some();
    tell(known.or_others(spare));
    if failed {
        skip(tell, &[TCP, TLS], "the name does not resolve");
        return if spare { Ok(()) } else { Err("the name does not resolve") };
    }
    let mut address = None;
    let met = timeout(LIMIT, peer::greet(destination, secrets, &mut |found| address = Some(found))).await;
    let way = if destination.link.proxy.is_some() { "through the proxy" } else { "directly" };
    let connected = address.map(|address| Finding::ok(TCP, "", format!("connected to {address}, {way}")));
    let is_connected = connected.is_some();
    connected.into_iter().for_each(&mut *tell);
    let step = if is_connected { TLS } else { TCP };
    let line = match met {
        Ok(Ok(Met::Greeted(peer))) => peer.judge(TLS, "", now()),
        Ok(Ok(Met::Plain)) => Finding::skipped(TLS, "", "plain TCP: whoever is on the way can read along", ""),
        Ok(Ok(Met::Unasked)) => {
            skip(tell, &[TCP, TLS], "datagrams have no connection");
            return Ok(());
        }
        Ok(Err(fault)) => Finding::fault(step, "", &fault, peer::advice(&fault, destination.name.as_str())),
        Err(_) => late(step, ""),
    };
    let failed = line.trouble.is_some();
    tell(line.or_others(spare));
    if !failed || spare {
        return Ok(());
    }
    if !is_connected {
        skip(tell, &[TLS], "there is no connection");
        return Err("there is no connection");
    }
    Err("TLS failed")
}

/// Are there servers beside the one that is looked at?
fn has_others(destination: &Destination) -> bool {
    match &destination.protocol {
        Protocol::JetStream(settings) => !settings.servers.is_empty(),
        Protocol::Syslog(_) | Protocol::Relp(_) | Protocol::Http(_) | Protocol::SplunkHec(_) | Protocol::Elastic(_) => {
            false
        }
    }
}

/// The lines about login, sending and confirmation.
fn judge(destination: &Destination, tried: &Tried, id: &str) -> Vec<Finding> {
    let advice = |fault: &Fault| advice(destination, fault);
    let sent = || Finding::ok(SENT, "", format!("one event of kind test, id {id}"));
    let not_tried = |id, why: &str| Finding::skipped(id, "", format!("not tried: {why}"), "");
    match &tried.fault {
        None if tried.taken => vec![login(destination), sent(), confirmed(destination, tried.receipt, id)],
        None => {
            let text = "the receiver has not confirmed it, and no fault was seen; it may arrive yet";
            let advice = format!("look for {id} at the receiver, and whether it reads");
            vec![login(destination), sent(), Finding::failed(CONFIRMED, "", Trouble::Peer, text, advice)]
        }
        Some(fault) if is_door(fault) => {
            let why = "the receiver does not let us in";
            let line = Finding::fault(LOGIN, "", fault, advice(fault));
            vec![line, not_tried(SENT, why), not_tried(CONFIRMED, why)]
        }
        Some(fault) if tried.sent => {
            vec![login(destination), sent(), Finding::fault(CONFIRMED, "", fault, advice(fault))]
        }
        Some(fault) => {
            let step = if has_login(destination) { LOGIN } else { SENT };
            let mut lines = vec![Finding::fault(step, "", fault, advice(fault))];
            if step == SENT {
                lines.insert(0, login(destination));
            } else {
                lines.push(not_tried(SENT, "the login failed"));
            }
            lines.push(not_tried(CONFIRMED, "it was not sent"));
            lines
        }
    }
}

/// By HTTP who we are goes with the event itself: these refuse us, whatever the event is.
fn is_door(fault: &Fault) -> bool {
    matches!(fault.status, Some(401 | 402 | 403 | 407))
}

fn has_login(destination: &Destination) -> bool {
    match &destination.protocol {
        Protocol::Syslog(_) => false,
        Protocol::Relp(_)
        | Protocol::Http(_)
        | Protocol::SplunkHec(_)
        | Protocol::Elastic(_)
        | Protocol::JetStream(_) => true,
    }
}

/// The line about a login that stood in no way.
fn login(destination: &Destination) -> Finding {
    let text = match &destination.protocol {
        Protocol::Syslog(_) => {
            return Finding::skipped(LOGIN, "", "syslog has none: certificates are all there is", "");
        }
        Protocol::Relp(_) => "the receiver speaks RELP with us",
        Protocol::Http(_) => "the collector lets us in",
        Protocol::SplunkHec(_) => "Splunk takes the token",
        Protocol::Elastic(_) => "Elastic lets us in",
        Protocol::JetStream(_) => "logged in, and the stream is as it should be",
    };
    Finding::ok(LOGIN, "", text)
}

fn advice(destination: &Destination, fault: &Fault) -> String {
    let section = format!("[destinations.{}]", destination.name);
    match fault.kind {
        FaultKind::Refused => format!("check what {section} says of who we are, and what the receiver allows us"),
        FaultKind::Rejected => "the receiver takes no such event: check `format`, and its own mapping".to_owned(),
        FaultKind::Misconfigured
        | FaultKind::Keyless
        | FaultKind::Unlicensed
        | FaultKind::Throttled
        | FaultKind::Unavailable
        | FaultKind::OutOfRetention
        | FaultKind::Unreadable
        | FaultKind::Full
        | FaultKind::Corrupt => peer::advice(fault, destination.name.as_str()),
    }
}

/// What "taken" means here.
fn confirmed(destination: &Destination, receipt: Receipt, id: &str) -> Finding {
    let strong = |text: &str| Finding::ok(CONFIRMED, "", text);
    let weak = |text: &str, advice: &str| Finding::warning(CONFIRMED, "", text, format!("look for {id}; {advice}"));
    match receipt {
        Receipt::ReadKeyUpdate => strong(
            "read-key-update: the receiving process has read it, it answered a TLS 1.3 KeyUpdate behind the event",
        ),
        Receipt::ReadClose => {
            strong("read-close: the receiving process has read it, it answered an orderly close behind the event")
        }
        Receipt::Acknowledged => strong(match &destination.protocol {
            Protocol::JetStream(_) => "acknowledged: the stream has stored it",
            Protocol::Http(_) | Protocol::SplunkHec(_) => "acknowledged: the collector answered 2xx for it",
            Protocol::Elastic(_) => "acknowledged: Elastic answered for this very document",
            Protocol::Syslog(_) | Protocol::Relp(_) => "acknowledged: the receiver answered for this very message",
        }),
        Receipt::Indexed => strong("indexed: a search finds it"),
        Receipt::HeldByTcp => weak(
            "held-by-tcp: the receiver's TCP has it; nobody can tell whether the process has read it",
            "type relp, or TLS, can tell more",
        ),
        Receipt::Sent if destination.link.transport == Transport::Udp => {
            weak("sent: nobody can tell whether it has arrived", "type relp, or TLS, can tell more")
        }
        Receipt::Sent | Receipt::Unknown => weak("sent: nothing was confirmed", "see the receiver's log"),
    }
}

#[cfg(test)]
mod tests;
