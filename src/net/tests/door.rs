//! The door for what a page named: judged at each connection, as the bytes that are dialled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::peers::{Ca, Peer, ok};
use crate::fault::{Fault, FaultKind};
use crate::net::dial::{Path, datagrams, dial, dial_by, judge};
use crate::net::door::Door;
use crate::net::doorkeeper::own_addresses;
use crate::net::http::{Client, ClientOptions, Get};
use crate::net::names::Names;
use crate::net::proxy::Proxy;
use crate::net::shared::Shared;
use crate::values::Secret;

const NAME: &str = "siem.tenant.test";
const LIMIT: Duration = Duration::from_secs(5);

/// Leaves from loopback, so that no dial of the outside ever goes out: it ends at once.
fn guarded() -> Path {
    Path { door: Door::Guarded, source_address: Some("127.0.0.1".parse().expect("v4")), ..Path::default() }
}

/// A resolver with one answer after the other, the last one for ever; and how often it was asked.
fn rebinding(answers: Vec<Vec<SocketAddr>>) -> (Names, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let names = Names::by(move |_| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        let answer = answers.get(turn).or(answers.last()).cloned().unwrap_or_default();
        async move { Ok(answer) }
    });
    (names, asked)
}

async fn quiet() -> Peer {
    Peer::plain(|_, mut stream| async move {
        let _ = stream.write_all(b"here").await;
    })
    .await
}

async fn refused(names: &Names, path: &Path, port: u16) -> Fault {
    dial_by(names, None, NAME, port, path, Instant::now() + LIMIT).await.expect_err("no way")
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_with_a_sentence_and_nothing_is_dialled() {
    let peer = quiet().await;
    let (names, _) = rebinding(vec![vec![peer.address]]);
    let fault = refused(&names, &guarded(), peer.address.port()).await;
    assert_eq!(fault.kind, FaultKind::Refused);
    for word in [NAME, "127.0.0.1", "this machine itself", "allow-other-hosts"] {
        assert!(fault.context.contains(word), "{fault}");
    }
    assert_eq!(peer.connections(), 0);
    let open = Path { door: Door::Open, ..guarded() };
    dial_by(&names, None, NAME, peer.address.port(), &open, Instant::now() + LIMIT).await.expect("the operator may");
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_between_check_and_use_is_judged_as_it_is_dialled() {
    let peer = quiet().await;
    let port = peer.address.port();
    let outside: SocketAddr = "203.0.113.9:1".parse().expect("an address");
    let (names, asked) = rebinding(vec![vec![outside], vec![peer.address]]);
    // The first answer passes the door, and it alone is dialled: a second question would have let the other in.
    let fault = refused(&names, &guarded(), port).await;
    assert_eq!((fault.kind, asked.load(Ordering::SeqCst)), (FaultKind::Unavailable, 1), "{fault}");
    // The next connection asks anew, and is judged anew.
    let fault = refused(&names, &guarded(), port).await;
    assert_eq!((fault.kind, asked.load(Ordering::SeqCst)), (FaultKind::Refused, 2), "{fault}");
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_mixes_good_and_bad_addresses_is_dialled_at_the_good_ones_alone() {
    let peer = quiet().await;
    let outside: SocketAddr = "203.0.113.9:1".parse().expect("an address");
    let (names, _) = rebinding(vec![vec![peer.address, outside]]);
    let fault = refused(&names, &guarded(), peer.address.port()).await;
    assert_eq!(fault.kind, FaultKind::Unavailable, "{fault}");
    assert!(!fault.chain().contains("127.0.0.1:"), "{}", fault.chain());
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn the_http_client_judges_every_connection_that_it_makes() {
    let ca = Ca::new("ours");
    let peer = Peer::answering(ca.server(NAME), ok("{}")).await;
    let (names, _) = rebinding(vec![vec![peer.address]]);
    let shared = Shared { names, ..Shared::default() };
    let url = format!("https://{NAME}:{}/v1", peer.address.port());
    let options = |path| ClientOptions { tls: ca.trust(), shared: shared.clone(), path, ..ClientOptions::default() };
    let client = Client::new(options(guarded())).expect("a client");
    let fault = client.get(&url, &[], Some(&Secret::new("CANARY"))).await.expect_err("refused");
    assert_eq!((fault.kind, peer.connections()), (FaultKind::Refused, 0), "{fault}");
    let open = Client::new(options(Path::default())).expect("a client");
    open.get(&url, &[], None).await.expect("the operator may");
}

#[tokio::test]
async fn behind_a_proxy_what_can_be_known_is_judged_and_the_operators_proxy_may_be_anywhere() {
    let proxy = Peer::plain(|stage, mut stream| async move {
        stage.head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
    })
    .await;
    let url = Secret::new(format!("http://{}", proxy.address));
    let parsed = Proxy::parse(&url, "a test").expect("a proxy");
    let by = |names: Names, path: Path, host: &'static str| {
        let parsed = parsed.clone();
        async move { dial_by(&names, Some(&parsed), host, 443, &path, Instant::now() + LIMIT).await }
    };
    let inside = || rebinding(vec![vec!["169.254.169.254:0".parse().expect("an address")]]).0;
    let unknown = || Names::by(|_| async { Err(std::io::Error::other("NXDOMAIN")) });
    let path = Path { door: Door::Guarded, ..Path::default() };
    for (names, host) in [(unknown(), "127.0.0.1"), (unknown(), "::ffff:169.254.169.254"), (inside(), NAME)] {
        let fault = by(names, path.clone(), host).await.expect_err("refused");
        assert_eq!(fault.kind, FaultKind::Refused, "{host}: {fault}");
    }
    assert_eq!(proxy.connections(), 0, "the proxy was not asked");
    by(unknown(), path.clone(), NAME).await.expect("a name that only the proxy knows is the proxy's to judge");
    // A proxy that the page named is under the door itself.
    let own = Path { proxy_door: Door::Guarded, ..path };
    let fault = by(unknown(), own, NAME).await.expect_err("refused");
    assert_eq!((fault.kind, proxy.connections()), (FaultKind::Refused, 1), "{fault}");
}

#[tokio::test]
async fn datagrams_and_clients_that_dial_by_themselves_pass_the_same_door() {
    let path = Path { door: Door::Guarded, ..Path::default() };
    assert_eq!(dial("127.0.0.1", 9, &path, LIMIT).await.expect_err("refused").kind, FaultKind::Refused);
    let fault = datagrams("127.0.0.1", 9, Door::Guarded, LIMIT).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Refused);
    datagrams("127.0.0.1", 9, Door::Open, LIMIT).await.expect("the operator may");
    assert_eq!(judge("fe80::1", 9, Door::Guarded, LIMIT).await.expect_err("refused").kind, FaultKind::Refused);
    judge("192.0.2.9", 9, Door::Guarded, LIMIT).await.expect("an address of the outside");
    judge("127.0.0.1", 9, Door::Open, LIMIT).await.expect("the operator may");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machines_own_interface_is_not_dialled() {
    let own = own_addresses().expect("listed");
    assert!(own.contains(&"127.0.0.1".parse().expect("v4")), "{own:?}");
    // A box without a network has none to judge; the forms are judged beside the door.
    for address in own.into_iter().filter(|own| !own.is_loopback()) {
        let (names, _) = rebinding(vec![vec![SocketAddr::new(address, 0)]]);
        let path = Path { door: Door::Guarded, ..Path::default() };
        let fault = refused(&names, &path, 9).await;
        assert_eq!(fault.kind, FaultKind::Refused, "{address}: {fault}");
        let host = address.to_string();
        let fault = datagrams(&host, 9, Door::Guarded, LIMIT).await.expect_err("refused");
        assert_eq!(fault.kind, FaultKind::Refused, "{address}: {fault}");
        assert_eq!(judge(&host, 9, Door::Guarded, LIMIT).await.expect_err("refused").kind, FaultKind::Refused);
    }
}
