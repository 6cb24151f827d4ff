//! The polled URL of updates, as we tell it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where `[update] url` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// When updates may begin, as set; `null`: at any time.
    pub window: Option<String>,
    /// The version that was offered last; `null`: none was seen yet.
    pub offered: Option<String>,
    /// When the URL last answered with an index.
    pub checked: Option<Timestamp>,
    /// How it stands, in a sentence.
    pub text: String,
}
