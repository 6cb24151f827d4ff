//! What stands at the polled URL: which version is offered, and where its bundle is. Pure.
//!
//! ```json
//! { "version": "1.1.0", "url": "conductor-1.1.0-amd64.raucb", "sha256": "...", "size": 188743680 }
//! ```
//!
//! Promise: what it says decides only what is fetched; whether it is installed, the signature decides.

use serde::Deserialize;

use super::arrival::LARGEST as LARGEST_BUNDLE;

/// Bytes of it, at the most.
pub const LARGEST: usize = 64 << 10;

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub version: String,
    /// `https://`, whole.
    pub url: String,
    /// In hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// As it is written; further keys are passed over.
#[derive(Deserialize)]
struct Written {
    version: String,
    url: String,
    sha256: String,
    size: u64,
}

impl Index {
    /// Reads what was found at `from`; a URL in it may be relative to that.
    ///
    /// # Errors
    /// The end of a sentence about the index.
    pub fn read(bytes: &[u8], from: &str) -> Result<Index, String> {
        let written: Written = serde_json::from_slice(bytes)
            .map_err(|error| format!("is no index of updates: it needs version, url, sha256 and size ({error})"))?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | '-');
        let Written { version, url, sha256, size } = written;
        if version.is_empty() || version.len() > 64 || !version.chars().all(fits) {
            return Err("names a version that is none".to_owned());
        }
        if sha256.len() != 64 || !sha256.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err("holds a sha256 that is none: 64 hexadecimal digits".to_owned());
        }
        if size == 0 || size > LARGEST_BUNDLE {
            return Err("offers a bundle of a size that none has".to_owned());
        }
        let url = whole(&url, from).ok_or("names a url that is neither https nor beside the index")?;
        Ok(Index { version, url, sha256, size })
    }
}

/// A file beside the index, or an HTTPS URL.
fn whole(url: &str, from: &str) -> Option<String> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    if url.starts_with("https://") {
        return Some(url.to_owned());
    }
    let beside =
        !url.is_empty() && !url.contains([':', '?', '#', '\\']) && !url.starts_with('/') && !url.contains("..");
    let bare = from.split(['?', '#']).next().unwrap_or(from);
    let (folder, _) = bare.rsplit_once('/').filter(|(folder, _)| folder.len() > "https://".len())?;
    beside.then(|| format!("{folder}/{url}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "https://updates.acme.example/conductor/stable.json";

    fn text(url: &str, sha256: &str, size: u64) -> String {
        serde_json::json!({"version": "1.1.0", "url": url, "sha256": sha256, "size": size, "notes": "x"}).to_string()
    }

    #[test]
    fn an_index_is_read_and_its_bundle_may_lie_beside_it() {
        let sum = "ab".repeat(32);
        for (url, whole) in [
            ("conductor-1.1.0.raucb", "https://updates.acme.example/conductor/conductor-1.1.0.raucb"),
            ("https://cdn.example/x.raucb", "https://cdn.example/x.raucb"),
        ] {
            let index = Index::read(text(url, &sum, 7).as_bytes(), FROM).expect("an index");
            assert_eq!((index.url.as_str(), index.size, index.version.as_str()), (whole, 7, "1.1.0"));
        }
    }

    #[test]
    fn what_can_not_be_fetched_or_checked_is_refused() {
        let sum = "ab".repeat(32);
        for bad in [
            text("http://cdn.example/x.raucb", &sum, 7),
            text("/etc/x.raucb", &sum, 7),
            text("../x.raucb", &sum, 7),
            text("a b.raucb", &sum, 7),
            text("", &sum, 7),
            text("x.raucb", "ab", 7),
            text("x.raucb", &sum, 0),
            text("x.raucb", &sum, LARGEST_BUNDLE + 1),
            "{}".to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(Index::read(bad.as_bytes(), FROM).is_err(), "{bad}");
        }
        let strange = text("x.raucb", &sum, 7).replace("1.1.0", "1.1; rm");
        assert!(Index::read(strange.as_bytes(), FROM).is_err());
    }
}
