//! Names looked up: one question at a time for a name, however many ask, and few questions at once.
//!
//! Promise: a name server that never answers holds few of the threads that the queue works on too, and nothing is
//! remembered: the next connection goes where the name leads then.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

/// Look-ups at a time, at the most. The system's resolver blocks a thread for each, for up to a minute where the name
/// servers are silent, and does not end when nobody waits any more.
const MOST_AT_ONCE: usize = 8;

/// What a name leads to, in the resolver's order (RFC 6724), with port 0; shared by all who asked.
pub(super) type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;

type Lookup = dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Shared by clone; every clone shares the questions under way.
#[derive(Clone)]
pub(super) struct Names {
    lookup: Arc<Lookup>,
    under_way: Arc<Mutex<HashMap<String, watch::Receiver<Option<Found>>>>>,
    room: Arc<Semaphore>,
}

impl Default for Names {
    /// By the system's resolver: /etc/hosts, DNS, whatever nsswitch.conf says.
    fn default() -> Names {
        Names::by(|name| async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    /// By another resolver.
    pub(super) fn by<F, R>(lookup: F) -> Names
    where
        F: Fn(String) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let lookup: Arc<Lookup> = Arc::new(move |name| Box::pin(lookup(name)));
        Names { lookup, under_way: Arc::default(), room: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }

    /// Where `host` leads, with this port. Sets no limit; dropped, it leaves its question to the others who asked.
    pub(super) async fn find(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Arc<io::Error>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut answer = self.ask(host);
        let found = match answer.wait_for(Option::is_some).await {
            Ok(found) => found.clone(),
            Err(_) => None,
        };
        let unanswered = || Err(Arc::new(io::Error::other("the look-up ended without an answer")));
        let found = found.unwrap_or_else(unanswered)?;
        let with_port = |address: &SocketAddr| {
            let mut address = *address;
            address.set_port(port);
            address
        };
        Ok(found.iter().map(with_port).collect())
    }

    /// Joins the question that is under way, or asks it.
    fn ask(&self, host: &str) -> watch::Receiver<Option<Found>> {
        let mut under_way = lock(&self.under_way);
        if let Some(answer) = under_way.get(host) {
            return answer.clone();
        }
        let (told, answer) = watch::channel(None);
        under_way.insert(host.to_owned(), answer.clone());
        let (this, host) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            // Its drop takes the question off the list, even where the look-up panics.
            let asked = Asked { names: this, host };
            let found = {
                let _room = asked.names.room.acquire().await;
                (asked.names.lookup)(asked.host.clone()).await
            };
            // Off the list first: who asks from now on is to be told what is so from now on.
            drop(asked);
            told.send_replace(Some(found.map(Arc::from).map_err(Arc::new)));
        });
        answer
    }
}

struct Asked {
    names: Names,
    host: String,
}

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.names.under_way).remove(&self.host);
    }
}

/// What is guarded is whole after every line: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A resolver that answers when it is told to, and counts its questions.
    fn slow() -> (Names, Arc<Semaphore>, Arc<AtomicUsize>, Arc<Notify>) {
        let (go, asked, came) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (for_go, for_asked, for_came) = (go.clone(), asked.clone(), came.clone());
        let names = Names::by(move |_| {
            let (go, came) = (for_go.clone(), for_came.clone());
            for_asked.fetch_add(1, Ordering::SeqCst);
            came.notify_one();
            async move {
                go.acquire().await.expect("open").forget();
                Ok(vec![SocketAddr::from(([192, 0, 2, 7], 0))])
            }
        });
        (names, go, asked, came)
    }

    #[tokio::test]
    async fn two_hundred_who_want_one_name_ask_once_and_the_next_one_asks_anew() {
        let (names, go, asked, came) = slow();
        let all: Vec<_> = (0..200)
            .map(|_| {
                let names = names.clone();
                tokio::spawn(async move { names.find("api.example", 443).await })
            })
            .collect();
        came.notified().await;
        // One that gives up takes nothing from the others.
        all[0].abort();
        go.add_permits(1);
        for (n, one) in all.into_iter().enumerate() {
            if let Ok(found) = one.await {
                assert_eq!(found.expect("found"), [SocketAddr::from(([192, 0, 2, 7], 443))]);
            } else {
                assert_eq!(n, 0);
            }
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        go.add_permits(1);
        names.find("api.example", 443).await.expect("found");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "nothing is remembered");
    }

    #[tokio::test]
    async fn silent_name_servers_hold_few_threads_and_an_address_needs_none() {
        let (names, _go, asked, _) = slow();
        for n in 0..100 {
            let names = names.clone();
            tokio::spawn(async move { names.find(&format!("host{n}.example"), 1).await });
        }
        // Each task runs as far as it can before this one is called again.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked.load(Ordering::SeqCst), MOST_AT_ONCE);
        let literal = names.find("2001:db8::1", 443).await.expect("an address");
        assert_eq!(literal, ["[2001:db8::1]:443".parse::<SocketAddr>().expect("an address")]);
    }
}
