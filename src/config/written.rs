//! What is written about integrations and destinations, and where: for whoever shows it or changes it.
//!
//! Promise: a file that is no TOML holds nothing; whether it all holds together is for [`super::load`] to say.

use std::path::{Path, PathBuf};

use super::fragments::{Gathered, Origin};
use super::{Environment, Table, agent};

/// One integration or destination, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub table: Table,
    /// As it stands there: it may be none that can be one.
    pub name: String,
    pub file: PathBuf,
    /// One of the operator's own files: nobody else changes it.
    pub operators: bool,
    pub keys: toml::Table,
}

/// All of them, in the order of the files; `main` and `env` as for [`super::load`].
pub fn written(main: &Path, env: Environment<'_>) -> Vec<Written> {
    let mut gathered = Gathered::default();
    gathered.operators(main);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.state(&state_dir);
    let mut found = Vec::new();
    for fragment in gathered.fragments {
        let Ok(mut all) = fragment.text.parse::<toml::Table>() else { continue };
        for table in [Table::Integration, Table::Destination] {
            let Some(toml::Value::Table(inner)) = all.remove(table.key()) else { continue };
            found.extend(inner.into_iter().filter_map(|(name, keys)| match keys {
                toml::Value::Table(keys) => {
                    let (file, operators) = (fragment.path.clone(), fragment.origin == Origin::Operator);
                    Some(Written { table, name, file, operators, keys })
                }
                toml::Value::String(_)
                | toml::Value::Integer(_)
                | toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_) => None,
            }));
        }
    }
    found
}
