//! What the sealed store keeps, what it refuses, and what its folder is worth to who copies it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::*;
use crate::secrets::{SecretRef, resolve_text, resolve_token, stamp};

const CANARY: &str = "CANARY-sealed-5e1f9c";

/// A state folder, and a folder of credentials beside it.
struct Room(tempfile::TempDir);

impl Room {
    /// Without a credential.
    fn new() -> Room {
        Room(tempfile::tempdir().expect("a folder"))
    }

    /// With this credential.
    fn with_key(byte: u8) -> Room {
        let room = Room::new();
        room.credential(CREDENTIAL, byte);
        room
    }

    fn credential(&self, name: &str, byte: u8) {
        let folder = self.0.path().join("credentials");
        fs::create_dir_all(&folder).expect("a folder");
        let key: Vec<u8> = (byte..byte + 32).collect();
        fs::write(folder.join(name), key).expect("a credential");
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state().join("secrets").join(name)
    }

    /// As the agent has them under systemd.
    fn sources(&self) -> SecretSources {
        let credentials = self.0.path().join("credentials");
        SecretSources { credentials_dir: credentials.exists().then_some(credentials), state_dir: self.state() }
    }

    /// As a command of root's has them.
    fn without(&self) -> SecretSources {
        SecretSources { credentials_dir: None, ..self.sources() }
    }

    fn seal(&self, name: &str, text: &str) -> KeyKind {
        seal(&self::name(name), text, &self.sources()).expect("sealed")
    }

    fn opens(&self, name: &str) -> String {
        open(&self::name(name), &self.sources()).expect("opened").to_string()
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Why it does not open.
fn refused(name: &str, sources: &SecretSources) -> String {
    let fault = open(&self::name(name), sources).expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Keyless);
    let told = format!("{} {fault:?}", fault.chain());
    assert!(told.contains(name) && !told.contains("CANARY"), "{told}");
    told
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn without_a_credential_a_key_file_is_made_at_first_need_and_all_is_for_the_owner_alone() {
    let room = Room::new();
    assert!(matches!(sealing(&room.sources()), Sealing::NotYet));
    assert!(!room.state().exists(), "looking makes nothing");
    assert_eq!(room.seal("acme", CANARY), KeyKind::File);
    let key = fs::read(room.file("key")).expect("a key");
    room.seal("globex", "another");
    assert_eq!(fs::read(room.file("key")).expect("a key"), key, "one key for all");
    assert_eq!((room.opens("acme").as_str(), room.opens("globex").as_str()), (CANARY, "another"));
    assert!(matches!(sealing(&room.sources()), Sealing::File));
    assert_eq!((key.len(), mode(&room.file("")), mode(&room.file("key"))), (32, 0o700, 0o600));
    assert_eq!(mode(&room.file("acme.sealed")), 0o600);
    assert_eq!(fs::read_dir(room.file("")).expect("a folder").count(), 3, "nothing is left beside them");
}

#[test]
fn the_state_folder_alone_opens_nothing_when_the_key_is_a_credential() {
    let room = Room::with_key(1);
    assert_eq!(room.seal("acme", CANARY), KeyKind::Credential);
    assert_eq!(room.opens("acme"), CANARY);
    assert!(matches!(sealing(&room.sources()), Sealing::Credential));
    assert!(!room.file("key").exists());
    let told = refused("acme", &room.without());
    assert!(told.contains("LoadCredentialEncrypted=conductor-key"), "{told}");
}

#[test]
fn a_command_that_lacks_the_agents_credential_seals_nothing_and_makes_no_key_file() {
    let room = Room::with_key(1);
    // The agent has looked once; nothing is sealed yet.
    assert!(matches!(sealing(&room.sources()), Sealing::Credential));
    for refused in [seal(&name("acme"), CANARY, &room.without()).map(drop), reseal(&room.without()).map(drop)] {
        let told = refused.expect_err("refused").to_string();
        assert!(told.contains("CREDENTIALS_DIRECTORY=/run/credentials/conductor.service"), "{told}");
    }
    assert!(!room.file("key").exists() && !room.file("acme.sealed").exists());
}

#[test]
fn what_was_cut_swapped_emptied_or_sealed_under_another_key_says_what_to_do() {
    let room = Room::with_key(1);
    room.seal("acme", CANARY);
    room.seal("globex", "CANARY-another");
    let whole = fs::read(room.file("acme.sealed")).expect("read");
    assert!(refused("absent", &room.sources()).contains("conductor secret set absent"));
    fs::copy(room.file("acme.sealed"), room.file("globex.sealed")).expect("copied");
    assert!(refused("globex", &room.sources()).contains("under another name; set it again by"));
    for (bytes, said) in
        [(&b""[..], "cut off"), (&whole[..10], "cut off"), (&whole[..30], "damaged"), (b"text", "no sealed")]
    {
        fs::write(room.file("acme.sealed"), bytes).expect("written");
        let told = refused("acme", &room.sources());
        assert!(told.contains(said), "{told}");
    }
    fs::write(room.file("acme.sealed"), &whole).expect("written");
    room.credential(CREDENTIAL, 2);
    assert!(refused("acme", &room.sources()).contains("conductor-key-old and run"));
    room.credential(CREDENTIAL, 1);
    assert_eq!(room.opens("acme"), CANARY);
    fs::write(room.0.path().join("credentials/conductor-key"), "a password").expect("written");
    let told = refused_by_key(&room);
    assert!(told.contains("32 random bytes"), "{told}");
}

fn refused_by_key(room: &Room) -> String {
    assert!(matches!(sealing(&room.sources()), Sealing::Unusable(_)));
    let told = seal(&name("acme"), "new", &room.sources()).expect_err("refused").to_string();
    assert!(!room.file("key").exists(), "the key file never takes a credential's place");
    let fault = open(&name("acme"), &room.sources()).expect_err("refused").chain();
    assert_eq!(told, fault);
    told
}

#[test]
fn a_lost_key_file_is_told_and_what_is_set_again_is_sealed_under_a_new_one() {
    let room = Room::new();
    room.seal("acme", CANARY);
    fs::remove_file(room.file("key")).expect("lost");
    assert!(refused("acme", &room.sources()).contains("the key file that it was sealed under is gone"));
    room.seal("acme", "new");
    assert_eq!(room.opens("acme"), "new");
    fs::write(room.file("key"), "half").expect("damaged");
    let told = open(&name("acme"), &room.sources()).expect_err("refused").chain();
    assert!(told.contains("/key was damaged"), "{told}");
}

#[test]
fn a_reseal_moves_everything_under_the_new_key_and_takes_the_old_key_file_away() {
    let room = Room::new();
    room.seal("acme", CANARY);
    room.seal("globex", "another");
    let before = fs::read(room.file("key")).expect("a key");
    let done = reseal(&room.sources()).expect("resealed");
    assert_eq!((done.kind, done.done, done.left.len()), (KeyKind::File, 2, 0));
    assert_ne!(fs::read(room.file("key")).expect("a key"), before);
    assert!(!room.file("key-old").exists());
    assert_eq!(room.opens("acme"), CANARY);
    // A credential takes over.
    room.credential(CREDENTIAL, 1);
    assert_eq!(room.opens("acme"), CANARY, "both open meanwhile");
    assert!(matches!(sealing(&room.sources()), Sealing::Both));
    let done = reseal(&room.sources()).expect("resealed");
    assert_eq!((done.kind, done.done), (KeyKind::Credential, 2));
    assert!(!room.file("key").exists());
    assert!(matches!(sealing(&room.sources()), Sealing::Credential));
    refused("acme", &room.without());
    // And another credential after it.
    room.credential("conductor-key-old", 1);
    room.credential(CREDENTIAL, 2);
    assert_eq!(room.opens("globex"), "another");
    assert_eq!(reseal(&room.sources()).expect("resealed").done, 2);
    fs::remove_file(room.0.path().join("credentials/conductor-key-old")).expect("taken away");
    assert_eq!((room.opens("acme").as_str(), room.opens("globex").as_str()), (CANARY, "another"));
}

#[test]
fn a_reseal_that_was_cut_off_anywhere_is_gone_on_with_and_meanwhile_everything_opens() {
    let room = Room::new();
    room.seal("acme", CANARY);
    room.seal("globex", "another");
    let first = fs::read(room.file("key")).expect("a key");
    let acme = fs::read(room.file("acme.sealed")).expect("sealed");
    // Cut off before the new key was there: it is made by the next one.
    fs::write(room.file("key-old"), &first).expect("written");
    assert_eq!(reseal(&room.sources()).expect("resealed").done, 2);
    let second = fs::read(room.file("key")).expect("a key");
    assert_ne!(first, second);
    // Cut off between the first secret and the second.
    fs::write(room.file("key-old"), &first).expect("written");
    fs::write(room.file("acme.sealed"), &acme).expect("written");
    assert_eq!((room.opens("acme").as_str(), room.opens("globex").as_str()), (CANARY, "another"));
    assert_eq!(reseal(&room.sources()).expect("resealed").done, 2);
    assert_eq!(fs::read(room.file("key")).expect("a key"), second, "it is gone on with");
    assert!(!room.file("key-old").exists());
    assert_eq!(room.opens("acme"), CANARY);
}

#[test]
fn a_secret_that_does_not_open_is_left_by_a_reseal_with_the_old_key() {
    let room = Room::new();
    room.seal("acme", CANARY);
    room.seal("globex", "another");
    fs::write(room.file("globex.sealed"), "CNDSEAL").expect("damaged");
    let done = reseal(&room.sources()).expect("resealed");
    assert_eq!((done.done, done.left.len()), (1, 1));
    assert!(room.file("key-old").exists());
    let names: Vec<(String, bool)> = list(&room.sources())
        .expect("listed")
        .iter()
        .map(|entry| (entry.name.to_string(), entry.opens.is_ok()))
        .collect();
    assert_eq!(names, [("acme".to_owned(), true), ("globex".to_owned(), false)]);
    assert!(remove(&name("globex"), &room.sources()).expect("removed"));
    assert!(!remove(&name("globex"), &room.sources()).expect("gone"));
    assert_eq!(reseal(&room.sources()).expect("resealed").left.len(), 0);
    assert!(!room.file("key-old").exists());
}

#[test]
fn no_link_in_the_state_folder_is_followed() {
    let room = Room::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::create_dir(room.state()).expect("a folder");
    symlink(elsewhere.path(), room.state().join("secrets")).expect("a link");
    seal(&name("acme"), CANARY, &room.sources()).expect_err("a link");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
    fs::remove_file(room.state().join("secrets")).expect("removed");
    room.seal("acme", CANARY);
    let target = elsewhere.path().join("target");
    fs::rename(room.file("acme.sealed"), &target).expect("moved");
    symlink(&target, room.file("acme.sealed")).expect("a link");
    refused("acme", &room.sources());
    let before = fs::read(&target).expect("read");
    room.seal("acme", "new");
    assert_eq!(fs::read(&target).expect("read"), before, "the link is replaced");
    assert_eq!(room.opens("acme"), "new");
}

#[test]
fn a_reference_to_a_sealed_secret_is_read_as_any_other_and_its_change_is_seen() {
    let room = Room::with_key(1);
    let acme = SecretRef::Sealed("acme".into());
    assert_eq!(stamp(&acme, &room.sources()), None);
    room.seal("acme", &format!("{CANARY}\n"));
    let before = stamp(&acme, &room.sources());
    assert_eq!(resolve_token(&acme, &room.sources()).expect("a token").reveal(), CANARY);
    assert_eq!(resolve_text(&acme, &room.sources()).expect("a text").reveal(), format!("{CANARY}\n"));
    room.seal("acme", "CANARY two words");
    assert!(before.is_some() && stamp(&acme, &room.sources()) != before);
    let told = resolve_token(&acme, &room.sources()).expect_err("no token").chain();
    assert!(told.contains("the sealed secret acme holds a blank") && !told.contains("CANARY"), "{told}");
    let outside = resolve_token(&SecretRef::Sealed("../acme".into()), &room.sources()).expect_err("outside");
    assert!(outside.context.contains("a-z"), "{outside}");
}
