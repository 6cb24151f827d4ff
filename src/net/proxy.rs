//! An HTTP proxy on the way out: which one, by whose word, and how it is asked for a tunnel (CONNECT, RFC 9110 9.3.6).
//!
//! Promise: a proxy that was asked for is used or is a fault; never is it left out quietly.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::dial::{Path, place};
use crate::fault::{Fault, FaultKind};
use crate::values::Secret;

/// Bytes of a proxy's answer head, at the most.
const HEAD_LIMIT: usize = 8 << 10;

/// An HTTP proxy. Its password is in `authorization` alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub host: String,
    pub port: u16,
    /// `Basic ...` from the URL's userinfo; marked sensitive.
    pub authorization: Option<HeaderValue>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&place(&self.host, self.port))
    }
}

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`; without a port 80. `whence` names the setting in errors.
    ///
    /// # Errors
    /// `Misconfigured`; the text is not repeated, since it may hold a password.
    pub fn parse(url: &Secret, whence: &str) -> Result<Proxy, Fault> {
        let wrong = |why: &str| {
            let text = format!(
                "{whence} is not usable: {why}; write http://[user:password@]host:port, with special characters of user and password percent-encoded"
            );
            Fault::new(FaultKind::Misconfigured, text)
        };
        let uri: Uri = url.reveal().trim().parse().map_err(|_| wrong("it is not a URL"))?;
        match uri.scheme_str() {
            None | Some("http") => {}
            Some(_) => return Err(wrong("only proxies that are spoken to by plain http:// are supported")),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().matches('@').count() > 1) {
            return Err(wrong("an @ in user or password must be written %40"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
        let port = port_of(&uri, 80).ok_or_else(|| wrong("its port is not a number up to 65535"))?;
        let matched = Matcher::builder().all(url.reveal().trim()).build().intercept(&Uri::from_static("https://any"));
        let authorization = matched.ok_or_else(|| wrong("it is not a proxy's URL"))?.basic_auth().cloned();
        Ok(Proxy { host: unbracketed(host).to_owned(), port, authorization })
    }
}

/// A host without the brackets that a URL puts around an IPv6 address.
pub(super) fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

/// The port of a URL, or `default` where it names none; `None` for one that is no port, which [`Uri`] lets pass.
pub(super) fn port_of(uri: &Uri, default: u16) -> Option<u16> {
    let authority = uri.authority()?;
    let rest = authority.as_str().rsplit('@').next()?.strip_prefix(authority.host())?;
    match rest.strip_prefix(':') {
        None | Some("") => Some(default),
        Some(port) => port.parse().ok(),
    }
}

/// The proxy variables of the environment, as curl reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `HTTPS_PROXY`, else `ALL_PROXY`.
    pub https: Option<Secret>,
    /// `HTTP_PROXY`, else `ALL_PROXY`.
    pub http: Option<Secret>,
    /// `NO_PROXY`: hosts, domains, addresses and ranges, by commas or blanks; `*` is all, `*.` before a domain is a dot,
    /// and a port behind an entry narrows it.
    pub no: String,
}

impl Environment {
    /// Reads this process's variables: lower case first, then upper.
    pub fn read() -> Environment {
        let one = |name: &str| {
            let set = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
            set(&name.to_ascii_lowercase()).or_else(|| set(name))
        };
        let all = one("ALL_PROXY");
        Environment {
            https: one("HTTPS_PROXY").or_else(|| all.clone()).map(Secret::new),
            http: one("HTTP_PROXY").or(all).map(Secret::new),
            no: one("NO_PROXY").unwrap_or_default(),
        }
    }
}

impl Path {
    /// The proxy that the operator set, for whatever is dialled.
    ///
    /// # Errors
    /// `Misconfigured` for a URL that is none.
    pub fn explicit_proxy(&self) -> Result<Option<Proxy>, Fault> {
        self.proxy.as_ref().map(|url| Proxy::parse(url, "the setting `proxy`")).transpose()
    }

    /// The proxy for an HTTP URL: the operator's, else the environment's unless `NO_PROXY` or loopback exempts the host.
    ///
    /// # Errors
    /// `Misconfigured` for a proxy URL that is none.
    pub fn proxy_for(&self, url: &Uri, environment: &Environment) -> Result<Option<Proxy>, Fault> {
        if let Some(proxy) = self.explicit_proxy()? {
            return Ok(Some(proxy));
        }
        let (variable, value) = match url.scheme_str() {
            Some("http") => ("HTTP_PROXY", &environment.http),
            _ => ("HTTPS_PROXY", &environment.https),
        };
        let Some(value) = value else { return Ok(None) };
        if is_loopback(url) || is_exempt(url, &environment.no) {
            return Ok(None);
        }
        Proxy::parse(value, &format!("the environment's {variable} (or ALL_PROXY)")).map(Some)
    }
}

fn is_loopback(url: &Uri) -> bool {
    let host = unbracketed(url.host().unwrap_or_default());
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<std::net::IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|a| a.to_canonical().is_loopback())
}

/// hyper-util knows curl's rules; it is asked whether it would let this host pass by some proxy. The spellings that
/// others allow and it does not are written as it knows them.
fn is_exempt(url: &Uri, no: &str) -> bool {
    let default = if url.scheme_str() == Some("http") { 80 } else { 443 };
    let port = port_of(url, default);
    let entries = no.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    let no = entries.filter_map(|entry| plain_entry(entry, port)).collect::<Vec<_>>().join(",");
    // A name may end with the dot of the root; it is the same name.
    let host = url.host().unwrap_or_default().trim_end_matches('.');
    let Ok(url) = Uri::builder().scheme("https").authority(host).path_and_query("/").build() else { return false };
    Matcher::builder().all("http://any").no(no).build().intercept(&url).is_none()
}

/// An entry of `NO_PROXY` without what only some programs write; `None` where its port is another one.
fn plain_entry(entry: &str, port: Option<u16>) -> Option<&str> {
    let (host, its_port) = match entry.rsplit_once(':') {
        // One colon, or the one behind a bracket: a port. More are an IPv6 address.
        Some((host, digits)) if !host.contains(':') || host.ends_with(']') => (host, Some(digits)),
        Some(_) | None => (entry, None),
    };
    if its_port.is_some_and(|its| its.parse().ok() != port) {
        return None;
    }
    let host = unbracketed(host).trim_end_matches('.');
    Some(if host.starts_with("*.") { &host[1..] } else { host })
}

/// Asks the proxy on the other end of `stream` for a tunnel to `host:port`. Not one byte behind its answer is read.
pub(super) async fn ask_for_tunnel(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<(), Fault> {
    let away = |text: String| Fault::new(FaultKind::Unavailable, text);
    let target = place(host, port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(value) = &proxy.authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let exchange = async {
        stream.write_all(&request).await?;
        read_head(stream).await
    };
    let head = match timeout_at(deadline, exchange).await {
        Ok(Ok(head)) => head,
        Ok(Err(error)) => {
            return Err(away(format!("the proxy {proxy} cut the connection when asked for {target}")).caused_by(error));
        }
        Err(_) => return Err(away(format!("the proxy {proxy} did not answer in time when asked for {target}"))),
    };
    match status_of(&head) {
        Some(200..=299) => Ok(()),
        // Refused, not away: a wrong password that is tried each minute gets the account locked.
        Some(407) => Err(Fault::new(
            FaultKind::Refused,
            format!(
                "the proxy {proxy} said 407 when asked for {target}: check user and password in the proxy's URL, with \
                 special characters percent-encoded"
            ),
        )),
        Some(status) => Err(away(format!(
            "the proxy {proxy} said {status} when asked for {target}: check that it allows CONNECT to this host and port"
        ))),
        None => Err(away(format!("{proxy} did not answer as an HTTP proxy does: check the proxy's host and port"))),
    }
}

/// One byte at a time: what follows the head belongs to the tunnel, and a head is short.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_LIMIT {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

fn status_of(head: &[u8]) -> Option<u16> {
    if !head.ends_with(b"\r\n\r\n") {
        return None;
    }
    let line = std::str::from_utf8(head.split(|b| *b == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|code| code.len() == 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(path: &Path, environment: &Environment, url: &str) -> Option<String> {
        let url: Uri = url.parse().expect("a URL");
        path.proxy_for(&url, environment).expect("proxies that parse").map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_operators_proxy_goes_before_the_environments_and_the_environment_spares_what_it_should() {
        let environment = Environment {
            https: Some(Secret::new("http://env.example:3128")),
            http: Some(Secret::new("plain.example:8080")),
            no: "inside.example, 192.0.2.0/24".to_owned(),
        };
        let direct = Path::default();
        let explicit = Path { proxy: Some(Secret::new("http://own.example:3129")), ..Path::default() };
        let table = [
            (&direct, "https://api.example/x", Some("env.example:3128")),
            (&direct, "http://probe.example/", Some("plain.example:8080")),
            (&direct, "https://a.inside.example/", None),
            (&direct, "https://192.0.2.9/", None),
            (&direct, "https://localhost:1/", None),
            (&direct, "https://127.8.8.8/", None),
            (&direct, "https://[::1]:8443/", None),
            (&explicit, "https://api.example/", Some("own.example:3129")),
            (&explicit, "https://127.0.0.1/", Some("own.example:3129")),
        ];
        for (path, url, expected) in table {
            assert_eq!(proxied(path, &environment, url).as_deref(), expected, "{url}");
        }
        assert_eq!(proxied(&direct, &Environment::default(), "https://api.example/"), None);
    }

    #[test]
    fn every_usual_spelling_of_no_proxy_spares_what_it_names_and_nothing_beside_it() {
        let table = [
            ("inside.example", "https://inside.example/", true),
            ("inside.example", "https://a.inside.example/", true),
            ("inside.example", "https://notinside.example/", false),
            (".inside.example", "https://a.inside.example/", true),
            (".inside.example", "https://inside.example/", true),
            (".inside.example", "https://notinside.example/", false),
            ("*.inside.example", "https://a.b.inside.example/", true),
            ("*.inside.example", "https://notinside.example/", false),
            ("INSIDE.example", "https://A.Inside.Example/", true),
            ("inside.example.", "https://inside.example/", true),
            ("inside.example", "https://inside.example./", true),
            ("other.example,inside.example", "https://inside.example/", true),
            ("other.example inside.example", "https://inside.example/", true),
            (" other.example ,\tinside.example ", "https://inside.example/", true),
            ("inside.example:8443", "https://inside.example:8443/", true),
            ("inside.example:8443", "https://inside.example/", false),
            ("inside.example:443", "https://inside.example/", true),
            ("192.0.2.7", "https://192.0.2.7/", true),
            ("192.0.2.7", "https://192.0.2.77/", false),
            ("192.0.2.0/24", "https://192.0.2.200:8443/", true),
            ("192.0.2.0/24", "https://192.0.3.1/", false),
            ("192.0.2.7:8443", "https://192.0.2.7:8443/", true),
            ("192.0.2.7:8443", "https://192.0.2.7/", false),
            ("2001:db8::7", "https://[2001:db8::7]/", true),
            ("[2001:db8::7]", "https://[2001:db8::7]/", true),
            ("[2001:db8::7]:8443", "https://[2001:db8::7]:8443/", true),
            ("[2001:db8::7]:8443", "https://[2001:db8::7]/", false),
            ("2001:db8::/32", "https://[2001:db8:1::9]/", true),
            ("*", "https://api.example/", true),
            ("", "https://api.example/", false),
            (",, ,", "https://api.example/", false),
        ];
        for (no, url, spared) in table {
            let environment = Environment {
                https: Some(Secret::new("http://env.example:3128")),
                no: no.to_owned(),
                ..Environment::default()
            };
            assert_eq!(proxied(&Path::default(), &environment, url).is_none(), spared, "NO_PROXY={no:?} {url}");
        }
    }

    #[test]
    fn a_proxy_that_can_not_be_used_is_a_fault_without_its_password() {
        for url in [
            "https://u:CANARY@p.example:1",
            "socks5://u:CANARY@p:1",
            "http://p:CANARY",
            "http://u:CANARY@p:99999",
            "http://u:CANARY@p@p:1",
            "http://u:CANARY@",
            "",
        ] {
            let path = Path { proxy: Some(Secret::new(url)), ..Path::default() };
            let fault = path.explicit_proxy().expect_err(url);
            assert_eq!(fault.kind, FaultKind::Misconfigured);
            assert!(!fault.chain().contains("CANARY"), "{}", fault.chain());
        }
        let good = Proxy::parse(&Secret::new("http://us%40er:CANARY@[2001:db8::1]:3128"), "x").expect("a proxy");
        assert_eq!(format!("{good:?}"), "Proxy([2001:db8::1]:3128)");
        assert_eq!(good.authorization.expect("userinfo"), "Basic dXNAZXI6Q0FOQVJZ");
    }

    #[test]
    fn only_a_whole_http_head_has_a_status() {
        assert_eq!(status_of(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"), Some(200));
        assert_eq!(status_of(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for bad in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 +20 x\r\n\r\n",
            b"\xff\r\n\r\n",
        ] {
            assert_eq!(status_of(bad).filter(|s| *s >= 100), None, "{bad:?}");
        }
    }
}
