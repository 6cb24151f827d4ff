//! Names that lead nowhere, somewhere, elsewhere; addresses of both families; connections that rest.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::peers::{Ca, Peer, ok};
use crate::fault::FaultKind;
use crate::net::dial::{Path, dial_by};
use crate::net::http::{Client, ClientOptions, Get};
use crate::net::names::Names;
use crate::net::shared::Shared;

const NAME: &str = "api.tenant.test";

/// A resolver that says what the test says at that moment; nothing is NXDOMAIN.
fn told() -> (Names, Arc<Mutex<Vec<SocketAddr>>>) {
    let answer: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let now = Arc::clone(&answer);
    let names = Names::by(move |name| {
        assert_eq!(name, NAME);
        let found = now.lock().expect("whole").clone();
        async move { if found.is_empty() { Err(io::Error::other("NXDOMAIN")) } else { Ok(found) } }
    });
    (names, answer)
}

#[tokio::test]
async fn a_name_that_comes_up_later_is_found_and_one_that_moves_is_followed_with_the_next_connection() {
    let ca = Ca::new("ours");
    // Each closes after its answer; both listen on the same port, at two addresses.
    let answering = |text: &'static str| {
        move |stage: super::peers::Stage, mut stream| async move {
            stage.head(&mut stream).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, ok(text).as_bytes()).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        }
    };
    let old = Peer::tls(ca.server(NAME), answering("old")).await;
    let port = old.address.port();
    let (names, answer) = told();
    let shared = Shared { names, ..Shared::default() };
    let client = Client::new(ClientOptions { tls: ca.trust(), shared, ..ClientOptions::default() }).expect("a client");
    let url = format!("https://{NAME}:{port}/v1");
    let fault = client.get(&url, &[], None).await.expect_err("not there yet");
    assert!(fault.kind == FaultKind::Unavailable && fault.chain().contains("NXDOMAIN"), "{}", fault.chain());
    *answer.lock().expect("whole") = vec![old.address];
    assert_eq!(client.get(&url, &[], None).await.expect("it came").body, "old");
    let Ok(listener) = TcpListener::bind(("127.0.0.2", port)).await else { return };
    let new = Peer::tls_on(listener, ca.server(NAME), answering("new"));
    *answer.lock().expect("whole") = vec![new.address];
    assert_eq!(client.get(&url, &[], None).await.expect("it moved").body, "new");
    assert_eq!((old.connections(), new.connections()), (1, 1));
}

/// A listener whose queue is full drops the next SYN; on loopback the queue fills as connect() returns.
fn swallowing(port: u16) -> io::Result<Vec<socket2::Socket>> {
    let socket = || socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None);
    let silent = socket()?;
    silent.set_only_v6(true)?;
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, port)).into();
    silent.bind(&address)?;
    silent.listen(0)?;
    let mut all = vec![silent];
    for _ in 0..8 {
        let filler = socket()?;
        filler.set_nonblocking(true)?;
        drop(filler.connect(&address));
        all.push(filler);
    }
    Ok(all)
}

/// The clock runs only while nothing else does: what is measured is what was waited for, not what the machine needed.
#[tokio::test(start_paused = true)]
async fn an_ipv6_address_that_swallows_what_is_sent_costs_a_quarter_of_a_second_and_no_more() {
    let v4 = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = v4.local_addr().expect("an address");
    // A box without IPv6, or whose port is taken there, has nothing to swallow.
    let Ok(_silent) = swallowing(address.port()) else { return };
    let (names, answer) = told();
    *answer.lock().expect("whole") = vec![(Ipv6Addr::LOCALHOST, 0).into(), address];
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(10);
    let stream = dial_by(&names, None, NAME, address.port(), &Path::default(), deadline).await.expect("by IPv4");
    assert_eq!(stream.peer_addr().expect("a peer"), address);
    assert!((250..300).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn connections_of_all_clients_together_rest_in_a_bounded_number_and_the_others_are_closed() {
    let ca = Ca::new("ours");
    let peer = Peer::answering(ca.server("localhost"), ok("{}")).await;
    let shared = Shared { resting: Arc::new(Semaphore::new(1)), ..Shared::default() };
    let client = || {
        let options = ClientOptions { tls: ca.trust(), shared: shared.clone(), ..ClientOptions::default() };
        Client::new(options).expect("a client")
    };
    let (one, other) = (client(), client());
    for (client, connections) in [(&one, 1), (&one, 1), (&other, 2), (&other, 3), (&one, 3)] {
        client.get(&peer.url("/v1"), &[], None).await.expect("an answer");
        assert_eq!(peer.connections(), connections);
    }
    drop(one);
    for _ in 0..2 {
        other.get(&peer.url("/v1"), &[], None).await.expect("an answer");
    }
    assert_eq!(peer.connections(), 4, "what one gave back the other may keep");
}

#[tokio::test]
async fn a_server_that_trickles_a_large_answer_keeps_no_other_client_from_reading_one() {
    let ca = Ca::new("ours");
    let large = "x".repeat(1 << 20);
    let well = Peer::answering(ca.server("localhost"), ok(&large)).await;
    let mut ill = Peer::tls(ca.server("localhost"), |stage, mut stream| async move {
        stage.head(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", 2 << 20, "x".repeat(1 << 20));
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await;
        let _ = tokio::io::AsyncWriteExt::flush(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let shared = Shared::default();
    let client = || {
        let options = ClientOptions { tls: ca.trust(), shared: shared.clone(), ..ClientOptions::default() };
        Arc::new(Client::new(options).expect("a client"))
    };
    let stuck = client();
    // More at once than there is room for large answers, all of one client.
    for _ in 0..8 {
        let (client, url) = (Arc::clone(&stuck), ill.url("/v1"));
        tokio::spawn(async move { drop(client.get(&url, &[], None).await) });
    }
    for _ in 0..8 {
        ill.next_head().await;
    }
    let answer = client().get(&well.url("/v1"), &[], None).await.expect("an answer");
    assert_eq!(answer.body.len(), large.len());
}

#[tokio::test(start_paused = true)]
async fn servers_that_hang_hold_all_the_room_there_is_and_the_others_are_asked_all_the_same() {
    let shared = Shared { on_the_way: Arc::new(Semaphore::new(2)), ..Shared::default() };
    let held = (shared.room().await, shared.room().await);
    assert!(held.0.is_some() && held.1.is_some());
    let begun = Instant::now();
    assert!(shared.room().await.is_none(), "there is none");
    assert!(begun.elapsed() < Duration::from_secs(3), "it goes after a moment");
    drop(held);
    assert!(shared.room().await.is_some());
}
