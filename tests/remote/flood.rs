//! Many peers and slow ones, while the agent polls and delivers.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::scene::{Scene, TOKEN, address};
use crate::world::World;

/// As many connections as an attacker opens.
const CONNECTIONS: usize = 10_000;

/// A world with events to carry, and a remote listener.
fn world_and_scene() -> (World, Scene, String) {
    let (world, scene) = (World::new(), Scene::new());
    let folder = scene.place.dir.path().display().to_string();
    let remote = scene.usual();
    let remote = ["box.pem", "box.key", "soc-ca.pem"]
        .into_iter()
        .fold(remote, |text, file| text.replace(&format!("\"{file}\""), &format!("\"{folder}/{file}\"")));
    let remote = remote.replace("{ file = \"token\" }", &format!("{{ file = \"{folder}/token\" }}"));
    let settings = format!("{}{remote}", world.settings());
    (world, scene, settings)
}

#[test]
fn ten_thousand_connections_hold_up_neither_polling_nor_delivery() {
    let (world, scene, settings) = world_and_scene();
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    agent.wait_until("it listens", |agent| address(agent).is_some());
    let to = address(&agent).expect("it listens");
    world.put_now(1, 20);
    world.everything_arrives(&mut agent);

    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("as many as it goes");
    let many = CONNECTIONS.min(usize::try_from(hard).unwrap_or(CONNECTIONS).saturating_sub(200));
    // From one address: all but its share are closed at once, and the attacker holds his ends.
    let mut held: Vec<TcpStream> = (0..many * 9 / 10).filter_map(|_| connect_from(to, 0)).collect();
    assert!(held.len() >= many / 2, "{} of {many} came about", held.len());
    // Loopback has many addresses, each with a share of its own: all places are taken, and the backlog fills.
    for n in held.len()..many {
        match connect_from(to, n) {
            Some(stream) => held.push(stream),
            // Full: connecting would wait, which is the kernel's.
            None => break,
        }
    }
    world.put_now(2, 20);
    world.everything_arrives(&mut agent);
    assert_eq!(agent.get("/readyz").map(|(code, _)| code), Some(200), "the local listener has places of its own");
    drop(held);
    agent.wait_until("the SOC is told again", |_| {
        let header = format!("Authorization: Bearer {TOKEN}\r\n");
        scene.stranger().get(to, "/readyz", &header).is_ok_and(|answer| answer.status() == 200)
    });
    assert!(!agent.has_condition("task-restarted") && !world.place.log().contains("panicked"));
}

/// From an address of loopback of its own for every twenty connections.
fn connect_from(to: SocketAddr, n: usize) -> Option<TcpStream> {
    use socket2::{Domain, SockAddr, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    let nth = u8::try_from(n / 20 % 250).ok()? + 1;
    let from = std::net::Ipv4Addr::new(127, 1, u8::try_from(n / 20 / 250).ok()?, nth);
    socket.bind(&SockAddr::from(SocketAddr::from((from, 0)))).ok()?;
    socket.connect_timeout(&SockAddr::from(to), std::time::Duration::from_millis(1_500)).ok()?;
    Some(socket.into())
}

#[test]
fn one_address_does_not_take_all_places() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    // They are silent, each in another moment of its conversation.
    let mut silent: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(to).ok()).collect();
    for stream in &mut silent {
        // Some are closed already.
        let _ = stream.write_all(b"\x16\x03\x01");
    }
    let from = connect_from(to, 4_000).expect("another address");
    let answer = over(&scene, from);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// GET /healthz over a socket that is there already.
fn over(scene: &Scene, socket: TcpStream) -> String {
    let mut line = scene.stranger().over(socket).expect("a connection");
    line.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    super::scene::read_all(&mut line).0
}

#[test]
fn a_peer_that_dribbles_its_request_is_let_go_and_so_is_one_that_never_shakes_hands() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let silent = TcpStream::connect(to).expect("a connection");
    let mut slow = scene.stranger().connect(to).expect("a connection");
    let mut sent = 0;
    // A header that never ends: each byte comes in time for a limit that knew only of silence.
    while slow.write_all(b"X").is_ok() && slow.flush().is_ok() && sent < 600 {
        sent += 1;
        // Not a synchronisation: how slow the peer is.
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(sent < 600, "it was heard for a minute");
    silent.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("set");
    let mut silent = silent;
    let ended = std::io::Read::read(&mut silent, &mut [0; 16]);
    assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
}
