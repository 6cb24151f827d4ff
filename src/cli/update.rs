//! `conductor update`: hands a signed bundle to the appliance's system, and tells what became of it.
//!
//! Promise: it judges nothing and installs nothing: the system takes a bundle by its signature alone. Ended at any moment, it
//! leaves the box as it was, or a whole bundle where the system looks for it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::recording::Doing;
use super::{Exit, Failure, block_on, is_forbidden, settings};
use crate::appliance::update::{self, Arrival, Arrived, LARGEST, Last, NotTaken, Outcome, Told, VERSION_FILE};
use crate::config;
use crate::engine::way_out;
use crate::net::http::{Client, ClientOptions};
use crate::net::tls::TlsOptions;

/// For all of a download.
const WHOLE: Duration = Duration::from_secs(2 * 3600);
/// For the install, the restart and the health gate together.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
const LOOK: Duration = Duration::from_secs(1);
const PIECE: usize = 1 << 20;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A bundle: a file, or an https:// URL. Without it: which version runs, and what became of the last update.
    #[arg(value_name = "FILE|URL")]
    source: Option<String>,
    /// Wait until the system has judged it: exit 0 good, 77 refused, 70 it did not show itself good.
    #[arg(long, requires = "source")]
    wait: bool,
    /// Take it only if this is its SHA-256.
    #[arg(long, value_name = "HEX", requires = "source")]
    sha256: Option<String>,
    /// A CA file (PEM) beside the system's roots, for a URL.
    #[arg(long, value_name = "FILE", requires = "source")]
    ca: Option<PathBuf>,
}

impl Arguments {
    /// For the audit log: a name alone, since a URL may hold what is not ours to tell.
    pub fn doing(&self) -> Doing {
        let source = self.source.as_deref()?;
        let bare = source.split(['?', '#']).next().unwrap_or(source);
        Some(("update", update::file_name(bare)))
    }
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let state_dir = config::whereabouts(config, &|name| std::env::var(name).ok()).1;
    let appliance = update::appliance(Path::new(VERSION_FILE));
    let Some(source) = &arguments.source else { return status(appliance.as_deref(), &state_dir) };
    let Some(running) = appliance else {
        return Err(Failure::new(Exit::Usage, format!("nothing was done: {}", update::packages())));
    };
    let before = told(&state_dir)?.last;
    let arrived = match source.split_once("://") {
        Some(("https", _)) => from_url(config, source, arguments, &state_dir)?,
        Some(_) => return Err(Failure::new(Exit::Usage, "a bundle is fetched by https:// only")),
        None => from_file(Path::new(source), arguments, &state_dir)?,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} ({} bytes, SHA-256 {}) is with the system", arrived.name, arrived.bytes, arrived.sha256)?;
    writeln!(
        out,
        "it is taken if it is signed for this box and newer than {running}; then the box restarts. `conductor update` tells \
         how it ended"
    )?;
    if arguments.wait { wait(&state_dir, before.as_ref()) } else { Ok(0) }
}

fn status(appliance: Option<&str>, state_dir: &Path) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    let Some(version) = appliance else {
        writeln!(out, "version {}", crate::VERSION)?;
        writeln!(out, "{}", update::packages())?;
        return Ok(0);
    };
    let told = told(state_dir)?;
    let slot = told.slot.map_or_else(String::new, |slot| format!(" in slot {slot}"));
    writeln!(out, "version {version}{slot}")?;
    match told.last {
        Some(last) => writeln!(out, "last update: {}", last.sentence())?,
        None => writeln!(out, "last update: none yet")?,
    }
    Ok(0)
}

fn told(state_dir: &Path) -> Result<Told, Failure> {
    Told::read(state_dir).map_err(|error| untold(state_dir, &error))
}

fn untold(state_dir: &Path, error: &std::io::Error) -> Failure {
    let exit = if is_forbidden(error) { Exit::Permission } else { Exit::Disk };
    let folder = state_dir.join(update::FOLDER);
    Failure::new(exit, format!("what the system tells of updates can't be read from {}: {error}", folder.display()))
}

fn from_file(path: &Path, arguments: &Arguments, state_dir: &Path) -> Result<Arrived, Failure> {
    let unreadable = |error: std::io::Error| {
        let exit = if is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
        Failure::new(exit, format!("{} can't be read: {error}", path.display()))
    };
    // Opening a pipe would wait for its writer: look before.
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(Failure::new(Exit::Usage, format!("{} is no file: name the bundle", path.display())));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut arrival = Arrival::begin(state_dir, &name, Some(found.len()), LARGEST)?;
    let mut piece = vec![0; PIECE];
    loop {
        let length = file.read(&mut piece).map_err(unreadable)?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        arrival.put(bytes)?;
    }
    Ok(arrival.end(arguments.sha256.as_deref())?)
}

fn from_url(config: &Path, url: &str, arguments: &Arguments, state_dir: &Path) -> Result<Arrived, Failure> {
    // By the way that the agent itself takes; settings that hold mistakes keep nobody from an update.
    let path = settings::load(config).map(|loaded| way_out::path(&loaded.settings.egress)).unwrap_or_default();
    let tls = TlsOptions { ca: arguments.ca.clone(), ..TlsOptions::default() };
    let client = Client::new(ClientOptions { tls, path, ..ClientOptions::default() })?;
    let bare = url.split(['?', '#']).next().unwrap_or(url);
    block_on(async {
        let mut download = client.download(url, WHOLE).await?;
        let mut arrival = Arrival::begin(state_dir, bare, download.length, LARGEST)?;
        // One thread and nobody else to serve: the disk may keep it waiting.
        while let Some(bytes) = download.next().await? {
            arrival.put(&bytes)?;
        }
        Ok(arrival.end(arguments.sha256.as_deref())?)
    })?
}

/// Follows what the system tells until the update has ended.
fn wait(state_dir: &Path, before: Option<&Last>) -> Result<u8, Failure> {
    let until = Instant::now() + PATIENCE;
    let mut shown = None;
    while Instant::now() < until {
        let last = match Told::read(state_dir) {
            Ok(told) => told.last.filter(|last| Some(last) != before),
            // It is being written.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => None,
            Err(error) => return Err(untold(state_dir, &error)),
        };
        if let Some(last) = last.filter(|last| shown.as_ref() != Some(last)) {
            writeln!(std::io::stdout(), "{}", last.sentence())?;
            match last.outcome {
                Outcome::Installing | Outcome::Trial => {}
                Outcome::Good => return Ok(0),
                Outcome::Refused => return Ok(Exit::Permission as u8),
                Outcome::NotGood | Outcome::Unknown => return Ok(Exit::Software as u8),
            }
            shown = Some(last);
        }
        std::thread::sleep(LOOK);
    }
    let text =
        "the system has not told how the update ended within 45 min: see the console, and say `conductor update` later";
    Err(Failure::new(Exit::Unavailable, text))
}

impl From<NotTaken> for Failure {
    fn from(refused: NotTaken) -> Failure {
        let exit = match &refused {
            NotTaken::Busy | NotTaken::Installing | NotTaken::Short { .. } => Exit::Unavailable,
            NotTaken::NoBundle | NotTaken::TooLarge { .. } | NotTaken::Another { .. } => Exit::Usage,
            NotTaken::Disk { source, .. } if is_forbidden(source) => Exit::Permission,
            NotTaken::NoRoom { .. } | NotTaken::Disk { .. } => Exit::Disk,
        };
        let what_to_do = match &refused {
            NotTaken::Disk { source, .. } if is_forbidden(source) => "; say it as root or as the agent's user",
            NotTaken::Installing => " (`conductor update` tells how it stands)",
            NotTaken::Busy
            | NotTaken::NoBundle
            | NotTaken::TooLarge { .. }
            | NotTaken::NoRoom { .. }
            | NotTaken::Short { .. }
            | NotTaken::Another { .. }
            | NotTaken::Disk { .. } => "",
        };
        Failure::new(exit, format!("{refused}{what_to_do}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_shell_and_no_rights_is_told_who_has_them() {
        let refused = |kind| {
            let source = std::io::Error::from(kind);
            Failure::from(NotTaken::Disk { path: PathBuf::from("/var/lib/conductor/update"), source })
        };
        assert!(refused(std::io::ErrorKind::PermissionDenied).text.contains("say it as root"));
        assert!(!refused(std::io::ErrorKind::StorageFull).text.contains("root"), "rights make no room");
        assert!(Failure::from(NotTaken::Installing).text.contains("`conductor update` tells"));
    }
}
