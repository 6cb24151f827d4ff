//! What the operator set for the destinations that are spoken to by HTTP. Validated by `config`.
//!
//! Promise: no secret is among these values, only where each one is.

use std::time::Duration;

use crate::destinations::link::Link;
use crate::fault::Fault;
use crate::format::{Body, Shape};
use crate::values::{Secret, SecretRef};

/// What every destination over HTTP has, beside the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Host and port as they stand in the URL: what the `Host` header says.
    pub authority: String,
    /// Path and query of the URL; never empty.
    pub path: String,
    pub auth: Auth,
    pub batching: Batching,
    pub compression: Compression,
    /// From the request's first byte to the answer's last; at most a minute.
    pub timeout: Duration,
}

/// Who we say that we are, beside our certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    Nobody,
    /// One word behind the name of its scheme: `Bearer`, `ApiKey`, `Splunk`.
    Token {
        scheme: &'static str,
        secret: SecretRef,
    },
    Basic {
        user: String,
        password: SecretRef,
    },
}

impl Auth {
    /// The secret, under the `key` of the settings that refers to it.
    pub fn secrets(&self, key: &'static str) -> Vec<(&'static str, &SecretRef)> {
        match self {
            Auth::Nobody => Vec::new(),
            Auth::Token { secret, .. } => vec![(key, secret)],
            Auth::Basic { password, .. } => vec![(key, password)],
        }
    }
}

/// When a batch is full; what is reached first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    pub events: usize,
    /// Bytes before compression; an event that is larger makes a batch of its own.
    pub bytes: usize,
    /// How long an event may wait for others.
    pub age: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Of type `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub common: Common,
    pub method: http::Method,
    pub headers: Vec<(String, HeaderText)>,
    pub layout: Layout,
}

impl Settings {
    /// Every secret that it refers to, under the key that does.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let of_headers = self.headers.iter().filter_map(|(_, text)| match text {
            HeaderText::Plain(_) => None,
            HeaderText::Secret(secret) => Some(("headers", secret)),
        });
        self.common.auth.secrets("auth").into_iter().chain(of_headers).collect()
    }
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderText {
    Plain(String),
    Secret(SecretRef),
}

/// How the events of a batch stand in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One to a line.
    Lines,
    /// One JSON array.
    Array,
}

/// A text that may differ from stream to stream, such as an index. `{stream}` and `{integration}` stand for the event's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerStream {
    /// For streams that are not named.
    pub default: Option<String>,
    pub streams: Vec<(String, String)>,
}

impl PerStream {
    /// One text for all.
    pub fn all(text: &str) -> PerStream {
        PerStream { default: Some(text.to_owned()), streams: Vec::new() }
    }

    /// The text for an event of that stream and integration.
    pub fn of(&self, stream: &str, integration: &str) -> Option<String> {
        self.shown(stream, stream, integration)
    }

    /// The same, with `shown` in the place of `{stream}`.
    pub fn shown(&self, stream: &str, shown: &str, integration: &str) -> Option<String> {
        let named = self.streams.iter().find(|(name, _)| name == stream).map(|(_, text)| text);
        let text = named.or(self.default.as_ref())?;
        Some(text.replace("{stream}", shown).replace("{integration}", integration))
    }
}

/// What a destination over HTTP is made of, beside its settings.
pub struct Given<'a> {
    pub link: &'a Link,
    /// PEM of our private key, for mTLS.
    pub key: Option<Secret>,
    pub shape: Shape,
    /// Each event is one that this receiver was handed before.
    pub replayed: bool,
    /// How this box is called.
    pub agent_name: &'a str,
    /// Reads a token or password.
    pub resolve: &'a (dyn Fn(&SecretRef) -> Result<Secret, Fault> + Send + Sync),
}

impl Given<'_> {
    /// How each event is written.
    pub fn body(&self) -> Body {
        Body { shape: self.shape, replayed: self.replayed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_gets_its_own_text_and_the_others_the_default() {
        let index = PerStream {
            default: Some("{integration}-{stream}".into()),
            streams: vec![("threats".into(), "mail".into())],
        };
        assert_eq!(index.of("threats", "acme").as_deref(), Some("mail"));
        assert_eq!(index.of("cases", "acme").as_deref(), Some("acme-cases"));
        assert_eq!(PerStream { default: None, ..index }.of("cases", "acme"), None);
    }
}
