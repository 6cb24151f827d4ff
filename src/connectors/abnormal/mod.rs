//! `abnormal-security`: collects from Abnormal Security's REST API.
//!
//! [`window`] decides what to list (pure), [`checkpoint`] holds what is still to be done, [`step`] makes one bounded
//! step of it into a [`harvest`], [`api`] asks and judges answers. What a stream is, is a [`feed`]: [`threats`] (each
//! [`message`] an event), [`cases`], [`campaigns`], [`not_analyzed`], [`vendor_cases`] and [`audit_logs`]; they read
//! [`fields`]. Promise: an item that was visible for one overlap reaches the queue, in every version that it had when
//! it was fetched, or a gap says which does not.

mod api;
mod audit_logs;
mod campaigns;
mod cases;
mod checkpoint;
pub mod examples;
mod feed;
mod fetch;
mod fields;
mod harvest;
mod marks;
mod message;
mod not_analyzed;
pub mod region;
mod step;
mod threats;
mod tokens;
mod trial;
mod vendor_cases;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::marks::marks;

use self::api::{Api, Asked};
use self::audit_logs::AuditLogs;
use self::campaigns::Campaigns;
use self::cases::Cases;
use self::feed::Feed;
use self::not_analyzed::NotAnalyzed;
use self::threats::Threats;
use self::vendor_cases::VendorCases;
use self::window::{Seconds, Timing};
use super::{Connector, KeyTold, Page, PollContext};
use crate::event::Checkpoint;
use crate::fault::{Fault, FaultKind};
use crate::net::http::Get;
use crate::values::{Name, Secret};

/// What the operator set for one integration of this connector. Validated by `config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `api.abnormalplatform.com`, or `host:port` of anything; https always.
    pub host: String,
    /// Base interval of every stream.
    pub polling_interval: Duration,
    /// Intervals of single streams.
    pub intervals: BTreeMap<String, Duration>,
    /// How far back a new integration begins.
    pub start: Duration,
    /// A window ends this long before now.
    pub lag: Duration,
    /// And is looked at again for this long.
    pub overlap: Duration,
    /// Enabled streams, of [`STREAMS`].
    pub streams: Vec<String>,
    /// Ask for the attachments and links of each threat, too.
    pub enrich: bool,
}

/// The streams that the vendor has for us.
pub const STREAMS: &[&str] = &["threats", "cases", "abuse-campaigns", "not-analyzed", "vendor-cases", "audit-logs"];

/// One integration of Abnormal Security.
pub struct Abnormal {
    integration: Name,
    streams: Vec<String>,
    feeds: BTreeMap<&'static str, Arc<dyn Feed>>,
    timing: Timing,
    api: Api,
}

impl Abnormal {
    /// `http` is asked for every request; the engine's awaits a permit of the integration's pace for each.
    pub fn new(integration: Name, settings: Settings, http: Arc<dyn Get>, token: Secret) -> Abnormal {
        let timing = Timing {
            start: whole_seconds(settings.start),
            lag: whole_seconds(settings.lag),
            overlap: whole_seconds(settings.overlap),
        };
        let api = Api::new(&settings.host, http, token);
        let feeds: [Arc<dyn Feed>; 6] = [
            Arc::new(Threats { enriched: settings.enrich }),
            Arc::new(Cases),
            Arc::new(Campaigns),
            Arc::new(NotAnalyzed),
            Arc::new(VendorCases),
            Arc::new(AuditLogs),
        ];
        let feeds = feeds.into_iter().map(|feed| (feed.stream(), feed)).collect();
        Abnormal { integration, streams: settings.streams, feeds, timing, api }
    }
}

#[async_trait]
impl Connector for Abnormal {
    fn streams(&self) -> Vec<String> {
        self.streams.clone()
    }

    async fn poll(&self, stream: &str, checkpoint: Option<&Checkpoint>, context: &PollContext<'_>) -> Page {
        let Some(feed) = self.feeds.get(stream) else {
            let text = format!("abnormal-security has no stream {stream:?}; it has {}", STREAMS.join(", "));
            return Page { fault: Some(Fault::new(FaultKind::Misconfigured, text)), ..Page::default() };
        };
        step::step(feed, &self.api, self.integration.as_str(), &self.timing, checkpoint, context).await
    }

    /// Asks for the newest threats, which the list answers without a filter: a key that may read what is collected
    /// passes, and needs no other permission.
    async fn probe(&self) -> Result<String, Fault> {
        let answer = self.api.ask("/threats?pageSize=1", Asked::Probe).await?;
        self.api.read::<BTreeMap<String, serde::de::IgnoredAny>>(&answer.body)?;
        Ok(match answer.date {
            Some(date) => {
                let skew = Timestamp::now().as_second() - date.as_second();
                format!("answered, clock skew {skew} s")
            }
            None => "answered, without a Date header: the clock skew is not known".to_owned(),
        })
    }

    async fn key(&self, named: Option<&str>) -> Result<Option<KeyTold>, Fault> {
        tokens::told(&self.api, named).await
    }
}

/// Whole seconds, of a century at the most, so that no arithmetic with them overflows.
fn whole_seconds(duration: Duration) -> Seconds {
    Seconds::try_from(duration.as_secs()).unwrap_or(Seconds::MAX).min(36_500 * 86_400)
}
