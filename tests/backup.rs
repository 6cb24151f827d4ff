//! Backup, restore and factory reset, by the real program: what is in the file, what comes back, and what is left.

mod agent;

#[path = "backup/owning.rs"]
mod owning;
#[path = "backup/restoring.rs"]
mod restoring;
#[path = "backup/searching.rs"]
mod searching;
#[path = "backup/wiping.rs"]
mod wiping;

use std::fs;
use std::path::Path;
use std::process::Output;

use agent::Place;

const KEY: &str = "CANARY-sealed-key-31aa";
const PROXY: &str = "CANARY-proxy-77";
const PASSPHRASE: &str = "CANARY correct horse battery\n";

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].concat().iter().map(|byte| char::from(*byte)).collect()
}

/// Runs a verb that must go well.
fn done(place: &Place, verb: &[&str], stdin: &str) -> String {
    let output = place.verb_in(verb, &[], stdin);
    assert!(output.status.success(), "{verb:?}: {}", said(&output));
    said(&output)
}

/// A box with settings of its operator's, and such as the commands make, one sealed secret and a certificate.
fn filled() -> Place {
    let place = Place::new(&format!("[egress]\nproxy = \"http://ada:{PROXY}@127.0.0.1:3128\"\n# our box\n"));
    done(&place, &["secret", "set", "acme"], KEY);
    done(&place, &["integration", "add", "acme", "api-key={ sealed = \"acme\" }", "enabled=false"], "");
    done(&place, &["destination", "add", "soc", "type=syslog", "address=127.0.0.1:6514", "enabled=false"], "");
    let folder = place.state().join("certificates");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("soc-ca-1.pem"), "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
        .expect("written");
    place
}

/// A backup of this place, as text.
fn backup(place: &Place, name: &str, more: &[&str], stdin: &str) -> (String, String) {
    let file = place.dir.path().join(name).display().to_string();
    done(place, &[&["backup", "--out", &file], more].concat(), stdin);
    let text = fs::read_to_string(&file).expect("read");
    (file, text)
}

/// Every file below this folder, with its bytes.
fn all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}
