//! The page for people: the snapshot put into words and the template filled in.
//!
//! Promise: the template escapes every value; the page needs no script, no font and no other host.

use askama::Template;
use jiff::Timestamp;

use crate::status::health::used_percent;
use crate::status::sentences::{self, ago, bytes, count, plural, span};
use crate::status::snapshot::{Destination, Integration, Snapshot, Standing, Stream};
use crate::status::{Condition, KeySource, QueueState, State};

/// The style sheet, served from its own path so that the policy can forbid inline styles.
pub const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn render(snapshot: &Snapshot) -> Result<String, askama::Error> {
    Page::new(snapshot).render()
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    snapshot: &'a Snapshot,
    state_class: &'static str,
    state_text: String,
    uptime: String,
    time: String,
    egress: EgressCard,
    queue: QueueCard,
    conditions: Vec<ConditionRow<'a>>,
    integrations: Vec<IntegrationTile<'a>>,
    destinations: Vec<DestinationTile<'a>>,
}

struct EgressCard {
    address: String,
    word: &'static str,
    class: &'static str,
    checked: String,
}

struct QueueCard {
    class: &'static str,
    waiting: String,
    disk: String,
    quota: String,
    percent: u64,
    kept: String,
}

/// A condition as pages show it.
pub(super) struct ConditionRow<'a> {
    pub(super) condition: &'a Condition,
    pub(super) class: &'static str,
    pub(super) stands: String,
    /// Its pieces; each second one is something to type.
    pub(super) advice: Vec<&'static str>,
}

struct IntegrationTile<'a> {
    integration: &'a Integration,
    class: &'static str,
    key_ends: String,
    streams: Vec<StreamRow<'a>>,
}

struct StreamRow<'a> {
    stream: &'a Stream,
    class: &'static str,
    text: String,
    events: String,
    deferred: String,
}

struct DestinationTile<'a> {
    destination: &'a Destination,
    class: &'static str,
    depth: String,
    taken: String,
    link: &'static str,
    set_aside: String,
}

impl<'a> Page<'a> {
    fn new(snapshot: &'a Snapshot) -> Page<'a> {
        let now = snapshot.time;
        Page {
            snapshot,
            state_class: state_class(snapshot.state),
            state_text: state_text(snapshot),
            uptime: span(snapshot.agent.uptime_seconds),
            time: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            egress: EgressCard::new(snapshot),
            queue: QueueCard::new(snapshot),
            conditions: snapshot.conditions.iter().map(|each| ConditionRow::new(each, now)).collect(),
            integrations: snapshot.integrations.iter().map(|each| IntegrationTile::new(each, now)).collect(),
            destinations: snapshot.destinations.iter().map(DestinationTile::new).collect(),
        }
    }
}

impl EgressCard {
    fn new(snapshot: &Snapshot) -> EgressCard {
        let egress = &snapshot.egress;
        let (word, class) = match (egress.matches, &egress.observed) {
            (Some(true), _) => ("match", "good"),
            (Some(false), _) => ("mismatch", "bad"),
            (None, Some(_)) => ("not compared", "plain"),
            (None, None) => ("not observed", "plain"),
        };
        let checked = match &egress.observed_by {
            Some(probe) => format!("Checked {} by {probe}", ago(egress.checked, snapshot.time)),
            None => format!("Checked: {}", ago(egress.checked, snapshot.time)),
        };
        EgressCard { address: egress.observed.clone().unwrap_or_else(|| "unknown".into()), word, class, checked }
    }
}

impl QueueCard {
    fn new(snapshot: &Snapshot) -> QueueCard {
        let queue = &snapshot.queue;
        let class = match queue.state {
            QueueState::Failed => "bad",
            QueueState::Open if queue.paused => "fair",
            QueueState::Open | QueueState::Opening => "plain",
        };
        QueueCard {
            class,
            waiting: count(queue.events),
            disk: bytes(queue.disk_bytes),
            quota: bytes(queue.max_bytes),
            percent: used_percent(queue.disk_bytes, queue.max_bytes).min(100),
            kept: count(queue.appended_total),
        }
    }
}

impl<'a> ConditionRow<'a> {
    pub(super) fn new(condition: &'a Condition, now: Timestamp) -> ConditionRow<'a> {
        use crate::status::conditions::Severity;
        let class = match condition.severity {
            Severity::Info => "plain",
            Severity::Warning => "fair",
            Severity::Error => "bad",
        };
        let stands = span(sentences::seconds_between(condition.since, now));
        let advice = condition.code.advice().split('`').collect();
        ConditionRow { condition, class, stands, advice }
    }
}

impl<'a> IntegrationTile<'a> {
    fn new(integration: &'a Integration, now: Timestamp) -> IntegrationTile<'a> {
        IntegrationTile {
            integration,
            class: standing_class(integration.state),
            key_ends: key_ends(integration),
            streams: integration.streams.iter().map(|each| StreamRow::new(each, now)).collect(),
        }
    }
}

/// The day, and who says so.
fn key_ends(integration: &Integration) -> String {
    let Some(day) = integration.api_key_expires else { return String::new() };
    match integration.api_key_expires_source {
        Some(KeySource::Vendor) => format!("{day}, as the vendor tells"),
        Some(KeySource::Settings) | None => format!("{day}, as the settings say"),
    }
}

impl<'a> StreamRow<'a> {
    fn new(stream: &'a Stream, now: Timestamp) -> StreamRow<'a> {
        StreamRow {
            stream,
            class: standing_class(stream.state),
            text: sentences::stream(stream, now),
            events: plural(stream.events_total, "event"),
            deferred: if stream.deferred > 0 { plural(stream.deferred, "item") + " deferred" } else { String::new() },
        }
    }
}

impl<'a> DestinationTile<'a> {
    fn new(destination: &'a Destination) -> DestinationTile<'a> {
        let quarantined = destination.quarantined_total;
        DestinationTile {
            destination,
            class: standing_class(destination.state),
            depth: count(destination.depth),
            taken: count(destination.taken_total),
            link: if destination.connected { "connected" } else { "not connected" },
            set_aside: if quarantined > 0 { plural(quarantined, "event") + " set aside" } else { String::new() },
        }
    }
}

fn state_class(state: State) -> &'static str {
    match state {
        State::Healthy => "good",
        State::Degraded => "fair",
        State::Down => "bad",
    }
}

/// How the agent stands, in a sentence.
pub(super) fn state_text(snapshot: &Snapshot) -> String {
    match snapshot.state {
        State::Healthy => "Nothing needs attention.".into(),
        State::Degraded => format!(
            "Look at the {} below.",
            match snapshot.conditions.len() {
                1 => "condition".into(),
                number => format!("{number} conditions"),
            }
        ),
        State::Down if !snapshot.ready() => snapshot.queue.text.clone(),
        State::Down => "Every integration, or every destination, has failed for 15 minutes or more.".into(),
    }
}

fn standing_class(standing: Standing) -> &'static str {
    match standing {
        Standing::Ok => "good",
        Standing::Waiting | Standing::Disabled => "plain",
        Standing::Failing => "fair",
        Standing::Parked => "bad",
    }
}
