//! SIGTERM: the end comes within 20 s whatever hangs, and nothing that was confirmed is lost by it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use conductor_sim::api::Behaviour;
use nix::sys::signal::Signal;

use crate::agent::Agent;
use crate::world::{World, number_at};

const PROMISED: Duration = Duration::from_secs(20);

#[track_caller]
fn stops(agent: Agent) {
    let (status, took) = agent.stop();
    eprintln!("stopped in {took:?}");
    assert!(status.success() && took < PROMISED, "{status} after {took:?}");
}

pub fn lines(world: &World, count: usize, bytes: usize) -> String {
    let path = world.place.dir.path().join("lines.ndjson");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut rng = fastrand::Rng::with_seed(7);
    for n in 0..count {
        let text: String = (0..bytes).map(|_| rng.alphanumeric()).collect();
        writeln!(file, "{{\"n\":{n},\"text\":\"{text}\"}}").expect("written");
    }
    path.display().to_string()
}

pub fn imported(world: &World) -> usize {
    let ids: std::collections::HashSet<String> = world.arrived().into_iter().collect();
    ids.iter().filter(|id| id.starts_with("import/")).count()
}

#[test]
fn with_a_backlog_and_a_hung_api() {
    let world = World::new();
    world.soc.refuse();
    let mut agent = world.place.start();
    world.put_now(20, 30);
    agent.wait_until("a backlog", |agent| {
        number_at(agent, "/destinations/0/depth") >= Some(world.wanted().len() as u64)
    });
    world.api.set(Behaviour::Hung);
    let asked = world.api.request_count();
    assert!(world.api.wait_for_requests(asked + 1, Duration::from_secs(90)), "one request hangs");
    stops(agent);
    world.api.clear();
    world.soc.listen_again().expect("the same port");
    let mut agent = world.place.start();
    world.everything_arrives(&mut agent);
}

#[test]
fn with_an_import_running_which_goes_on_when_the_agent_is_back() {
    let world = World::new();
    let file = lines(&world, 20_000, 1_000);
    let mut agent = world.place.start();
    let importing = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["queue", "import", &file, "--config"])
        .arg(world.place.config())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the import starts");
    agent.wait_until("it has begun", |agent| number_at(agent, "/queue/appended_total") > Some(0));
    stops(agent);
    let mut agent = world.place.start();
    let output = importing.wait_with_output().expect("the import ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("20000 lines imported"), "{said}");
    agent.wait_until("every line is at the SOC", |_| imported(&world) == 20_000);
}

#[test]
fn an_interrupt_is_a_stop_too() {
    let world = World::new();
    let agent = world.place.start();
    agent.signal(Signal::SIGINT);
    assert!(agent.wait().success());
    assert!(!world.place.state().join("control.sock").exists());
}

#[test]
fn an_export_whose_agent_is_killed_says_that_it_is_not_whole() {
    let world = World::new();
    let file = lines(&world, 4_000, 2_000);
    world.soc.refuse();
    let agent = world.place.start();
    assert!(world.place.verb(&["queue", "import", &file]).status.success());
    let mut unread = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["queue", "export", "--config"])
        .arg(world.place.config())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the export starts");
    let mut first = [0; 1];
    std::io::Read::read_exact(unread.stdout.as_mut().expect("piped"), &mut first).expect("it has begun");
    agent.kill();
    let output = unread.wait_with_output().expect("the export ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(69) && said.contains("not whole"), "{:?} {said}", output.status);
}

#[test]
fn with_a_stalled_soc_and_an_export_that_nobody_reads() {
    let world = World::new();
    let file = lines(&world, 8_000, 2_000);
    world.soc.stall();
    let mut agent = world.place.start();
    assert!(world.place.verb(&["queue", "import", &file]).status.success());
    agent.wait_until("it waits for the SOC", |agent| number_at(agent, "/destinations/0/depth") == Some(8_000));
    // Its pipe is full after 64 KiB, and then the control socket's thread waits for it.
    let mut unread = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["queue", "export", "--config"])
        .arg(world.place.config())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the export starts");
    let mut first = [0; 1];
    std::io::Read::read_exact(unread.stdout.as_mut().expect("piped"), &mut first).expect("it has begun");
    stops(agent);
    // What was cut off says so: a copy that is not whole must not look like one.
    let output = unread.wait_with_output().expect("the export ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(69) && said.contains("not whole"), "{:?} {said}", output.status);
    world.soc.resume();
    let mut agent = world.place.start();
    agent.wait_until("every line is at the SOC", |_| imported(&world) == 8_000);
}
