//! `conductor appliance`: what an appliance's own scripts ask of this program; no verb for people.
//!
//! Promise: it runs as root on what the agent left, and trusts none of it; what it writes is whole or absent.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use nix::fcntl::OFlag;

use super::{Exit, Failure};
use crate::appliance::addressing::{Asked, LARGEST, Typed, Wrong};
use crate::files::whole::{self, Lasting};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check network settings that were asked for, and write what systemd-networkd reads: FOLDER/asked.network and FOLDER/asked.json.
    NetworkFiles {
        /// What was asked
        #[arg(value_name = "ASKED")]
        asked: PathBuf,
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

pub fn run(verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::NetworkFiles { asked, folder } => network_files(&asked, &folder),
    }
}

fn network_files(path: &Path, folder: &Path) -> Result<u8, Failure> {
    let asked = read(path)?;
    // systemd-networkd has a user of its own; there is nothing secret in it.
    write(&folder.join("asked.network"), &asked.network_file())?;
    write(&folder.join("asked.json"), &format!("{}\n", asked.asked_json()))?;
    Ok(0)
}

fn read(path: &Path) -> Result<Asked, Failure> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut bytes = Vec::new();
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    file.and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(Exit::Disk, format!("{} can't be read: {error}", path.display())))?;
    if bytes.len() > LARGEST {
        return Err(Failure::new(Exit::Configuration, "the file of network settings is larger than 16 KiB"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Configuration, "the file of network settings is no text"))?;
    Typed::read(&text).and_then(|typed| typed.check()).map_err(|wrong| refused(&wrong))
}

/// All of it in one line: it goes into a note.
fn refused(wrong: &[Wrong]) -> Failure {
    let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    Failure::new(Exit::Configuration, all.join(" "))
}

/// For all to read, whatever our mask is.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    whole::replace(path, text.as_bytes(), 0o644, Lasting::Synced)
        .map_err(|error| Failure::new(Exit::Disk, format!("{} can't be written: {error}", path.display())))
}
