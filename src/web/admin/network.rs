//! Egress and network: by which address we leave, what the vendor's IP Safelist must hold, and what is on the way.
//!
//! Promise: a proxy is named by its host and port alone; what is not known is called that.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::addresses::Card;
use super::frame::{self, Frame, Place};
use super::overview::EgressCard;
use super::surroundings::{self, Surroundings};
use super::visit::Visit;
use super::{Desk, shown};
use crate::config::Egress;
use crate::engine::way_out;
use crate::status::Snapshot;
use crate::status::sentences::ago;
use crate::status::snapshot::Egress as Seen;

#[derive(Template)]
#[template(path = "admin/network.html")]
struct Page<'a> {
    frame: Frame,
    egress: EgressCard<'a>,
    /// One address or range a line; on a mismatch the address that the vendor sees comes first.
    allowlist: String,
    /// That address.
    missing: Option<&'a str>,
    way: Vec<(&'static str, String)>,
    addresses: Vec<(String, String)>,
    /// `None`: no appliance.
    own: Option<Card>,
    dns: Vec<String>,
    clock: Clock,
}

struct Clock {
    word: &'static str,
    tone: &'static str,
    text: String,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let frame = Frame::new(&desk, &visit, Place::Network, "Egress & network").said(&uri);
    let asked = desk.clone();
    let (around, own) = match tokio::task::spawn_blocking(move || (surroundings::look(), Card::look(&asked))).await {
        Ok(seen) => seen,
        Err(error) => return frame::broken(&error),
    };
    let (snapshot, settings) = (desk.snapshot(), desk.ledger.settings());
    let page = Page::new(frame, &snapshot, settings.as_deref().map(|settings| &settings.egress), &around, own);
    frame::page(StatusCode::OK, &page)
}

impl<'a> Page<'a> {
    fn new(
        frame: Frame,
        snapshot: &'a Snapshot,
        egress: Option<&Egress>,
        around: &Surroundings,
        own: Option<Card>,
    ) -> Page<'a> {
        let mut way = Vec::new();
        if let Some(egress) = egress {
            way.push(("Proxy", way_out::proxy_in_words(egress).replace('`', "")));
            let chosen = egress.source_address.map(|address| address.to_string());
            way.push(("Source address", chosen.unwrap_or_else(|| "as the system chooses".into())));
            if let Some(interface) = &egress.interface {
                way.push(("Interface", interface.clone()));
            }
            way.push(("Probe", egress.probe.clone().unwrap_or_else(|| "none is set: [egress] probe".into())));
        }
        if let Some(source) = &snapshot.egress.source_address {
            way.push(("Leaves by", source.clone()));
        }
        Page {
            frame,
            egress: EgressCard::new(snapshot),
            allowlist: to_copy(&snapshot.egress),
            missing: missing(&snapshot.egress),
            way,
            addresses: around.addresses.iter().map(|(name, address)| (name.clone(), address.to_string())).collect(),
            own,
            dns: around.dns.iter().map(ToString::to_string).collect(),
            clock: Clock::new(snapshot),
        }
    }
}

/// The address that the vendor sees, where the settings name others.
fn missing(egress: &Seen) -> Option<&str> {
    egress.observed.as_deref().filter(|_| egress.matches == Some(false))
}

/// What the vendor's IP Safelist is to hold, one a line; first the address that is missing there.
fn to_copy(egress: &Seen) -> String {
    let listed = egress.allowlisted.iter().map(String::as_str);
    missing(egress).into_iter().chain(listed).collect::<Vec<_>>().join("\n")
}

impl Clock {
    /// Past a minute the engine raises a condition; here it is only told.
    fn new(snapshot: &Snapshot) -> Clock {
        let checked = ago(snapshot.clock.checked, snapshot.time);
        match snapshot.clock.offset_seconds {
            None => Clock { word: "not compared", tone: "plain", text: "The vendor's clock was not seen yet.".into() },
            Some(offset) => {
                let skewed =
                    snapshot.conditions.iter().any(|condition| condition.code == crate::status::Code::ClockSkew);
                let side = if offset < 0.0 { "behind" } else { "ahead of" };
                let text = format!(
                    "The vendor's clock is {:.1} s {side} ours, as of {checked}. Here it is {} UTC.",
                    offset.abs(),
                    shown::second(snapshot.time)
                );
                let (word, tone) = if skewed { ("wrong", "fair") } else { ("agrees", "good") };
                Clock { word, tone, text }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::samples;

    #[test]
    fn an_address_that_the_vendor_sees_and_the_settings_lack_is_the_first_to_copy() {
        let snapshot = samples::degraded().snapshot(samples::now());
        assert_eq!(missing(&snapshot.egress), Some("192.0.2.99"));
        assert_eq!(to_copy(&snapshot.egress), "192.0.2.99\n203.0.113.10\n198.51.100.0/28");
        let matching = samples::healthy().snapshot(samples::now());
        assert_eq!(missing(&matching.egress), None);
        assert_eq!(to_copy(&matching.egress), matching.egress.allowlisted.join("\n"));
    }

    #[test]
    fn the_clock_is_told_with_its_side_and_one_that_was_never_compared_is_called_that() {
        let board = samples::healthy();
        let told = Clock::new(&board.snapshot(samples::now()));
        assert!(told.word == "agrees" && told.text.contains("0.5 s ahead of ours, as of 2 min ago"), "{}", told.text);
        board.clock(|clock| clock.offset_seconds = Some(-90.0));
        board.raise(crate::status::Code::ClockSkew, "", "90 s", samples::now());
        let told = Clock::new(&board.snapshot(samples::now()));
        assert!(told.word == "wrong" && told.text.contains("90.0 s behind ours"), "{}", told.text);
        board.clock(|clock| clock.offset_seconds = None);
        assert_eq!(Clock::new(&board.snapshot(samples::now())).word, "not compared");
    }
}
