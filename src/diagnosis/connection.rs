//! The connection test of one integration, step by step as a request goes: name, TCP or proxy, TLS, clock, key, each
//! stream's permission, the key's end, the egress IP.
//!
//! Promise: each line is told as soon as it is known. What can't be known because an earlier step failed is told as not
//! tried. The key goes to the integration's own host; to other regions of its vendor only where that was asked for.

use jiff::Timestamp;
use tokio::time::timeout;

use super::access::{self, Answer, Answers};
use super::finding::Finding;
use super::way::Way;
use super::{LIMIT, clock, egress, expiry, greeting, late, names, regions};
use crate::config::{Egress, Integration, Region};
use crate::connectors::Trial;
use crate::egress::hint_403;
use crate::engine::trial::{self, Data};
use crate::engine::way_out;
use crate::fault::{Fault, FaultKind};
use crate::secrets::{SecretSources, resolve_token};
use crate::values::Secret;

/// What is tested, and how far.
pub struct Subject<'a> {
    pub integration: &'a Integration,
    pub egress: &'a Egress,
    pub secrets: &'a SecretSources,
    /// Tried in the place of the key that the settings lead to: one that was typed and is not kept yet.
    pub key: Option<Secret>,
    /// The vendor's regions: [`crate::config::Connector::regions`].
    pub regions: &'a [Region],
    /// Show a refused key to the hosts of the other regions?
    pub try_other_regions: bool,
}

/// Tests the connection; `tell` gets each line.
pub async fn test(subject: &Subject<'_>, now: fn() -> Timestamp, tell: &mut (dyn FnMut(Finding) + Send)) {
    let integration = subject.integration;
    let reached = reach(subject, now, tell).await;
    let token = match subject.key.clone().map_or_else(|| resolve_token(&integration.api_key, subject.secrets), Ok) {
        Ok(token) => Ok(token),
        Err(fault) => {
            let setting = format!("integrations.{}.api-key", integration.name);
            let advice = format!("mend that file, or what {setting} refers to");
            tell(Finding::fault("secrets", &setting, &fault, advice));
            Err("the key can't be read")
        }
    };
    let mut told = None;
    let seen = match (reached, token) {
        (Ok(()), Ok(token)) => {
            let connector = trial::connector(integration, subject.egress, token.clone(), Data::Live);
            match connector {
                Ok(connector) => {
                    let seen = permissions(subject, &*connector, &token, now(), tell).await;
                    let asked = connector.key(integration.api_key_name.as_deref());
                    told = timeout(LIMIT, asked).await.ok().and_then(Result::ok).flatten();
                    seen
                }
                Err(fault) => {
                    tell(Finding::fault(access::FIRST, "", &fault, access::advice(&fault, &integration.name)));
                    look_at_egress(subject.egress).await
                }
            }
        }
        (Err(why), _) | (Ok(()), Err(why)) => {
            tell(not_tried(access::FIRST, "", why));
            for stream in streams(integration) {
                tell(not_tried(access::STREAM, stream, why));
            }
            look_at_egress(subject.egress).await
        }
    };
    tell(expiry::judge(integration.api_key_expires, told.as_ref(), now()));
    tell(seen.map_or_else(|late| late, |seen| egress::judge(subject.egress, &seen)));
}

type Seen = Result<crate::egress::Observation, Finding>;

async fn look_at_egress(settings: &Egress) -> Seen {
    timeout(LIMIT, way_out::look(settings)).await.map_err(|_| late("egress", ""))
}

fn not_tried(id: &'static str, subject: &str, why: &str) -> Finding {
    Finding::skipped(id, subject, format!("not tried: {why}"), "")
}

fn streams(integration: &Integration) -> &[String] {
    let crate::config::Connector::Abnormal(settings) = &integration.connector;
    &settings.streams
}

fn skip(tell: &mut (dyn FnMut(Finding) + Send), ids: &[&'static str], why: &'static str) -> &'static str {
    for id in ids {
        tell(not_tried(id, "", why));
    }
    why
}

/// Name, TCP or proxy, TLS and clock. The error says why no request can be asked.
async fn reach(
    subject: &Subject<'_>,
    now: fn() -> Timestamp,
    tell: &mut (dyn FnMut(Finding) + Send),
) -> Result<(), &'static str> {
    let (integration, host) = (subject.integration, trial::host(subject.integration));
    let way = match Way::to(host, integration, subject.egress) {
        Ok(way) => way,
        Err(fault) => {
            let advice = format!("correct `host` of [integrations.{}], or `proxy` under [egress]", integration.name);
            tell(Finding::fault("way", host, &fault, advice));
            return Err(skip(tell, &["names", "tcp", "tls", "clock"], "the way to the host is not known"));
        }
    };
    // Through a proxy, this box needs the proxy's name alone.
    let mut lines = vec![names::look(&way.host, way.proxy.is_some()).await];
    if let Some(proxy) = &way.proxy {
        lines.push(names::look(&proxy.host, false).await);
    }
    let known = lines.iter().all(|line| line.trouble.is_none());
    lines.into_iter().for_each(&mut *tell);
    if !known {
        return Err(skip(tell, &["tcp", "tls", "clock"], "the name does not resolve"));
    }
    let (line, stream) = way.look().await;
    tell(line);
    let Some(stream) = stream else {
        return Err(skip(tell, &["tls", "clock"], "there is no connection"));
    };
    let vendors_own = subject.regions.iter().any(|region| region.answers_at(host));
    let line = greeting::look(&way, stream, integration.ca.clone(), vendors_own).await;
    let greeted = line.trouble.is_none();
    tell(line);
    let vendor = if greeted { clock::ask(host, subject.egress, integration.ca.clone()).await } else { None };
    // A clock that can't be right is told even so: it may be why TLS failed.
    tell(clock::judge(now(), vendor));
    if greeted { Ok(()) } else { Err("TLS failed") }
}

/// The key and each stream's permission. Returns what was seen of our address, which explains a 403.
async fn permissions(
    subject: &Subject<'_>,
    connector: &dyn Trial,
    token: &Secret,
    now: Timestamp,
    tell: &mut (dyn FnMut(Finding) + Send),
) -> Seen {
    let first = within(connector.first()).await;
    let goes_on = access::goes_on(&first);
    let mut streams = Vec::new();
    for stream in connector.streams() {
        let answer = if goes_on { Some(within(connector.permission(&stream, now)).await) } else { None };
        streams.push((stream, answer));
    }
    let seen = look_at_egress(subject.egress).await;
    let address = match &seen {
        Ok(seen) => hint_403(&subject.egress.allowlisted, seen),
        Err(_) => "check the vendor's IP Safelist and the key; our address could not be observed in time".to_owned(),
    };
    let unauthorized = first.as_ref().is_err_and(|fault| fault.status == Some(401));
    let host = trial::host(subject.integration);
    let (of_vendor, others): (Vec<Region>, Vec<Region>) =
        subject.regions.iter().cloned().partition(|region| region.answers_at(host));
    let other_regions = match (of_vendor.is_empty(), subject.try_other_regions) {
        (false, true) => "see the lines about regions",
        (false, false) => {
            "`integration test NAME --other-regions` shows the key to the vendor's other hosts, and says which takes it"
        }
        (true, _) => "`host` is none of the vendor's own, so no other is tried",
    };
    let name = &subject.integration.name;
    let answers = Answers { name, question: connector.first_question(), first, streams, address, other_regions };
    access::judge(&answers).into_iter().for_each(&mut *tell);
    if unauthorized && subject.try_other_regions && !of_vendor.is_empty() {
        regions::ask(subject.integration, subject.egress, token, &others, tell).await;
    }
    seen
}

async fn within(question: impl Future<Output = Answer>) -> Answer {
    timeout(LIMIT, question).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", LIMIT.as_secs());
        Err(Fault::new(FaultKind::Unavailable, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_can_run_on_the_listeners_threads_so_that_a_page_can_tell_it_live() {
        fn is_send<T: Send>(_: &T) {}
        let integration = |subject: &Subject<'_>| is_send(&test(subject, Timestamp::now, &mut |_| ()));
        // That it compiles is the proof.
        let _ = integration;
    }
}
