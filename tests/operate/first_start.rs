//! The first start of all: what comes in as soon as the agent answers.

use std::process::{Command, Stdio};

use super::stop::{imported, lines};
use crate::world::World;

const LINES: usize = 3_000;

/// A destination that begins with what comes from now on is known from the start on, and not from some later moment.
#[test]
fn lines_imported_the_moment_the_socket_was_there_went_past_the_destination_that_was_set() {
    let world = World::new();
    // By name before ours: each takes the queue a barrier.
    let others = (0..100).map(|n| {
        format!("[destinations.before-{n:02}]\ntype = \"syslog\"\naddress = \"127.0.0.1:9\"\nenabled = false\n")
    });
    world.place.write_settings(&format!("{}{}", others.collect::<String>(), world.destination()));
    let importing = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["queue", "import", &lines(&world, LINES, 100), "--config"])
        .arg(world.place.config())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the import waits for the agent");
    let mut agent = world.place.start();
    let output = importing.wait_with_output().expect("the import ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    agent.wait_until("every line is at the SOC", |_| imported(&world) == LINES);
}
