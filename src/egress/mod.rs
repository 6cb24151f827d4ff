//! Which address the vendor sees us come from, and whether it is the allowlisted one.
//!
//! Promise: an address is called observed only where a probe outside has told it; nothing is guessed from it
//! about why the vendor refuses. Only [`observe`] and [`local_source`] touch the network.

mod address;
mod words;

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use jiff::Timestamp;
use tokio::net::{UdpSocket, lookup_host};

use crate::fault::{Fault, FaultKind};
use crate::net::dial::Path;
use crate::net::http::{Answer, Get};
use crate::values::IpRange;

pub use address::first_address;
pub use words::{Change, hint_403};

/// What one look has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Our address as seen from outside; `None`: not observed.
    pub address: Option<IpAddr>,
    /// Who told it: the host of the probe, or "no probe".
    pub by: String,
    /// The address that this box sends from; behind NAT another than `address`.
    pub source_address: Option<IpAddr>,
    pub checked: Timestamp,
    /// Why the probe told nothing, in a sentence; `None` also where there is no probe.
    pub fault: Option<String>,
}

/// Where the default route is asked about: TEST-NET-1 and its IPv6 sibling (RFC 5737, RFC 3849). Nothing is
/// sent there.
const ELSEWHERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 443),
    SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 443),
];

/// Asks the probe, where there is one, for our address as seen from outside. `http` must leave by the same
/// `path` (proxy, source address, interface) as the integrations do, or the answer is about another way.
pub async fn observe(http: &dyn Get, probe: Option<&str>, path: &Path, now: Timestamp) -> Observation {
    let Some(probe) = probe else {
        let source_address = local_source(None, path).await;
        return Observation { address: None, by: "no probe".to_owned(), source_address, checked: now, fault: None };
    };
    let url = probe.parse::<Uri>().ok();
    let host = url.as_ref().and_then(Uri::host).unwrap_or("the probe").to_owned();
    let plain = url.as_ref().and_then(Uri::scheme_str) == Some("http");
    let told = http.get(probe, &[("accept", "text/plain, application/json")], None).await;
    let told = told.and_then(|answer| read_answer(&answer, &host, plain));
    let (address, fault) = match told {
        Ok(address) => (Some(address), None),
        Err(fault) => (None, Some(fault.chain())),
    };
    Observation { address, by: host, source_address: local_source(None, path).await, checked: now, fault }
}

fn read_answer(answer: &Answer, host: &str, plain: bool) -> Result<IpAddr, Fault> {
    let unreadable = |what: &str| Fault::new(FaultKind::Unreadable, format!("the egress probe {host} {what}"));
    if answer.status != 200 {
        return Err(unreadable(&format!("answered with status {}", answer.status)));
    }
    // Whoever is in the way can answer plain HTTP; a login page's addresses are not ours.
    let html = answer.content_type.as_deref().is_some_and(|t| t.to_ascii_lowercase().starts_with("text/html"));
    if plain && html {
        return Err(unreadable(
            "answered with a web page over http://: a login portal may be in the way; use https://",
        ));
    }
    first_address(&String::from_utf8_lossy(&answer.body)).ok_or_else(|| unreadable("told no IP address"))
}

/// The local address that the kernel would send from, towards `target` (host and port) or else the world:
/// a UDP socket is connected and asked for its name; no packet is sent. A source address that the operator
/// set is the answer, where the box has it.
pub async fn local_source(target: Option<(&str, u16)>, path: &Path) -> Option<IpAddr> {
    let towards = match target {
        Some(target) => lookup_host(target).await.ok()?.collect(),
        None => ELSEWHERE.to_vec(),
    };
    for address in towards {
        if let Some(source) = source_towards(address, path).await {
            return Some(source);
        }
    }
    None
}

async fn source_towards(target: SocketAddr, path: &Path) -> Option<IpAddr> {
    let any = if target.is_ipv4() { [0u8; 4].into() } else { [0u8; 16].into() };
    let own = path.source_address.unwrap_or(any);
    let socket = UdpSocket::bind((own, 0)).await.ok()?;
    if let Some(interface) = &path.interface {
        socket.bind_device(Some(interface.as_bytes())).ok()?;
    }
    // Bound to an address of its own, the socket's name needs no route.
    if path.source_address.is_none() {
        socket.connect(target).await.ok()?;
    }
    socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified())
}

/// Does the allowlist hold the observed address? `None` where nothing is allowlisted or nothing was observed.
pub fn verdict(allowlisted: &[IpRange], observed: Option<IpAddr>) -> Option<bool> {
    let observed = observed.filter(|_| !allowlisted.is_empty())?;
    Some(allowlisted.iter().any(|range| range.contains(observed)))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::values::Secret;

    /// Answers as it was told; fails where it was told nothing.
    struct Probe(Option<(u16, &'static str, &'static str)>);

    #[async_trait]
    impl Get for Probe {
        async fn get(&self, _: &str, _: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
            assert!(bearer.is_none(), "the probe is not the vendor: it gets no token");
            let (status, content_type, body) =
                self.0.ok_or_else(|| Fault::new(FaultKind::Unavailable, "soc.example:443 can't be reached"))?;
            let content_type = Some(content_type.to_owned());
            Ok(Answer {
                status,
                date: None,
                retry_after: None,
                content_type,
                body: Bytes::from_static(body.as_bytes()),
            })
        }
    }

    async fn look(probe: Probe, url: &str) -> Observation {
        observe(&probe, Some(url), &Path::default(), Timestamp::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn a_probes_answer_becomes_an_observation_under_the_probes_host() {
        let seen =
            look(Probe(Some((200, "application/json", r#"{"ip":"203.0.113.10"}"#))), "https://soc.example/ip?k=CANARY")
                .await;
        assert_eq!(seen.address, Some("203.0.113.10".parse().expect("v4")));
        assert_eq!((seen.by.as_str(), seen.fault, seen.checked), ("soc.example", None, Timestamp::UNIX_EPOCH));
    }

    #[tokio::test]
    async fn what_is_not_told_is_not_observed_and_the_reason_is_kept() {
        for (probe, reason) in [
            (Probe(None), "can't be reached"),
            (Probe(Some((503, "text/plain", "203.0.113.10"))), "503"),
            (Probe(Some((200, "text/plain", "hello"))), "no IP address"),
            (Probe(Some((200, "text/html; charset=utf-8", "<p>203.0.113.10"))), "login portal"),
        ] {
            let seen = look(probe, "http://soc.example/ip?k=CANARY").await;
            assert_eq!(seen.address, None);
            let fault = seen.fault.expect("a reason");
            assert!(fault.contains(reason) && !fault.contains("CANARY"), "{fault}");
        }
    }

    #[tokio::test]
    async fn without_a_probe_nothing_is_observed_and_nobody_is_asked() {
        let path = Path { source_address: Some("127.0.0.2".parse().expect("v4")), ..Path::default() };
        let seen = observe(&Probe(None), None, &path, Timestamp::UNIX_EPOCH).await;
        assert_eq!((seen.address, seen.fault, seen.source_address), (None, None, path.source_address));
    }

    #[tokio::test]
    async fn the_local_source_is_the_kernels_choice_and_an_address_that_the_box_lacks_is_none() {
        let loopback: IpAddr = "127.0.0.1".parse().expect("v4");
        assert_eq!(local_source(Some(("127.0.0.1", 9)), &Path::default()).await, Some(loopback));
        let absent = Path { source_address: Some("192.0.2.77".parse().expect("v4")), ..Path::default() };
        assert_eq!(local_source(None, &absent).await, None);
    }

    #[test]
    fn a_verdict_needs_both_an_allowlist_and_an_observation() {
        let ranges: Vec<IpRange> = ["203.0.113.10", "198.51.100.0/28"].map(|r| r.parse().expect("a range")).into();
        let at = |text: &str| Some(text.parse().expect("an address"));
        assert_eq!(verdict(&ranges, at("198.51.100.3")), Some(true));
        assert_eq!(verdict(&ranges, at("198.51.100.99")), Some(false));
        assert_eq!(verdict(&ranges, None), None);
        assert_eq!(verdict(&[], at("198.51.100.3")), None);
    }
}
