//! How the verbs run other programs: said aloud, checked, and never left behind.
//!
//! Promise: dropping a [`Running`] ends its process, first asking, then by force, and reaps it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The agent promises to stop within 20 s of SIGTERM; past that it is ended by force.
const STOP_LIMIT: Duration = Duration::from_secs(22);

/// The workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The cargo that runs us, in the workspace's root.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What it told us about ourselves is not for others: ring's build script looks at it, and all that leans on ring
    // would be built again each time a verb and a plain `cargo test` take turns.
    let told = std::env::vars_os().map(|(name, _)| name);
    for name in told
        .filter(|name| name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_")))
    {
        command.env_remove(name);
    }
    command
}

/// Is there a program of that name on PATH?
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Runs a command with our own output, saying which; an exit code other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let words = told(command);
    eprintln!("$ {words}");
    let status = command.status().with_context(|| format!("can't start {words}"))?;
    check(&words, status)
}

/// Runs a command quietly and returns what it wrote to stdout; its stderr is ours.
pub fn output(command: &mut Command) -> Result<String> {
    let words = told(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("can't start {words}"))?;
    check(&words, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(words: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("this failed ({status}): {words}");
    }
    Ok(())
}

/// A command as a person would type it; the program by its bare name.
fn told(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A process of ours, ended and reaped when this is dropped.
pub struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Starts it in a process group of its own, so that Ctrl-C reaches us alone and we stop things in order.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Running> {
        use std::os::unix::process::CommandExt;
        let words = told(command);
        let child = command.process_group(0).spawn().with_context(|| format!("can't start {words}"))?;
        Ok(Running { name, child })
    }

    /// The process itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// An error when it has ended although nobody asked it to.
    pub fn must_be_alive(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("can't ask after {}", self.name))? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status}); its last words stand above", self.name),
        }
    }

    /// Asks it to stop (SIGTERM), waits, ends it by force past 22 s. `None`: by force.
    pub fn stop(&mut self) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(status));
        }
        self.signal(Signal::SIGTERM);
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(None)
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It may have ended meanwhile; it is reaped either way.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.stop(), Ok(Some(_))) {
            eprintln!("xtask: {} did not stop when asked and was ended by force", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_by_its_bare_name_and_its_arguments() {
        let mut command = Command::new("/usr/bin/apt-get");
        command.args(["install", "openssl"]);
        assert_eq!(told(&command), "apt-get install openssl");
    }

    #[test]
    fn a_failed_command_is_an_error_that_names_it() {
        let error = run(&mut Command::new("false")).expect_err("false fails");
        assert!(error.to_string().contains("false"), "{error}");
    }

    #[test]
    fn a_process_is_gone_and_reaped_after_the_drop() {
        let running = Running::start("sleep", Command::new("sleep").arg("600")).expect("sleep starts");
        let pid = Pid::from_raw(i32::try_from(running.child.id()).expect("a pid"));
        assert!(kill(pid, None).is_ok(), "it runs");
        drop(running);
        assert!(kill(pid, None).is_err(), "neither a process nor a zombie is left");
    }

    #[test]
    fn a_process_that_ends_by_itself_is_noticed() {
        let mut running = Running::start("true", &mut Command::new("true")).expect("true starts");
        running.child.wait().expect("it ends");
        assert!(running.must_be_alive().is_err());
    }
}
