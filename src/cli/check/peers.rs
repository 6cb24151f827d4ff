//! Each destination: dialled (through its proxy) and greeted by TLS with its CA, revocation lists, certificate and key.
//!
//! Promise: no event and no other byte of ours is sent inside the TLS connection ([`peer`]).

use jiff::Timestamp;
use tokio::time::timeout;

use super::{LIMIT, Subject, late};
use crate::config::Destination;
use crate::diagnosis::finding::{Finding, Trouble};
use crate::diagnosis::peer::{self, Met};

const ID: &str = "destination";

/// Host and port of a destination, the host as it is written.
pub fn address(destination: &Destination) -> Option<(&str, u16)> {
    destination.link.host_and_port()
}

pub async fn look(subject: &Subject) -> Vec<Finding> {
    let destinations = &subject.settings.destinations;
    if destinations.is_empty() {
        return vec![Finding::skipped(ID, "", "none is set", "add [destinations.NAME]")];
    }
    let mut greeted = Vec::new();
    for (name, destination) in destinations {
        let (name, destination, secrets) = (name.to_string(), destination.clone(), subject.secrets.clone());
        greeted.push(tokio::spawn(async move {
            if !destination.enabled {
                return Finding::skipped(ID, &name, "is disabled", "set enabled = true to use it");
            }
            match timeout(LIMIT, peer::greet(&destination, &secrets, &mut |_| ())).await {
                Ok(Ok(Met::Greeted(peer))) => peer.judge(ID, &name, Timestamp::now()),
                Ok(Ok(Met::Plain)) => Finding::ok(ID, &name, "takes connections by plain TCP, without TLS"),
                Ok(Ok(Met::Unasked)) => Finding::skipped(
                    ID,
                    &name,
                    "is sent datagrams, which nothing answers",
                    "look for events at the receiver",
                ),
                Ok(Err(fault)) => Finding::fault(ID, &name, &fault, peer::advice(&fault, &name)),
                Err(_) => late(ID, &name),
            }
        }));
    }
    let mut findings = Vec::new();
    for one in greeted {
        match one.await {
            Ok(finding) => findings.push(finding),
            Err(ended) => findings.push(Finding::failed(ID, "", Trouble::Bug, ended.to_string(), "report this")),
        }
    }
    findings
}
