//! One simulated API with something in every list, and an engine of a few lines that polls one stream of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conductor::connectors::abnormal::{Abnormal, Settings};
use conductor::connectors::{Connector, Page, PollContext};
use conductor::event::{Checkpoint, Gap, native_part};
use conductor::net::http::{Client, ClientOptions, Limits};
use conductor::net::tls::TlsOptions;
use conductor::values::Secret;
use conductor_sim::api::generate::{audit, campaigns, cases, generate, not_analyzed, vendor_cases};
use conductor_sim::api::{Api, ApiOptions};
use conductor_sim::ca::Authority;
use jiff::{SignedDuration, Timestamp};

pub const TOKEN: &str = "CANARY-token-of-the-contract-tests";
/// Items of each kind.
pub const ITEMS: usize = 7;

/// The API, and the folder that holds its CA.
pub struct Vendor {
    pub api: Api,
    folder: tempfile::TempDir,
}

impl Vendor {
    /// Its items lie three to one hours back: all of them have left the overlap.
    pub fn new() -> Vendor {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new("the test's CA").expect("a CA");
        std::fs::write(folder.path().join("ca.pem"), authority.ca_pem()).expect("its file");
        let tls = authority.server(&["127.0.0.1", "localhost"]).expect("a certificate");
        let api = Api::start(ApiOptions::new(TOKEN, tls)).expect("the API");
        let hours = |hours| Timestamp::now().checked_sub(SignedDuration::from_hours(hours)).expect("a time");
        let (from, to) = (hours(3), hours(1));
        api.put(generate(1, ITEMS, from, to));
        cases(2, ITEMS, from, to).into_iter().for_each(|case| api.put_case(case));
        campaigns(3, ITEMS, from, to).into_iter().for_each(|campaign| api.put_campaign(campaign));
        vendor_cases(4, ITEMS, from, to).into_iter().for_each(|case| api.put_vendor_case(case));
        not_analyzed(5, ITEMS, from, to).into_iter().for_each(|row| api.put_not_analyzed(row));
        for entry in audit(6, ITEMS, from, to) {
            api.put_audit(entry);
        }
        Vendor { api, folder }
    }

    /// A connector of its own that waits so long for an answer to begin, and twice as long for its end.
    fn connector(&self, streams: &[&str], patience: Duration) -> Abnormal {
        let settings = Settings {
            host: self.api.addr().to_string(),
            polling_interval: Duration::from_secs(600),
            intervals: Default::default(),
            start: Duration::from_secs(86_400),
            lag: Duration::from_secs(120),
            overlap: Duration::from_secs(900),
            streams: streams.iter().map(|stream| (*stream).to_owned()).collect(),
            enrich: true,
        };
        let tls = TlsOptions { ca: Some(self.folder.path().join("ca.pem")), ..TlsOptions::default() };
        let limits = Limits { headers: patience, whole: 2 * patience, body: 256 << 10, ..Limits::default() };
        let client = Client::new(ClientOptions { tls, limits, ..ClientOptions::default() }).expect("a client");
        Abnormal::new("acme".parse().expect("a name"), settings, Arc::new(client), Secret::new(TOKEN))
    }
}

/// As long as an answer may take where one comes.
const LONG: Duration = Duration::from_secs(30);

/// One stream as an engine holds it.
pub struct Polled {
    connector: Abnormal,
    stream: &'static str,
    checkpoint: Option<Checkpoint>,
    pub kept: BTreeSet<String>,
    pub gaps: Vec<Gap>,
    /// A part was told to be refused.
    pub shortfall: bool,
    now: Timestamp,
}

impl Polled {
    pub fn new(vendor: &Vendor, stream: &'static str) -> Polled {
        Polled::waiting(vendor, stream, LONG)
    }

    /// With short patience, for a vendor who never answers; the others get [`LONG`], since a slow machine is no fault.
    pub fn waiting(vendor: &Vendor, stream: &'static str, patience: Duration) -> Polled {
        Polled {
            connector: vendor.connector(&[stream], patience),
            stream,
            checkpoint: None,
            kept: BTreeSet::new(),
            gaps: Vec::new(),
            shortfall: false,
            now: Timestamp::now(),
        }
    }

    /// One poll, committed as an engine commits it; only what is new counts as kept.
    pub async fn poll(&mut self, round: bool) -> Page {
        let kept = &self.kept;
        let known = |native: &str| {
            let of = format!("acme/{}/{}", self.stream, native_part(native));
            kept.iter().any(|id| id.strip_prefix(&of).is_some_and(|rest| rest.starts_with(['/', ':'])))
        };
        let whole = |id: &str| kept.contains(id);
        let context = PollContext { now: self.now, round, known: &known, kept: &whole, spare: &|_| true };
        let page = self.connector.poll(self.stream, self.checkpoint.as_ref(), &context).await;
        self.checkpoint = page.next.clone().or(self.checkpoint.take());
        self.kept.extend(page.events.iter().map(|event| event.id.to_string()));
        self.gaps.extend(page.gaps.iter().cloned());
        self.shortfall |= page.shortfall.is_some();
        page
    }

    /// Polls until nothing more is to be asked for now, or a fault.
    pub async fn round(&mut self) -> Page {
        let mut page = self.poll(true).await;
        for _ in 0..500 {
            if !page.more {
                return page;
            }
            page = self.poll(false).await;
        }
        panic!("{} has no end: {:?}", self.stream, self.checkpoint);
    }

    /// From now on with long patience, as after a new start.
    pub fn wait_long(&mut self, vendor: &Vendor) {
        self.connector = vendor.connector(&[self.stream], LONG);
    }

    pub fn later(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).expect("a time");
    }
}
