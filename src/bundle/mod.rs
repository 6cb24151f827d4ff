//! The support bundle: what somebody who helps from afar needs to see, in one file that says what is in it.
//!
//! It is made of what we say about ourselves anyway (status, health, metrics, log), of the settings with every secret left
//! out, and of names and sizes. No event's content is read for it.
//!
//! Promise: what a file of it holds is named in its MANIFEST with the reason; what could not be had is named too; and each
//! secret that the settings refer to is searched for in all of it before it leaves, or named as one that was not.

mod machine;
pub mod secrets;
mod tar;

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::audit::Audit;
use crate::config::{self, Environment};
use crate::secrets::SecretSources;
use crate::status::Snapshot;
use crate::status::health::health;
use crate::status::metrics::metrics;

/// Entries of the audit log that go into it.
const AUDIT_ENTRIES: usize = 1_000;

/// Where all of it comes from. An `Err` says in a sentence why it could not be had.
pub struct Sources<'a> {
    /// The main settings file.
    pub config: &'a Path,
    pub env: Environment<'a>,
    pub state_dir: &'a Path,
    pub secrets: &'a SecretSources,
    /// As /status tells.
    pub snapshot: Result<Snapshot, String>,
    /// As `queue show --json` tells.
    pub queue: Result<Value, String>,
    /// As `queue verify --json` tells.
    pub verified: Result<Value, String>,
}

/// One file of it.
struct Item {
    name: &'static str,
    /// Why it is in there, for the MANIFEST.
    why: &'static str,
    content: Result<Vec<u8>, String>,
}

/// The bundle's name without its end: `conductor-support-BOX-20261121T083000Z`.
pub fn name(agent: &str, now: Timestamp) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
    let agent: String = agent.chars().take(40).map(plain).collect();
    format!("conductor-support-{agent}-{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// Gathers all of it: the bytes of a `.tar.gz` that holds one folder of this name. Blocks for files and for the journal.
///
/// # Errors
/// Only where it can't be packed: what can't be had is a line of its MANIFEST.
pub fn make(sources: &Sources<'_>, name: &str, now: Timestamp) -> io::Result<Vec<u8>> {
    let mut items = gather(sources);
    let known = match config::load(sources.config, sources.env) {
        Ok(loaded) => secrets::known(&loaded.settings, sources.secrets),
        Err(_) => secrets::Known::unread(),
    };
    for item in &mut items {
        if let Ok(content) = &item.content
            && known.any_in(content)
        {
            item.content = Err("it held a secret and was left out whole: please report this as a bug".into());
        }
    }
    let manifest = manifest(&items, &known.unsearched, now);
    let at = |file: &str| format!("{name}/{file}");
    let mut files = vec![(at("MANIFEST"), manifest.as_bytes())];
    files.extend(items.iter().filter_map(|item| Some((at(item.name), item.content.as_deref().ok()?))));
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    tar::archive(files.iter().map(|(name, bytes)| (name.as_str(), *bytes)), seconds)
}

fn gather(sources: &Sources<'_>) -> Vec<Item> {
    let item = |name, why, content| Item { name, why, content };
    let snapshot = || sources.snapshot.as_ref().map_err(Clone::clone);
    let audit = Audit::open_existing(&sources.state_dir.join("audit")).map_err(|error| error.to_string());
    vec![
        item("versions.txt", "which version runs on what", Ok(machine::versions().into_bytes())),
        item(
            "settings.toml",
            "how it is set: keys, hosts and where secrets lie; the secrets left out",
            settings(sources),
        ),
        item("mistakes.txt", "what is wrong with the settings, and warnings", Ok(mistakes(sources))),
        item("status.json", "how the agent is: conditions, integrations, destinations", snapshot().and_then(pretty)),
        item(
            "health.json",
            "the same as the SOC's health check sees it",
            snapshot().and_then(|it| pretty(&health(it))),
        ),
        item("metrics.txt", "the counters", snapshot().map(|it| metrics(it, None).into_bytes())),
        item("queue.json", "how much waits for whom: no events", sources.queue.clone().and_then(|it| pretty(&it))),
        item(
            "queue-verify.json",
            "whether the queue's files check out",
            sources.verified.clone().and_then(|it| pretty(&it)),
        ),
        item(
            "disk.txt",
            "room, and names and sizes of the files in the state folder",
            Ok(machine::disk(sources.state_dir)),
        ),
        item(
            "audit.jsonl",
            "who did what lately: the last 1,000 entries",
            audit.as_ref().map_err(Clone::clone).and_then(entries),
        ),
        item(
            "audit-verify.json",
            "whether the audit log's chain holds",
            audit.as_ref().map_err(Clone::clone).and_then(chain),
        ),
        item("journal.txt", "the log of the last day, by journalctl", machine::journal()),
    ]
}

fn settings(sources: &Sources<'_>) -> Result<Vec<u8>, String> {
    let mut text =
        String::from("# What each settings file says. Comments and whatever may be a secret are left out.\n");
    for (path, redacted) in config::redacted(sources.config, sources.env) {
        text += &format!("\n#### {}\n{redacted}", path.display());
    }
    Ok(text.into_bytes())
}

/// They quote no value.
fn mistakes(sources: &Sources<'_>) -> Vec<u8> {
    let text = match config::load(sources.config, sources.env) {
        Ok(loaded) if loaded.warnings.is_empty() => "none\n".to_owned(),
        Ok(loaded) => loaded.warnings.join("\n") + "\n",
        Err(mistakes) => format!("{mistakes}\n"),
    };
    text.into_bytes()
}

fn entries(audit: &Audit) -> Result<Vec<u8>, String> {
    let entries = audit.read_last(AUDIT_ENTRIES).map_err(|error| error.to_string())?;
    let lines = entries.iter().map(|entry| serde_json::to_string(entry).map(|line| line + "\n"));
    let text: Result<String, _> = lines.collect();
    text.map(String::into_bytes).map_err(|error| error.to_string())
}

fn chain(audit: &Audit) -> Result<Vec<u8>, String> {
    let verdict = audit.verify().map_err(|error| error.to_string())?;
    pretty(&verdict.to_json())
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>, String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok((text + "\n").into_bytes())
}

fn manifest(items: &[Item], unsearched: &[String], now: Timestamp) -> String {
    let mut text = format!(
        "conductor {} support bundle, made {now:.0}\n\nNo secret and no event is in it: secrets stand in the settings as references \
         only, and each secret\nthat could be read was searched for in every file. Host names, addresses, names of integrations and of\n\
         users of this box, and the vendor's ids of messages (in checkpoints) are in it. Read it through before you\n\
         pass it on.\n\nIn it:\n",
        crate::VERSION
    );
    for item in items {
        if let Ok(content) = &item.content {
            text += &format!("  {:<20} {:>9} bytes  {}\n", item.name, content.len(), item.why);
        }
    }
    text += "\nNot in it:\n";
    for item in items {
        if let Err(why) = &item.content {
            text += &format!("  {:<20} {}; {why}\n", item.name, item.why);
        }
    }
    text += "  events, sealed secrets, keys: never\n";
    if !unsearched.is_empty() {
        text += "\nSecrets that were not searched for:\n";
        unsearched.iter().for_each(|one| text += &format!("  {one}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    /// The archive's bytes, unpacked: heads and files.
    fn unpacked(bytes: &[u8]) -> String {
        let mut all = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut all).expect("gzip");
        String::from_utf8_lossy(&all).into_owned()
    }

    #[test]
    fn a_file_that_holds_a_secret_after_all_stays_out_and_that_is_told() {
        let room = tempfile::tempdir().expect("a folder");
        let config = room.path().join("conductor.toml");
        fs::write(room.path().join("key"), "CANARY-token-1\n").expect("a key");
        fs::write(
            &config,
            "[egress]\nproxy = \"http://u:CANARY-password@127.0.0.1:9\"\n[integrations.acme]\napi-key = { file = \"key\" }\n",
        )
        .expect("settings");
        let secrets = SecretSources { credentials_dir: None, state_dir: room.path().to_owned() };
        let bundle = |queue: &str, verified: &str| {
            let sources = Sources {
                config: &config,
                env: &|_| None,
                state_dir: room.path(),
                secrets: &secrets,
                snapshot: Err("the agent does not run".into()),
                queue: Ok(Value::String(queue.into())),
                verified: Ok(Value::String(verified.into())),
            };
            unpacked(&make(&sources, "it", Timestamp::UNIX_EPOCH).expect("made"))
        };
        let whole = bundle("nothing of note", "nor here");
        assert!(whole.contains("nothing of note") && !whole.contains("it held a secret"), "{whole}");
        let spoilt = bundle("a CANARY-token-1 slipped", "so did CANARY-password");
        assert!(!spoilt.contains("CANARY"), "{spoilt}");
        assert_eq!(spoilt.matches("it held a secret").count(), 2, "{spoilt}");
        assert!(spoilt.contains("the agent does not run"), "what could not be had is named");
    }

    #[test]
    fn its_name_is_one_for_any_file_system() {
        let at = "2026-11-21T08:30:00Z".parse().expect("a time");
        assert_eq!(name("acme/mel 1", at), "conductor-support-acme_mel_1-20261121T083000Z");
    }
}
