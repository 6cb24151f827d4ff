//! The short life of a deb, for the ordinary tests: on a copy of this machine's own root, with the program that is built anyway.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::machine::Machine;
use super::tree::Stamp;
use super::{deb, rpm};
use crate::commands::{on_path, target};
use crate::cross;

const LIMIT: Duration = Duration::from_secs(60);

/// A stamp without the real manual, which only a build of the agent can make.
fn stamp(folder: &Path) -> Stamp {
    let manual = folder.join("manual");
    for (name, text) in [
        ("man/conductor.1", ".TH conductor 1\n"),
        ("completions/conductor", ""),
        ("completions/_conductor", ""),
        ("completions/conductor.fish", ""),
    ] {
        let path = manual.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    Stamp { version: "0.1.0".to_owned(), epoch: "1763596800".to_owned(), manual }
}

/// What the deb holds in the place of the program: packing the real one takes a minute.
fn launcher(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("launcher");
    fs::write(&path, "#!/bin/sh\nexec /shared/conductor \"$@\"\n").expect("written");
    path
}

fn not_run(why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {why}");
}

#[test]
fn a_package_made_twice_of_the_same_is_the_same_bit_for_bit() {
    if !on_path("rpmbuild") || !on_path("dpkg-deb") {
        return not_run("packages need dpkg-deb and rpmbuild: cargo xtask setup");
    }
    let folder = target().join("package-twice");
    fs::create_dir_all(&folder).expect("a folder");
    let to = cross::chosen(&["aarch64".to_owned()]).expect("a target").remove(0);
    let make = |name: &str| {
        let (stamp, into) = (stamp(&folder), folder.join(name));
        fs::create_dir_all(&into).expect("a folder");
        let deb = deb::make(&to, &launcher(&folder), &stamp, &into).expect("a deb");
        let rpm = rpm::make(&to, &launcher(&folder), &stamp, &into).expect("an rpm");
        (fs::read(deb).expect("its bytes"), fs::read(rpm).expect("its bytes"))
    };
    let (one, other) = (make("one"), make("other"));
    assert!(one.0 == other.0, "the debs differ");
    assert!(one.1 == other.1, "the rpms differ");
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_deb_starts_the_agent_a_removal_keeps_its_data_and_a_purge_deletes_it() {
    let program = target().join("debug/conductor");
    if !program.is_file() || !on_path("dpkg-deb") {
        return not_run("the life of a deb needs dpkg-deb and target/debug/conductor");
    }
    let folder = target().join(format!("package-short-life-{}", std::process::id()));
    let shared = folder.join("shared");
    fs::create_dir_all(&shared).expect("a folder");
    fs::copy(&program, shared.join("conductor")).expect("the program");
    let to = cross::chosen(&[std::env::consts::ARCH.to_owned()]).expect("a target").remove(0);
    let deb = deb::make(&to, &launcher(&folder), &stamp(&folder), &shared).expect("a deb");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).expect("its mode");
    let machine = match Machine::start(Path::new("/"), &folder.join(folder.file_name().expect("a name")), &shared, None)
    {
        Ok(machine) => machine,
        Err(why) => return not_run(&format!("no machine of namespaces here: {why}")),
    };
    let deb = format!("/shared/{}", deb.file_name().expect("a name").to_string_lossy());
    let install = format!("dpkg --no-triggers --force-depends --install {deb}");

    machine.must(&install);
    machine.until("it runs", LIMIT, "systemctl is-active conductor");
    machine.must("test -d /var/lib/private/conductor/queue/journal && systemctl is-enabled conductor");
    machine.must("! systemctl is-enabled conductor.socket");
    machine.must("echo '# mine' >> /etc/conductor/conductor.toml");

    machine.must("dpkg --no-triggers --force-depends --remove conductor");
    machine.must("! systemctl is-active conductor && ! test -e /usr/bin/conductor");
    machine.must("test -d /var/lib/private/conductor/queue/journal && grep -q mine /etc/conductor/conductor.toml");

    machine.must(&install);
    machine.until("it runs again", LIMIT, "systemctl is-active conductor");
    machine.must("grep -q mine /etc/conductor/conductor.toml");

    machine.must("dpkg --no-triggers --force-depends --purge conductor");
    machine.must("! test -e /var/lib/private/conductor && ! test -e /var/lib/conductor && ! test -e /etc/conductor");
    drop(machine);
    fs::remove_dir_all(&folder).expect("removed");
}
