//! Accepts connections within limits, for both listeners.
//!
//! Promise: there are never more than [`Limits::connections`], nor more than [`Limits::per_address`] of one peer, and a
//! stop ends them all within [`Limits::stop`].

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// What one peer, and all of them, may cost us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From the accepted connection to the end of the TLS handshake.
    pub(super) handshake: Duration,
    /// From there to the last byte of the first answer; later, from a request's head to its answer.
    pub(super) request: Duration,
    /// From an answer to the end of the next request's head; `None`: one request a connection.
    pub(super) idle: Option<Duration>,
    /// Of an answer that goes on by itself (`text/event-stream`).
    pub(super) stream: Duration,
    /// At the same time; more wait in the kernel's backlog.
    pub(super) connections: usize,
    /// Of these, from one address (of version 6: one /64); more are closed at once.
    pub(super) per_address: usize,
    /// From the stop to the end of the last connection.
    pub(super) stop: Duration,
    /// Request line and headers together, in bytes; hyper takes no less than 8 KiB.
    pub(super) head: usize,
    /// Number of headers.
    pub(super) headers: usize,
}

/// How long accepting rests after it failed (no file descriptors left): it would spin otherwise.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Becomes true when the connections are to end; a connection that serves nobody at that moment ends at once.
pub(super) type Ending = watch::Receiver<bool>;

/// Gives each connection of `listener` to `serve` until `stop` resolves. `name` is the listener's, for the log.
pub(super) async fn accept_all<F>(
    name: &'static str,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    limits: Limits,
    serve: impl Fn(TcpStream, SocketAddr, Ending) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let crowd = Crowd::default();
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, slot) = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(name, &listener, &slots) => accepted,
        };
        // One that is turned away is closed here, before it has cost anything.
        let Some(place) = crowd.enter(peer.ip(), limits.per_address) else { continue };
        let conversation = serve(stream, peer, stopped.clone());
        connections.spawn(async move {
            conversation.await;
            drop((slot, place));
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let rest = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then is aborted as the set is dropped.
    let _ = tokio::time::timeout(limits.stop, rest).await;
}

/// Waits for a free slot first, then for a connection. Can be dropped at any time without losing one.
async fn accept(
    name: &'static str,
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there always is a permit to wait for.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) => {
                tracing::warn!(%error, "the {name} listener can't accept a connection; it goes on");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// How many are connected from where.
#[derive(Clone, Debug, Default)]
struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
struct Place {
    crowd: Crowd,
    from: IpAddr,
}

impl Crowd {
    fn enter(&self, from: IpAddr, most: usize) -> Option<Place> {
        let from = household(from);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = all.entry(from).or_default();
        if *here >= most {
            return None;
        }
        *here += 1;
        Some(Place { crowd: self.clone(), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = all.get_mut(&self.from) {
            *here -= 1;
            if *here == 0 {
                all.remove(&self.from);
            }
        }
    }
}

/// Who counts as one: an address of version 4, and a /64 of version 6, which is what one household is given.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        four @ IpAddr::V4(_) => four,
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_gets_it_back() {
        let crowd = Crowd::default();
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let places: Vec<Place> = (0..2).filter_map(|_| crowd.enter(ip("192.0.2.1"), 2)).collect();
        assert_eq!(places.len(), 2);
        assert!(crowd.enter(ip("192.0.2.1"), 2).is_none() && crowd.enter(ip("::ffff:192.0.2.1"), 2).is_none());
        let other = crowd.enter(ip("192.0.2.2"), 2).expect("another one comes in");
        drop(places);
        assert!(crowd.enter(ip("192.0.2.1"), 2).is_some());
        drop(other);
        assert!(crowd.0.lock().expect("whole").is_empty(), "nobody is remembered");
    }

    #[test]
    fn the_addresses_of_one_64_are_one_peer() {
        let crowd = Crowd::default();
        let _one = crowd.enter("2001:db8:0:1::1".parse().expect("an address"), 1).expect("the first");
        assert!(crowd.enter("2001:db8:0:1:ffff::2".parse().expect("an address"), 1).is_none());
        assert!(crowd.enter("2001:db8:0:2::1".parse().expect("an address"), 1).is_some());
    }
}
