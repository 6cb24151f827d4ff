//! What is outside of the machine or container that a trial runs in: the simulated API, and a SOC that comes and goes.
//!
//! Promise: what the SOC has read is kept in a file, so that nothing that was handed over is forgotten when it goes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::commands::{self, Running, cargo, target};

pub const TOKEN: &str = "simulated";

pub struct Outside {
    simulator: PathBuf,
    folder: PathBuf,
    _api: Running,
    pub api: String,
    soc: Option<Running>,
    /// Stays the same when the SOC comes back.
    pub soc_address: String,
    times: u32,
}

impl Outside {
    /// Starts the API and the SOC. Certificates, and what the SOC reads, are kept in `folder`.
    pub fn start(folder: &Path) -> Result<Outside> {
        commands::run(&mut cargo(&["build", "--quiet", "-p", "conductor-sim"]))?;
        let simulator = target().join("debug/conductor-sim");
        commands::output(Command::new(&simulator).arg("certs").arg(folder.join("certs")))?;
        let mut command = Command::new(&simulator);
        command
            .args(["api", "--token", TOKEN, "--threats", "40", "--rate", "300", "--cert-dir"])
            .arg(folder.join("certs"));
        let mut api = Running::start("the simulated API", command.stdout(Stdio::piped()))?;
        let address = listening(&mut api)?;
        let mut outside = Outside {
            simulator,
            folder: folder.to_owned(),
            _api: api,
            api: address,
            soc: None,
            soc_address: "127.0.0.1:0".to_owned(),
            times: 0,
        };
        outside.soc_comes()?;
        Ok(outside)
    }

    /// The SOC listens, again at the address that it had.
    pub fn soc_comes(&mut self) -> Result<()> {
        self.times += 1;
        let mut command = Command::new(&self.simulator);
        command.args(["soc", "--print", "--listen", &self.soc_address, "--cert-dir"]).arg(self.folder.join("certs"));
        let log = fs::File::create(self.folder.join(format!("soc-{}", self.times)))?;
        let mut soc = Running::start("the simulated SOC", command.stdout(log))?;
        for _ in 0..200 {
            soc.must_be_alive()?;
            let text = fs::read_to_string(self.folder.join(format!("soc-{}", self.times)))?;
            if let Some(address) = text.lines().find_map(|line| line.strip_prefix("listening on ")) {
                self.soc_address = address.to_owned();
                self.soc = Some(soc);
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        bail!("the simulated SOC does not listen")
    }

    /// Nobody listens there any more.
    pub fn soc_goes(&mut self) {
        self.soc = None;
    }

    /// The seqs of all events that the SOC has ever read.
    pub fn taken(&self) -> Result<BTreeSet<u64>> {
        let mut all = BTreeSet::new();
        for time in 1..=self.times {
            let text = fs::read_to_string(self.folder.join(format!("soc-{time}")))?;
            all.extend(text.lines().filter_map(seq));
        }
        Ok(all)
    }

    /// An error names what is missing in the row of what was taken: there is no hole when nothing was lost.
    pub fn is_whole(&self) -> Result<()> {
        let taken = self.taken()?;
        let last = taken.last().copied().unwrap_or_default();
        let missing: Vec<u64> = (1..=last).filter(|seq| !taken.contains(seq)).collect();
        ensure!(last > 0 && missing.is_empty(), "{} of {last} events are missing: {missing:?}", missing.len());
        Ok(())
    }

    /// An agent's settings that lead here, with the API's key as its credential `acme`, and the CA in this file.
    pub fn settings(&self, ca: &str) -> String {
        let port = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
        format!(
            "[agent]\nname = \"trial\"\nheartbeat = \"0s\"\n[local]\nlisten = \"127.0.0.1:0\"\n[integrations.acme]\nconnector = \
             \"abnormal-security\"\nhost = \"localhost:{}\"\nca = \"{ca}\"\napi-key = {{ credential = \"acme\" }}\npolling-interval = \
             \"1s\"\nrequests-per-minute = 60000\nstreams = [\"threats\"]\nlag = \"1s\"\n[destinations.soc]\ntype = \
             \"syslog\"\naddress = \"localhost:{}\"\nca = \"{ca}\"\nstart = \"oldest\"\n",
            port(&self.api),
            port(&self.soc_address)
        )
    }
}

/// Of one message: the number behind `"seq":`.
fn seq(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("\"seq\":")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// `listening on ADDRESS`: a simulator's first line.
fn listening(running: &mut Running) -> Result<String> {
    let pipe = running.child().stdout.take().context("a simulator has a stdout")?;
    let mut lines = BufReader::new(pipe);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    // What it says later is read and let go, so that it never waits for us.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let address = first.trim().strip_prefix("listening on ").map(str::to_owned);
    address.with_context(|| format!("a simulator said {first:?} instead of its address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seq_of_a_message_is_read_and_other_lines_have_none() {
        assert_eq!(seq("<134>1 … {\"id\":\"a/b/c/1\",\"seq\":412,\"kind\":\"threat\"}"), Some(412));
        assert_eq!(seq("listening on 127.0.0.1:6514"), None);
    }
}
