//! The keys in use, kept over a new start of their integrations within the process.
//!
//! Promise: a changed setting next to a changed key costs no old key; and no key is kept for another host or another
//! place than those that it was read for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::config::{Connector, Integration};
use crate::values::{Name, Secret, SecretRef};

/// Shared by the integrations of one engine.
#[derive(Default)]
pub struct Kept(Mutex<BTreeMap<Name, InUse>>);

struct InUse {
    place: SecretRef,
    host: String,
    key: Secret,
}

impl Kept {
    /// The key that was in use for these settings.
    pub fn of(&self, integration: &Integration) -> Option<Secret> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(&integration.name)?;
        (found.place == integration.api_key && found.host == host(integration)).then(|| found.key.clone())
    }

    /// From now on this one is in use.
    pub fn keep(&self, integration: &Integration, key: Secret) {
        let in_use = InUse { place: integration.api_key.clone(), host: host(integration).to_owned(), key };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(integration.name.clone(), in_use);
    }

    /// The integration is gone.
    pub fn forget(&self, name: &Name) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

fn host(integration: &Integration) -> &str {
    let Connector::Abnormal(settings) = &integration.connector;
    &settings.host
}
