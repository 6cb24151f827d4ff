//! The engine moves events: it alone knows connectors, queue and destinations, and it alone waits, retries,
//! paces and gives up.
//!
//! ```text
//! reconcile(settings) ──► collector  one task an integration, in it one a stream:  poll → append → poll …
//!                     ──► forwarder  one task a destination:                       read → deliver → ack …
//! always:                 janitor (room, book, facts) · egress watch · heartbeat · updater
//! ```
//!
//! Promise: [`Engine::reconcile`] is the only way in. A start is a reconcile from nothing, a reload is another:
//! what is new starts, what went stops, what changed restarts, and nothing else is touched. A task that panics
//! comes back and raises a condition; the others do not notice.

mod answers;
mod auditing;
mod backoff;
pub mod clock;
mod collector;
pub mod delivery_trial;
mod discreet;
mod egress_watch;
mod expiry;
mod fault_point;
mod forwarder;
mod heartbeat;
mod janitor;
mod key;
pub mod ledger;
mod opening;
mod own;
mod pace;
mod papers;
mod receiver;
mod refusal;
mod renewal;
mod replayer;
mod sealing;
mod second_try;
mod spread;
mod stop;
mod stream;
mod supervision;
mod telling;
pub mod trial;
mod updater;
pub mod way_out;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::audit::Audit;
use crate::config::{self, Settings};
use crate::egress::Observation;
use crate::event::Event;
use crate::net::shared::Shared;
use crate::queue::Queue;
use crate::secrets::SecretSources;
use crate::status::{Board, Code};
use crate::values::Name;
use clock::Clock;
use stop::Stopper;

pub use collector::probe;
pub use opening::{marks, open_queue, queue_options};

/// How long a stop may take until tasks are cut off: nothing is lost by it, some is handed over again.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Pages of all streams that are written at one time: enough to share a barrier, and each costs a compressor's memory
/// (about a MiB) and a thread's heap. Two hundred streams that come back from an outage together would have 32.
const MOST_KEEPING: usize = 8;

/// What every task is handed. Nothing in the house is global.
#[derive(Clone)]
struct Facilities {
    queue: Arc<Queue>,
    board: Board,
    secrets: SecretSources,
    clock: Clock,
    /// What all clients towards vendors have together.
    shared: Shared,
    /// Turns at keeping a page: see [`MOST_KEEPING`].
    keeping: Arc<Semaphore>,
    /// The last look at our egress IP.
    egress: watch::Receiver<Option<Observation>>,
    /// The newest heartbeat.
    heartbeat: watch::Receiver<Option<Event>>,
    /// Rung at each reconcile: what is parked looks again.
    reloaded: watch::Receiver<u64>,
    /// The API keys in use.
    keys: Arc<key::Kept>,
    places: Arc<key::Places>,
    /// Rounds of the janitor that went through.
    rounds: watch::Sender<u64>,
}

/// An integration as it runs: when any of this differs, it is started anew.
#[derive(Clone, PartialEq)]
struct Collecting {
    integration: config::Integration,
    egress: config::Egress,
    /// The CA file as it was read: a renewed one takes effect at a reload. The key is watched while it runs ([`key`]).
    ca: Option<Vec<u8>>,
}

/// A destination as it runs. Its secrets and certificates are watched meanwhile ([`papers`]).
#[derive(Clone, PartialEq)]
struct Forwarding {
    destination: config::Destination,
    agent_name: String,
}

struct Running<K> {
    as_set: K,
    stopper: Stopper,
    done: JoinHandle<()>,
}

#[derive(Default)]
struct Tasks {
    collectors: BTreeMap<Name, Running<Collecting>>,
    forwarders: BTreeMap<Name, Running<Forwarding>>,
    standing: Vec<(Stopper, JoinHandle<()>)>,
}

impl Tasks {
    /// Starts one that runs whatever the settings are.
    fn stand<F>(&mut self, name: &str, board: &Board, run: impl Fn(stop::Stop) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stopper, stop) = stop::flag();
        let task = supervision::supervise(name, board.clone(), stop.clone(), move || run(stop.clone()));
        self.standing.push((stopper, task));
    }
}

/// Moves everything; see the head of this file.
pub struct Engine {
    facilities: Facilities,
    tasks: Mutex<Tasks>,
    settings: watch::Sender<Option<Arc<Settings>>>,
    reloads: watch::Sender<u64>,
}

impl Engine {
    /// Starts what runs whatever the settings are. Nothing is collected before the first reconcile.
    pub async fn start(queue: Arc<Queue>, board: Board, secrets: SecretSources, clock: Clock) -> Engine {
        clock.look(&board, std::time::Instant::now());
        let (settings, for_tasks) = watch::channel(None);
        let (egress_in, egress) = watch::channel(None);
        let (heartbeat_in, heartbeat) = watch::channel(None);
        let (reloads, reloaded) = watch::channel(0);
        let places = key::Places::new(secrets.clone());
        let facilities = Facilities {
            queue,
            board,
            secrets,
            clock,
            shared: Shared::default(),
            keeping: Arc::new(Semaphore::new(MOST_KEEPING)),
            egress,
            heartbeat,
            reloaded,
            keys: Arc::default(),
            places,
            rounds: watch::Sender::new(0),
        };
        let mut tasks = Tasks::default();
        let board = &facilities.board;
        tasks.stand("janitor", board, {
            let facilities = facilities.clone();
            move |stop| janitor::run(facilities.clone(), stop)
        });
        tasks.stand("key watch", board, {
            let places = Arc::clone(&facilities.places);
            move |stop| Arc::clone(&places).run(stop)
        });
        tasks.stand("egress watch", board, {
            let (facilities, settings) = (facilities.clone(), for_tasks.clone());
            let egress_in = Arc::new(egress_in);
            move |stop| egress_watch::run(facilities.clone(), settings.clone(), Arc::clone(&egress_in), stop)
        });
        tasks.stand("updater", board, {
            let (facilities, settings) = (facilities.clone(), for_tasks.clone());
            move |stop| updater::run(facilities.clone(), settings.clone(), stop)
        });
        tasks.stand("heartbeat", board, {
            let board = board.clone();
            let heartbeat_in = Arc::new(heartbeat_in);
            move |stop| heartbeat::run(board.clone(), for_tasks.clone(), Arc::clone(&heartbeat_in), stop)
        });
        Engine { facilities, tasks: Mutex::new(tasks), settings, reloads }
    }

    /// Hands the entries of the audit log on as events, until the engine stops.
    pub async fn forward_audit(&self, audit: Audit) {
        let (facilities, settings) = (self.facilities.clone(), self.settings.subscribe());
        self.tasks.lock().await.stand("audit", &self.facilities.board, move |stop| {
            auditing::run(facilities.clone(), settings.clone(), audit.clone(), stop)
        });
    }

    /// Counts the engine's own rounds, one a second: each went through the runtime, a blocking thread, the queue's locks
    /// and its disk. Where it stands still, the engine does: what a watchdog wants to know.
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.facilities.rounds.subscribe()
    }

    /// Makes what runs agree with the settings.
    pub async fn reconcile(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.settings.send_replace(Some(Arc::clone(&settings)));
        self.facilities.queue.set_options(queue_options(&settings.queue));
        sealing::tell(&self.facilities.board, &self.facilities.secrets).await;
        let mut tasks = self.tasks.lock().await;
        // Before one of them is registered, and until the last one that goes has ended: none is forgotten meanwhile.
        let named = || settings.destinations.keys();
        self.facilities.queue.set_in_use(named().chain(tasks.forwarders.keys()).map(Name::to_string).collect());
        self.reconcile_destinations(&mut tasks.forwarders, &settings).await;
        self.facilities.queue.set_in_use(named().map(Name::to_string).collect());
        self.reconcile_integrations(&mut tasks.collectors, &settings).await;
        self.reloads.send_modify(|count| *count += 1);
        // What was switched off had no task to end; it goes from the board all the same.
        self.facilities.board.keep_only(
            |name| settings.integrations.contains_key(name),
            |name| settings.destinations.contains_key(name),
        );
        self.tell_about_destinations(&settings).await;
    }

    async fn reconcile_integrations(&self, running: &mut BTreeMap<Name, Running<Collecting>>, settings: &Settings) {
        let board = &self.facilities.board;
        let gone: Vec<Name> = running.keys().filter(|n| !settings.integrations.contains_key(*n)).cloned().collect();
        // All that go are told first, so that they end side by side.
        gone.iter().filter_map(|name| running.get(name)).for_each(|task| task.stopper.stop());
        for name in gone {
            if let Some(task) = running.remove(&name) {
                end(task).await;
                board.remove_integration(&name);
                self.facilities.keys.forget(&name);
                tracing::info!(integration = %name, "integration removed");
            }
        }
        // A reload may be for them.
        self.facilities.shared.forget_roots();
        let mut starting = Vec::new();
        for (name, integration) in &settings.integrations {
            let as_set = Collecting {
                integration: integration.clone(),
                egress: settings.egress.clone(),
                ca: integration.ca.as_deref().and_then(|file| std::fs::read(file).ok()),
            };
            if running.get(name).is_some_and(|task| task.as_set == as_set && !task.done.is_finished()) {
                continue;
            }
            if let Some(old) = running.remove(name) {
                end(old).await;
                board.clear_about(&collector::TOLD, name);
            }
            collector::describe(board, integration);
            if integration.enabled {
                starting.push((name, as_set));
            }
        }
        let among = starting.iter().map(|(_, as_set)| collector::streams(&as_set.integration)).sum();
        for (name, as_set) in starting {
            let (stopper, stop) = stop::flag();
            let done = supervision::supervise(&format!("integration {name}"), board.clone(), stop.clone(), {
                let (facilities, as_set) = (self.facilities.clone(), as_set.clone());
                move || collector::run(facilities.clone(), as_set.clone(), among, stop.clone())
            });
            running.insert(name.clone(), Running { as_set, stopper, done });
        }
    }

    async fn reconcile_destinations(&self, running: &mut BTreeMap<Name, Running<Forwarding>>, settings: &Settings) {
        let board = &self.facilities.board;
        let gone: Vec<Name> = running.keys().filter(|n| !settings.destinations.contains_key(*n)).cloned().collect();
        gone.iter().filter_map(|name| running.get(name)).for_each(|task| task.stopper.stop());
        for name in gone {
            if let Some(task) = running.remove(&name) {
                end(task).await;
                board.remove_destination(&name);
                tracing::info!(destination = %name, "destination removed; the queue keeps its place");
            }
        }
        for (name, destination) in &settings.destinations {
            let as_set = Forwarding { destination: destination.clone(), agent_name: settings.agent.name.clone() };
            if running.get(name).is_some_and(|task| task.as_set == as_set && !task.done.is_finished()) {
                continue;
            }
            if let Some(old) = running.remove(name) {
                end(old).await;
                board.clear_about(&telling::TOLD, name);
            }
            // A destination is known to the queue from here on, so that nothing is let go before it took it.
            let queue = Arc::clone(&self.facilities.queue);
            let (queue_name, oldest) = (name.to_string(), destination.start == config::Start::Oldest);
            let facts = off_thread(move || {
                let before = queue.facts();
                if !oldest && before.cursors.is_empty() && before.waiting > 0 {
                    tracing::warn!(
                        destination = queue_name,
                        "begins with what comes from now on (start = \"head\"): the {} events that were kept while there \
                         was no destination are not handed to it. To hand them over, before [queue] keep ends: take it out \
                         of the settings, reload, `conductor queue forget {queue_name} --yes`, and set it again with \
                         start = \"oldest\"",
                        before.waiting
                    );
                }
                queue.register(&queue_name, oldest);
                queue.facts()
            })
            .await;
            telling::describe(board, destination, &facts);
            if !destination.enabled {
                continue;
            }
            let (stopper, stop) = stop::flag();
            let done = supervision::supervise(&format!("destination {name}"), board.clone(), stop.clone(), {
                let (facilities, as_set) = (self.facilities.clone(), as_set.clone());
                move || forwarder::run(facilities.clone(), as_set.clone(), stop.clone())
            });
            running.insert(name.clone(), Running { as_set, stopper, done });
        }
    }

    /// No destination, or one that the settings no longer name: everything is kept for them, and that is told.
    async fn tell_about_destinations(&self, settings: &Settings) {
        let (board, now) = (&self.facilities.board, Timestamp::now());
        if !settings.destinations.values().any(|destination| destination.enabled) {
            let text = "no destination is set or enabled: every event is kept, up to the queue's quota; add \
                        [destinations.NAME], with start = \"oldest\" if it is to get what was kept so far";
            board.raise(Code::NoDestination, "", text, now);
        } else {
            board.clear(Code::NoDestination, "");
        }
        let queue = Arc::clone(&self.facilities.queue);
        for name in off_thread(move || queue.facts()).await.cursors.keys() {
            let set = name.parse::<Name>().is_ok_and(|n| settings.destinations.contains_key(&n));
            if set {
                board.clear(Code::NoDestination, name);
            } else {
                let text = format!(
                    "the settings no longer name destination {name}, and the queue still keeps events for it: bring it \
                     back, or give up what it had not taken with `conductor queue forget {name}`"
                );
                board.raise(Code::NoDestination, name, text, now);
            }
        }
    }

    /// Ends everything: all are told at once and have [`STOP_LIMIT`] together, a delivery past it is cut off (what it had
    /// not confirmed is handed over again); then the queue.
    pub async fn stop(&self) {
        let mut tasks = self.tasks.lock().await;
        let collectors = std::mem::take(&mut tasks.collectors);
        let forwarders = std::mem::take(&mut tasks.forwarders);
        let standing = std::mem::take(&mut tasks.standing);
        collectors.values().for_each(|task| task.stopper.stop());
        forwarders.values().for_each(|task| task.stopper.stop());
        standing.iter().for_each(|(stopper, _)| stopper.stop());
        let collectors = collectors.into_values().map(|t| t.done);
        let all = collectors.chain(forwarders.into_values().map(|t| t.done)).chain(standing.into_iter().map(|t| t.1));
        let deadline = tokio::time::Instant::now() + STOP_LIMIT;
        for mut done in all {
            if tokio::time::timeout_at(deadline, &mut done).await.is_err() {
                done.abort();
            }
        }
        let queue = Arc::clone(&self.facilities.queue);
        off_thread(move || queue.close()).await;
    }
}

async fn end<K>(task: Running<K>) {
    task.stopper.stop();
    let mut done = task.done;
    if tokio::time::timeout(STOP_LIMIT, &mut done).await.is_err() {
        done.abort();
        let _ = done.await;
    }
}

/// Runs synchronous work off the async threads; a panic in it goes on in the caller.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}
