//! `conductor support-bundle`: what somebody who helps from afar needs, in one file, with or without the agent.
//!
//! Promise: the file is for its owner alone, takes no other's place, and is whole or not there.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::agent_socket::{converse, reply};
use super::{Failure, block_on, is_forbidden, queue, settings, status};
use crate::bundle::{self, Sources};
use crate::config::{self, Settings};
use crate::control::{Reply, Request};
use crate::files::whole;
use crate::status::Snapshot;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The file; default: conductor-support-NAME-TIME.tar.gz here.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out the look through all of the queue's files, which takes long where they are large.
    #[arg(long)]
    quick: bool,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let now = Timestamp::now();
    let (listen, state_dir) = config::whereabouts(config, &env);
    let loaded = settings::load(config).map(|loaded| loaded.settings).map_err(|failure| failure.text);
    let told = block_on(status::ask(listen, &state_dir))?;
    let snapshot = told.and_then(|body| serde_json::from_slice::<Snapshot>(&body).map_err(|error| error.to_string()));
    let agent = loaded.as_ref().map_or("box", |settings| settings.agent.name.as_str()).to_owned();
    let of_settings = |look: &dyn Fn(&Settings) -> Result<Value, Failure>| match &loaded {
        Ok(settings) => look(settings).map_err(|failure| failure.text),
        Err(_) => Err("the settings can't be used: see mistakes.txt".to_owned()),
    };
    let secrets = settings::secret_sources(&state_dir);
    let sources = Sources {
        config,
        env: &env,
        state_dir: &state_dir,
        secrets: &secrets,
        snapshot,
        queue: of_settings(&shown),
        verified: if arguments.quick { Err("left out by --quick".into()) } else { of_settings(&queue::verified) },
    };
    let name = bundle::name(&agent, now);
    let bytes = bundle::make(&sources, &name, now)?;
    let file = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    whole::make(&file, &bytes).map_err(|error| {
        let exit = if is_forbidden(&error) { super::Exit::Permission } else { super::Exit::Disk };
        Failure::new(exit, format!("{} can't be written: {error}; name another with --output", file.display()))
    })?;
    writeln!(
        std::io::stdout(),
        "{} is written; MANIFEST in it says what it holds: read it before you pass it on",
        file.display()
    )?;
    Ok(0)
}

fn shown(settings: &Settings) -> Result<Value, Failure> {
    let mut found = Value::Null;
    converse(settings, &Request::Show, |line| {
        if let Some(Reply::Show { show }) = reply(line) {
            found = serde_json::to_value(show).unwrap_or_default();
        }
        Ok(())
    })?;
    Ok(found)
}
