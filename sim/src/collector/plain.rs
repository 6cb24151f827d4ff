//! A collector of JSON: a body is kept whole or not at all.

use super::{Heard, Reply};

#[derive(Default)]
pub(crate) struct Plain {
    pub(crate) kept: Vec<String>,
}

impl Plain {
    /// The answer, and how many events are kept.
    pub(crate) fn take(&mut self, heard: &Heard, content_type: Option<&str>, poison: Option<&str>) -> (Reply, u64) {
        let Ok(body) = std::str::from_utf8(&heard.body) else { return (Reply::new(400, "not UTF-8"), 0) };
        let events = match content_type {
            Some("application/json") => serde_json::from_str::<Vec<Box<serde_json::value::RawValue>>>(body)
                .map(|events| events.iter().map(|event| event.get().to_owned()).collect()),
            _ => lines(body),
        };
        let Ok(events) = events else { return (Reply::new(400, "not JSON"), 0) };
        if events.is_empty() {
            return (Reply::new(400, "no event"), 0);
        }
        if poison.is_some_and(|poison| events.iter().any(|event: &String| event.contains(poison))) {
            return (Reply::new(422, "one of them is bad"), 0);
        }
        let kept = events.len() as u64;
        self.kept.extend(events);
        (Reply::new(202, "{\"ok\":true}"), kept)
    }
}

fn lines(body: &str) -> serde_json::Result<Vec<String>> {
    body.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).map(|_| line.to_owned())).collect()
}
