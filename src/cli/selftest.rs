//! `conductor selftest`: does this binary keep its promises on this machine? A queue is written, its writer killed, the queue
//! opened again; then one event goes by TLS to a receiver of our own.
//!
//! Promise: it needs no settings and no network but loopback, touches nothing of the agent, and leaves nothing behind.

mod cut;
mod receiver;
mod scratch;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, block_on};
use scratch::Scratch;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Where the trial queue is made: on the disk that is to be tried; default: the folder for temporary files
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// What runs this binary where the machine can't by itself, such as qemu-aarch64-static
    #[arg(long, value_name = "PROGRAM")]
    through: Option<PathBuf>,
    /// The writer that is killed
    #[arg(long, hide = true, value_name = "FOLDER")]
    writes_into: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if let Some(folder) = &arguments.writes_into {
        return cut::write_until_killed(folder);
    }
    let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = Scratch::make(&folder)?;
    let certificate = receiver::certificate()?;
    block_on(async {
        let receiver = receiver::Receiver::start(&certificate).await?;
        let settings = scratch.settings(&certificate.cert.pem(), receiver.address.port())?;
        let cut = cut::kill_and_reopen(scratch.path(), &settings, arguments.through.as_deref())?;
        say(&format!("queue   {} events were confirmed before the writer was killed", cut.confirmed))?;
        say(&format!(
            "reopen  {} events are there, the confirmed ones among them, in order, with their checkpoint",
            cut.there
        ))?;
        let told = receiver.take_one(&settings).await?;
        say(&format!("tls     {told}"))
    })??;
    say(&format!("conductor {} holds on this machine ({})", crate::VERSION, std::env::consts::ARCH))?;
    Ok(0)
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
