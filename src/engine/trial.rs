//! A connector to be tried by a person who waits for the answer: as the agent's own, without its pace.
//!
//! Promise: it asks through the same kind of client, by the same way out, as the agent does.

use std::sync::Arc;

use super::collector::client;
use crate::config::{Connector as ConnectorSettings, Egress, Integration};
use crate::connectors::Trial;
use crate::connectors::abnormal::Abnormal;
use crate::connectors::abnormal::examples::AskForExamples;
use crate::fault::Fault;
use crate::net::http::Get;
use crate::net::shared::Shared;
use crate::values::Secret;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// What the vendor holds.
    Live,
    /// The vendor's examples.
    Examples,
}

/// One line for each vendor, as in the collector: an integration's connector.
///
/// # Errors
/// `Misconfigured`: its CA file or the proxy can't be used.
pub fn connector(
    integration: &Integration,
    egress: &Egress,
    token: Secret,
    data: Data,
) -> Result<Box<dyn Trial>, Fault> {
    let live = client(integration, egress, None, Shared::default())?;
    match &integration.connector {
        ConnectorSettings::Abnormal(settings) => {
            let http: Arc<dyn Get> = match data {
                Data::Live => live,
                Data::Examples => Arc::new(AskForExamples(live)),
            };
            Ok(Box::new(Abnormal::new(integration.name.clone(), settings.clone(), http, token)))
        }
    }
}

/// `host` or `host:port` of an integration's API.
pub fn host(integration: &Integration) -> &str {
    let ConnectorSettings::Abnormal(settings) = &integration.connector;
    &settings.host
}

/// The same integration at another host of its vendor.
pub fn at_host(integration: &Integration, host: &str) -> Integration {
    let mut elsewhere = integration.clone();
    let ConnectorSettings::Abnormal(settings) = &mut elsewhere.connector;
    host.clone_into(&mut settings.host);
    elsewhere
}
