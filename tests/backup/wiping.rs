//! Factory reset on a machine that is no appliance.

use std::fs;

use super::{all, done, filled, said};

#[test]
fn while_the_agent_runs_nothing_is_wiped_and_without_its_name_neither() {
    let place = filled();
    let agent = place.start();
    let refused = place.verb(&["reset", "--factory", "--yes"]);
    assert_eq!(refused.status.code(), Some(69), "{}", said(&refused));
    assert!(said(&refused).contains("systemctl stop conductor"), "{}", said(&refused));
    assert!(place.state().join("secrets").is_dir());
    assert!(agent.stop().0.success());
    let refused = place.verb_in(&["reset", "--factory"], &[], "another\n");
    assert_eq!(refused.status.code(), Some(64));
    assert!(place.state().join("secrets").is_dir() && place.state().join("queue").is_dir());
    assert_eq!(place.verb(&["reset"]).status.code(), Some(64), "--factory must be said");
}

#[test]
fn a_reset_leaves_nothing_of_what_the_agent_and_its_verbs_have_written_but_the_entry_that_tells_of_it() {
    let place = filled();
    place.write_settings("[remote]\nlisten = \"127.0.0.1:0\"\nadmin = true\n");
    done(&place, &["claim"], "");
    done(&place, &["user", "add", "ada", "--role", "admin"], "correct horse battery staple\n");
    let mut agent = place.start();
    agent.wait_until("the remote listener listens", |agent| agent.status()["remote"]["listen"].is_string());
    assert!(agent.stop().0.success());
    let told = done(&place, &["reset", "--factory"], "box\n");
    assert!(!told.contains("left, since"), "the table of what is ours lacks something: {told}");
    let left: Vec<String> = all(&place.state()).into_iter().map(|(name, _)| name).collect();
    assert!(left.iter().all(|name| name.contains("/audit/")), "{left:?}");
    let audit = done(&place, &["audit", "show"], "");
    assert!(audit.contains("factory reset") && !audit.contains("user add"), "{audit}");
    assert!(place.config().is_file(), "the operator's settings are as they were");
    // And it begins anew.
    let mut agent = place.start();
    agent.wait_until("it runs", |agent| agent.get("/healthz").is_some());
    assert!(agent.stop().0.success());
}

#[test]
fn with_settings_the_operators_own_go_too_and_what_is_none_of_ours_stays() {
    let place = filled();
    let reference = place.secret("acme.key", "CANARY-in-a-file");
    fs::write(
        place.dir.path().join("conductor.d/more.toml"),
        format!("[integrations.more]\nenabled = false\napi-key = {reference}\n"),
    )
    .expect("written");
    fs::write(place.state().join("diary.txt"), "mine").expect("written");
    let told = done(&place, &["reset", "--factory", "--settings", "--yes"], "");
    assert!(told.contains("left, since it is none of ours") && told.contains("diary.txt"), "{told}");
    let kept = all(place.dir.path());
    assert!(kept.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains("CANARY")), "a secret is left");
    assert!(!place.dir.path().join("conductor.d/more.toml").exists() && place.config().is_file());
}

#[test]
fn a_secret_that_the_state_folder_names_outside_of_the_settings_folder_is_not_removed() {
    let place = filled();
    let outside = tempfile::tempdir().expect("a folder");
    let shadow = outside.path().join("shadow");
    fs::write(&shadow, "root").expect("written");
    let up = "../".repeat(place.dir.path().components().count() - 1);
    let named = format!("{}/{up}{}", place.dir.path().display(), shadow.strip_prefix("/").expect("whole").display());
    assert_eq!(fs::read_to_string(&named).expect("it leads there"), "root");
    let text = format!("[integrations.evil]\nenabled = false\napi-key = {{ file = \"{named}\" }}\n");
    fs::write(place.state().join("conductor.d/evil.toml"), text).expect("written");
    done(&place, &["reset", "--factory", "--settings", "--yes"], "");
    assert!(shadow.exists(), "root has removed what the agent's user named");
}
