//! Random bytes on every door: the agent answers or hangs up, and goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::world::World;

/// Random bytes, and things that look like requests until they do not.
fn noise(rng: &mut fastrand::Rng) -> Vec<u8> {
    let begin: [&[u8]; 8] = [
        b"",
        b"{\"verb\":\"import\"}\n",
        b"{\"verb\":\"peek\",\"destination\":null,\"count\":18446744073709551615}\n",
        b"{\"verb\":\"export\",\"destination\":\"\\u0000\"}\n",
        b"{\"verb\":\"forget\",\"destination\":\"\"}\n",
        b"{\"verb\":",
        b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ];
    let mut bytes = begin[rng.usize(..begin.len())].to_vec();
    let most = if rng.u8(..8) == 0 { 200_000 } else { 300 };
    bytes.extend((0..rng.usize(..most)).map(|_| if rng.u8(..20) == 0 { b'\n' } else { rng.u8(..) }));
    bytes
}

fn pour(mut stream: impl Read + Write, bytes: &[u8], hang_up: impl FnOnce()) {
    // It may hang up before it has read all of it.
    let _ = stream.write_all(bytes);
    hang_up();
    let mut answer = Vec::new();
    let _ = stream.take(1 << 20).read_to_end(&mut answer);
}

#[test]
fn random_bytes_never_end_the_agent_and_never_stop_it_from_working() {
    let world = World::new();
    let mut agent = world.place.start();
    let seed = std::env::var("CONDUCTOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("CONDUCTOR_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let address = agent.address().expect("it listens");
    let limit = Some(Duration::from_millis(500));
    for _ in 0..150 {
        let bytes = noise(&mut rng);
        if let Ok(stream) = UnixStream::connect(world.place.state().join("control.sock")) {
            stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).expect("an option");
            let other = stream.try_clone().expect("a second handle");
            pour(stream, &bytes, || drop(other.shutdown(std::net::Shutdown::Write)));
        }
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).expect("an option");
        let other = stream.try_clone().expect("a second handle");
        pour(stream, &noise(&mut rng), || drop(other.shutdown(std::net::Shutdown::Write)));
    }
    world.put_now(50, 5);
    world.everything_arrives(&mut agent);
    agent.wait_until("the control socket answers", |_| world.place.verb(&["queue", "show"]).status.success());
    let log = world.place.log();
    assert!(!log.contains("panicked") && !agent.has_condition("task-restarted"), "{log}");
    let (status, _) = agent.stop();
    assert!(status.success());
}

#[test]
fn a_request_that_is_none_is_told_so() {
    let world = World::new();
    let _agent = world.place.start();
    let mut stream = UnixStream::connect(world.place.state().join("control.sock")).expect("it listens");
    stream.write_all(b"{\"verb\":\"dance\"}\n").expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("\"failed\"") && answer.contains("dance"), "{answer}");
}
