//! The disk under the state folder: full, read-only, not ours.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::Place;
use crate::world::{World, number_at, wait_gone};

/// A small file system of its own; unmounted in the end.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, and a line that says so, where this process may not mount.
    fn tmpfs(at: &Path, options: &str) -> Option<Mounted> {
        if !nix::unistd::Uid::effective().is_root() {
            let _ = writeln!(io::stderr(), "not run: a small file system can only be mounted by root");
            return None;
        }
        fs::create_dir_all(at).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            let _ = writeln!(io::stderr(), "not run: this root may not mount a file system");
            return None;
        }
        Some(Mounted(at.to_owned()))
    }

    fn read_only(&self) {
        let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().expect("mount runs");
        assert!(remounted.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: an agent that a failing test leaves behind may hold it for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Lines that hardly compress: `{"n":N,"text":"..."}`.
fn lines(path: &Path, seed: u64, count: u64, bytes: usize) {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut file = io::BufWriter::new(fs::File::create(path).expect("a file"));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    for n in 0..count {
        let text: Vec<u8> = (0..bytes)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                LETTERS[(state >> 58) as usize]
            })
            .collect();
        let text = String::from_utf8(text).expect("ASCII");
        writeln!(file, "{{\"n\":{n},\"text\":\"{text}\"}}").expect("written");
    }
    file.flush().expect("written");
}

#[test]
fn a_state_folder_that_is_a_file_ends_a_start_with_a_sentence() {
    let place = Place::new("");
    fs::write(place.state(), "not a folder").expect("written");
    let ended = place.verb(&["run"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(matches!(ended.status.code(), Some(74 | 77)), "{:?} {said}", ended.status);
    assert!(said.contains("the state folder") && said.contains("set agent.state-dir"), "{said}");
}

#[test]
fn a_state_folder_that_can_not_be_written_ends_a_start_with_77() {
    let place = Place::new("");
    let mounted = Mounted::tmpfs(&place.state(), "size=1m");
    match &mounted {
        Some(mounted) => mounted.read_only(),
        None => {
            fs::create_dir(place.state()).expect("a folder");
            fs::set_permissions(place.state(), fs::Permissions::from_mode(0o500)).expect("its mode");
        }
    }
    let ended = place.verb(&["run"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(77), "{said}");
    assert!(said.contains("state") && said.contains("agent.state-dir"), "what to do: {said}");
}

#[test]
fn a_quota_that_is_full_of_events_which_everyone_took_does_not_pause_polling() {
    let world = World::new();
    world.place.write_settings(&format!("{}[queue]\nmax-size = \"16MiB\"\n", world.settings()));
    let mut agent = world.place.start();
    let file = world.place.dir.path().join("lines.ndjson");
    // Up to within a MiB of the quota, and no further: the next append would make room by itself. Where the agent's own
    // look was quicker than ours, a segment is gone already.
    let mut before = 0;
    for part in 0..80 {
        lines(&file, part, 100, 4_000);
        let imported = world.place.verb(&["queue", "import", &file.display().to_string()]);
        assert!(imported.status.success(), "{imported:?}");
        let show = world.place.verb(&["queue", "show", "--json"]);
        let show: serde_json::Value = serde_json::from_slice(&show.stdout).expect("JSON");
        let bytes = show["disk_bytes"].as_u64().expect("a size");
        if bytes + (1 << 20) > 16 << 20 || bytes + (1 << 20) < before {
            break;
        }
        before = bytes;
        assert!(part < 79, "the quota was never reached: {show}");
    }
    agent.wait_until("the SOC has taken all", |agent| number_at(agent, "/destinations/0/depth") == Some(0));
    world.put_now(41, 10);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "queue-paused");
    wait_gone(&mut agent, "queue-full");
}
