//! How an integration is set, as it is shown.
//!
//! Promise: where the key is, and never the key: it is not read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;
use serde::Serialize;

use crate::config::{Connector, Integration};
use crate::values::{SecretRef, format_duration};

/// The settings of one integration, durations as they are written.
#[derive(Serialize)]
pub struct Set {
    pub name: String,
    pub connector: String,
    pub host: String,
    /// The vendor's region that the host answers for, where it is one.
    pub region: Option<String>,
    pub enabled: bool,
    /// Where it is.
    pub api_key: String,
    pub api_key_expires: Option<Date>,
    pub ca: Option<PathBuf>,
    pub requests_per_minute: u32,
    pub polling_interval: String,
    pub intervals: BTreeMap<String, String>,
    pub start: String,
    pub lag: String,
    pub overlap: String,
    pub streams: Vec<String>,
}

impl Set {
    pub fn of(integration: &Integration) -> Set {
        let Connector::Abnormal(set) = &integration.connector;
        let region = integration.connector.regions().into_iter().find(|region| region.answers_at(&set.host));
        Set {
            name: integration.name.to_string(),
            connector: integration.connector.as_str().to_owned(),
            host: set.host.clone(),
            region: region.map(|region| region.name),
            enabled: integration.enabled,
            api_key: match &integration.api_key {
                SecretRef::File(path) => format!("file {}", path.display()),
                SecretRef::Credential(name) => format!("credential {name}"),
                SecretRef::Sealed(name) => format!("sealed {name}"),
            },
            api_key_expires: integration.api_key_expires,
            ca: integration.ca.clone(),
            requests_per_minute: integration.requests_per_minute,
            polling_interval: format_duration(set.polling_interval),
            intervals: set.intervals.iter().map(|(stream, every)| (stream.clone(), format_duration(*every))).collect(),
            start: format_duration(set.start),
            lag: format_duration(set.lag),
            overlap: format_duration(set.overlap),
            streams: set.streams.clone(),
        }
    }

    /// Names as in the settings, with their values for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let none = || "not set".to_owned();
        let intervals = self.intervals.iter().map(|(stream, every)| format!("{stream} {every}")).collect::<Vec<_>>();
        vec![
            ("name", self.name.clone()),
            ("connector", self.connector.clone()),
            ("host", self.region.as_ref().map_or_else(|| self.host.clone(), |name| format!("{} ({name})", self.host))),
            ("enabled", self.enabled.to_string()),
            ("api-key", self.api_key.clone()),
            ("api-key-expires", self.api_key_expires.map_or_else(none, |day| day.to_string())),
            ("ca", self.ca.as_ref().map_or_else(none, |path| path.display().to_string())),
            ("requests-per-minute", self.requests_per_minute.to_string()),
            ("polling-interval", self.polling_interval.clone()),
            ("intervals", if intervals.is_empty() { none() } else { intervals.join(", ") }),
            ("start, lag, overlap", format!("{}, {}, {}", self.start, self.lag, self.overlap)),
            ("streams", self.streams.join(", ")),
        ]
    }
}
