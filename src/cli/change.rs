//! `add`, `enable`, `disable` and `remove` of integrations and destinations.
//!
//! Promise: nothing is written that the agent would refuse; a running agent is told to read its settings again.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use toml::Value;

use super::{Exit, Failure, agent_socket, is_forbidden, recording};
use crate::config::{self, Change, Changed, Table, Unchanged};
use crate::values::Name;

#[derive(Debug, Args)]
pub struct Named {
    /// As `list` calls it.
    name: String,
}

#[derive(Debug, Args)]
pub struct Add {
    /// A name of your own: letters, digits and hyphens.
    name: String,
    /// Its settings as in the file (docs/settings.md): `type=syslog`, `filter.severity-at-least=high`,
    /// `key='{ file = "/path" }'`. A value is TOML where it can be, else text. Never a secret: only where one lies.
    #[arg(required = true, value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl Named {
    /// As the audit log has it.
    pub fn about(&self) -> String {
        recording::name(&self.name)
    }
}

impl Add {
    /// As the audit log has it: what was set is told by name when the agent reads it.
    pub fn about(&self) -> String {
        recording::name(&self.name)
    }
}

pub fn add(config: &Path, table: Table, add: &Add) -> Result<u8, Failure> {
    let mut keys = toml::Table::new();
    for pair in &add.settings {
        // What was written is not repeated: it may be a secret that slipped.
        let usage = |text: &str| Failure::new(Exit::Usage, format!("{text}; nothing was changed"));
        let (key, value) = pair.split_once('=').ok_or_else(|| usage("a setting must be written KEY=VALUE"))?;
        put(&mut keys, key.trim(), value_of(value)).map_err(|()| usage("a setting is written twice"))?;
    }
    let changed = change(config, table, &add.name, Change::Add(keys))?;
    told(&changed, &format!("{} {} is in {}", table.as_str(), add.name, changed.file.display()))?;
    let (kind, name) = (table.as_str(), &add.name);
    writeln!(std::io::stdout(), "try it: `conductor {kind} test {name}`")?;
    Ok(0)
}

pub fn enable(config: &Path, table: Table, named: &Named, enabled: bool) -> Result<u8, Failure> {
    let changed = change(config, table, &named.name, Change::Enable(enabled))?;
    let word = if enabled { "enabled" } else { "disabled" };
    told(&changed, &format!("{} {} is {word} in {}", table.as_str(), named.name, changed.file.display()))?;
    Ok(0)
}

pub fn remove(config: &Path, table: Table, named: &Named) -> Result<u8, Failure> {
    let changed = change(config, table, &named.name, Change::Remove)?;
    let name = &named.name;
    told(&changed, &format!("{} {name} is taken out of {}", table.as_str(), changed.file.display()))?;
    let rest = match table {
        Table::Integration => "what it collected stays in the queue until every destination has it".to_owned(),
        Table::Destination => {
            format!(
                "what it had not taken is kept for it: `conductor queue forget {name}` counts it, with --yes gives it up"
            )
        }
    };
    writeln!(std::io::stdout(), "{rest}")?;
    Ok(0)
}

fn change(config: &Path, table: Table, name: &str, change: Change) -> Result<Changed, Failure> {
    let kind = table.as_str();
    let parsed: Name = name.parse().map_err(|_| {
        let text = format!("{name:?} can't be a name: take lower-case letters, digits and hyphens, such as soc-1");
        Failure::new(Exit::Usage, text)
    })?;
    config::change(config, &|name| std::env::var(name).ok(), table, &parsed, change).map_err(|why| match why {
        Unchanged::Taken(path) => {
            let text = format!("there is a {kind} {name} already, in {}: take another name", path.display());
            Failure::new(Exit::Usage, text)
        }
        Unchanged::Absent => {
            Failure::new(Exit::Usage, format!("no {kind} is called {name}: see `conductor {kind} list`"))
        }
        Unchanged::Operators(path) => {
            let text =
                format!("{kind} {name} is defined in {}, which is yours: change it there, then reload", path.display());
            Failure::new(Exit::Usage, text)
        }
        Unchanged::Wrong(mistakes) => {
            let exit = if mistakes.is_permission() { Exit::Permission } else { Exit::Configuration };
            Failure::new(exit, format!("nothing was changed: the settings would not hold:\n{mistakes}"))
        }
        Unchanged::Disk { path, source } => {
            let exit = if is_forbidden(&source) { Exit::Permission } else { Exit::Disk };
            let text = format!(
                "{} can't be written: {source}; nothing was changed: say it as root or as the agent's user",
                path.display()
            );
            Failure::new(exit, text)
        }
    })
}

/// Says what was done, and has a running agent read it.
fn told(changed: &Changed, done: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{done}")?;
    for warning in &changed.warnings {
        eprintln!("conductor: {warning}");
    }
    drop(stdout);
    tell_agent(&changed.state_dir)
}

/// Has a running agent read the settings that were changed.
pub(super) fn tell_agent(state_dir: &Path) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let Ok(agent) = agent_socket::connect(state_dir) else {
        writeln!(stdout, "no agent answers on {}: it counts from the next start", state_dir.display())?;
        return Ok(());
    };
    match reload(&agent) {
        Ok(()) => writeln!(stdout, "the running agent reads its settings again: see `conductor status`")?,
        Err(why) => {
            let text =
                format!("the change is written, but the agent could not be told ({why}): systemctl reload conductor");
            return Err(Failure::new(Exit::Unavailable, text));
        }
    }
    Ok(())
}

/// SIGHUP to who listens behind the control socket: what systemctl reload sends.
fn reload(agent: &UnixStream) -> Result<(), nix::Error> {
    let pid = getsockopt(agent, PeerCredentials)?.pid();
    // An agent in another container has no number here, and 0 would signal ourselves.
    if pid <= 1 {
        return Err(nix::Error::ESRCH);
    }
    kill(Pid::from_raw(pid), Signal::SIGHUP)
}

/// TOML where it is a flag, a number, a quoted text, a list or a table; else the text as it stands.
fn value_of(text: &str) -> Value {
    let parsed = format!("it = {text}").parse::<toml::Table>().ok().filter(|found| found.len() == 1);
    match parsed.and_then(|mut found| found.remove("it")) {
        Some(
            found @ (Value::Boolean(_) | Value::Integer(_) | Value::String(_) | Value::Array(_) | Value::Table(_)),
        ) => found,
        // Days and times are written as texts in the settings.
        Some(Value::Float(_) | Value::Datetime(_)) | None => Value::String(text.to_owned()),
    }
}

/// Puts a value under its dotted key.
fn put(keys: &mut toml::Table, key: &str, value: Value) -> Result<(), ()> {
    match key.split_once('.') {
        None if keys.contains_key(key) => Err(()),
        None => {
            keys.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => {
            let inner = keys.entry(first).or_insert_with(|| Value::Table(toml::Table::new()));
            put(inner.as_table_mut().ok_or(())?, rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_toml_where_the_settings_want_toml_and_text_everywhere_else() {
        let table = [
            ("true", Value::Boolean(true)),
            ("240", Value::Integer(240)),
            ("10m", Value::String("10m".into())),
            ("\"240\"", Value::String("240".into())),
            ("2027-01-31", Value::String("2027-01-31".into())),
            ("siem.acme.example:6514", Value::String("siem.acme.example:6514".into())),
            ("[\"threats\"]", Value::Array(vec!["threats".into()])),
            ("1\nother = 2", Value::String("1\nother = 2".into())),
        ];
        for (text, value) in table {
            assert_eq!(value_of(text), value, "{text}");
        }
        assert!(value_of("{ file = \"/x\" }").as_table().is_some());
    }

    #[test]
    fn dotted_keys_make_tables_and_none_is_written_twice() {
        let mut keys = toml::Table::new();
        for key in ["type", "filter.streams", "filter.severity-at-least"] {
            put(&mut keys, key, Value::Boolean(true)).expect("new");
        }
        assert_eq!(keys["filter"].as_table().map(toml::Table::len), Some(2));
        for key in ["type", "filter", "type.more", "filter.streams"] {
            put(&mut keys, key, Value::Boolean(true)).expect_err(key);
        }
    }
}
