//! What the simulated API holds, asked from the API itself: the demo's count does not lean on the agent's.
//!
//! Promise: a message is counted missing unless its id was seen at the SOC.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::commands::output;

/// The ids of all messages of all threats that the API holds.
#[derive(Debug, Default)]
pub struct Census {
    pub threats: usize,
    pub messages: BTreeSet<String>,
}

/// One API, as a client sees it.
pub struct Api<'a> {
    /// `127.0.0.1:PORT`.
    pub address: &'a str,
    pub ca: &'a Path,
    pub token: &'a str,
}

impl Api<'_> {
    /// Lists every threat of the last 89 days, and asks for each.
    pub fn census(&self) -> Result<Census> {
        let (from, to) = (date("89 days ago")?, date("1 day")?);
        let filter = format!("receivedTime gte {from} lte {to}").replace(' ', "%20").replace(':', "%3A");
        let mut census = Census::default();
        for threat in self.pages(&format!("/v1/threats?filter={filter}&pageSize=1000"), "threats")? {
            let id = threat["threatId"].as_str().context("the API lists a threat without an id")?;
            census.threats += 1;
            for message in self.pages(&format!("/v1/threats/{id}?pageSize=100"), "messages")? {
                let id = message["abxMessageIdStr"].as_str().context("the API shows a message without an id")?;
                census.messages.insert(id.to_owned());
            }
        }
        Ok(census)
    }

    /// The items of all pages.
    fn pages(&self, path: &str, items: &str) -> Result<Vec<Value>> {
        let (mut all, mut number) = (Vec::new(), 1);
        loop {
            let mut page: Value = serde_json::from_str(&self.get(&format!("{path}&pageNumber={number}"))?)?;
            match page[items].take() {
                Value::Array(more) => all.extend(more),
                _ => bail!("the API's answer to {path} holds no {items}"),
            }
            match page["nextPageNumber"].as_u64() {
                Some(next) if next > number => number = next,
                Some(_) => bail!("the API's pages of {path} go round in circles"),
                None => return Ok(all),
            }
        }
    }

    /// One request over TLS by the openssl program, whose roots are the demo's CA alone; the answer's body.
    fn get(&self, path: &str) -> Result<String> {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_return_error", "-connect", self.address, "-CAfile"])
            .arg(self.ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("can't start openssl: run `cargo xtask setup`")?;
        // 1.0: the answer comes in one piece and ends with the connection.
        let request = format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.address, self.token
        );
        let mut stdin = client.stdin.take().context("openssl's input")?;
        stdin.write_all(request.as_bytes())?;
        let answer = client.wait_with_output()?;
        drop(stdin);
        body(&String::from_utf8_lossy(&answer.stdout)).with_context(|| format!("asking the API for {path}"))
    }
}

/// The body of a 200.
fn body(answer: &str) -> Result<String> {
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("it answers {status}: {body}");
    }
    Ok(body.to_owned())
}

/// A moment as the API's filters want it.
fn date(words: &str) -> Result<String> {
    Ok(output(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d", words]))?.trim().to_owned())
}

impl Census {
    /// The messages whose id was not seen.
    pub fn missing<'a>(&'a self, seen: &HashSet<String>) -> Vec<&'a str> {
        self.messages.iter().map(String::as_str).filter(|id| !seen.contains(*id)).collect()
    }
}

/// All whole numbers in a text, as ids are written: signed 64-bit numbers. A dash before one may be a separator
/// or a sign, so such a number counts both ways.
pub fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let digits = text.split(|c: char| !c.is_ascii_digit() && c != '-').filter(|run| !run.is_empty());
    digits.flat_map(|run| [run, run.rsplit('-').next().unwrap_or(run)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_missing_unless_its_very_id_was_seen() {
        let messages = ["123", "-45", "6"].map(str::to_owned).into();
        let census = Census { threats: 1, messages };
        let seen = |texts: &[&str]| texts.iter().copied().flat_map(numbers).map(str::to_owned).collect();
        let longer = [r#"{\"abxMessageId\":-1234,\"x\":451}"#, "16 61 45"];
        assert_eq!(census.missing(&seen(&longer)), ["-45", "123", "6"]);
        let exact = [r#"{\"abxMessageId\":123}"#, r#"id="acme/threats/t:-45/v1""#, "t-6,"];
        assert!(census.missing(&seen(&exact)).is_empty());
    }

    #[test]
    fn only_a_200_has_a_body_for_us() {
        assert_eq!(body("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}").expect("a body"), "{}");
        assert!(body("HTTP/1.0 401 Unauthorized\r\n\r\nno").expect_err("refused").to_string().contains("401"));
        assert!(body("").is_err());
    }
}
