//! The real agent as a child process, for tests: settings in, status out.
//!
//! Promise: a test that ends, however it ends, leaves no process behind.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A folder with settings, state and the agent's log.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    /// The settings get `[agent]` and `[local]` of their own; `more` is the rest. What the agent says of itself becomes no event, by
    /// a file beside them: tests count events, and a slow machine outlasts the pause between two heartbeats (tests of the audit
    /// log take the file away).
    pub fn new(more: &str) -> Place {
        let made = Place { dir: tempfile::tempdir().expect("a folder") };
        made.write_settings(more);
        fs::create_dir(made.audit().parent().expect("a folder")).expect("made");
        fs::write(made.audit(), "[agent]\nforward-audit = false\nheartbeat = \"0s\"\n").expect("settings");
        made
    }

    pub fn write_settings(&self, more: &str) {
        let text = format!(
            "[agent]\nname = \"box\"\nstate-dir = \"{}\"\n[local]\nlisten = \"127.0.0.1:0\"\n{more}",
            self.state().display()
        );
        fs::write(self.config(), text).expect("settings");
    }

    /// The file that keeps the audit log and heartbeats from becoming events.
    pub fn audit(&self) -> PathBuf {
        self.dir.path().join("conductor.d/audit.toml")
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("conductor.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("agent.log")).unwrap_or_default()
    }

    /// A secret in a 0600 file; returns what refers to it in the settings.
    pub fn secret(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("a secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        format!("{{ file = \"{}\" }}", path.display())
    }

    /// Runs one verb to its end.
    pub fn verb(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        command.args(arguments).arg("--config").arg(self.config()).stdin(Stdio::null());
        command.output().expect("the verb runs")
    }

    /// The same with variables in its environment, and this on its stdin.
    pub fn verb_in(&self, arguments: &[&str], environment: &[(&str, &str)], stdin: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        command.args(arguments).arg("--config").arg(self.config()).envs(environment.iter().copied());
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the verb runs");
        // A refusal may come before anything is read.
        let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
        child.wait_with_output().expect("the verb ends")
    }

    /// Starts the agent; it may not be ready yet.
    pub fn spawn(&self) -> Agent {
        self.spawn_with(&[])
    }

    /// The same with more arguments, such as `-vv`.
    pub fn spawn_with(&self, more: &[&str]) -> Agent {
        self.spawn_in(more, &[])
    }

    /// The same with more variables in its environment.
    pub fn spawn_in(&self, more: &[&str], environment: &[(&str, &str)]) -> Agent {
        let _ = fs::remove_file(self.state().join("local-address"));
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("agent.log"));
        let log = log.expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_conductor"))
            .args(["run", "--config"])
            .arg(self.config())
            .args(more)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        Agent { child, address_file: self.state().join("local-address"), log: self.dir.path().join("agent.log") }
    }

    /// Starts the agent and waits until it is ready.
    pub fn start(&self) -> Agent {
        let mut agent = self.spawn();
        agent.wait_until("it is ready", |agent| agent.get("/readyz").is_some_and(|(status, _)| status == 200));
        agent
    }
}

pub struct Agent {
    child: Child,
    address_file: PathBuf,
    log: PathBuf,
}

impl Agent {
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the agent runs");
    }

    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_none()
    }

    /// SIGTERM, and its exit status with the time that it took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal(Signal::SIGTERM);
        (self.child.wait().expect("reaped"), begun.elapsed())
    }

    /// Waits for an exit that comes by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("reaped")
    }

    /// Waits until it is ready (`None`) or has ended by itself (its exit code).
    pub fn ready_or_ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(ended) = self.child.try_wait().expect("asked") {
                return Some(ended.code().expect("an exit code, not a signal"));
            }
            if self.get("/readyz").is_some_and(|(status, _)| status == 200) {
                return None;
            }
            // Not a synchronisation: only how often the question is asked.
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("neither ready nor ended within a minute\n{}", tail(&self.log));
    }

    pub fn address(&self) -> Option<SocketAddr> {
        fs::read_to_string(&self.address_file).ok()?.trim().parse().ok()
    }

    /// GET of a path on the local listener: status and body.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let address = self.address()?;
        let mut stream = TcpStream::connect(address).ok()?;
        // A machine may stand still for a while; an agent that refuses is told at once.
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    pub fn status(&self) -> serde_json::Value {
        let (_, body) = self.get("/status").unwrap_or_else(|| panic!("the agent does not answer\n{}", tail(&self.log)));
        serde_json::from_str(&body).expect("JSON")
    }

    /// Looks again and again until it is so; a minute at the most, then the log is shown.
    pub fn wait_until(&mut self, what: &str, so: impl FnMut(&Agent) -> bool) {
        self.wait_within(Duration::from_secs(60), what, so);
    }

    pub fn wait_within(&mut self, limit: Duration, what: &str, mut so: impl FnMut(&Agent) -> bool) {
        let begun = Instant::now();
        while !so(self) {
            let gone = self.child.try_wait().expect("asked");
            let late = begun.elapsed() > limit;
            assert!(gone.is_none() && !late, "waiting until {what}: {gone:?}\n{}", tail(&self.log));
            // Not a synchronisation: only how often the question is asked.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Is a condition with this code raised?
    pub fn has_condition(&self, code: &str) -> bool {
        self.conditions().iter().any(|(known, _)| known == code)
    }

    /// Codes and texts of the conditions that stand.
    pub fn conditions(&self) -> Vec<(String, String)> {
        let status = self.status();
        let all = status["conditions"].as_array().cloned().unwrap_or_default();
        let text = |c: &serde_json::Value, key: &str| c[key].as_str().unwrap_or_default().to_owned();
        all.iter().map(|c| (text(c, "code"), text(c, "text"))).collect()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A copy of the program, for a user who may not reach the one that was built. Another process writes it: one that we fork meanwhile
/// would hold our descriptor, and what is open for writing can't be run.
pub fn copy_of_the_program(to: &Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_conductor")).arg(to).status().expect("cp");
    assert!(copied.success(), "a copy");
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
