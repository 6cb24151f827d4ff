//! The board: where the engine writes how things stand, and where the snapshot is made.
//!
//! Promise: writing is short and never waits for I/O; a snapshot is one consistent moment. A panic in one
//! writer leaves the board usable for all others.

mod telling;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::appliance::Appliance;
use super::conditions::{Code, Condition, Severity};
use super::history::History;
use super::records::{
    AgentRecord, ClockRecord, DestinationRecord, EgressRecord, IntegrationRecord, QueueRecord, StreamRecord,
};
use super::remote::Remote;
use super::sealing::Secrets;
use super::sentences::seconds_between;
use super::snapshot::{Agent, Clock, QueueState, Snapshot, Standing};
use super::state::{Facts, state};
use super::update::Update;
use crate::values::Name;
use telling::{destination, egress, failing_since, integration, queue};

/// Shared by clone; every clone is the same board.
#[derive(Clone, Debug)]
pub struct Board(Arc<Mutex<Records>>);

#[derive(Debug)]
pub(super) struct Records {
    name: String,
    started: Timestamp,
    agent: AgentRecord,
    clock: ClockRecord,
    queue: QueueRecord,
    pub(super) history: History,
    egress: EgressRecord,
    secrets: Secrets,
    remote: Option<Remote>,
    appliance: Option<Appliance>,
    update: Option<Update>,
    integrations: BTreeMap<Name, IntegrationRecord>,
    destinations: BTreeMap<Name, DestinationRecord>,
    conditions: BTreeMap<(Code, String), Condition>,
}

impl Board {
    /// An empty board: the queue counts as not open yet, so the agent is not ready.
    pub fn new(name: impl Into<String>, started: Timestamp) -> Board {
        Board(Arc::new(Mutex::new(Records {
            name: name.into(),
            started,
            agent: AgentRecord::default(),
            clock: ClockRecord::default(),
            queue: QueueRecord::default(),
            history: History::default(),
            egress: EgressRecord::default(),
            secrets: Secrets::default(),
            remote: None,
            appliance: None,
            update: None,
            integrations: BTreeMap::new(),
            destinations: BTreeMap::new(),
            conditions: BTreeMap::new(),
        })))
    }

    /// Writes about the agent itself.
    pub fn agent<R>(&self, write: impl FnOnce(&mut AgentRecord) -> R) -> R {
        write(&mut self.lock().agent)
    }

    /// Writes about our clock against the vendor's.
    pub fn clock<R>(&self, write: impl FnOnce(&mut ClockRecord) -> R) -> R {
        write(&mut self.lock().clock)
    }

    /// Writes about the queue.
    pub fn queue<R>(&self, write: impl FnOnce(&mut QueueRecord) -> R) -> R {
        write(&mut self.lock().queue)
    }

    /// Writes about the address that the vendor sees.
    pub fn egress<R>(&self, write: impl FnOnce(&mut EgressRecord) -> R) -> R {
        write(&mut self.lock().egress)
    }

    /// Writes under what secrets are sealed.
    pub fn secrets(&self, told: Secrets) {
        self.lock().secrets = told;
    }

    /// Writes how the polled URL of updates stands; `None`: there is none. Is its sentence another than before?
    pub fn update(&self, told: Option<Update>) -> bool {
        let mut records = self.lock();
        let text = |update: &Option<Update>| update.as_ref().map(|update| update.text.clone());
        let differs = text(&records.update) != text(&told);
        records.update = told;
        differs
    }

    /// Writes how the remote listener stands; `None`: it does not listen.
    pub fn remote(&self, told: Option<Remote>) {
        self.lock().remote = told;
    }

    /// Writes what the appliance's system says of itself; `None`: this is no appliance.
    pub fn appliance(&self, told: Option<Appliance>) {
        self.lock().appliance = told;
    }

    /// Writes about an integration, which comes into being by this.
    pub fn integration<R>(&self, name: &Name, write: impl FnOnce(&mut IntegrationRecord) -> R) -> R {
        write(self.lock().integrations.entry(name.clone()).or_default())
    }

    /// Writes about a stream; it and its integration come into being by this.
    pub fn stream<R>(&self, name: &Name, stream: &str, write: impl FnOnce(&mut StreamRecord) -> R) -> R {
        let mut records = self.lock();
        write(records.integrations.entry(name.clone()).or_default().streams.entry(stream.to_owned()).or_default())
    }

    /// Writes about a destination, which comes into being by this.
    pub fn destination<R>(&self, name: &Name, write: impl FnOnce(&mut DestinationRecord) -> R) -> R {
        write(self.lock().destinations.entry(name.clone()).or_default())
    }

    /// Writes about a destination that is known already; does nothing about others.
    pub fn existing_destination(&self, name: &Name, write: impl FnOnce(&mut DestinationRecord)) {
        if let Some(record) = self.lock().destinations.get_mut(name) {
            write(record);
        }
    }

    /// Forgets an integration and the conditions about it and its streams. Its task must have ended before:
    /// a later write brings it back.
    pub fn remove_integration(&self, name: &Name) {
        let mut records = self.lock();
        records.integrations.remove(name);
        records.forget(name);
    }

    /// Forgets a destination and the conditions about it. Its task must have ended before.
    pub fn remove_destination(&self, name: &Name) {
        let mut records = self.lock();
        records.destinations.remove(name);
        records.forget(name);
    }

    /// Forgets integrations and destinations that the settings no longer name.
    pub fn keep_only(&self, integration: impl Fn(&Name) -> bool, destination: impl Fn(&Name) -> bool) {
        let mut records = self.lock();
        let names: Vec<Name> = records.integrations.keys().chain(records.destinations.keys()).cloned().collect();
        records.integrations.retain(|name, _| integration(name));
        records.destinations.retain(|name, _| destination(name));
        for name in names.iter().filter(|name| !integration(name) && !destination(name)) {
            records.forget(name);
        }
    }

    /// Clears conditions of this code whose subject is no longer a matter.
    pub fn clear_where(&self, code: Code, over: impl Fn(&str) -> bool) {
        self.lock().conditions.retain(|(known, subject), _| *known != code || !over(subject));
    }

    /// Raises a condition. One that stands already keeps its `since` and takes the new text.
    /// `subject`: an integration, `integration/stream`, a destination; empty: the agent.
    /// Returns whether it is new (and so worth a line in the log).
    pub fn raise(&self, code: Code, subject: &str, text: impl Into<String>, now: Timestamp) -> bool {
        self.raise_as(code, code.severity(), subject, text, now)
    }

    /// The same with a severity of its own, for what grows graver while it stands.
    pub fn raise_as(
        &self,
        code: Code,
        severity: Severity,
        subject: &str,
        text: impl Into<String>,
        now: Timestamp,
    ) -> bool {
        let text = text.into();
        let mut records = self.lock();
        match records.conditions.get_mut(&(code, subject.to_owned())) {
            Some(standing) => {
                standing.text = text;
                standing.severity = severity;
                false
            }
            None => {
                let raised = Condition { code, subject: subject.to_owned(), severity, text, since: now };
                records.conditions.insert((code, subject.to_owned()), raised);
                true
            }
        }
    }

    /// Clears a condition. Returns whether it stood (and so is worth a line in the log).
    pub fn clear(&self, code: Code, subject: &str) -> bool {
        self.lock().conditions.remove(&(code, subject.to_owned())).is_some()
    }

    /// Clears conditions of these codes about an integration and its streams, or about a destination: what its task
    /// told goes with the task.
    pub fn clear_about(&self, codes: &[Code], name: &Name) {
        let whose = |subject: &str| subject.split('/').next() == Some(name.as_str());
        self.lock().conditions.retain(|(code, subject), _| !(codes.contains(code) && whose(subject)));
    }

    /// Does this condition stand?
    pub fn stands(&self, code: Code, subject: &str) -> bool {
        self.lock().conditions.contains_key(&(code, subject.to_owned()))
    }

    /// How everything stands now.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        self.lock().snapshot(now)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Records> {
        // Records are plain data, whole after every statement: what a panicking writer left can be read.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn forget(&mut self, name: &Name) {
        let whose = |subject: &str| subject.split('/').next() == Some(name.as_str());
        self.conditions.retain(|(_, subject), _| !whose(subject));
    }

    fn snapshot(&self, now: Timestamp) -> Snapshot {
        let mut conditions: Vec<Condition> = self.conditions.values().cloned().collect();
        conditions.sort_by_key(|condition| (std::cmp::Reverse(condition.severity), condition.since));
        let enabled = self.integrations.values().filter(|integration| integration.enabled);
        let running = self.destinations.values().filter(|destination| destination.standing != Standing::Disabled);
        let facts = Facts {
            now,
            persists: self.queue.state == QueueState::Open,
            integrations: enabled.map(failing_since).collect(),
            destinations: running.map(|destination| destination.failing_since).collect(),
            gravest: conditions.first().map(|condition| condition.severity),
        };
        Snapshot {
            time: now,
            agent: Agent {
                name: self.name.clone(),
                version: crate::VERSION.to_owned(),
                started: self.started,
                uptime_seconds: seconds_between(self.started, now),
                arch: std::env::consts::ARCH.to_owned(),
                task_restarts_total: self.agent.task_restarts,
                reloads_total: self.agent.reloads,
            },
            state: state(&facts),
            conditions,
            egress: egress(&self.egress),
            clock: Clock { offset_seconds: self.clock.offset_seconds, checked: self.clock.checked },
            queue: queue(&self.queue, now),
            secrets: self.secrets.clone(),
            remote: self.remote.clone(),
            appliance: self.appliance.clone(),
            update: self.update.clone(),
            integrations: self.integrations.iter().map(|(name, record)| integration(name, record, now)).collect(),
            destinations: self.destinations.iter().map(|(name, record)| destination(name, record, now)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
