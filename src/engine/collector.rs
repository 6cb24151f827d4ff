//! Collecting: one task an integration, in it one a stream (see `stream`).
//!
//! Promise: an integration whose key or settings can't be used parks by itself and looks again; its streams share
//! one pace, and a stream that fails delays no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answers::Answers;
use super::backoff::Backoff;
use super::key::{self, Connected, Key, Life, Look};
use super::pace::{Pace, Paced};
use super::refusal::Refusals;
use super::stop::Stop;
use super::stream::Stream;
use super::{Collecting, Facilities, way_out};
use crate::config::{self, Connector as ConnectorSettings};
use crate::connectors::Connector;
use crate::connectors::abnormal::Abnormal;
use crate::fault::{Fault, FaultKind, Reaction, Side, reaction};
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::net::shared::Shared;
use crate::net::tls::TlsOptions;
use crate::status::{Board, Code, KeyExpiry, Standing};
use crate::values::{Name, Secret};

/// What a collector tells about its tries: no longer true when it has ended.
pub const TOLD: [Code; 10] = [
    Code::IntegrationRefused,
    Code::IntegrationKeyless,
    Code::IntegrationFailing,
    Code::StreamUnlicensed,
    Code::StreamRefused,
    Code::PartRefused,
    Code::ApiKeyExpiring,
    Code::ApiKeyOld,
    Code::ApiKeyNotTaken,
    Code::QueuePaused,
];

/// No answer of an API is larger: a page of a hundred messages with 40 kB each. Four may come at once, and the agent
/// stays small whatever answers for the vendor.
const LARGEST_ANSWER: usize = 4 << 20;

/// How long a connection rests where the next poll is far.
const BETWEEN_STEPS: Duration = Duration::from_secs(5);

/// Writes what the settings say of an integration to the board.
pub fn describe(board: &Board, integration: &config::Integration) {
    let ConnectorSettings::Abnormal(settings) = &integration.connector;
    board.integration(&integration.name, |record| {
        record.connector = integration.connector.as_str().into();
        record.host = settings.host.clone();
        record.enabled = integration.enabled;
        record.api_key_expires = integration.api_key_expires.and_then(KeyExpiry::set);
        record.requests_per_minute = integration.requests_per_minute;
        record.streams.retain(|name, _| settings.streams.contains(name));
    });
    // Nothing of a stream that was taken out is tried again.
    board.clear_where(Code::ItemsDeferred, |subject| {
        let of = subject.split_once('/').filter(|(of, _)| *of == integration.name.as_str());
        of.is_some_and(|(_, stream)| !settings.streams.iter().any(|known| known == stream))
    });
    for stream in &settings.streams {
        board.stream(&integration.name, stream, |record| {
            record.standing = if integration.enabled { Standing::Waiting } else { Standing::Disabled };
        });
    }
}

/// How many streams an integration has.
pub fn streams(integration: &config::Integration) -> usize {
    let ConnectorSettings::Abnormal(settings) = &integration.connector;
    settings.streams.len()
}

/// How long a connection rests for the next request: over a short interval, else from one step of a poll to the next.
/// Two hundred integrations would keep hundreds of them for nothing.
fn rest(integration: &config::Integration) -> Duration {
    let ConnectorSettings::Abnormal(settings) = &integration.connector;
    let interval = settings.intervals.values().copied().fold(settings.polling_interval, Duration::min);
    let usual = Limits::default().idle;
    if interval <= usual { usual } else { BETWEEN_STEPS }
}

/// The client that an integration asks through.
pub(super) fn client(
    integration: &config::Integration,
    egress: &config::Egress,
    pace: Option<Arc<Pace>>,
    shared: Shared,
) -> Result<Arc<dyn Get>, Fault> {
    let http = Client::new(ClientOptions {
        tls: TlsOptions { ca: integration.ca.clone(), ..TlsOptions::default() },
        path: way_out::path_of(integration, egress),
        limits: Limits { body: LARGEST_ANSWER, idle: rest(integration), ..Limits::default() },
        shared,
    })?;
    Ok(match pace {
        Some(pace) => Arc::new(Paced::new(Arc::new(http), pace)),
        None => Arc::new(http),
    })
}

/// One line for each vendor: the connector of an integration, with this key.
fn connector(integration: &config::Integration, http: Arc<dyn Get>, key: Secret) -> Arc<dyn Connector> {
    match &integration.connector {
        ConnectorSettings::Abnormal(settings) => {
            Arc::new(Abnormal::new(integration.name.clone(), settings.clone(), http, key))
        }
    }
}

/// One authenticated request of an integration, for `check`.
pub async fn probe(
    integration: &config::Integration,
    egress: &config::Egress,
    secrets: &crate::secrets::SecretSources,
) -> Result<String, Fault> {
    let key = crate::secrets::resolve_token(&integration.api_key, secrets)?;
    connector(integration, client(integration, egress, None, Shared::default())?, key).probe().await
}

/// Runs an integration until it is stopped; `among` so many streams begin now.
pub async fn run(facilities: Facilities, as_set: Collecting, among: usize, mut stop: Stop) {
    let integration = as_set.integration.clone();
    let name = integration.name.clone();
    let pace = Arc::new(Pace::new(integration.requests_per_minute));
    facilities.board.integration(&name, |record| record.requests_per_minute_now = pace.figures().per_minute);
    let mut look = Look::new(name.clone(), integration.api_key.clone(), Arc::clone(&facilities.places));
    let begun = tokio::select! {
        () = stop.stopped() => return,
        begun = begin(&facilities, &as_set, &pace, &mut look) => begun,
    };
    let (http, key) = begun;
    for code in [Code::IntegrationKeyless, Code::IntegrationFailing] {
        if facilities.board.clear(code, name.as_str()) {
            tracing::info!(integration = %name, "the integration can be asked again");
        }
    }
    facilities.board.integration(&name, crate::status::IntegrationRecord::unpark);
    let connect = {
        let integration = integration.clone();
        move |key| connector(&integration, Arc::clone(&http), key)
    };
    let first = connect(key.clone());
    let names = first.streams();
    let connected = watch::Sender::new(Connected { connector: first, key });
    let refusals = Arc::new(Refusals {
        board: facilities.board.clone(),
        integration: name.clone(),
        streams: names.clone(),
        allowlisted: as_set.egress.allowlisted.clone(),
        egress: facilities.egress.clone(),
        answers: watch::Sender::new(Answers::default()),
    });
    let mut tasks = JoinSet::new();
    for stream in names {
        let collector = Stream {
            facilities: facilities.clone(),
            as_set: as_set.clone(),
            connected: connected.subscribe(),
            pace: Arc::clone(&pace),
            refusals: Arc::clone(&refusals),
            subject: format!("{name}/{stream}"),
            stream,
            backoff: Backoff::default(),
            turn: None,
            parked: false,
            among,
        };
        tasks.spawn(collector.run(stop.clone()));
    }
    let life = Life {
        integration,
        connected: connected.subscribe(),
        answers: refusals.answers.subscribe(),
        board: facilities.board.clone(),
        state_dir: facilities.secrets.state_dir.clone(),
    };
    tasks.spawn(life.run(stop.clone()));
    let key = Key {
        board: facilities.board.clone(),
        integration: as_set.integration.clone(),
        kept: Arc::clone(&facilities.keys),
        look,
        connect: Box::new(connect),
        connected,
        refusals,
        reloaded: facilities.reloaded.clone(),
    };
    tasks.spawn(key.run(stop.clone()));
    while let Some(ended) = tasks.join_next().await {
        if let Err(e) = ended
            && e.is_panic()
        {
            // The supervisor of this integration starts all its streams again.
            std::panic::resume_unwind(e.into_panic());
        }
    }
}

/// Waits, parked, until there are a key and a client. A key that is put into its place is seen at once.
async fn begin(
    facilities: &Facilities,
    as_set: &Collecting,
    pace: &Arc<Pace>,
    look: &mut Look,
) -> (Arc<dyn Get>, Secret) {
    let mut backoff = Backoff::default();
    let mut reloaded = facilities.reloaded.clone();
    loop {
        reloaded.borrow_and_update();
        // What was in use before these settings came stays so until the key that is there now has worked.
        let key = match facilities.keys.of(&as_set.integration) {
            Some(kept) => Ok(kept),
            None => look.read().await,
        };
        let begun = key.and_then(|key| {
            client(&as_set.integration, &as_set.egress, Some(Arc::clone(pace)), facilities.shared.clone())
                .map(|http| (http, key))
        });
        let fault = match begun {
            Ok((http, key)) => {
                facilities.keys.keep(&as_set.integration, key.clone());
                return (http, key);
            }
            Err(fault) => fault,
        };
        // Wrong settings of one integration park it alone: the others go on.
        let again = match reaction(fault.kind, Side::Api) {
            Reaction::RefuseSettings => Reaction::ParkUntilChanged { again: Duration::from_secs(60) },
            other => other,
        };
        let wait = backoff.next(again, None, Instant::now(), fastrand::f64());
        park(&facilities.board, &as_set.integration.name, &fault);
        tokio::select! {
            () = look.changed() => {}
            () = key::reload(&mut reloaded) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn park(board: &Board, name: &Name, fault: &Fault) {
    let now = Timestamp::now();
    let code = match fault.kind {
        FaultKind::Keyless => Code::IntegrationKeyless,
        _ => Code::IntegrationFailing,
    };
    board.integration(name, |record| record.park(fault, now));
    if board.raise(code, name.as_str(), fault.chain(), now) {
        tracing::error!(integration = %name, fault = fault.kind.as_str(), "{}", fault.chain());
    }
}
