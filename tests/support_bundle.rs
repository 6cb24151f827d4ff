//! The support bundle of the real agent: whole with the agent and without it, and nothing marked in it.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use world::{TOKEN, World};

const SEALED: &str = "CANARY-sealed-91ab33";
const HEADER: &str = "CANARY-header-77c0de";

/// Makes one, unpacks it with the system's tar, and gives its files back by name.
fn bundle(world: &World, name: &str) -> BTreeMap<String, Vec<u8>> {
    let file = world.place.dir.path().join(format!("{name}.tar.gz"));
    let said = world.place.verb(&["support-bundle", "--output", &file.display().to_string()]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let again = world.place.verb(&["support-bundle", "--quick", "--output", &file.display().to_string()]);
    assert_eq!(again.status.code(), Some(74), "it takes no other file's place");
    let folder = world.place.dir.path().join(name);
    fs::create_dir(&folder).expect("a folder");
    let tar = Command::new("tar").arg("-xzf").arg(&file).arg("-C").arg(&folder).status().expect("tar runs");
    assert!(tar.success());
    let inner = fs::read_dir(&folder).expect("unpacked").next().expect("one folder").expect("an entry").path();
    let read = |path: &Path| fs::read(path).expect("read");
    let entries = fs::read_dir(&inner).expect("files").map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), read(&path))).collect()
}

fn text<'f>(files: &'f BTreeMap<String, Vec<u8>>, name: &str) -> &'f str {
    std::str::from_utf8(files.get(name).unwrap_or_else(|| panic!("no {name} in it"))).expect("UTF-8")
}

fn settings(world: &World) -> String {
    format!(
        "{}[destinations.extra]\nenabled = false\ntype = \"http\"\nurl = \"https://collector.example/{HEADER}\"\n\
         headers = {{ X-Plain = \"{HEADER}\" }}\nauth = {{ bearer = {{ sealed = \"extra\" }} }}\n# {HEADER}\n",
        world.settings()
    )
}

#[test]
fn with_and_without_the_agent_it_holds_what_its_manifest_says_and_no_secret_and_no_event() {
    let world = World::new();
    world.place.write_settings(&settings(&world));
    assert!(world.place.verb_in(&["secret", "set", "extra"], &[], SEALED).status.success());
    // Before it starts: threats of the last hours that come amid its first poll would be behind its window.
    world.put(5, 12);
    let mut agent = world.place.start();
    world.everything_arrives(&mut agent);
    let with = bundle(&world, "with");
    assert!(agent.stop().0.success());
    let without = bundle(&world, "without");

    let status: Value = serde_json::from_str(text(&with, "status.json")).expect("JSON");
    assert_eq!(status["agent"]["name"], "box");
    assert!(text(&with, "metrics.txt").contains("conductor_build_info"));
    assert!(!without.contains_key("status.json") && text(&without, "MANIFEST").contains("status.json"));
    for files in [&with, &without] {
        let manifest = text(files, "MANIFEST");
        for name in files.keys().filter(|name| *name != "MANIFEST") {
            assert!(manifest.contains(name.as_str()), "{name}: {manifest}");
        }
        assert!(!manifest.contains("held a secret"), "{manifest}");
        let settings = text(files, "settings.toml");
        assert!(settings.contains("[integrations.acme]") && settings.contains("sealed = \"extra\""), "{settings}");
        assert!(text(files, "audit.jsonl").contains("\"secret set\""));
        let chain: Value = serde_json::from_str(text(files, "audit-verify.json")).expect("JSON");
        assert_eq!(chain["holds"], true);
        let queue: Value = serde_json::from_str(text(files, "queue.json")).expect("JSON");
        assert!(queue.is_object(), "{queue}");
        let verified: Value = serde_json::from_str(text(files, "queue-verify.json")).expect("JSON");
        assert!(verified["events"].as_u64() >= Some(12), "{verified}");
        assert!(text(files, "disk.txt").contains("audit/audit.jsonl"));
        for (name, bytes) in files {
            for mark in [TOKEN, SEALED, HEADER] {
                assert!(memchr::memmem::find(bytes, mark.as_bytes()).is_none(), "{name} holds {mark}");
            }
            for message in world.api.threats().iter().flat_map(|threat| &threat.messages) {
                for of_event in [&message.subject, &message.from_address] {
                    assert!(memchr::memmem::find(bytes, of_event.as_bytes()).is_none(), "{name} holds {of_event}");
                }
            }
        }
    }
}

#[test]
fn settings_that_hold_mistakes_and_a_state_folder_that_is_not_there_still_make_one() {
    let world = World::new();
    world.place.write_settings(&format!("[integrations.acme]\napi-key = \"{SEALED}\"\nnonsense = \"{SEALED}\"\n"));
    let files = bundle(&world, "broken");
    assert!(text(&files, "mistakes.txt").contains("nonsense") && text(&files, "settings.toml").contains("(left out)"));
    assert!(files.values().all(|bytes| memchr::memmem::find(bytes, SEALED.as_bytes()).is_none()));
}
