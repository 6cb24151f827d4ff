//! What differs between two settings, by the names of their tables: for the audit log and the log.
//!
//! Promise: names of tables alone, never a value.

use std::collections::BTreeMap;

use super::Settings;
use crate::values::Name;

/// `[queue]`, `[integrations.acme] (new)`, `[destinations.soc] (gone)`; empty where nothing differs. Pure.
pub fn changes(old: &Settings, new: &Settings) -> Vec<String> {
    let once = [
        ("[agent]", old.agent != new.agent),
        ("[queue]", old.queue != new.queue),
        ("[egress]", old.egress != new.egress),
        ("[local]", old.local != new.local),
        ("[remote]", old.remote != new.remote),
        ("[update]", old.update != new.update),
    ];
    let mut changed: Vec<String> =
        once.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect();
    named("integrations", &old.integrations, &new.integrations, &mut changed);
    named("destinations", &old.destinations, &new.destinations, &mut changed);
    changed
}

fn named<T: PartialEq>(table: &str, old: &BTreeMap<Name, T>, new: &BTreeMap<Name, T>, changed: &mut Vec<String>) {
    for (name, one) in new {
        match old.get(name) {
            None => changed.push(format!("[{table}.{name}] (new)")),
            Some(before) if before != one => changed.push(format!("[{table}.{name}]")),
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changed.extend(gone.map(|name| format!("[{table}.{name}] (gone)")));
}
