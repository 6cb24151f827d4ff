//! Whose the files are that a restore writes, what fits into a backup, and what a restore that fails half-way leaves.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use super::{PASSPHRASE, PROXY, all, backup, done, filled, said};

/// No user of this machine.
const AGENT: u32 = 61_000;

fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
    let found = fs::metadata(path).expect("there");
    (found.uid(), found.gid(), found.mode() & 0o777)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn a_restore_by_root_leaves_a_file_to_the_agents_user_and_follows_no_link_that_lies_beside_it() {
    let place = filled();
    let (file, _) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    place.write_settings("");
    set_mode(&place.config(), 0o600);
    if is_root() {
        chown(place.config(), Some(AGENT), Some(AGENT)).expect("its user's");
    }
    let before = owner_and_mode(&place.config());
    let victim = place.dir.path().join("victim");
    fs::write(&victim, "mine").expect("written");
    symlink(&victim, place.dir.path().join(".conductor.toml.new")).expect("a link");
    done(&place, &["restore", &file], PASSPHRASE);
    assert_eq!(owner_and_mode(&place.config()), before);
    assert!(fs::read_to_string(place.config()).expect("read").contains(PROXY));
    assert_eq!(fs::read_to_string(&victim).expect("read"), "mine");
}

#[test]
fn a_file_that_came_sealed_is_for_the_agents_group_and_never_for_all() {
    let place = filled();
    let (file, _) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    if is_root() {
        chown(place.state(), Some(AGENT), Some(AGENT)).expect("its user's");
    }
    let group = fs::metadata(place.state()).expect("there").gid();
    place.write_settings("");
    set_mode(&place.config(), 0o644);
    let told = done(&place, &["restore", &file], PASSPHRASE);
    let (_, gid, mode) = owner_and_mode(&place.config());
    assert_eq!((gid, mode), (group, 0o640));
    assert!(!told.contains("root alone may read"), "{told}");
    // What holds no secret is as open as it was.
    assert_eq!(owner_and_mode(&place.audit()).2 & 0o044, 0o044);
}

#[test]
fn on_a_box_whose_agent_has_never_run_root_is_told_that_it_alone_reads_what_came_sealed() {
    if !is_root() {
        return;
    }
    let place = filled();
    let (file, _) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    place.write_settings("");
    set_mode(&place.config(), 0o644);
    let told = done(&place, &["restore", &file], PASSPHRASE);
    assert!(told.contains("root alone may read it now") && told.contains("chgrp --reference="), "{told}");
    assert_eq!(owner_and_mode(&place.config()).2, 0o640);
}

#[test]
fn a_restore_whose_last_write_fails_leaves_files_modes_and_secrets_as_they_were() {
    let place = filled();
    let config = place.dir.path();
    fs::write(config.join("ours.pem"), "-----BEGIN CERTIFICATE-----\ny\n-----END CERTIFICATE-----\n").expect("written");
    let (file, _) = backup(&place, "sealed.json", &["--with-secrets"], PASSPHRASE);
    // Another box: other settings, no certificate, no secret; and a folder where the last file is written before it is
    // put in its place.
    place.write_settings("# another\n");
    set_mode(&place.config(), 0o644);
    fs::remove_file(config.join("ours.pem")).expect("removed");
    fs::remove_file(place.state().join("certificates/soc-ca-1.pem")).expect("removed");
    fs::remove_file(place.state().join("conductor.d/acme.toml")).expect("removed");
    done(&place, &["secret", "remove", "acme"], "");
    fs::create_dir(place.state().join("conductor.d/.new")).expect("made");
    let state = |name: &str| !name.contains("/audit/") && !name.contains("before-restore.json");
    let here = || all(config).into_iter().filter(|(name, _)| state(name)).collect::<Vec<_>>();
    let (before, access) = (here(), owner_and_mode(&place.config()));
    let failed = place.verb_in(&["restore", &file], &[], PASSPHRASE);
    assert_eq!(failed.status.code(), Some(74), "{}", said(&failed));
    assert!(said(&failed).contains("conductor.d/acme.toml can't be written"), "{}", said(&failed));
    assert!(said(&failed).contains("what was there is there again"), "{}", said(&failed));
    assert_eq!(here(), before);
    assert_eq!(owner_and_mode(&place.config()), access);
    // With the folder out of the way all of it goes in.
    fs::remove_dir(place.state().join("conductor.d/.new")).expect("removed");
    let told = done(&place, &["restore", &file], PASSPHRASE);
    assert!(told.contains("sealed: the secret acme") && config.join("ours.pem").is_file(), "{told}");
}

#[test]
fn a_backup_that_no_restore_would_take_is_not_made() {
    let place = filled();
    let line = "A".repeat(63) + "\n";
    let text = format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", line.repeat(3_900));
    for at in 0..7 {
        fs::write(place.dir.path().join(format!("{at}.pem")), &text).expect("written");
    }
    let (file, made) = backup(&place, "large.json", &[], "");
    assert!(made.len() > 1 << 20);
    done(&place, &["restore", &file, "--dry-run"], "");
    for at in 7..9 {
        fs::write(place.dir.path().join(format!("{at}.pem")), &text).expect("written");
    }
    let refused = place.verb(&["backup", "--out", &format!("{file}.2")]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("is not restored") && !Path::new(&format!("{file}.2")).exists());
}
