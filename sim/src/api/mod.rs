//! Abnormal's REST API, simulated over TLS on loopback: lists, details, paging, and every way it goes wrong.
//!
//! [`Api::start`] gives a handle; a [`World`](answers::World) of [`Threat`]s stands behind it and can be changed
//! while it runs, and [`Behaviour`]s are set and cleared one by one. What was asked is kept: [`Api::requests`].
//!
//! Promise: with no behaviour set, it answers as the vendor does, down to the exclusive `lte` and the order by id.

pub mod answers;
pub mod behaviour;
mod body;
pub mod filter;
pub mod generate;
mod serve;
#[cfg(test)]
mod tests;
pub mod threat;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use behaviour::Limit;
pub use behaviour::{Behaviour, Endpoint, Rule};
pub use generate::generate;
pub use threat::{Addresses, Message, Moment, Remediated, Threat};

use crate::ca::Issued;
use crate::door::{Door, lock};
use crate::tally::Tally;
use answers::{Answer, Ask, World};

/// How to start. [`ApiOptions::new`] gives the usual values.
#[derive(Clone)]
pub struct ApiOptions {
    /// The bearer token that is right.
    pub token: String,
    /// The server's certificate.
    pub tls: Issued,
    /// Port 0: one of the system's choice.
    pub listen: SocketAddr,
    /// What `/ip` answers; `None`: the peer's address.
    pub egress: Option<String>,
    /// How far back `/v1/threats` reaches; `None`: for ever.
    pub retention: Option<Duration>,
    /// When the token ends, as `/v1/soar/tokens` tells; `None`: 403 there.
    pub token_expires: Option<Timestamp>,
}

/// The running API. It stops when dropped.
pub struct Api {
    door: Door,
    shared: Arc<Shared>,
}

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

pub(crate) struct Shared {
    tls: TlsAcceptor,
    state: Mutex<State>,
    requests: Tally,
    /// Rises when behaviours are taken back: what hangs, ends.
    cleared: watch::Sender<u64>,
}

struct State {
    world: World,
    token: String,
    egress: Option<String>,
    rules: Vec<Rule>,
    seen: Vec<Seen>,
    details_now: usize,
    details_most: usize,
    /// The minute that the shared limit counts in.
    minute: Option<(Instant, u32)>,
}

/// One detail request on its way, from its arrival until its body has gone.
pub(crate) struct InFlight(Arc<Shared>);

impl ApiOptions {
    /// Loopback, a port of the system's choice, no retention, the peer's own address at `/ip`.
    pub fn new(token: &str, tls: Issued) -> ApiOptions {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        ApiOptions { token: token.to_owned(), tls, listen, egress: None, retention: None, token_expires: None }
    }
}

impl Api {
    /// Listens from when this returns.
    pub fn start(options: ApiOptions) -> io::Result<Api> {
        let tls = crate::tls::server(&options.tls, None, rustls::ALL_VERSIONS)?;
        let world = World { retention: options.retention, token_expires: options.token_expires, ..World::default() };
        let state = State {
            world,
            token: options.token,
            egress: options.egress,
            rules: Vec::new(),
            seen: Vec::new(),
            details_now: 0,
            details_most: 0,
            minute: None,
        };
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(tls),
            state: Mutex::new(state),
            requests: Tally::new(),
            cleared: watch::Sender::new(0),
        });
        let serving = shared.clone();
        let serve = Arc::new(move |stream| serve::connection(serving.clone(), stream));
        Ok(Api { door: Door::new("sim-api", options.listen, serve)?, shared })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// Ends it: nothing listens and every connection is cut. Dropping does the same.
    pub fn stop(self) {}

    /// Stops listening and cuts every connection: the API is away.
    pub fn refuse(&self) {
        self.door.close();
        self.door.cut();
    }

    /// Is back, at the same port.
    pub fn listen_again(&self) -> io::Result<()> {
        self.door.open()
    }

    /// Adds threats; one with an id that is there already replaces it.
    pub fn put(&self, threats: impl IntoIterator<Item = Threat>) {
        let threats = threats.into_iter().map(|threat| (threat.id.clone(), threat));
        lock(&self.shared.state).world.threats.extend(threats);
    }

    /// Takes one away: no list names it any more, and its detail is 404. False if it was not there.
    pub fn remove(&self, id: &str) -> bool {
        lock(&self.shared.state).world.threats.remove(id).is_some()
    }

    /// Changes one where it stands. False if it is not there.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Threat)) -> bool {
        lock(&self.shared.state).world.threats.get_mut(id).map(change).is_some()
    }

    /// A late remediation: every message of the threat is `Post Remediated` at `at`.
    pub fn remediate(&self, id: &str, at: Timestamp) -> bool {
        self.change(id, |threat| {
            for message in &mut threat.messages {
                message.remediated = Remediated::At(Moment { at, digits: 6 });
                message.status = "Post Remediated".to_owned();
            }
        })
    }

    /// One more recipient of a threat.
    pub fn add_message(&self, id: &str, message: Message) -> bool {
        self.change(id, |threat| threat.messages.push(message))
    }

    /// All threats, by ascending id.
    pub fn threats(&self) -> Vec<Threat> {
        lock(&self.shared.state).world.threats.values().cloned().collect()
    }

    /// Sets a behaviour, or a [`Rule`] (`Behaviour::ServerError.on(Endpoint::Detail).times(3)`). One of the same
    /// name at the same place is replaced; others stay.
    pub fn set(&self, rule: impl Into<Rule>) {
        let rule = rule.into();
        let mut state = lock(&self.shared.state);
        state.rules.retain(|old| old.behaviour.name() != rule.behaviour.name() || old.on != rule.on);
        state.rules.push(rule);
    }

    /// Takes every behaviour back. Connections that hang are closed.
    pub fn clear(&self) {
        lock(&self.shared.state).rules.clear();
        self.shared.cleared.send_modify(|generation| *generation += 1);
    }

    /// The token that is right from now on: the old one gets 401.
    pub fn set_token(&self, token: &str) {
        lock(&self.shared.state).token = token.to_owned();
    }

    /// How far back `/v1/threats` reaches from now on.
    pub fn set_retention(&self, retention: Option<Duration>) {
        lock(&self.shared.state).world.retention = retention;
    }

    /// What `/ip` answers from now on; `None`: the peer's address.
    pub fn set_egress(&self, egress: Option<&str>) {
        lock(&self.shared.state).egress = egress.map(str::to_owned);
    }

    /// What was asked, in order.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.state).seen.clone()
    }

    /// How many requests came since the start.
    pub fn request_count(&self) -> u64 {
        self.shared.requests.count()
    }

    /// Blocks until so many requests came since the start; false if they did not in time.
    pub fn wait_for_requests(&self, n: u64, limit: Duration) -> bool {
        self.shared.requests.wait(n, limit)
    }

    /// The same as a future, without a limit of its own.
    pub async fn requested(&self, n: u64) {
        self.shared.requests.reached(n).await;
    }

    /// The most detail requests that were ever under way at once.
    pub fn most_details_at_once(&self) -> usize {
        lock(&self.shared.state).details_most
    }
}

impl Shared {
    /// Decides about one request and records it.
    fn decide(self: &Arc<Self>, method: &str, ask: &Ask<'_>, at: Instant) -> (Answer, Option<InFlight>) {
        let endpoint = answers::endpoint(ask.path);
        let mut state = lock(&self.state);
        let in_flight = (endpoint == Endpoint::Detail).then(|| {
            state.details_now += 1;
            state.details_most = state.details_most.max(state.details_now);
            InFlight(self.clone())
        });
        let behaviours = state.behaviours(endpoint, at);
        let answer = match method {
            "GET" => answers::answer(&state.world, ask, &behaviours),
            _ => answers::not_allowed(ask.now),
        };
        state.seen.push(Seen {
            method: method.to_owned(),
            path: ask.path.to_owned(),
            query: ask.query.to_owned(),
            status: (answer.manner != answers::Manner::Never).then_some(answer.status),
            authorized: ask.known,
        });
        drop(state);
        self.requests.add();
        (answer, in_flight)
    }
}

impl State {
    /// Which behaviours this request meets, counting it.
    fn behaviours(&mut self, endpoint: Endpoint, at: Instant) -> Vec<Behaviour> {
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
        for rule in self.rules.iter_mut().filter(|rule| rule.applies(endpoint)) {
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

impl fmt::Debug for ApiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiOptions").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("addr", &self.addr()).finish_non_exhaustive()
    }
}
