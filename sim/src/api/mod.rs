//! Abnormal's REST API, simulated over TLS on loopback: lists, details, paging, and every way it goes wrong.
//!
//! [`Api::start`] gives a handle; a world of [`Threat`]s, [`Case`]s, [`Campaign`]s and the rest stands behind it and
//! can be changed while it runs, and [`Behaviour`]s are set and cleared one by one. What was asked is kept:
//! [`Api::requests`].
//!
//! ```text
//!   serve ──► state ──► answers ──► vendor ──► lists, and a file for each kind
//!   (wire)    (rules)   (faults)    (truth)    (records and their JSON)
//! ```
//!
//! Promise: with no behaviour set, it answers as the vendor does, down to the exclusive `lte` and the order by id.

mod answers;
pub mod audit;
pub mod behaviour;
mod body;
pub mod campaign;
pub mod case;
pub mod endpoint;
mod exchange;
pub mod filter;
pub mod generate;
mod handle;
mod json;
mod lists;
pub mod minute;
mod mock;
mod moment;
pub mod not_analyzed;
pub mod rule;
mod serve;
mod spelling;
mod state;
#[cfg(test)]
mod tests;
pub mod threat;
pub mod token;
mod vendor;
pub mod vendor_case;
mod world;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use audit::AuditEntry;
pub use behaviour::Behaviour;
pub use campaign::{Campaign, Verdict};
pub use case::Case;
pub use endpoint::Endpoint;
pub use generate::generate;
pub use lists::Item;
pub use moment::Moment;
pub use not_analyzed::NotAnalyzed;
pub use rule::Rule;
pub use state::Seen;
pub use threat::{Addresses, Message, Remediated, Threat};
pub use token::{Token, TokenStatus};
pub use vendor_case::VendorCase;

use crate::ca::Issued;
use crate::door::{Door, lock};
use crate::tally::Tally;
use state::{Shared, State};
use world::World;

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
        let tokens = options.token_expires.map(|at| vec![Token::edge(at)]);
        let world = World { retention: options.retention, tokens, ..World::default() };
        let state = State::new(world, mock::world(), options.token, options.egress);
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

    /// Sets a behaviour, or a [`Rule`] (`Behaviour::ServerError.on(Endpoint::Detail).times(3)`). One of the same
    /// name, place and id is replaced; others stay.
    pub fn set(&self, rule: impl Into<Rule>) {
        let rule = rule.into();
        let mut state = lock(&self.shared.state);
        state.rules.retain(|old| !old.same_place(&rule));
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

    /// What `/ip` answers from now on; `None`: the peer's address.
    pub fn set_egress(&self, egress: Option<&str>) {
        lock(&self.shared.state).egress = egress.map(str::to_owned);
    }

    /// What was asked, in order; of very many the newest 100,000.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.state).seen.iter().cloned().collect()
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
