//! Finding the address in what a probe answers: plain text, JSON, a sentence. Pure.
//!
//! Promise: only a whole word that is an address counts, never a piece of one, and only so much is read.

use std::net::{IpAddr, SocketAddr};

/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 4096;

/// The first IP address in `text`, v4 or v6; a port behind it is dropped, a v4 address mapped into v6 unwrapped.
pub fn first_address(text: &str) -> Option<IpAddr> {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end]
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '-' | '_')))
        .filter_map(address)
        .map(|address| address.to_canonical())
        .find(|address| !address.is_unspecified() && !address.is_multicast())
}

/// `word` whole, without a full stop behind it, with a port, or with a label such as `IP:` before it.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim_matches('.');
    let labelled = || word.split_once(':').filter(|(label, _)| label.chars().all(char::is_alphabetic));
    word.parse()
        .ok()
        .or_else(|| word.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| labelled().and_then(|(_, rest)| rest.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_every_form_that_probes_answer_in() {
        let table = [
            ("203.0.113.10", Some("203.0.113.10")),
            ("203.0.113.10\n", Some("203.0.113.10")),
            ("2001:db8::7\r\n", Some("2001:db8::7")),
            (r#"{"ip":"203.0.113.10"}"#, Some("203.0.113.10")),
            (r#"{"version":"1.2","origin": "203.0.113.10, 198.51.100.1"}"#, Some("203.0.113.10")),
            ("<body>Current IP Address: 203.0.113.10</body>", Some("203.0.113.10")),
            ("Your address is 203.0.113.10.", Some("203.0.113.10")),
            ("IP:203.0.113.10", Some("203.0.113.10")),
            ("ip=203.0.113.10&x", Some("203.0.113.10")),
            ("203.0.113.10:51234", Some("203.0.113.10")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("::ffff:203.0.113.10", Some("203.0.113.10")),
            ("0.0.0.0 then 203.0.113.10", Some("203.0.113.10")),
            ("", None),
            ("at 12:34:56 on 2026.11.20", None),
            ("std::net and v1.2.3.4.5", None),
            ("999.1.1.1", None),
            ("1203.0.113.10x", None),
            ("host-203.0.113.10.example", None),
            ("::", None),
        ];
        for (text, expected) in table {
            assert_eq!(first_address(text), expected.map(|e| e.parse().expect("an address")), "{text:?}");
        }
    }

    #[test]
    fn an_endless_answer_is_not_searched_to_its_end_and_is_cut_between_characters() {
        let far = format!("{} 203.0.113.10", "é".repeat(LOOKED_AT));
        assert_eq!(first_address(&far), None);
        let odd = format!("x{}", "é".repeat(LOOKED_AT));
        assert_eq!(first_address(&odd), None);
    }
}
