//! `conductor status`: reads the local endpoint of the running agent.
//!
//! It needs no leave to enter the state folder (monitoring has none), and settings that hold mistakes do not hide an
//! agent that goes on with the old ones.
//!
//! Promise: the exit code follows the monitoring-plugin convention: 0 healthy, 1 degraded, 2 down (or not there,
//! whatever the settings are like). `--ready` follows that of container engines: 0 while the queue takes events, else 1.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::{Exit, Failure, block_on, run::LOCAL_ADDRESS, settings};
use crate::config;
use crate::net::dial;
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::status::{Snapshot, text};

const DOWN: u8 = 2;
/// What container engines call unhealthy; they keep 2 for themselves.
const NOT_READY: u8 = 1;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The whole status as JSON.
    #[arg(long)]
    json: bool,
    /// One line and exit 0 while the queue takes events, else 1: the health check of a container. A vendor or a SOC that is
    /// away does not count.
    #[arg(long, conflicts_with = "json")]
    ready: bool,
}

pub fn run(path: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    if arguments.ready {
        return ready(path);
    }
    let mistaken = settings::load(path).err();
    let (listen, state_dir) = config::whereabouts(path, &|name| std::env::var(name).ok());
    let answered = block_on(ask(listen, &state_dir))?;
    // Monitoring has often no leave to read them all; the agent's word is enough then.
    if let Some(mistaken) = mistaken.filter(|mistaken| mistaken.exit != Exit::Permission) {
        eprintln!("conductor: {}", mistaken.text);
        if answered.is_ok() {
            eprintln!("conductor: this is the agent that runs all the same:");
        }
    }
    let body = match answered {
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
            eprintln!("conductor: down: what answers on {listen} is no conductor ({e})");
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

fn ready(path: &Path) -> Result<u8, Failure> {
    let (listen, state_dir) = config::whereabouts(path, &|name| std::env::var(name).ok());
    match block_on(ask_for("/readyz", listen, &state_dir))? {
        Ok(said) => {
            std::io::stdout().write_all(&said)?;
            Ok(0)
        }
        Err(why) => {
            eprintln!("conductor: not ready: {why}");
            Ok(NOT_READY)
        }
    }
}

/// The status document of the agent that listens there; the error is a sentence.
pub(super) async fn ask(listen: SocketAddr, state_dir: &Path) -> Result<bytes::Bytes, String> {
    ask_for("/status", listen, state_dir).await
}

async fn ask_for(what: &str, listen: SocketAddr, state_dir: &Path) -> Result<bytes::Bytes, String> {
    let address = if listen.port() == 0 {
        let file = state_dir.join(LOCAL_ADDRESS);
        std::fs::read_to_string(&file).map_err(|e| match e.kind() {
            std::io::ErrorKind::PermissionDenied => {
                format!("its address may not be read from {}: give `local.listen` a port", file.display())
            }
            _ => "the agent does not run (it has not written its address)".to_owned(),
        })?
    } else {
        listen.to_string()
    };
    let limits = Limits { whole: Duration::from_secs(10), allow_http: true, ..Limits::default() };
    // Loopback is never asked through a proxy of the environment.
    let options = ClientOptions { path: dial::Path::default(), limits, ..ClientOptions::default() };
    let client = Client::new(options).map_err(|fault| fault.chain())?;
    let url = format!("http://{}{what}", address.trim());
    let answer = client.get(&url, &[], None).await.map_err(|fault| {
        format!(
            "the agent does not answer on {address} ({}): is it running? (systemctl status conductor)",
            fault.chain()
        )
    })?;
    if answer.status == 200 { Ok(answer.body) } else { Err(format!("{url} answered {}", answer.status)) }
}
