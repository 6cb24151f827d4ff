//! `[agent]`, `[queue]`, `[egress]` and `[local]`: the sections that stand once.
//!
//! Promise: each is whole without a line written, and what is written is checked here once.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeTable;

use super::Environment;
use super::document::{Findings, Table};
use super::files::Files;
use super::fragments::Fragment;
use super::grammar::{Wrong, has_user, interface, loopback, probe_url, proxy_url, source_address};
use super::reader::{TableReader, is_word};
use super::settings::{Agent, Door, Egress, Local, Queue, WhenFull};
use crate::values::Secret;

/// Where the packages keep the state.
const STATE_DIR: &str = "/var/lib/conductor";

pub fn agent(table: Table<'_>, findings: &mut Findings<'_>, env: Environment<'_>) -> Option<Agent> {
    let fragments = findings.fragments;
    let mut reader = TableReader::new(table, findings);
    let name = if reader.has("name") { reader.word("name") } else { Some(host_name(&mut reader)) };
    let written = reader.text("state-dir", |text| if text.is_empty() { Err(Wrong::Form) } else { Ok(text.to_owned()) });
    let place = reader.place("state-dir");
    let fragment = fragments.get(place.fragment);
    if reader.has("state-dir") && fragment.is_some_and(|f| f.origin.is_state()) {
        reader.wrong("state-dir", "can't be set by a file inside the state folder", "set it in the main file");
    }
    let state_dir = match (reader.has("state-dir"), written) {
        (true, written) => written.zip(fragment).map(|(path, fragment)| fragment.folder.join(path)),
        (false, _) => Some(usual_state_dir(env)),
    };
    let heartbeat = reader.duration("heartbeat");
    let forward_audit = reader.flag("forward-audit");
    Some(Agent { name: name?, state_dir: state_dir?, heartbeat: heartbeat?, forward_audit: forward_audit? })
}

/// The state folder as far as it can be told before the settings are read, because some of them lie in it.
pub fn state_dir_of(fragments: &[Fragment], env: Environment<'_>) -> PathBuf {
    let written = fragments.iter().find_map(|fragment| {
        let (table, _) = DeTable::parse_recoverable(&fragment.text);
        let path = table.get_ref().get("agent")?.get_ref().get("state-dir")?.get_ref().as_str()?.to_owned();
        (!path.is_empty()).then(|| fragment.folder.join(path))
    });
    written.unwrap_or_else(|| usual_state_dir(env))
}

/// Where the status listener is said to be, mistakes elsewhere or not; `None`: it is not said in a way that holds.
pub fn listen_of(fragments: &[Fragment]) -> Option<SocketAddr> {
    fragments.iter().find_map(|fragment| {
        let (table, _) = DeTable::parse_recoverable(&fragment.text);
        loopback(table.get_ref().get("local")?.get_ref().get("listen")?.get_ref().as_str()?).ok()
    })
}

/// systemd may name several folders, parted by colons; the first is ours (systemd.exec(5), StateDirectory=).
fn usual_state_dir(env: Environment<'_>) -> PathBuf {
    let named = env("STATE_DIRECTORY").and_then(|all| all.split(':').next().map(PathBuf::from));
    named.filter(|path| path.is_absolute()).unwrap_or_else(|| PathBuf::from(STATE_DIR))
}

fn host_name(reader: &mut TableReader<'_, '_, '_>) -> String {
    let found = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    found.filter(|name| is_word(name, 255)).unwrap_or_else(|| {
        reader.warn("name", "is not set and the host name can't be used: this box calls itself \"conductor\"");
        "conductor".into()
    })
}

pub fn queue(table: Table<'_>, findings: &mut Findings<'_>) -> Option<Queue> {
    let mut reader = TableReader::new(table, findings);
    let max_size = reader.size("max-size");
    let when_full = reader.choice("when-full");
    let keep = reader.duration("keep");
    let keep_size = reader.size("keep-size");
    let when_full = if when_full? == "drop-oldest" { WhenFull::DropOldest } else { WhenFull::Pause };
    Some(Queue { max_size: max_size?, when_full, keep: keep?, keep_size: keep_size? })
}

pub fn egress(table: Table<'_>, findings: &mut Findings<'_>, files: &mut Files, other_hosts: bool) -> Option<Egress> {
    let fragments = findings.fragments;
    let mut reader = TableReader::new(table, findings);
    let allowlisted = reader.take_list("allowlisted", |text| text.parse().map_err(|_| Wrong::Form));
    let probe = reader.text("probe", probe_url);
    let probe_ca = files.path(&mut reader, "probe-ca");
    let source_address = reader.text("source-address", source_address);
    let interface = reader.text("interface", interface);
    let proxy = reader.text("proxy", proxy_url);
    let world_readable = fragments.get(reader.place("proxy").fragment).is_some_and(|f| f.world_readable);
    if world_readable && proxy.as_deref().is_some_and(has_user) {
        reader.warn("proxy", "holds a password, and anyone on this machine may read this file (chmod o-r)");
    }
    // Without one, that of the environment is the operator's.
    let by_page =
        reader.has("proxy") && fragments.get(reader.place("proxy").fragment).is_some_and(|f| f.origin.is_state());
    let proxy_door = if by_page && !other_hosts { Door::Guarded } else { Door::Open };
    let proxy = proxy.map(Secret::new);
    Some(Egress { allowlisted: allowlisted?, probe, probe_ca, source_address, interface, proxy, proxy_door })
}

pub fn local(table: Table<'_>, findings: &mut Findings<'_>) -> Option<Local> {
    let mut reader = TableReader::new(table, findings);
    Some(Local { listen: reader.text("listen", loopback)? })
}
