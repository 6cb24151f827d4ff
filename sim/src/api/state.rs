//! What stands behind a running API: its world, its rules, and what it has seen.
//!
//! Promise: a request is decided and recorded in one step, under one lock; nothing waits there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::answers;
use super::behaviour::{Behaviour, VENDORS_LIMIT};
use super::endpoint::Endpoint;
use super::exchange::{Answer, Ask, Manner};
use super::minute::SharedMinute;
use super::rule::Rule;
use super::world::World;
use crate::door::lock;
use crate::tally::Tally;

/// Requests that are remembered: a demo may run for days.
const SEEN: usize = 100_000;

/// A request that came, as far as it is of interest. Never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// As it came, still encoded; empty without one.
    pub query: String,
    /// `None`: it is never answered.
    pub status: Option<u16>,
    /// The right token came with it.
    pub authorized: bool,
}

pub(super) struct Shared {
    pub(super) tls: TlsAcceptor,
    pub(super) state: Mutex<State>,
    pub(super) requests: Tally,
    /// Rises when behaviours are taken back: what hangs, ends.
    pub(super) cleared: watch::Sender<u64>,
}

pub(super) struct State {
    pub(super) world: World,
    /// What a request for mock data sees instead.
    mock: World,
    pub(super) token: String,
    pub(super) egress: Option<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) seen: VecDeque<Seen>,
    /// Requests for a detail that are on their way, for each kind: the vendor's cap is one of a resource type.
    details_now: BTreeMap<Endpoint, usize>,
    /// The most of threats that there ever were.
    pub(super) details_most: usize,
    minute: SharedMinute,
    /// The number of the next audit entry.
    next_audit: u64,
}

/// One detail request on its way, from its arrival until its body has gone.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    endpoint: Endpoint,
}

impl Shared {
    /// Decides about one request and records it.
    pub(super) fn decide(self: &Arc<Self>, method: &str, ask: &Ask<'_>, at: Instant) -> (Answer, Option<InFlight>) {
        let mut state = lock(&self.state);
        let endpoint = Endpoint::of(ask.path);
        let in_flight = endpoint.is_detail().then(|| {
            state.begin_detail(endpoint);
            InFlight { shared: self.clone(), endpoint }
        });
        let behaviours = state.behaviours(ask.path, at);
        let world = if ask.mock && endpoint.has_mock_data() { &state.mock } else { &state.world };
        let answer = match method {
            "GET" => answers::answer(world, ask, &behaviours),
            _ => answers::not_allowed(ask.now),
        };
        if state.seen.len() == SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(Seen {
            method: method.to_owned(),
            path: ask.path.to_owned(),
            query: ask.query.to_owned(),
            status: (answer.manner != Manner::Never).then_some(answer.status),
            authorized: ask.known,
        });
        // Before the lock goes: who finds it in the list finds it counted.
        self.requests.add();
        drop(state);
        (answer, in_flight)
    }
}

impl State {
    pub(super) fn new(world: World, mock: World, token: String, egress: Option<String>) -> State {
        State {
            world,
            mock,
            token,
            egress,
            rules: Vec::new(),
            seen: VecDeque::new(),
            details_now: BTreeMap::new(),
            details_most: 0,
            minute: SharedMinute::default(),
            next_audit: 0,
        }
    }

    /// A number for one more audit entry, above all before it.
    pub(super) fn audit_number(&mut self) -> u64 {
        self.next_audit += 1;
        self.next_audit
    }

    fn begin_detail(&mut self, endpoint: Endpoint) {
        let now = self.details_now.entry(endpoint).or_default();
        *now += 1;
        if endpoint == Endpoint::Detail {
            self.details_most = self.details_most.max(*now);
        }
    }

    /// Which behaviours this request meets, counting it.
    fn behaviours(&mut self, path: &str, at: Instant) -> Vec<Behaviour> {
        let endpoint = Endpoint::of(path);
        let details_now = self.details_now.get(&endpoint).copied().unwrap_or(0);
        let mut here = self.rules.iter().filter(|rule| rule.applies(path));
        let others = here.clone().find_map(|rule| rule.behaviour.others_a_minute()).unwrap_or(0);
        let limited = here.any(|rule| rule.behaviour.a_minute().is_some());
        let (mut met, mut refused) = (Vec::new(), false);
        for rule in self.rules.iter_mut().filter(|rule| rule.applies(path)) {
            if rule.behaviour.at_once().is_some_and(|most| details_now <= most) {
                continue;
            }
            // Where a limit of its own is set, the other client's usual one does not refuse.
            let limit = rule.behaviour.a_minute().or(rule.behaviour.others_a_minute().map(|_| VENDORS_LIMIT));
            if let Some(limit) = limit {
                let another_refuses = limited && rule.behaviour.a_minute().is_none();
                if another_refuses || self.minute.has_room(at, limit, others) {
                    continue;
                }
                refused = true;
            }
            rule.times = rule.times.map(|times| times - 1);
            met.push(rule.behaviour.clone());
        }
        if path.starts_with("/v1/") && !refused {
            self.minute.take(at);
        }
        self.rules.retain(|rule| rule.times != Some(0));
        met
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(now) = lock(&self.shared.state).details_now.get_mut(&self.endpoint) {
            *now -= 1;
        }
    }
}
