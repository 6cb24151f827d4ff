//! Three boards that tests look at from every side: a healthy agent, a degraded one and one that is down.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::api_key::KeyExpiry;
use super::board::Board;
use super::conditions::Code;
use super::snapshot::{CertificateEnd, QueueState, Standing, Whose};
use crate::destinations::Receipt;
use crate::fault::{Fault, FaultKind};
use crate::values::Name;

/// The moment that all samples are looked at.
pub(crate) fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

/// So many seconds before [`now`].
pub(crate) fn before(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// One integration, one destination, nothing waits.
pub(crate) fn healthy() -> Board {
    let board = Board::new("acme-mel-1", before(93_600));
    board.queue(|queue| {
        queue.state = QueueState::Open;
        queue.max_bytes = 4 << 30;
        queue.disk_bytes = 41 << 20;
        queue.appended = 5_204;
        queue.duplicates = 17;
    });
    board.egress(|egress| {
        egress.allowlisted = ["203.0.113.10", "198.51.100.0/28"].map(|range| range.parse().expect("a range")).into();
        egress.probe = Some("https://soc.example/ip".into());
        egress.observed = Some("203.0.113.10".parse().expect("an address"));
        egress.observed_by = egress.probe.clone();
        egress.checked = Some(before(240));
    });
    board.clock(|clock| {
        clock.offset_seconds = Some(0.5);
        clock.checked = Some(before(120));
    });
    board.integration(&name("acme"), |acme| {
        acme.connector = "abnormal-security".into();
        acme.host = "api.abnormalplatform.com".into();
        acme.enabled = true;
        acme.api_key_expires = KeyExpiry::set("2027-01-31".parse().expect("a date"));
        acme.requests_per_minute = 240;
        acme.requests_per_minute_now = 168;
        acme.requests = 1_310;
        acme.throttled = 3;
        acme.waited = Duration::from_millis(61_500);
    });
    board.stream(&name("acme"), "threats", |threats| {
        threats.succeeded(5_204, false, before(120));
        threats.next_poll = Some(before(-480));
        threats.checkpoint = Some(r#"{"received":"2026-11-20T11:56:00Z"}"#.into());
    });
    board.destination(&name("soc"), |soc| {
        soc.protocol = "syslog".into();
        soc.address = "siem.acme.example:6514".into();
        soc.connected = true;
        soc.receipt = Receipt::ReadKeyUpdate;
        soc.forwarded = 5_204;
        soc.took(5_204, 5_204, before(118));
    });
    board
}

/// The healthy one with a refused tenant, a mismatching egress IP, a slow clock and an archive that is away.
pub(crate) fn degraded() -> Board {
    let board = healthy();
    let refused = Fault::new(FaultKind::Refused, "403: the egress IP 192.0.2.99 may be missing on the IP Safelist");
    board.integration(&name("globex"), |globex| {
        globex.connector = "abnormal-security".into();
        globex.host = "eu.rest.abnormalsecurity.com".into();
        globex.enabled = true;
        globex.requests_per_minute = 60;
        globex.park(&refused, before(300));
    });
    board.stream(&name("globex"), "cases", |cases| cases.failed(Standing::Parked, &refused, before(300)));
    board.integration(&name("initech"), |initech| {
        initech.connector = "abnormal-security".into();
        initech.host = "api.abnormalplatform.com".into();
    });
    board.destination(&name("archive"), |archive| {
        archive.protocol = "syslog".into();
        archive.address = "archive.acme.example:6514".into();
        archive.cursor = 4_000;
        archive.depth = 1_204;
        archive.oldest = Some(before(400));
        archive.certificates = [(Whose::Ours, "2026-12-01T00:00:00Z"), (Whose::Peer, "2027-03-09T00:00:00Z")]
            .map(|(whose, expires)| CertificateEnd { whose, expires: expires.parse().expect("a time") })
            .into();
        let away = Fault::new(FaultKind::Unavailable, "archive.acme.example:6514 can't be reached: connection refused");
        archive.failed(Standing::Failing, &away, before(400));
        archive.failed(Standing::Failing, &away, before(20));
        archive.reconnects = 3;
        archive.receipt = Receipt::HeldByTcp;
    });
    board.queue(|queue| {
        queue.events = 1_204;
        queue.bytes = 9 << 20;
        queue.oldest = Some(before(400));
        queue.damaged = 1;
    });
    board.egress(|egress| egress.observed = Some("192.0.2.99".parse().expect("an address")));
    board.clock(|clock| clock.offset_seconds = Some(-42.0));
    board.raise(Code::DestinationWeakReceipt, "archive", "archive confirms by TCP alone.", before(500));
    board.raise(Code::DestinationDown, "archive", "archive can't be reached for 6 min.", before(340));
    board.raise(Code::IntegrationRefused, "globex", "globex is refused with 403.", before(300));
    board.raise(Code::EgressMismatch, "", "192.0.2.99 is not allowlisted.", before(240));
    board.raise(Code::ClockSkew, "", "Our clock is 42 s ahead of the vendor's.", before(120));
    board.raise(Code::QueueDamaged, "", "1 record was set aside and fetched again.", before(60));
    board
}

/// The queue can't persist and the only destination is away.
pub(crate) fn down() -> Board {
    let board = healthy();
    let away = Fault::new(FaultKind::Unavailable, "siem.acme.example:6514 can't be reached");
    board.destination(&name("soc"), |soc| {
        soc.connected = false;
        soc.failed(Standing::Failing, &away, before(1_000));
    });
    board.queue(|queue| {
        queue.state = QueueState::Failed;
        queue.reason = Some("The disk refuses writes: input/output error (os error 5).".into());
    });
    board.raise(Code::DiskError, "", "The disk refuses writes.", before(30));
    board
}
