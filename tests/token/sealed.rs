//! An API key in the sealed store: set, changed, restarted with, and what a copy of the state folder is worth.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use crate::agent::{Agent, Place};
use crate::world::{TOKEN, World, text_at, wait_for, wait_gone};

const NEW: &str = "CANARY-sealed-0816";

/// Settings whose key is sealed, and credentials beside the state folder.
struct Sealed {
    world: World,
    credentials: String,
}

impl Sealed {
    fn new() -> Sealed {
        let world = World::new();
        let credentials = world.place.dir.path().join("credentials");
        fs::create_dir(&credentials).expect("a folder");
        let key: Vec<u8> = (1..=32).collect();
        fs::write(credentials.join("conductor-key"), key).expect("a credential");
        let file = world.place.secret("acme.key", TOKEN);
        fs::remove_file(world.place.dir.path().join("acme.key")).expect("removed");
        let settings = world.settings().replace(&file, "{ sealed = \"acme\" }");
        fs::remove_file(world.place.dir.path().join("acme.key")).expect("removed");
        world.place.write_settings(&settings);
        Sealed { credentials: credentials.display().to_string(), world }
    }

    fn start(&self) -> Agent {
        ready(self.world.place.spawn_in(&[], &[("CREDENTIALS_DIRECTORY", &self.credentials)]))
    }

    fn verb(&self, arguments: &[&str], stdin: &str) -> Output {
        self.world.place.verb_in(arguments, &[("CREDENTIALS_DIRECTORY", &self.credentials)], stdin)
    }
}

fn ready(mut agent: Agent) -> Agent {
    agent.wait_until("it is ready", |agent| agent.get("/readyz").is_some_and(|(status, _)| status == 200));
    agent
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// All bytes of all files.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else if path.is_file() {
            all.extend(fs::read(&path).expect("a file"));
        }
    }
    all
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else if path.is_file() {
            fs::copy(&path, to).expect("copied");
        }
    }
}

#[test]
fn a_running_agent_takes_a_newly_sealed_key_and_a_copy_of_its_state_folder_opens_nothing() {
    let sealed = Sealed::new();
    let world = &sealed.world;
    let mut agent = sealed.start();
    wait_for(&mut agent, "integration-keyless", &["conductor secret set acme"]);
    assert_eq!(text_at(&agent, "/secrets/key"), "credential");
    world.put_now(1, 3);
    let set = sealed.verb(&["integration", "set-key", "acme"], TOKEN);
    assert!(set.status.success() && said(&set).contains("sealed under the systemd credential"), "{set:?}");
    // Within the look's seconds: the next try by itself is a minute away.
    agent.wait_within(Duration::from_secs(40), "it collects", |_| world.everything_arrived());
    wait_gone(&mut agent, "integration-keyless");
    let again = sealed.verb(&["integration", "set-key", "acme"], TOKEN);
    assert!(said(&again).contains("holds this key already"), "{again:?}");
    // Another one, without a signal.
    world.api.set_token(NEW);
    let set = sealed.verb(&["secret", "set", "acme"], &format!("{NEW}\n"));
    assert!(set.status.success() && said(&set).contains("integrations.acme.api-key: a running agent"), "{set:?}");
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-refused");
    // A command without the credential spoils nothing.
    let without = world.place.verb_in(&["secret", "set", "acme"], &[], TOKEN);
    assert_eq!(without.status.code(), Some(77), "{without:?}");
    agent.stop();

    let thief = Place::new("");
    thief.write_settings(
        &fs::read_to_string(world.place.config())
            .expect("settings")
            .split_once("[integrations")
            .map_or_else(String::new, |(_, rest)| format!("[integrations{rest}")),
    );
    copy(&world.place.state(), &thief.state());
    let listed = thief.verb(&["secret", "list"]);
    assert!(listed.status.code() == Some(77) && said(&listed).contains("does not open"), "{listed:?}");
    let bytes = bytes_below(&thief.state());
    for key in [TOKEN, NEW] {
        assert!(memchr::memmem::find(&bytes, key.as_bytes()).is_none(), "{key} is in the state folder");
    }

    let mut agent = sealed.start();
    world.put_now(3, 3);
    world.everything_arrives(&mut agent);
    agent.stop();
    let mut agent = ready(world.place.spawn());
    wait_for(&mut agent, "integration-keyless", &["acme", "LoadCredentialEncrypted=conductor-key"]);
    assert!(!world.place.log().contains(TOKEN) && !world.place.log().contains(NEW));
}

#[test]
fn without_a_credential_status_names_the_key_file_and_a_secret_in_use_is_not_removed() {
    let sealed = Sealed::new();
    let world = &sealed.world;
    let set = world.place.verb_in(&["secret", "set", "acme"], &[], TOKEN);
    assert!(set.status.success() && said(&set).contains("whoever copies that folder can open it"), "{set:?}");
    let mut agent = ready(world.place.spawn());
    world.put_now(1, 3);
    world.everything_arrives(&mut agent);
    assert_eq!(text_at(&agent, "/secrets/key"), "file");
    assert_eq!(agent.conditions(), []);
    let resealed = world.place.verb(&["secret", "reseal"]);
    assert!(said(&resealed).contains("1 sealed anew"), "{resealed:?}");
    let listed = world.place.verb(&["secret", "list"]);
    assert!(said(&listed).contains("used by integrations.acme.api-key; opens by the key file"), "{listed:?}");
    let removed = world.place.verb(&["secret", "remove", "acme"]);
    assert!(removed.status.code() == Some(64) && said(&removed).contains("out of the settings first"), "{removed:?}");
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
}
