//! `conductor check --nagios`: the running agent's state as a monitoring plugin tells it, of this box or from afar.
//!
//! Promise: it exits with 0, 1, 2 or 3 as the Monitoring Plugins guidelines say; what keeps it from asking (a token, a
//! certificate) is UNKNOWN, an agent that does not answer is CRITICAL.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::super::{Failure, block_on, status};
use crate::config;
use crate::fault::{Fault, FaultKind};
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::net::tls::TlsOptions;
use crate::secrets::{SecretSources, resolve_text, resolve_token};
use crate::status::Snapshot;
use crate::status::plugin::{Word, plugin, unasked};
use crate::values::SecretRef;

#[derive(Debug, Args)]
pub struct FromAfar {
    /// With --nagios: of the agent there, such as https://box:8443.
    #[arg(long, requires = "nagios", value_name = "URL")]
    url: Option<String>,
    /// With --url: the file that holds the health-token.
    #[arg(long, requires = "url", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// With --url: our client certificate (PEM).
    #[arg(long, requires = "url", requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// With --url: the key of --cert (PEM).
    #[arg(long, requires = "url", requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
    /// With --url: the CA of the box's certificate, or the self-signed certificate itself (PEM).
    #[arg(long, requires = "url", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Monitoring systems give a plugin ten seconds or more.
const LIMIT: Duration = Duration::from_secs(8);

pub fn run(config: &Path, from: &FromAfar) -> Result<u8, Failure> {
    let asked = match &from.url {
        Some(url) => block_on(ask(url, from))?,
        None => {
            let (listen, state_dir) = config::whereabouts(config, &|name| std::env::var(name).ok());
            let asked = block_on(status::ask(listen, &state_dir))?;
            asked.map_err(|why| (Word::Critical, why))
        }
    };
    let told = asked.and_then(|body| {
        serde_json::from_slice::<Snapshot>(&body)
            .map_err(|e| (Word::Unknown, format!("what answers there is no conductor: {e}")))
    });
    let (word, text) = match told {
        Ok(snapshot) => plugin(&snapshot),
        Err((word, why)) => (word, unasked(word, &why)),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(word as u8)
}

async fn ask(url: &str, from: &FromAfar) -> Result<bytes::Bytes, (Word, String)> {
    let fault = |fault: Fault| (word(fault.kind), fault.chain());
    let sources = SecretSources::default();
    let token = from.token_file.clone().map(SecretRef::File);
    let token = token.map(|place| resolve_token(&place, &sources)).transpose().map_err(fault)?;
    let key = from.key.clone().map(SecretRef::File);
    let key = key.map(|place| resolve_text(&place, &sources)).transpose().map_err(fault)?;
    let tls = TlsOptions { ca: from.ca.clone(), cert: from.cert.clone(), key, ..TlsOptions::default() };
    let limits = Limits { connect: LIMIT, headers: LIMIT, whole: LIMIT, ..Limits::default() };
    let client = Client::new(ClientOptions { tls, limits, ..ClientOptions::default() }).map_err(fault)?;
    let url = format!("{}/status", url.trim_end_matches('/'));
    let answer = client.get(&url, &[], token.as_ref()).await.map_err(fault)?;
    match answer.status {
        200 => Ok(answer.body),
        401 => Err((Word::Unknown, format!("{url} does not know us: check --token-file, or --cert and --key"))),
        421 => Err((Word::Unknown, format!("{url}: the box is not called that; add the name to [remote] names"))),
        other => Err((Word::Unknown, format!("{url} answered {other}"))),
    }
}

/// Is it the box that does not answer, or we that can't ask?
fn word(kind: FaultKind) -> Word {
    match kind {
        FaultKind::Unavailable => Word::Critical,
        FaultKind::Misconfigured
        | FaultKind::Keyless
        | FaultKind::Refused
        | FaultKind::Unlicensed
        | FaultKind::Throttled
        | FaultKind::OutOfRetention
        | FaultKind::Unreadable
        | FaultKind::Rejected
        | FaultKind::Full
        | FaultKind::Corrupt => Word::Unknown,
    }
}
