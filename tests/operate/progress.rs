//! What long work shows to a person at a terminal, and to nobody else.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use nix::pty::openpty;

use crate::world::{World, number_at};

/// Runs a verb of the queue with standard error (and with `screen` standard output) on a terminal. What that shows, and
/// whether it ended well.
fn shown(world: &World, verb: &[&str], screen: bool) -> (String, bool) {
    let pty = openpty(None, None).expect("a terminal");
    let stdout = if screen { Stdio::from(pty.slave.try_clone().expect("its other end")) } else { Stdio::null() };
    let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
    command.arg("queue").args(verb).arg("--config").arg(world.place.config());
    let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(pty.slave).spawn().expect("the verb starts");
    drop(command); // it holds the other end, too
    let reading = std::thread::spawn(move || {
        let (mut terminal, mut text, mut bytes) = (File::from(pty.master), Vec::new(), [0; 4096]);
        // A terminal that nobody writes to any more tells EIO.
        while let Ok(read @ 1..) = terminal.read(&mut bytes) {
            text.extend_from_slice(&bytes[..read]);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let ended = child.wait().expect("it ends").success();
    (reading.join().expect("read"), ended)
}

fn whole_bar() -> String {
    format!("[{}] 100 %", "#".repeat(25))
}

#[test]
fn long_work_with_the_queue_shows_how_far_it_is_on_a_terminal_and_draws_nothing_across_events() {
    let world = World::new();
    world.put(33, 40);
    let mut agent = world.place.start();
    let wanted = world.wanted().len();
    agent.wait_until("all is taken", |agent| number_at(agent, "/destinations/0/taken_total") >= Some(wanted as u64));
    let file = world.place.dir.path().join("export.ndjson").display().to_string();
    let (text, well) = shown(&world, &["export", &file], false);
    assert!(well && text.contains(&whole_bar()) && text.contains(&format!("{wanted} events")), "{text:?}");
    assert!(
        text.contains("\r\n") && text.ends_with(&format!("exported to {file}\r\n")),
        "the bar ends its line: {text:?}"
    );
    let (text, well) = shown(&world, &["import", &file], false);
    assert!(well && text.contains(&whole_bar()) && text.contains(&format!("{wanted} lines")), "{text:?}");
    let (text, well) = shown(&world, &["replay", "--destination", "soc", "--from", "1h", "--dry-run"], false);
    assert!(well && text.contains(&whole_bar()) && text.contains("would be handed"), "{text:?}");
    let (text, well) = shown(&world, &["verify"], false);
    assert!(well && !text.contains('['), "so little is read at once: {text:?}");
    assert!(agent.stop().0.success());
    let (text, well) = shown(&world, &["verify"], false);
    assert!(well && text.contains(&whole_bar()), "{text:?}");
    for verb in [&["export"][..], &["peek", "-n", "3"]] {
        let (text, well) = shown(&world, verb, true);
        assert!(well && !text.contains('%') && text.starts_with("{\"conductor_export\""), "{text:?}");
    }
}
