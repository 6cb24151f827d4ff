//! What stands behind a running API: its world, its rules, and what it has seen.
//!
//! Promise: a request is decided and recorded in one step, under one lock; nothing waits there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::answers::{self, Answer, Ask, Manner};
use super::behaviour::{Behaviour, Limit};
use super::rule::{Endpoint, Rule};
use super::vendor::World;
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
    pub(super) token: String,
    pub(super) egress: Option<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) seen: VecDeque<Seen>,
    details_now: usize,
    pub(super) details_most: usize,
    /// The minute that the shared limit counts in.
    minute: Option<(Instant, u32)>,
}

/// One detail request on its way, from its arrival until its body has gone.
pub(super) struct InFlight(Arc<Shared>);

impl Shared {
    /// Decides about one request and records it.
    pub(super) fn decide(self: &Arc<Self>, method: &str, ask: &Ask<'_>, at: Instant) -> (Answer, Option<InFlight>) {
        let mut state = lock(&self.state);
        let in_flight = (Endpoint::of(ask.path) == Endpoint::Detail).then(|| {
            state.details_now += 1;
            state.details_most = state.details_most.max(state.details_now);
            InFlight(self.clone())
        });
        let behaviours = state.behaviours(ask.path, at);
        let answer = match method {
            "GET" => answers::answer(&state.world, ask, &behaviours),
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
        drop(state);
        self.requests.add();
        (answer, in_flight)
    }
}

impl State {
    pub(super) fn new(world: World, token: String, egress: Option<String>) -> State {
        let (rules, seen) = (Vec::new(), VecDeque::new());
        State { world, token, egress, rules, seen, details_now: 0, details_most: 0, minute: None }
    }

    /// Which behaviours this request meets, counting it.
    fn behaviours(&mut self, path: &str, at: Instant) -> Vec<Behaviour> {
        let details_now = self.details_now;
        let in_minute = match self.minute {
            Some((began, count)) if at.saturating_duration_since(began) < Duration::from_secs(60) => {
                self.minute = Some((began, count + 1));
                count + 1
            }
            Some(_) | None => {
                self.minute = Some((at, 1));
                1
            }
        };
        let mut met = Vec::new();
        for rule in self.rules.iter_mut().filter(|rule| rule.applies(path)) {
            let within = match rule.behaviour.limit() {
                None => false,
                Some(Limit::InMinute(most)) => in_minute <= most,
                Some(Limit::DetailsAtOnce(most)) => details_now <= most,
            };
            if !within {
                rule.times = rule.times.map(|times| times - 1);
                met.push(rule.behaviour.clone());
            }
        }
        self.rules.retain(|rule| rule.times != Some(0));
        met
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.0.state).details_now -= 1;
    }
}
