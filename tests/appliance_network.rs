//! The appliance's network settings on trial: its own script, with the real checking program, on a scratch root. A network
//! is played by `appliance_network/bin.sh`; a sleep takes no time.
//!
//! Promise: nothing outside of the scratch root is read or changed. It needs root: the script takes on the agent's rights.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use conductor::appliance::addressing::{self, Asked, Outcome, Told, Typed};
use serde_json::Value;

/// Of nobody here.
const AGENT: u32 = 61_999;

const STATIC: &str = "mode = \"static\"\naddresses = [\"192.0.2.20/24\"]\ngateways = [\"192.0.2.1\"]\n";

/// Said aloud: what a test that passes prints with `eprintln!` is not shown.
fn not_run(why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: the appliance's network: {why}");
}

struct Appliance {
    root: tempfile::TempDir,
}

impl Appliance {
    /// `None`, said: it needs root.
    fn new() -> Option<Appliance> {
        if !nix::unistd::geteuid().is_root() {
            not_run("it needs root, to take on the agent's rights");
            return None;
        }
        let it = Appliance { root: tempfile::tempdir().expect("a folder") };
        it.open(it.root.path(), 0o755);
        for folder in ["data/network", "data/appliance", "run/systemd", "var/lib/private/conductor/network", "bin"] {
            fs::create_dir_all(it.at(folder)).expect(folder);
        }
        // As systemd makes it: nobody but root gets through.
        it.open(&it.at("var/lib/private"), 0o700);
        for folder in ["var/lib/private/conductor", "var/lib/private/conductor/network"] {
            chown(it.at(folder), Some(AGENT), Some(AGENT)).expect("given");
            it.open(&it.at(folder), 0o700);
        }
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/appliance_network/bin.sh");
        for name in ["ip", "networkctl", "sleep"] {
            symlink(&stand_in, it.at("bin").join(name)).expect("a link");
        }
        symlink(env!("CARGO_BIN_EXE_conductor"), it.at("bin/conductor")).expect("a link");
        Some(it)
    }

    fn open(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn state(&self) -> PathBuf {
        self.at("var/lib/private/conductor")
    }

    fn begin(&self, words: &[&str]) -> Child {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("image/root/usr/lib/appliance/network");
        let path = format!("{}:{}", self.at("bin").display(), std::env::var("PATH").expect("a path"));
        let mut command = Command::new("bash");
        command.arg(script).args(words).env("APPLIANCE_ROOT", self.root.path()).env("PATH", path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash")
    }

    /// The script, to its end: its exit code and what it said.
    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        ended(self.begin(words))
    }

    /// What the page asks, as the agent leaves it.
    fn ask(&self, text: &str) {
        let path = self.state().join("network/asked.toml");
        fs::write(&path, text).expect("written");
        chown(&path, Some(AGENT), Some(AGENT)).expect("given");
    }

    /// Done at each sleep.
    fn on_sleep(&self, script: &str) {
        fs::write(self.at("on-sleep"), format!("#!/bin/bash\n{script}\n")).expect("written");
        self.open(&self.at("on-sleep"), 0o755);
    }

    /// Somebody answers as soon as the page can: word and the id that the page was told.
    fn answers(&self, word: &str) {
        let meeting = self.state().join("network");
        let meeting = meeting.display();
        self.on_sleep(&format!(
            "until=$(jq -r '.until // empty' {meeting}/state.json)\n\
             [ -z \"$until\" ] || echo \"{word} $(jq -r .id {meeting}/state.json)\" >{meeting}/answer"
        ));
    }

    fn told(&self) -> Told {
        addressing::told(&self.state()).expect("what the system tells")
    }

    fn outcome(&self) -> (Option<Outcome>, String) {
        let told = self.told();
        (told.outcome, told.why)
    }

    /// What holds after a restart; `None`: DHCP as shipped.
    fn kept(&self) -> Option<String> {
        fs::read_to_string(self.at("data/network/0-2-asked.network")).ok()
    }

    fn on_trial(&self) -> bool {
        self.at("run/systemd/network/0-1-trial.network").exists()
    }

    fn reloads(&self) -> usize {
        fs::read_to_string(self.at("calls")).unwrap_or_default().matches("networkctl reload").count()
    }

    /// The power is back: what lay in memory is gone.
    fn power_cut(&self) {
        fs::remove_dir_all(self.at("run")).expect("gone");
        fs::create_dir_all(self.at("run/systemd")).expect("made");
    }
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("its end");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn fixed() -> Typed {
    Typed::read(STATIC).expect("a file")
}

#[test]
fn settings_whose_gateway_answers_and_that_were_kept_on_the_page_hold_for_good() {
    let Some(it) = Appliance::new() else { return };
    it.ask(STATIC);
    it.answers("keep");
    let (exit, said) = it.run(&["start"]);
    assert_eq!(it.outcome().0, Some(Outcome::Applied), "{exit:?}: {said}");
    let kept = it.kept().expect("a file");
    assert!(kept.contains("Address=192.0.2.20/24\n") && kept.contains("Gateway=192.0.2.1\n"), "{kept}");
    let mode = fs::metadata(it.at("data/network/0-2-asked.network")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "systemd-networkd has a user of its own");
    assert!(!it.on_trial() && !it.state().join("network/asked.toml").exists());
    assert_eq!(it.told().current, Some(fixed()));
    // One more start changes nothing.
    it.power_cut();
    let (_, said) = it.run(&["start"]);
    assert_eq!((it.outcome().0, it.kept()), (Some(Outcome::Applied), Some(kept)), "{said}");
}

#[test]
fn a_gateway_that_does_not_answer_brings_the_old_settings_back() {
    let Some(it) = Appliance::new() else { return };
    fs::write(it.at("data/network/0-2-asked.network"), "old").expect("written");
    fs::write(it.at("silent"), "").expect("written");
    it.ask(STATIC);
    let (_, said) = it.run(&["start"]);
    let (outcome, why) = it.outcome();
    assert!(outcome == Some(Outcome::WentBack) && why.contains("did not answer within 90 seconds"), "{why}: {said}");
    assert_eq!((it.kept().as_deref(), it.on_trial(), it.reloads()), (Some("old"), false, 2));
    assert_eq!(it.told().asked, Some(fixed()), "the page shows what did not hold");
}

#[test]
fn settings_that_nobody_keeps_or_that_the_page_takes_back_do_not_hold() {
    for (word, sentence) in [("", "nobody kept"), ("back", "asked to go back"), ("keep another", "nobody kept")] {
        let Some(it) = Appliance::new() else { return };
        if !word.is_empty() {
            it.answers(word);
        }
        it.ask(STATIC);
        let (_, said) = it.run(&["start"]);
        let (outcome, why) = it.outcome();
        assert!(outcome == Some(Outcome::WentBack) && why.contains(sentence), "{word}: {why}: {said}");
        assert_eq!((it.kept(), it.on_trial(), it.reloads()), (None, false, 2), "{word}");
    }
}

#[test]
fn an_answer_of_an_earlier_trial_keeps_nothing() {
    let Some(it) = Appliance::new() else { return };
    it.answers("keep");
    it.ask(STATIC);
    it.run(&["start"]);
    assert_eq!(it.outcome().0, Some(Outcome::Applied));
    fs::remove_file(it.at("on-sleep")).expect("removed");
    it.ask(&STATIC.replace("2.20/", "2.21/"));
    let (_, said) = it.run(&["start"]);
    assert_eq!(it.outcome().0, Some(Outcome::WentBack), "{said}");
    assert!(it.kept().is_some_and(|kept| kept.contains("192.0.2.20/24")), "the first ones");
}

#[test]
fn a_power_cut_on_trial_starts_with_the_old_settings_and_does_not_try_again() {
    let Some(it) = Appliance::new() else { return };
    it.ask(STATIC);
    it.on_sleep(&format!(
        "[ ! -e {} ] || {{ read -r _ _ _ script _ </proc/$PPID/stat; kill -9 $script; }}",
        it.at("run/systemd/network").display()
    ));
    let (exit, said) = it.run(&["start"]);
    assert!(exit.is_none() && it.on_trial(), "it was killed on trial: {exit:?} {said}");
    assert_eq!(it.outcome().0, Some(Outcome::Trying));
    it.power_cut();
    let (_, said) = it.run(&["start"]);
    let (outcome, why) = it.outcome();
    assert!(outcome == Some(Outcome::WentBack) && why.contains("the power failed"), "{why}: {said}");
    assert_eq!((it.kept(), it.on_trial()), (None, false));
    assert_eq!(it.told().asked, Some(fixed()));
}

#[test]
fn a_trial_that_was_killed_without_a_restart_is_ended_by_the_next_start() {
    let Some(it) = Appliance::new() else { return };
    it.ask(STATIC);
    it.on_sleep(&format!(
        "[ ! -e {} ] || {{ read -r _ _ _ script _ </proc/$PPID/stat; kill -9 $script; }}",
        it.at("run/systemd/network").display()
    ));
    it.run(&["start"]);
    fs::remove_file(it.at("on-sleep")).expect("removed");
    let before = it.reloads();
    let (_, said) = it.run(&["start"]);
    assert_eq!((it.on_trial(), it.reloads(), it.outcome().0), (false, before + 1, Some(Outcome::WentBack)), "{said}");
}

#[test]
fn what_is_no_network_setting_is_refused_and_changes_nothing() {
    for text in [
        "",
        "rm -rf /",
        "mode = \"static\"\naddresses = [\"192.0.2.20/24\\nDHCP=yes\"]\ngateways = [\"192.0.2.1\"]\n",
        &format!("{STATIC}interface = \"*\"\n"),
        &format!("{STATIC}#{}", "x".repeat(20_000)),
    ] {
        let Some(it) = Appliance::new() else { return };
        it.ask(text);
        let (_, said) = it.run(&["start"]);
        let (outcome, why) = it.outcome();
        assert!(outcome == Some(Outcome::Refused) && why.contains("was refused: "), "{text:.40}: {why}: {said}");
        assert_eq!((it.kept(), it.on_trial(), it.reloads()), (None, false, 0), "{text:.40}");
        assert!(!it.state().join("network/asked.toml").exists(), "or it would be tried for ever");
    }
}

#[test]
fn links_in_the_agents_folder_lead_root_nowhere() {
    let Some(it) = Appliance::new() else { return };
    let precious = it.at("data/precious");
    fs::write(&precious, "mode = \"dhcp\"\n# CANARY").expect("written");
    it.open(&precious, 0o600);
    let meeting = it.state().join("network");
    for name in ["asked.toml", "state.new", "state.json", "answer"] {
        symlink(&precious, meeting.join(name)).expect("a link");
    }
    let (_, said) = it.run(&["start"]);
    assert_eq!(fs::read_to_string(&precious).expect("there"), "mode = \"dhcp\"\n# CANARY", "{said}");
    let note: Value =
        serde_json::from_slice(&fs::read(it.at("data/appliance/network.json")).expect("a note")).expect("JSON");
    assert_eq!(note["outcome"], "refused", "a file that the agent may not read is not read for it: {note}");
    // The folder itself as a link.
    fs::remove_dir_all(&meeting).expect("removed");
    let elsewhere = it.at("data/network");
    symlink(&elsewhere, &meeting).expect("a link");
    fs::write(elsewhere.join("asked.toml"), STATIC).expect("written");
    it.run(&["start"]);
    let mut there: Vec<_> = fs::read_dir(&elsewhere).expect("there").map(|one| one.expect("one").file_name()).collect();
    there.sort();
    assert_eq!(there, ["asked.toml"], "nothing was put there or taken away");
}

#[test]
fn a_pipe_in_the_place_of_a_wish_holds_nothing_up() {
    let Some(it) = Appliance::new() else { return };
    let path = it.state().join("network/asked.toml");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    chown(&path, Some(AGENT), Some(AGENT)).expect("given");
    let (_, said) = it.run(&["start"]);
    assert_eq!(it.outcome().0, Some(Outcome::Refused), "{said}");
    assert!(!path.exists());
}

#[test]
fn on_the_console_an_answering_gateway_is_enough_and_whoever_insists_needs_none() {
    let Some(it) = Appliance::new() else { return };
    let file = it.at("typed.toml");
    fs::write(&file, STATIC).expect("written");
    let file = file.to_str().expect("text");
    fs::write(it.at("silent"), "").expect("written");
    assert_eq!(it.run(&["now", file]).0, Some(1));
    assert_eq!((it.kept(), it.outcome().0), (None, Some(Outcome::WentBack)));
    assert_eq!(it.run(&["anyway", file]).0, Some(0));
    assert!(it.kept().is_some() && it.outcome().0 == Some(Outcome::Applied));
    fs::remove_file(it.at("silent")).expect("removed");
    fs::write(file, "mode = \"dhcp\"\n").expect("written");
    let (exit, said) = it.run(&["now", file]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(it.kept().is_some_and(|kept| kept.contains("DHCP=yes")), "DHCP goes before what a volume brought");
    fs::write(file, "mode = \"bogus\"\n").expect("written");
    assert_eq!(it.run(&["now", file]).0, Some(2));
}

#[test]
fn a_system_that_does_not_take_the_settings_keeps_the_old_ones() {
    let Some(it) = Appliance::new() else { return };
    fs::write(it.at("deaf"), "").expect("written");
    it.ask(STATIC);
    let (_, said) = it.run(&["start"]);
    let (outcome, why) = it.outcome();
    assert!(outcome == Some(Outcome::WentBack) && why.contains("did not take"), "{why}: {said}");
    assert_eq!((it.kept(), it.on_trial()), (None, false));
}

#[test]
fn a_trial_of_the_page_gives_way_to_who_stands_at_the_console() {
    let Some(it) = Appliance::new() else { return };
    let bell = it.at("bell");
    nix::unistd::mkfifo(&bell, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    // On trial it rings once, and goes on when the console has come.
    it.on_sleep(&format!(
        "cd {}\n[ -e run/systemd/network/0-1-trial.network ] && [ -e bell ] || exit 0\n\
         echo >bell\nrm bell\nuntil [ -e run/appliance-network/stop ]; do /bin/sleep 0.02; done",
        it.root.path().display()
    ));
    it.ask(STATIC);
    let page = it.begin(&["start"]);
    fs::File::open(&bell).and_then(|mut bell| bell.read(&mut [0])).expect("it rings");
    let file = it.at("typed.toml");
    fs::write(&file, STATIC.replace("2.20/", "2.99/")).expect("written");
    let (exit, said) = it.run(&["now", file.to_str().expect("text")]);
    let (_, of_page) = ended(page);
    assert!(of_page.contains("the console has taken over"), "{of_page}");
    assert_eq!(exit, Some(0), "{said}");
    assert!(it.kept().is_some_and(|kept| kept.contains("192.0.2.99/24")));
}

#[test]
fn a_volume_that_took_the_settings_place_is_told() {
    let Some(it) = Appliance::new() else { return };
    it.answers("keep");
    it.ask(STATIC);
    it.run(&["start"]);
    assert!(it.told().current.is_some());
    // As /usr/lib/appliance/volume does it.
    fs::remove_file(it.at("data/network/0-2-asked.network")).expect("removed");
    it.power_cut();
    it.run(&["start"]);
    let told = it.told();
    assert!(told.current.is_none() && told.why.contains("a volume"), "{told:?}");
}

#[test]
fn what_the_agent_writes_is_what_the_system_reads() {
    let Some(it) = Appliance::new() else { return };
    addressing::ask(&it.state(), &Asked::dhcp()).expect("asked");
    it.answers("keep");
    let (_, said) = it.run(&["start"]);
    assert_eq!(it.told().current, Some(Asked::dhcp().typed()), "{said}");
}

#[test]
fn the_real_networkd_takes_the_files_and_a_real_gateway_decides() {
    let Some(it) = Appliance::new() else { return };
    if let Some(lacking) =
        ["/lib/systemd/systemd-networkd", "/usr/bin/dbus-daemon"].into_iter().find(|path| !Path::new(path).exists())
    {
        not_run(&format!("there is no {lacking} on this machine (cargo xtask setup)"));
        return;
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = format!("{}:{}", it.at("bin").display(), std::env::var("PATH").expect("a path"));
    let mut command = Command::new("unshare");
    command.args(["-m", "-n", "--", "bash"]).arg(here.join("tests/appliance_network/wire.sh"));
    command.arg(here.join("image/root/usr/lib/appliance/network"));
    let output = command.env("APPLIANCE_ROOT", it.root.path()).env("PATH", path).output().expect("unshare");
    let read = |name: &str| fs::read_to_string(it.at(name)).unwrap_or_default();
    let told = format!("{}\n{}\n{}", String::from_utf8_lossy(&output.stderr), read("said"), read("networkd.log"));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "exit 0\nin force: 192.0.2.20/24\nexit 1\nin force: 192.0.2.20/24\n",
        "{told}"
    );
    assert!(!read("networkd.log").contains("Unknown"), "a key that it does not know: {told}");
    assert!(it.kept().is_some_and(|kept| kept.contains("192.0.2.20/24")), "{told}");
}
