//! Hosts, addresses and URLs as the settings write them.
//!
//! Promise: what passes here can be dialled without another check of its form; pure, and no sentence repeats its input.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::Uri;
use rustls_pki_types::ServerName;

use crate::connectors::abnormal::region::host_of;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not of the form that the key takes; the table's own words say which.
    Form,
    /// A sentence (which follows the key's name) and a hint.
    Said(String, String),
}

/// What a key's text became.
pub type Read<T> = Result<T, Wrong>;

pub fn said<T>(sentence: impl Into<String>, hint: impl Into<String>) -> Read<T> {
    Err(Wrong::Said(sentence.into(), hint.into()))
}

/// A host and its port, where one is written. An IPv6 address comes back without its brackets.
pub fn host_and_port(text: &str) -> Read<(&str, Option<u16>)> {
    if text.contains("://") {
        return said("must not name a scheme", "TLS is always used: take what stands before :// out, and :// with it");
    }
    if text.contains(['/', '@', '?', '#']) {
        return said("must be a host alone", "take the path, the user and the query out");
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(Wrong::Form)?;
            host.parse::<Ipv6Addr>().map_err(|_| Wrong::Form)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(Wrong::Form)?) })
        }
        None if text.matches(':').count() > 1 => {
            return said("must write an IPv6 address in brackets", "as in \"[2001:db8::7]:6514\"");
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let host = server_name(host)?;
    Ok((host, port.map(port_number).transpose()?))
}

/// A DNS name or an address, as a certificate can hold it.
pub fn server_name(text: &str) -> Read<&str> {
    if !text.is_ascii() {
        return said("must be written in ASCII", "write an international name in its xn-- form");
    }
    ServerName::try_from(text).map(|_| text).map_err(|_| Wrong::Form)
}

fn port_number(text: &str) -> Read<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => said("has a port that can't be one", "a port is a number from 1 to 65535"),
    }
}

/// The API's host: `host`, `host:port`, or the short name of a region, which becomes its host.
pub fn api_host(text: &str) -> Read<String> {
    if let Some(host) = host_of(text) {
        return Ok(host.to_owned());
    }
    host_and_port(text).map(|_| text.to_owned())
}

/// A destination's address: the port must be there.
pub fn address(text: &str) -> Read<String> {
    match host_and_port(text)? {
        (_, Some(_)) => Ok(text.to_owned()),
        (_, None) => said("needs a port", "syslog over TLS is usually at 6514, as in \"siem.acme.example:6514\""),
    }
}

/// Loopback only: the local listener asks nobody who he is.
pub fn loopback(text: &str) -> Read<SocketAddr> {
    let address: SocketAddr = text.parse().map_err(|_| Wrong::Form)?;
    if address.ip().to_canonical().is_loopback() {
        Ok(address)
    } else {
        said("must be an address of loopback", "anyone who reaches it may read it: use 127.0.0.1 or [::1]")
    }
}

/// An address and a port to listen on, which others may reach.
pub fn bind(text: &str) -> Read<SocketAddr> {
    let address: SocketAddr = text.parse().map_err(|_| Wrong::Form)?;
    if address.ip().is_multicast() {
        return said("must be an address of this machine", "\"0.0.0.0:8443\" listens on all of them");
    }
    Ok(address)
}

/// An address that a socket can be bound to.
pub fn source_address(text: &str) -> Read<IpAddr> {
    let address: IpAddr = text.parse().map_err(|_| Wrong::Form)?;
    if address.is_unspecified() || address.is_multicast() {
        return said("must be one address of this machine", "to let the system choose, take it out");
    }
    Ok(address)
}

/// Linux's rule for interface names (IFNAMSIZ, `dev_valid_name`).
pub fn interface(text: &str) -> Read<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ':';
    if text.is_empty() || text.len() > 15 || text == "." || text == ".." || text.contains(odd) {
        return Err(Wrong::Form);
    }
    Ok(text.to_owned())
}

/// The probe's URL. A user or password in it would reach logs, so it is refused.
pub fn probe_url(text: &str) -> Read<String> {
    let url: Uri = text.parse().map_err(|_| Wrong::Form)?;
    let web = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = url.authority().ok_or(Wrong::Form)?;
    if !web || authority.as_str().contains('@') {
        return Err(Wrong::Form);
    }
    host_and_port(authority.as_str()).map(|_| text.to_owned()).map_err(|_| Wrong::Form)
}

/// What a receiver's URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPlace {
    pub secure: bool,
    /// `host:port`, with the scheme's port where none is written.
    pub address: String,
    /// Host and port as they are written.
    pub authority: String,
    /// Path and query; never empty.
    pub path: String,
}

/// The URL of a receiver. A user or password in it would reach logs, so it is refused.
pub fn web_place(text: &str) -> Read<WebPlace> {
    let url: Uri = probe_url(text)?.parse().map_err(|_| Wrong::Form)?;
    let authority = url.authority().ok_or(Wrong::Form)?.as_str().to_owned();
    let secure = url.scheme_str() == Some("https");
    let address = match host_and_port(&authority).map_err(|_| Wrong::Form)? {
        (_, Some(_)) => authority.clone(),
        (_, None) => format!("{authority}:{}", if secure { 443 } else { 80 }),
    };
    let path = url.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    Ok(WebPlace { secure, address, authority, path })
}

/// `http://[user:password@]host:port`. The port is asked for because proxies share no usual one.
pub fn proxy_url(text: &str) -> Read<String> {
    let url: Uri = text.parse().map_err(|_| Wrong::Form)?;
    let authority = url.authority().ok_or(Wrong::Form)?.as_str();
    if url.scheme_str() != Some("http") || !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(Wrong::Form);
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host_and_port(host).map_err(|_| Wrong::Form)? {
        (_, Some(_)) => Ok(format!("http://{authority}")),
        (_, None) => said("needs a port", "as in \"http://proxy.example:3128\""),
    }
}

/// Does a proxy's URL hold a user or a password?
pub fn has_user(url: &str) -> bool {
    url.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_with_and_without_its_port() {
        for (text, host, port) in [
            ("api.abnormalplatform.com", "api.abnormalplatform.com", None),
            ("localhost:8443", "localhost", Some(8443)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[2001:db8::7]:6514", "2001:db8::7", Some(6514)),
            ("[::1]", "::1", None),
        ] {
            assert_eq!(host_and_port(text), Ok((host, port)), "{text}");
        }
        for text in [
            "",
            ":443",
            "a b",
            "https://x",
            "x/y",
            "u@x",
            "x:0",
            "x:65536",
            "x:+1",
            "x:",
            "::1",
            "[::1",
            "[x]:1",
            "[::1]1",
            "bücher.example",
            "-",
            "a..b",
        ] {
            assert!(host_and_port(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_regions_short_name_becomes_its_host_and_other_hosts_stay_as_they_are() {
        for (text, host) in [
            ("us", "api.abnormalplatform.com"),
            ("EU", "eu.rest.abnormalsecurity.com"),
            ("fedramp", "rest.abnormalsecurity.us"),
            ("us:8443", "us:8443"),
            ("eu.rest.abnormalsecurity.com", "eu.rest.abnormalsecurity.com"),
        ] {
            assert_eq!(api_host(text), Ok(host.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_destination_needs_its_port() {
        assert_eq!(address("[::1]:6514"), Ok("[::1]:6514".into()));
        assert!(matches!(address("siem.example"), Err(Wrong::Said(..))));
    }

    #[test]
    fn the_local_listener_stays_on_loopback() {
        for good in ["127.0.0.1:9614", "127.9.9.9:0", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0:9614", "192.0.2.1:9614", "[::]:1", "localhost:9614", "127.0.0.1", ":9614"] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_those_that_can_be_dialled() {
        for good in ["https://soc.example/ip", "http://127.0.0.1:8080/", "https://soc.example?x=1"] {
            assert!(probe_url(good).is_ok(), "{good}");
        }
        for bad in ["soc.example/ip", "ftp://x/", "https://u:p@x/", "/ip", "", "https://"] {
            assert!(probe_url(bad).is_err(), "{bad}");
        }
        assert_eq!(proxy_url("http://u:p%40@proxy:3128/"), Ok("http://u:p%40@proxy:3128".into()));
        for bad in ["https://proxy:3128", "socks5://proxy:1080", "proxy:3128", "http://proxy", "http://proxy:1/x"] {
            assert!(proxy_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_receivers_url_gives_its_address_its_host_header_and_its_path() {
        let read = |text: &str| {
            let place = web_place(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
            (place.secure, place.address, place.authority, place.path)
        };
        let four = |secure, one: &str, two: &str, three: &str| (secure, one.into(), two.into(), three.into());
        assert_eq!(read("https://soc.example/in?a=1"), four(true, "soc.example:443", "soc.example", "/in?a=1"));
        assert_eq!(read("http://[::1]:8088"), four(false, "[::1]:8088", "[::1]:8088", "/"));
        assert!(["https://u:p@soc.example/", "soc.example", "ftp://x/"].iter().all(|bad| web_place(bad).is_err()));
    }

    #[test]
    fn addresses_and_interfaces_are_those_of_one_machine() {
        assert!(source_address("192.0.2.7").is_ok() && source_address("2001:db8::1").is_ok());
        assert!(source_address("0.0.0.0").is_err() && source_address("224.0.0.1").is_err());
        assert!(interface("wan0").is_ok() && interface("wan0.100").is_ok());
        for bad in ["", "a b", "a/b", "..", "sixteen-letters0"] {
            assert!(interface(bad).is_err(), "{bad}");
        }
    }
}
