//! `cargo xtask setup`: what the tests need beside Rust, from the distribution's own packages.
//!
//! rsyslog and syslog-ng exclude each other as packages, and each of them and nats-server would start a daemon, so they
//! are downloaded and *unpacked* under `target/tools`; only their shared libraries (and openssl and g++) are installed. A machine that logs with
//! one of them keeps it. The SOC's tools (promtool, the blackbox exporter, check_http) are unpacked beside them, for the
//! same reason. `target/tools/bin` holds a starter for each, which the tests look for before PATH.
//!
//! Promise: quick and silent towards the network when all is there; nothing that is installed gets removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::browser;
use crate::commands::{self, on_path, output, root};
use crate::packages::{library_packages, missing_libraries};

/// A receiver, or a tool of the SOC, that is unpacked, not installed.
pub struct Receiver {
    /// The name of its folder under `target/tools`.
    pub name: &'static str,
    /// The packages that it consists of.
    pub packages: &'static [&'static str],
    /// Its program.
    pub program: &'static str,
    /// What must find its libraries, below its folder; `*` is any one folder.
    pub objects: &'static [&'static str],
    /// Below its folder: libraries of its own.
    pub libraries: &'static str,
    /// The shell's last line, `$here` being its folder. `exec`: the pid is then the receiver's.
    pub starter: &'static str,
}

const RECEIVERS: [Receiver; 6] = [
    Receiver {
        name: "rsyslog",
        packages: &["rsyslog", "rsyslog-openssl", "rsyslog-gnutls", "rsyslog-relp"],
        program: "rsyslogd",
        objects: &[
            "usr/sbin/rsyslogd",
            "usr/lib/*/rsyslog/imtcp.so",
            "usr/lib/*/rsyslog/imrelp.so",
            // It reads CEF: what judges ours.
            "usr/lib/*/rsyslog/mmnormalize.so",
            "usr/lib/*/rsyslog/lmnsd_ossl.so",
            "usr/lib/*/rsyslog/lmnsd_gtls.so",
        ],
        libraries: "usr/lib",
        starter: r#"exec "$here"/usr/sbin/rsyslogd -M "$(echo "$here"/usr/lib/*/rsyslog)" "$@""#,
    },
    Receiver {
        name: "syslog-ng",
        packages: &["syslog-ng-core"],
        program: "syslog-ng",
        objects: &[
            "usr/sbin/syslog-ng",
            "usr/lib/syslog-ng/*/libafsocket.so",
            "usr/lib/syslog-ng/*/libaffile.so",
            "usr/lib/syslog-ng/*/libjson-plugin.so",
        ],
        libraries: "usr/lib/syslog-ng",
        starter: r#"export LD_LIBRARY_PATH="$here"/usr/lib/syslog-ng
exec "$here"/usr/sbin/syslog-ng --module-path "$(echo "$here"/usr/lib/syslog-ng/[0-9]*)" "$@""#,
    },
    Receiver {
        name: "nats-server",
        packages: &["nats-server"],
        program: "nats-server",
        objects: &["usr/sbin/nats-server"],
        libraries: "usr/lib",
        starter: r#"exec "$here"/usr/sbin/nats-server "$@""#,
    },
    // What watches us: each judges a block of docs/monitoring.md.
    Receiver {
        name: "prometheus",
        packages: &["prometheus"],
        program: "promtool",
        objects: &["usr/bin/promtool"],
        libraries: "usr/lib",
        starter: r#"exec "$here"/usr/bin/promtool "$@""#,
    },
    Receiver {
        name: "blackbox-exporter",
        packages: &["prometheus-blackbox-exporter"],
        program: "blackbox_exporter",
        objects: &["usr/bin/prometheus-blackbox-exporter"],
        libraries: "usr/lib",
        starter: r#"exec "$here"/usr/bin/prometheus-blackbox-exporter "$@""#,
    },
    Receiver {
        name: "monitoring-plugins",
        packages: &["monitoring-plugins-basic"],
        program: "check_http",
        objects: &["usr/lib/nagios/plugins/check_http"],
        libraries: "usr/lib",
        starter: r#"exec "$here"/usr/lib/nagios/plugins/check_http "$@""#,
    },
];

/// Programs that are installed, and the packages that hold them: the tests' own certificates, the fuzzer's runtime, and
/// what the homemade receivers are written in, what runs the unit and makes packages. `javac` stands for a Java that runs a source; with it come some 200 MB,
/// which most CI machines have already.
const PROGRAMS: [(&str, &str); 11] = [
    ("openssl", "openssl"),
    ("curl", "curl"),
    ("c++", "g++"),
    ("javac", "default-jdk-headless"),
    ("node", "nodejs"),
    ("ip", "iproute2"),
    // Without its own init: what counts the unit's exposure, and what is PID 1 of a machine of namespaces.
    ("systemd-analyze", "systemd"),
    ("setpriv", "util-linux"),
    ("rpmbuild", "rpm"),
    // What the appliance's scripts write their notes with.
    ("jq", "jq"),
    // How systemd-networkd is asked to read its files again.
    ("dbus-daemon", "dbus"),
];

/// What counts instructions. Where it can't be had, that is said, and nothing is counted.
const VALGRIND: &str = "valgrind";

/// How often a mirror is asked, and how long it is left alone in between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(15);

/// Makes sure that everything is there, and says what it installs.
pub fn run() -> Result<()> {
    for left in (0..TRIES).rev() {
        match provide(left == 0) {
            Err(error) if left > 0 && on_path("apt-get") => eprintln!("setup: {error:#}; trying again"),
            done => return done,
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Gets what is lacking; `old_lists_do`: also where the package lists could not be renewed.
fn provide(old_lists_do: bool) -> Result<()> {
    let tools = root().join("target/tools");
    let programs = PROGRAMS.iter().filter(|(program, _)| !on_path(program));
    let programs: Vec<String> = programs.map(|(_, package)| (*package).to_owned()).collect();
    let counter = wants_valgrind();
    let lacking: Vec<&Receiver> = RECEIVERS.iter().filter(|receiver| !receiver.is_there(&tools)).collect();
    let browser = browser::is_lacking(&tools);
    if programs.is_empty() && lacking.is_empty() && !counter && !browser {
        eprintln!("setup: everything is there");
        return Ok(());
    }
    let names = lacking.iter().map(|receiver| receiver.name).chain(programs.iter().map(String::as_str));
    let names = names.chain(counter.then_some(VALGRIND)).chain(browser.then_some("Chromium with Playwright"));
    let names = names.collect::<Vec<_>>().join(", ");
    if !on_path("apt-get") && programs.is_empty() && lacking.is_empty() {
        return browser::provide(&tools);
    }
    if !on_path("apt-get") {
        bail!(
            "the tests need {names}, and this machine has no apt-get: install them by its own package manager (rsyslog \
             with its openssl and gnutls drivers and with RELP) so that they are on PATH"
        );
    }
    eprintln!("setup: getting {names}");
    if !update_lists() && !old_lists_do {
        bail!("the package lists could not be renewed");
    }
    if !programs.is_empty() {
        install(&programs)?;
    }
    if counter && let Err(error) = install(&[VALGRIND.to_owned()]) {
        eprintln!("setup: instructions will not be counted: {error:#}");
    }
    lacking.iter().try_for_each(|receiver| receiver.provide(&tools))?;
    if browser { browser::provide(&tools) } else { Ok(()) }
}

/// Is it to be got? It is wanted, not needed: counting is left out without it, and said.
fn wants_valgrind() -> bool {
    if !cfg!(target_arch = "x86_64") || on_path(VALGRIND) {
        return false;
    }
    if !on_path("apt-get") {
        eprintln!("setup: there is no valgrind, so instructions will not be counted");
    }
    on_path("apt-get")
}

/// The openssl program alone: what the demo needs.
pub fn provide_openssl() -> Result<()> {
    if on_path("openssl") {
        return Ok(());
    }
    if !on_path("apt-get") {
        bail!("this needs the openssl program: install it by the machine's own package manager");
    }
    update_lists();
    install(&["openssl".to_owned()])
}

/// Were all of them renewed? Old lists may still do; what can't be had says so itself.
pub fn update_lists() -> bool {
    // By itself apt calls it well when some of them could not be had.
    match as_root(&["apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any"]) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("setup: the package lists are as they were: {error:#}");
            false
        }
    }
}

/// Installs what is not there; neither upgrades nor removes anything, and waits for another apt that is at work.
pub fn install(packages: &[String]) -> Result<()> {
    let mut words = vec!["apt-get", "install", "-y", "-qq", "--no-install-recommends"];
    words.extend(["--no-upgrade", "--no-remove", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=600"]);
    words.extend(packages.iter().map(String::as_str));
    as_root(&words)
}

/// Runs it as root: as we are, or by sudo.
fn as_root(words: &[&str]) -> Result<()> {
    let mut command = if nix::unistd::geteuid().is_root() {
        Command::new("env")
    } else if on_path("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        bail!("this needs root and there is no sudo; run it yourself: {}", words.join(" "));
    };
    // What a verb tells is on stdout; apt's chatter is not part of it.
    command.arg("DEBIAN_FRONTEND=noninteractive").args(words).stdout(std::io::stderr());
    commands::run(&mut command)
}

impl Receiver {
    /// Unpacked with all its libraries; where there is no apt: on PATH.
    pub fn is_there(&self, tools: &Path) -> bool {
        if !on_path("apt-get") {
            return on_path(self.program);
        }
        tools.join("bin").join(self.program).is_file()
            && self.missing(&tools.join(self.name)).is_ok_and(|missing| missing.is_empty())
    }

    /// Downloads, unpacks, installs the libraries it leans on, writes its starter.
    pub fn provide(&self, tools: &Path) -> Result<()> {
        let home = tools.join(self.name);
        let part = tools.join(format!("{}.part", self.name));
        for old in [&home, &part] {
            if old.exists() {
                fs::remove_dir_all(old).with_context(|| format!("can't remove {}", old.display()))?;
            }
        }
        let archives = part.join("archives");
        fs::create_dir_all(&archives).with_context(|| format!("can't make {}", archives.display()))?;
        let mut download = Command::new("apt-get");
        // As root apt would step down to a user of its own, who can't write here.
        download.args(["download", "-qq", "-o", "APT::Sandbox::User=root"]).args(self.packages);
        commands::run(download.current_dir(&archives))?;
        let mut leans_on = Vec::new();
        for entry in fs::read_dir(&archives)? {
            let archive = entry?.path();
            output(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&part))?;
            let depends = output(Command::new("dpkg-deb").arg("-f").arg(&archive).arg("Depends"))?;
            leans_on.extend(library_packages(&depends));
        }
        if !self.missing(&part)?.is_empty() {
            install(&leans_on)?;
        }
        let missing = self.missing(&part)?;
        if !missing.is_empty() {
            bail!("{} lacks {}: install the packages that hold them", self.name, missing.join(", "));
        }
        // Whole or not at all: a setup that was cut short begins anew.
        fs::rename(&part, &home).with_context(|| format!("can't put {} in place", home.display()))?;
        self.write_starter(tools)
    }

    fn write_starter(&self, tools: &Path) -> Result<()> {
        let starter = tools.join("bin").join(self.program);
        fs::create_dir_all(tools.join("bin"))?;
        let text = format!("#!/bin/sh\nhere=$(dirname \"$0\")/../{}\n{}\n", self.name, self.starter);
        fs::write(&starter, text).with_context(|| format!("can't write {}", starter.display()))?;
        fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// The libraries that its objects would not find.
    fn missing(&self, home: &Path) -> Result<Vec<String>> {
        let mut ldd = Command::new("ldd");
        ldd.env("LD_LIBRARY_PATH", home.join(self.libraries));
        for object in self.objects {
            let path = place(home, object)
                .with_context(|| format!("{} holds no {object}: the package is laid out differently", self.name))?;
            ldd.arg(path);
        }
        Ok(missing_libraries(&output(&mut ldd)?))
    }
}

/// The file at `path` below `home`; `*` in it is any one folder.
fn place(home: &Path, path: &str) -> Option<PathBuf> {
    let Some((before, after)) = path.split_once("/*/") else {
        return Some(home.join(path)).filter(|whole| whole.exists());
    };
    fs::read_dir(home.join(before)).ok()?.flatten().find_map(|entry| place(&entry.path(), after))
}
