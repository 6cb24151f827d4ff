//! The secrets that the settings refer to: can each be read, by whom else, and is an API key used twice.
//!
//! Promise: a secret is read, judged and wiped; of what a file holds nothing is told.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::Subject;
use crate::config::{Connector, Integration, NamedSecret};
use crate::diagnosis::finding::Finding;
use crate::fault::Fault;
use crate::secrets::{SecretSources, resolve_text, resolve_token};
use crate::values::{Secret, SecretRef};

const ID: &str = "secrets";

/// How a secret of this kind is read.
type Resolve = fn(&SecretRef, &SecretSources) -> Result<Secret, Fault>;

pub fn look(subject: &Subject) -> Vec<Finding> {
    let all = subject.settings.secrets().into_iter();
    let found = all.map(|NamedSecret { setting, secret, enabled, word }| {
        let resolve: Resolve = if word { resolve_token } else { resolve_text };
        match enabled {
            true => one(&setting, secret, resolve, &subject.secrets),
            false => Finding::skipped(ID, &setting, "is disabled", "set enabled = true to use it"),
        }
    });
    let found: Vec<Finding> = found.chain(twins(subject)).collect();
    if found.is_empty() { vec![Finding::ok(ID, "", "the settings refer to none")] } else { found }
}

/// Two integrations that ask the same host with the same key for the same streams: each fact would come as two events,
/// since an event's id begins with its integration's name.
fn twins(subject: &Subject) -> Vec<Finding> {
    let enabled = subject.settings.integrations.values().filter(|one| one.enabled);
    let read = enabled.filter_map(|one| Some((one, resolve_token(&one.api_key, &subject.secrets).ok()?)));
    let mut found = Vec::new();
    let mut before: Vec<(&Integration, Secret)> = Vec::new();
    for (one, key) in read {
        let Connector::Abnormal(ours) = &one.connector;
        let shared = before.iter().filter(|(_, other)| *other == key).find_map(|(other, _)| {
            let Connector::Abnormal(theirs) = &other.connector;
            let both = ours.streams.iter().filter(|stream| theirs.streams.contains(*stream)).cloned();
            let both = both.collect::<Vec<_>>().join(", ");
            (ours.host == theirs.host && !both.is_empty()).then_some((&other.name, both))
        });
        if let Some((other, streams)) = shared {
            let text = format!("it is the key of integrations.{other}, at the same host: {streams} would come twice");
            let advice = "take one of the two out; another tenant has a key of its own";
            found.push(Finding::warning(ID, &format!("integrations.{}.api-key", one.name), text, advice));
        }
        before.push((one, key));
    }
    found
}

fn one(setting: &str, secret: &SecretRef, resolve: Resolve, sources: &SecretSources) -> Finding {
    if let Err(fault) = resolve(secret, sources) {
        let advice = match secret {
            SecretRef::File(_) | SecretRef::Credential(_) => {
                format!("mend that file, or what {setting} refers to; the agent looks again each minute")
            }
            SecretRef::Sealed(_) => "do what it says; the agent looks again each minute".to_owned(),
        };
        return Finding::fault(ID, setting, &fault, advice);
    }
    match secret {
        SecretRef::File(path) => {
            let place = path.display();
            // A file that was just read and can't be looked at has gone in between: the next run tells.
            let mode = fs::metadata(path).map_or(0, |found| found.mode() & 0o777);
            if mode & 0o027 == 0 {
                return Finding::ok(ID, setting, format!("{place} can be read (mode {mode:03o})"));
            }
            let who =
                if mode & 0o007 == 0 { "its group may change" } else { "anyone on this machine may read or change" };
            let text = format!("{who} {place} (mode {mode:03o})");
            Finding::warning(ID, setting, text, format!("chmod 600 {place}, and make a new key if others were there"))
        }
        SecretRef::Credential(name) => Finding::ok(ID, setting, format!("the credential {name} can be read")),
        SecretRef::Sealed(name) => Finding::ok(ID, setting, format!("the sealed secret {name} can be read")),
    }
}
