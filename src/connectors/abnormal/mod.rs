//! `abnormal-security`.

use std::collections::BTreeMap;
use std::time::Duration;

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
}

/// The streams that this build speaks.
pub const STREAMS: &[&str] = &["threats"];
