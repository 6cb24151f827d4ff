//! What a backup is searched for, and what it says of what it could not search for.

use std::fs;

use super::said;
use crate::agent::Place;

const TOKEN: &str = "CANARY-health-token-5c";

#[test]
fn a_health_token_that_slipped_into_a_comment_keeps_the_file_out_of_a_backup() {
    let place = Place::new("");
    let token = place.secret("health.token", TOKEN);
    place.write_settings(&format!("[remote]\nlisten = \"127.0.0.1:0\"\nhealth-token = {token}\n"));
    fs::write(place.dir.path().join("conductor.d/note.toml"), format!("# the token is {TOKEN}\n")).expect("written");
    let file = place.dir.path().join("b.json").display().to_string();
    let refused = place.verb(&["backup", "--out", &file]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("conductor.d/note.toml") && !said(&refused).contains(TOKEN), "{}", said(&refused));
}

#[test]
fn a_credential_that_only_the_agent_is_handed_is_named_as_not_searched_for_and_the_backup_is_made() {
    let place = Place::new("[integrations.acme]\nenabled = false\napi-key = { credential = \"key_acme\" }\n");
    let file = place.dir.path().join("b.json").display().to_string();
    let made = place.verb(&["backup", "--out", &file]);
    assert!(made.status.success() && fs::metadata(&file).is_ok(), "{}", said(&made));
    let warned = String::from_utf8_lossy(&made.stderr);
    let sentence =
        "not searched for in the backup: integrations.acme.api-key (the credential key_acme): it can't be read here";
    assert!(warned.contains(sentence), "{warned}");
    // Where it is handed over, it is searched for.
    let credentials = place.dir.path().join("credentials");
    fs::create_dir(&credentials).expect("made");
    fs::write(credentials.join("key_acme"), "CANARY-key-of-acme\n").expect("written");
    let handed = [("CREDENTIALS_DIRECTORY", credentials.to_str().expect("a path"))];
    let made = place.verb_in(&["backup", "--out", &format!("{file}.2")], &handed, "");
    assert!(made.status.success() && !said(&made).contains("not searched for"), "{}", said(&made));
}
