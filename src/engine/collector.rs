//! Collecting: one task an integration, in it one a stream (see `stream`).
//!
//! Promise: an integration whose key or settings can't be used parks by itself and looks again; its streams share
//! one pace, and a stream that fails delays no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::backoff::Backoff;
use super::pace::{Pace, Paced};
use super::stop::Stop;
use super::stream::Stream;
use super::{Collecting, Facilities, way_out};
use crate::config::{self, Connector as ConnectorSettings};
use crate::connectors::Connector;
use crate::connectors::abnormal::Abnormal;
use crate::fault::{Fault, FaultKind, Reaction, Side, reaction};
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::net::tls::TlsOptions;
use crate::status::{Board, Code, Standing};
use crate::values::Name;

/// What a collector tells about its tries: no longer true when it has ended.
pub const TOLD: [Code; 5] = [
    Code::IntegrationRefused,
    Code::IntegrationKeyless,
    Code::IntegrationFailing,
    Code::StreamUnlicensed,
    Code::QueuePaused,
];

/// No answer of an API is larger: a page of a hundred messages with 40 kB each. Four may come at once, and the agent
/// stays small whatever answers for the vendor.
const LARGEST_ANSWER: usize = 4 << 20;

/// Writes what the settings say of an integration to the board.
pub fn describe(board: &Board, integration: &config::Integration) {
    let ConnectorSettings::Abnormal(settings) = &integration.connector;
    board.integration(&integration.name, |record| {
        record.connector = integration.connector.as_str().into();
        record.host = settings.host.clone();
        record.enabled = integration.enabled;
        record.api_key_expires = integration.api_key_expires;
        record.requests_per_minute = integration.requests_per_minute;
        record.streams.retain(|name, _| settings.streams.contains(name));
    });
    for stream in &settings.streams {
        board.stream(&integration.name, stream, |record| {
            record.standing = if integration.enabled { Standing::Waiting } else { Standing::Disabled };
        });
    }
}

/// The client that an integration asks through.
pub(super) fn client(
    integration: &config::Integration,
    egress: &config::Egress,
    pace: Option<Arc<Pace>>,
) -> Result<Arc<dyn Get>, Fault> {
    let http = Client::new(ClientOptions {
        tls: TlsOptions { ca: integration.ca.clone(), ..TlsOptions::default() },
        path: way_out::path(egress),
        gate: None,
        limits: Limits { body: LARGEST_ANSWER, ..Limits::default() },
    })?;
    Ok(match pace {
        Some(pace) => Arc::new(Paced::new(Arc::new(http), pace)),
        None => Arc::new(http),
    })
}

/// One line for each vendor: the connector of an integration, asking at this pace.
fn build(as_set: &Collecting, pace: Option<Arc<Pace>>) -> Result<Box<dyn Connector>, Fault> {
    let integration = &as_set.integration;
    let Some(token) = as_set.token.clone() else {
        return Err(Fault::new(FaultKind::Keyless, "the API key can't be read"));
    };
    let http = client(integration, &as_set.egress, pace)?;
    Ok(match &integration.connector {
        ConnectorSettings::Abnormal(settings) => {
            Box::new(Abnormal::new(integration.name.clone(), settings.clone(), http, token))
        }
    })
}

/// One authenticated request of an integration, for `check`.
pub async fn probe(
    integration: &config::Integration,
    egress: &config::Egress,
    secrets: &crate::secrets::SecretSources,
) -> Result<String, Fault> {
    let token = crate::secrets::resolve_token(&integration.api_key, secrets)?;
    let as_set = Collecting { integration: integration.clone(), egress: egress.clone(), token: Some(token), ca: None };
    build(&as_set, None)?.probe().await
}

/// Runs an integration until it is stopped.
pub async fn run(facilities: Facilities, mut as_set: Collecting, mut stop: Stop) {
    let name = as_set.integration.name.clone();
    let mut backoff = Backoff::default();
    let pace = Arc::new(Pace::new(as_set.integration.requests_per_minute));
    facilities.board.integration(&name, |record| record.requests_per_minute_now = pace.figures().per_minute);
    let connector = loop {
        let resolved = crate::secrets::resolve_token(&as_set.integration.api_key, &facilities.secrets);
        let built = resolved.and_then(|token| {
            as_set.token = Some(token);
            build(&as_set, Some(Arc::clone(&pace)))
        });
        let fault = match built {
            Ok(connector) => break connector,
            Err(fault) => fault,
        };
        // Wrong settings of one integration park it alone: the others go on.
        let again = match reaction(fault.kind, Side::Api) {
            Reaction::RefuseSettings => Reaction::ParkUntilChanged { again: Duration::from_secs(60) },
            other => other,
        };
        let wait = backoff.next(again, None, Instant::now(), fastrand::f64());
        park(&facilities.board, &name, &fault);
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep(wait) => {}
        }
    };
    for code in [Code::IntegrationKeyless, Code::IntegrationFailing] {
        if facilities.board.clear(code, name.as_str()) {
            tracing::info!(integration = %name, "the integration can be asked again");
        }
    }
    facilities.board.integration(&name, crate::status::IntegrationRecord::unpark);
    let connector: Arc<dyn Connector> = Arc::from(connector);
    let mut streams = JoinSet::new();
    for stream in connector.streams() {
        let collector = Stream {
            facilities: facilities.clone(),
            as_set: as_set.clone(),
            connector: Arc::clone(&connector),
            pace: Arc::clone(&pace),
            subject: format!("{name}/{stream}"),
            stream,
            backoff: Backoff::default(),
            round: None,
        };
        streams.spawn(collector.run(stop.clone()));
    }
    while let Some(ended) = streams.join_next().await {
        if let Err(e) = ended
            && e.is_panic()
        {
            // The supervisor of this integration starts all its streams again.
            std::panic::resume_unwind(e.into_panic());
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
