//! `conductor status`: reads the local endpoint of the running agent.
//!
//! Promise: the exit code follows the monitoring-plugin convention: 0 healthy, 1 degraded, 2 down (or not there).

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::{Failure, block_on, run::LOCAL_ADDRESS, settings};
use crate::config::Settings;
use crate::net::dial;
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::status::{Snapshot, text};

const DOWN: u8 = 2;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The whole status as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let answer = block_on(ask(&settings))?;
    let body = match answer {
        Ok(body) => body,
        Err(why) => {
            eprintln!("conductor: down: {why}");
            return Ok(DOWN);
        }
    };
    let mut stdout = std::io::stdout().lock();
    let snapshot: Snapshot = match serde_json::from_slice(&body) {
        Ok(snapshot) => snapshot,
        Err(e) => {
            eprintln!("conductor: down: what answers on {} is no conductor ({e})", settings.local.listen);
            return Ok(DOWN);
        }
    };
    if arguments.json {
        stdout.write_all(&body)?;
        stdout.write_all(b"\n")?;
    } else {
        stdout.write_all(text::text(&snapshot).as_bytes())?;
    }
    Ok(text::exit_code(snapshot.state))
}

/// The status document of the agent that these settings are of; the error is a sentence.
pub async fn ask(settings: &Settings) -> Result<bytes::Bytes, String> {
    let listen = settings.local.listen;
    let address = if listen.port() == 0 {
        let written = std::fs::read_to_string(settings.agent.state_dir.join(LOCAL_ADDRESS));
        written.map_err(|_| "the agent does not run (it has not written its address)".to_owned())?
    } else {
        listen.to_string()
    };
    let limits = Limits { whole: Duration::from_secs(10), allow_http: true, ..Limits::default() };
    // Loopback is never asked through a proxy of the environment.
    let options = ClientOptions { path: dial::Path::default(), limits, ..ClientOptions::default() };
    let client = Client::new(options).map_err(|fault| fault.chain())?;
    let url = format!("http://{}/status", address.trim());
    let answer = client.get(&url, &[], None).await.map_err(|fault| {
        format!(
            "the agent does not answer on {address} ({}): is it running? (systemctl status conductor)",
            fault.chain()
        )
    })?;
    if answer.status == 200 { Ok(answer.body) } else { Err(format!("{url} answered {}", answer.status)) }
}
