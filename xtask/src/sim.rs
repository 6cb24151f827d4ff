//! The simulated API alone: for trying the agent, or another client, against one fault at a time.
//!
//! Promise: once it listens, this process has become the simulator, so a signal ends it and nothing stays behind.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::commands::{cargo, run as execute, target};

/// What the API holds and how it goes wrong.
pub struct Options {
    pub behaviour: Vec<String>,
    pub listen: String,
    /// The token of a simulator is no secret.
    pub token: String,
    pub threats: u32,
    pub others: u32,
    /// New threats in a minute.
    pub rate: u32,
}

/// Names every behaviour and every endpoint.
pub fn list() -> Result<()> {
    become_it(Command::new(built()?).arg("list"))
}

/// Makes certificates and serves until a signal comes.
pub fn run(options: &Options) -> Result<()> {
    let simulator = built()?;
    let certs = target().join("sim-certs");
    execute(Command::new(&simulator).arg("certs").arg(&certs))?;
    eprintln!("for the agent: ca = {:?}, and an api-key file that holds the token", certs.join("ca.pem"));
    let mut command = Command::new(&simulator);
    command.args(["api", "--listen", &options.listen, "--token", &options.token, "--cert-dir"]).arg(&certs);
    command.args(["--threats", &options.threats.to_string(), "--others", &options.others.to_string()]);
    command.args(["--rate", &options.rate.to_string()]);
    for rule in &options.behaviour {
        command.args(["--behaviour", rule]);
    }
    become_it(&mut command)
}

fn built() -> Result<PathBuf> {
    execute(&mut cargo(&["build", "--quiet", "-p", "conductor-sim"]))?;
    Ok(target().join("debug").join("conductor-sim"))
}

/// Returns only when it could not be started.
fn become_it(command: &mut Command) -> Result<()> {
    Err(command.exec()).context("can't start conductor-sim")
}
