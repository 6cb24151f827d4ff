//! What a form or a query holds: names and values, in order, as they were sent.
//!
//! Promise: values are wiped when dropped, and never printed: one may be a password.

use std::fmt;

use zeroize::Zeroizing;

/// The largest form, in bytes: a private key in PEM fits several times.
pub(super) const LARGEST: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Posted(Vec<(String, Zeroizing<String>)>);

impl Posted {
    /// Of a form's body or a query (application/x-www-form-urlencoded).
    pub(super) fn read(text: &[u8]) -> Posted {
        let pairs = form_urlencoded::parse(text);
        Posted(pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect())
    }

    /// One more, at the end.
    pub(super) fn put(&mut self, name: String, value: &str) {
        self.0.push((name, Zeroizing::new(value.to_owned())));
    }

    /// The first value of that name; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or("")
    }

    /// Every value of that name, as a group of checkboxes sends them.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Was it sent at all?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}

impl fmt::Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_sends_it_and_prints_no_value() {
        let posted = Posted::read(b"name=acme+1&key=CANARY%26%3D&streams=a&streams=b&empty=");
        assert_eq!((posted.text("name"), posted.text("key"), posted.text("absent")), ("acme 1", "CANARY&=", ""));
        assert_eq!(posted.all("streams").collect::<Vec<_>>(), ["a", "b"]);
        assert!(posted.has("empty") && !posted.has("absent"));
        assert!(!format!("{posted:?}").contains("CANARY"));
    }
}
