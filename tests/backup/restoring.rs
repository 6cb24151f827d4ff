//! What goes into a backup and comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{KEY, PASSPHRASE, PROXY, all, backup, done, filled, said};
use crate::agent::Place;

#[test]
fn a_backup_without_secrets_holds_the_settings_for_people_to_read_and_no_secret() {
    let place = filled();
    let (file, text) = backup(&place, "plain.json", &[], "");
    assert!(!text.contains("CANARY"), "{text}");
    for line in [
        "\"conductor-backup\": 1",
        "\"# our box\"",
        "[integrations.acme]",
        "\"certificates/soc-ca-1.pem\"",
        "127.0.0.1:3128",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(place.verb(&["backup", "--out", &file]).status.code(), Some(74), "it takes no other file's place");
    // A secret that slipped into a comment is found.
    fs::write(place.dir.path().join("conductor.d/note.toml"), format!("# the key is {KEY}\n")).expect("written");
    let refused = place.verb(&["backup", "--out", &format!("{file}.2")]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(said(&refused).contains("conductor.d/note.toml") && !said(&refused).contains(KEY), "{}", said(&refused));
    let (_, text) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    assert!(!text.contains("CANARY"), "{text}");
}

#[test]
fn settings_and_secrets_of_one_box_come_back_on_another_and_its_own_are_kept_beside() {
    let place = filled();
    let (file, text) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    assert!(!text.contains("CANARY"), "{text}");
    // The other box, at the same place: as if the disk had been changed.
    for name in ["conductor.d/acme.toml", "secrets", "certificates"] {
        let path = place.state().join(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("removed");
    }
    place.write_settings("");
    fs::write(
        place.state().join("conductor.d/other.toml"),
        "[destinations.other]\ntype = \"syslog\"\naddress = \"127.0.0.1:1\"\n",
    )
    .expect("written");
    let before = all(place.dir.path());
    let dry = done(&place, &["restore", &file, "--dry-run"], PASSPHRASE);
    assert!(dry.contains("would write") && dry.contains("would seal: the secret acme"), "{dry}");
    assert_eq!(all(place.dir.path()), before, "nothing was done");

    let told = done(&place, &["restore", &file], PASSPHRASE);
    assert!(told.contains("removed: ") && told.contains("other.toml") && told.contains("no agent answers"), "{told}");
    let settings = fs::read_to_string(place.config()).expect("read");
    assert!(settings.contains(&format!("ada:{PROXY}@")) && settings.contains("# our box"), "{settings}");
    assert!(place.state().join("certificates/soc-ca-1.pem").is_file());
    let listed = done(&place, &["secret", "list"], "");
    assert!(listed.contains("integrations.acme.api-key; opens by"), "{listed}");
    assert!(done(&place, &["integration", "list"], "").contains("acme"));
    // It is as it was, the proxy's password too, which the plain part lacks.
    let again = done(&place, &["restore", &file, "--without-secrets"], "");
    assert!(again.contains("nothing is to be done"), "{again}");
    // What stood there comes back too.
    let kept = place.state().join("backup/before-restore.json").display().to_string();
    let copy = place.dir.path().join("before.json").display().to_string();
    fs::copy(kept, &copy).expect("copied");
    assert!(fs::read_to_string(copy).expect("read").contains("conductor-backup"));
    let audit = done(&place, &["audit", "show"], "");
    assert!(audit.contains("settings backup") && audit.contains("settings restore"), "{audit}");
}

#[test]
fn a_restore_that_is_refused_changes_nothing() {
    let place = filled();
    let (_, text) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    let without_audit = |place: &Place| {
        let mut files = all(place.dir.path());
        files.retain(|(name, _)| !name.contains("/audit/") && !name.contains("changed.json"));
        files
    };
    let before = without_audit(&place);
    let changed = place.dir.path().join("changed.json").display().to_string();
    let table: [(String, &str, i32, &str); 6] = [
        (text.clone(), "another passphrase\n", 77, "do not open"),
        (text.replace("127.0.0.1:6514", "192.0.2.66:6514"), PASSPHRASE, 77, "do not open"),
        (text.replace("\"conductor-backup\": 1", "\"conductor-backup\": 9"), PASSPHRASE, 64, "later version"),
        (
            text.replace("certificates/soc-ca-1.pem", "certificates/../access/users.json"),
            PASSPHRASE,
            64,
            "no file of settings",
        ),
        ("[agent]\n".to_owned(), PASSPHRASE, 64, "no backup of conductor"),
        (text[..text.len() / 2].to_owned(), PASSPHRASE, 64, "no backup of conductor"),
    ];
    for (content, passphrase, exit, sentence) in table {
        fs::write(&changed, content).expect("written");
        let refused = place.verb_in(&["restore", &changed], &[], passphrase);
        assert_eq!(refused.status.code(), Some(exit), "{}", said(&refused));
        assert!(said(&refused).contains(sentence), "{sentence}: {}", said(&refused));
        assert_eq!(without_audit(&place), before, "{sentence}");
    }
    // Settings that do not hold.
    let (_, plain) = backup(&place, "plain.json", &[], "");
    let before = without_audit(&place);
    fs::write(&changed, plain.replace("[integrations.acme]", "[integrations.acme]\",\"nonsense = 1")).expect("written");
    let refused = place.verb(&["restore", &changed]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(
        said(&refused).contains("nonsense") && said(&refused).contains("nothing was changed"),
        "{}",
        said(&refused)
    );
    assert_eq!(without_audit(&place), before);
}

#[test]
fn a_running_agent_takes_restored_settings_up_without_a_restart() {
    let place = filled();
    let (file, _) = backup(&place, "plain.json", &[], "");
    done(&place, &["destination", "remove", "soc"], "");
    place.write_settings("");
    let mut agent = place.start();
    assert_eq!(agent.status()["destinations"].as_array().map(Vec::len), Some(0));
    let told = done(&place, &["restore", &file], "");
    assert!(told.contains("reads its settings again"), "{told}");
    agent.wait_until("the destination is back", |agent| agent.status()["destinations"][0]["name"] == "soc");
    assert!(agent.stop().0.success());
}
