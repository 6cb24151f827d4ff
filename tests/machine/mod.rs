//! A machine of our own: systemd as PID 1 in namespaces, on a copy-on-write root. It shares the network of this one.
//!
//! Promise: what happens in it changes nothing outside; it is gone, with every process and cgroup, when this is dropped.
//! Where it can't be had that is a sentence, not a failure.

#![allow(dead_code, reason = "the tests and the verb that tries packages use parts of it")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A start on two slow cores that others use too.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Machine {
    outer: Child,
    work: PathBuf,
    pid: u32,
}

impl Machine {
    /// Starts it on this root. `shared` is `/shared` inside; `program`, if any, is its `/usr/bin/conductor`.
    ///
    /// # Errors
    /// A sentence that says why it can't be had here.
    pub fn start(lower: &Path, work: &Path, shared: &Path, program: Option<&Path>) -> Result<Machine, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("namespaces with systemd in them need root".to_owned());
        }
        if !lower.join("lib/systemd/systemd").exists() {
            return Err(format!("there is no systemd in {}", lower.display()));
        }
        fs::create_dir_all(work).map_err(|e| format!("{}: {e}", work.display()))?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
        let said = fs::File::create(work.join("said")).map_err(|e| format!("{}: {e}", work.display()))?;
        // Whoever starts it may be ended before it can end this.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "unshare", "-m", "sh"])
            .arg(script)
            .arg(lower)
            .arg(work)
            .arg(shared)
            .arg("basic.target");
        command.arg(program.map_or("".as_ref(), Path::as_os_str));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let outer = command.spawn().map_err(|e| format!("setpriv and unshare (util-linux) can't be started: {e}"))?;
        let mut machine = Machine { outer, work: work.to_owned(), pid: 0 };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(Some(status)) = machine.outer.try_wait() {
                return Err(format!("it ended while it started ({status}): {}", machine.said()));
            }
            machine.pid = machine.first_process().unwrap_or(0);
            if machine.pid > 0 {
                let up = machine.run(&["systemctl", "is-active", "basic.target"]);
                if up.status.success() {
                    return Ok(machine);
                }
            }
            // Not a synchronisation: only how often the question is asked.
            std::thread::sleep(Duration::from_millis(200));
        }
        Err(format!("systemd was not up within {} s: {}", PATIENCE.as_secs(), machine.said()))
    }

    /// Runs a program inside, to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).stdin(Stdio::null()).output().expect("nsenter runs")
    }

    /// The same, by a shell; what it said on both, and a panic where it failed.
    pub fn must(&self, script: &str) -> String {
        let output = self.run(&["sh", "-c", script]);
        let said = told(&output);
        assert!(output.status.success(), "{script}: {}\n{said}\n{}", output.status, self.journal(40));
        said
    }

    /// The same where failing is allowed: did it succeed, and what it said.
    pub fn may(&self, script: &str) -> (bool, String) {
        let output = self.run(&["sh", "-c", script]);
        (output.status.success(), told(&output))
    }

    /// Asks again and again until the script succeeds.
    pub fn until(&self, what: &str, limit: Duration, script: &str) -> String {
        let begun = Instant::now();
        loop {
            let (so, said) = self.may(script);
            if so {
                return said;
            }
            assert!(begun.elapsed() < limit, "waiting until {what}: {said}\n{}", self.journal(60));
            // Not a synchronisation: only how often the question is asked.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Writes a file inside.
    pub fn write(&self, path: &str, text: &str) {
        let script = format!("mkdir -p \"$(dirname {path})\" && cat > {path}");
        let mut child = self.command(&["sh", "-c", &script]).stdin(Stdio::piped()).spawn().expect("nsenter runs");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
        assert!(child.wait().expect("it ends").success(), "{path} can't be written");
    }

    /// The last lines of its journal.
    pub fn journal(&self, lines: usize) -> String {
        told(&self.run(&["journalctl", "--no-pager", "-n", &lines.to_string()]))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid.to_string(), "-m", "-p", "-u", "-i", "-C", "--root", "--wd", "--"]).args(words);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .current_dir("/")
            .env("LANG", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("SYSTEMD_PAGER", "");
        command
    }

    /// `unshare` has become the shell, which has become another `unshare`; its one child is PID 1 of the machine.
    fn first_process(&self) -> Option<u32> {
        let outer = self.outer.id();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
        let child: u32 = children.split_whitespace().next()?.parse().ok()?;
        // The script still prepares the root until it has become systemd.
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        (name.trim() == "systemd").then_some(child)
    }

    fn said(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.work.join(name)).unwrap_or_default();
        let (script, console) = (read("said"), read("console"));
        let tail: Vec<&str> = console.lines().rev().take(15).collect();
        format!("{script}{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }
}

/// From the folder of the package that this is compiled into: the tests' or the verb's.
const SCRIPT: &str = if matches!(env!("CARGO_PKG_NAME").as_bytes(), b"xtask") {
    "../tests/machine/pid1.sh"
} else {
    "tests/machine/pid1.sh"
};

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends all of a PID namespace with its first process.
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        let name = self.work.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let group = self.work.join("cgroup");
        let script = "mkdir -p \"$1\" && mount -t cgroup2 none \"$1\" && find \"$1/$2\" -depth -type d -exec rmdir {} \\; ; ! test -d \"$1/$2\"";
        let group = group.to_string_lossy().into_owned();
        // Its last processes take a moment to be gone.
        for _ in 0..50 {
            let swept = Command::new("unshare").args(["-m", "sh", "-c", script, "sweep", &group, &name]).output();
            if swept.is_ok_and(|swept| swept.status.success()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
