//! The appliance's data partition: its own script, on a scratch root. Disks and a TPM2 are played by
//! `appliance_storage/bin.sh`.
//!
//! Promise: nothing outside of the scratch root is read or changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What makes a partition anew: none of it may be called where data must stay.
const WRITERS: [&str; 5] = ["wipefs", "mke2fs", "e2fsck -y", "cryptsetup luksErase", "cryptsetup luksFormat"];

struct Appliance {
    root: tempfile::TempDir,
}

impl Appliance {
    /// A box with its one disk.
    fn new() -> Appliance {
        let it = Appliance { root: tempfile::tempdir().expect("a folder") };
        for folder in ["dev", "esp", "efi", "run", "bin"] {
            fs::create_dir(it.at(folder)).expect(folder);
        }
        it.disk("sda");
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/appliance_storage/bin.sh");
        let played =
            ["mount", "umount", "modprobe", "sync", "cryptsetup", "systemd-cryptenroll", "wipefs", "mke2fs", "e2fsck"];
        for name in played {
            symlink(&stand_in, it.at("bin").join(name)).expect("a link");
        }
        it
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn with(&self, file: &str, text: &str) -> &Appliance {
        fs::write(self.at(file), text).expect(file);
        self
    }

    /// A disk of an appliance is attached.
    fn disk(&self, name: &str) {
        for (number, label) in ["esp", "data"].iter().enumerate() {
            let folder = self.at(&format!("sys/class/block/{name}{number}"));
            fs::create_dir_all(&folder).expect("a partition");
            fs::write(folder.join("uevent"), format!("DEVTYPE=partition\nPARTNAME={label}\n")).expect("written");
        }
    }

    /// What it says about its storage, and whether it goes on.
    fn starts(&self) -> (Value, bool) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("image/root/usr/lib/appliance/storage");
        let path = format!("{}:{}", self.at("bin").display(), std::env::var("PATH").expect("a path"));
        let mut command = Command::new("bash");
        command.arg(script).env("APPLIANCE_ROOT", self.root.path()).env("PATH", path);
        let output = command.output().expect("bash");
        let told = fs::read(self.at("run/appliance/storage.json")).expect("it tells");
        (serde_json::from_slice(&told).expect("JSON"), output.status.success())
    }

    fn called(&self, words: &str) -> bool {
        fs::read_to_string(self.at("calls")).unwrap_or_default().lines().any(|line| line.starts_with(words))
    }

    fn nothing_was_written(&self) {
        assert!(!WRITERS.iter().any(|words| self.called(words)), "{:?}", fs::read_to_string(self.at("calls")));
    }
}

fn why(told: &Value) -> &str {
    told["why"].as_str().expect("a sentence")
}

#[test]
fn with_two_disks_of_an_appliance_chance_does_not_decide_which_is_made_anew() {
    let it = Appliance::new();
    it.with("esp/fresh", "").disk("sdb");
    let (told, goes_on) = it.starts();
    assert!(!goes_on && why(&told).starts_with("two disks of an appliance are attached"), "{told}");
    it.nothing_was_written();
    assert!(!it.called("mount") && !it.called("cryptsetup"));
}

#[test]
fn a_mark_that_stays_on_a_disk_that_fails_is_told_and_nothing_is_gathered_that_the_next_start_would_wipe() {
    let it = Appliance::new();
    it.with("esp/fresh", "").with("torn", "");
    let (told, goes_on) = it.starts();
    assert!(!goes_on && why(&told).contains("the mark for it can't be taken off the ESP"), "{told}");
    assert!(!it.called(&format!("mount -t ext4 -o noatime,nodev,nosuid,noexec {}", it.root.path().display())));
}

#[test]
fn a_new_box_with_a_tpm2_is_encrypted_once_and_opened_by_it_from_then_on() {
    let it = Appliance::new();
    it.with("esp/fresh", "").with("dev/tpmrm0", "its own");
    let (told, goes_on) = it.starts();
    assert!(goes_on && told["encrypted"] == true && told["opened-by"] == "tpm2", "{told}");
    assert!(!it.at("esp/fresh").exists() && !it.at("run/appliance/key").exists());
    fs::remove_file(it.at("calls")).expect("forgotten");
    let (told, goes_on) = it.starts();
    assert!(goes_on && told["encrypted"] == true, "{told}");
    it.nothing_was_written();
}

#[test]
fn what_another_machines_tpm2_has_sealed_is_left_as_it_is() {
    for tpm in [Some("another"), None] {
        let it = Appliance::new();
        it.with("luks", "its own");
        if let Some(name) = tpm {
            it.with("dev/tpmrm0", name);
        }
        let (told, goes_on) = it.starts();
        assert!(!goes_on && told["encrypted"] == true && told["opened-by"] == "none", "{told}");
        assert!(why(&told).contains("it was left as it is"), "{told}");
        it.nothing_was_written();
    }
}

#[test]
fn a_tpm2_that_keeps_no_key_leaves_the_data_plain_and_that_is_said() {
    let it = Appliance::new();
    it.with("esp/fresh", "").with("dev/tpmrm0", "locked").with("keyless", "");
    let (told, goes_on) = it.starts();
    assert!(goes_on && told["encrypted"] == false && why(&told).contains("no TPM2 could keep a key"), "{told}");
    assert!(it.called("mke2fs"));
}

#[test]
fn data_on_a_machine_without_a_tpm2_is_opened_and_never_made_anew_without_the_mark() {
    let it = Appliance::new();
    let (told, goes_on) = it.starts();
    assert!(goes_on && told["encrypted"] == false && why(&told).contains("shows no TPM2"), "{told}");
    assert!(it.called("e2fsck -p") && it.called("mount -t ext4"));
    it.nothing_was_written();
}
