//! Where a secret must not be, searched after a scene: what the browser was given, the log, the agent's folder, the
//! audit log and a support bundle.
//!
//! Promise: each secret is sought in every form in which it might get out, and the places are shown to hold something.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::marks::Mark;
use crate::world::{HEC_TOKEN, KEY, NEXT_KEY, PASSWORD, PROXY_PASSWORD, WRONG_KEY, World};

pub fn none(mut world: World) {
    let folder = world.place.dir.path().to_owned();
    let bundle = folder.join("bundle.tar.gz");
    let said = world.place.verb(&["support-bundle", "--output", &bundle.display().to_string()]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for bundle in [bundle, folder.join("seen-bundle.tar.gz")].iter().filter(|bundle| bundle.exists()) {
        let unpacked = bundle.with_extension("");
        fs::create_dir(&unpacked).expect("a folder");
        let tar = Command::new("tar").arg("-xzf").arg(bundle).arg("-C").arg(&unpacked).status().expect("tar runs");
        assert!(tar.success());
    }
    let audit = world.place.verb(&["audit", "show"]);
    fs::write(folder.join("audit"), audit.stdout).expect("a file");
    world.agent.take().expect("it runs").stop();

    let mut files = BTreeMap::new();
    gather(&folder, &mut files);
    // The operator's own files, where they stand by his will.
    for own in ["right.key", "wrong.key", "hec.token", "conductor.toml"] {
        files.remove(&folder.join(own).display().to_string());
    }
    for (place, least) in [("seen", 10_000), ("agent.log", 100), ("audit", 100)] {
        let size = files.get(&folder.join(place).display().to_string()).map_or(0, Vec::len);
        assert!(size >= least, "{place} holds {size} bytes: there was nothing to search");
    }
    let secrets = [
        ("key", KEY),
        ("next key", NEXT_KEY),
        ("wrong key", WRONG_KEY),
        ("password", PASSWORD),
        ("HEC token", HEC_TOKEN),
        ("proxy's password", PROXY_PASSWORD),
    ];
    for (name, secret) in secrets {
        let mark = Mark::new(name, secret.as_bytes());
        for (path, bytes) in &files {
            assert_eq!(mark.form_in(bytes), None, "{path} holds the {name}");
        }
    }
}

fn gather(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, into);
        } else if let Ok(bytes) = fs::read(&path) {
            into.insert(path.display().to_string(), bytes);
        }
    }
}
