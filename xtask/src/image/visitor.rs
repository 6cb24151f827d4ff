//! Somebody who asks the box's pages from outside: a browser without a script, by openssl over the forwarded port.
//!
//! The box's certificate is its own, so nobody's word for it is asked here; tests/remote.rs looks at certificates.
//!
//! Promise: what is typed into a form goes out as a browser would send it, with that form's own token, and only over TLS.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Seconds that an answer may take: a password is hashed, and the machine is slow.
const LIMIT: &str = "300";

pub struct Visitor {
    /// Of this machine's loopback.
    port: u16,
    /// What the box gave us, `name=value`.
    cookie: String,
}

/// What the box said: status line, head and body.
pub struct Answer(String);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split_once("\r\n\r\n").map_or(self.0.as_str(), |(head, _)| head);
        let line = head
            .lines()
            .find(|line| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name)))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

impl Visitor {
    pub fn of(port: u16) -> Visitor {
        Visitor { port, cookie: String::new() }
    }

    /// Asks with these header lines, each ending in CRLF.
    pub fn get(&mut self, path: &str, more: &str) -> Result<Answer> {
        let head = format!("GET {path} HTTP/1.1\r\n{}{more}\r\n", self.head());
        self.exchange(&head)
    }

    /// Fills in the form of the page at `page` and sends it to `path`.
    pub fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let form = self.get(page, "")?;
        let token = form.body().split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let fields = fields.iter().copied().chain(token.map(|token| ("csrf", token)));
        let typed = fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let typed = typed.collect::<Vec<_>>().join("&");
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\n{}Origin: https://localhost:{}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{typed}",
            self.head(),
            self.port,
            typed.len()
        ))
    }

    /// The same, where a page of that address must follow.
    pub fn post_to(&mut self, page: &str, path: &str, fields: &[(&str, &str)], next: &str) -> Result<()> {
        let answer = self.post(page, path, fields)?;
        if answer.status() != 303 || answer.header("location") != Some(next) {
            let told = shown(answer.body());
            bail!("{path} answers {} where {next} should follow: {told}", answer.status());
        }
        Ok(())
    }

    fn head(&self) -> String {
        let cookie = if self.cookie.is_empty() { String::new() } else { format!("Cookie: {}\r\n", self.cookie) };
        format!("Host: localhost:{}\r\nConnection: close\r\n{cookie}", self.port)
    }

    fn exchange(&mut self, request: &str) -> Result<Answer> {
        let mut client = Command::new("timeout");
        client.args([LIMIT, "openssl", "s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", self.port)]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client = client.spawn().context("can't start openssl")?;
        let mut question = client.stdin.take().context("openssl's input")?;
        // Nobody may be there; then there is no answer.
        let _ = question.write_all(request.as_bytes());
        // Its input stays open until the box has answered: openssl ends with it.
        let mut answered = client.wait_with_output()?;
        drop(question);
        let answer = Answer(String::from_utf8_lossy(&std::mem::take(&mut answered.stdout)).into_owned());
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().unwrap_or_default().to_owned();
        }
        Ok(answer)
    }
}

/// A form's value as it goes over the wire.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// A page's words without its marks, for a person who asks why.
fn shown(page: &str) -> String {
    let words: String = page.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays_what_it_is_on_the_wire() {
        assert_eq!(encoded("10.0.2.2:8443"), "10.0.2.2%3A8443");
        assert_eq!(encoded("a b+c\r\n=ü"), "a%20b%2Bc%0D%0A%3D%C3%BC");
    }

    #[test]
    fn an_answer_is_read_by_its_status_its_headers_and_its_words() {
        let answer = Answer("HTTP/1.1 303 See Other\r\nLocation: /admin\r\n\r\n<p>Not <b>that</b></p>".to_owned());
        assert_eq!((answer.status(), answer.header("location")), (303, Some("/admin")));
        assert_eq!(shown(answer.body()), "Not that");
        assert_eq!(Answer(String::new()).status(), 0);
    }
}
