//! What `conductor status` prints for people, from a snapshot that came as JSON.
//!
//! Promise: nothing that a peer sent can steer the terminal: control and direction characters are replaced.

use std::fmt::Write;

use super::sentences::{ago, bytes, count, plural, seconds_between, span, stream as stream_sentence};
use super::snapshot::Snapshot;
use super::state::State;

/// The exit code of `conductor status`, by the convention of monitoring plugins.
pub fn exit_code(state: State) -> u8 {
    match state {
        State::Healthy => 0,
        State::Degraded => 1,
        State::Down => 2,
    }
}

/// The whole report, ending in a newline. The first line alone tells the state, for monitoring tools.
pub fn text(snapshot: &Snapshot) -> String {
    let now = snapshot.time;
    let agent = &snapshot.agent;
    let mut rows = Rows(String::new());
    rows.line(&format!(
        "{}: {} · conductor {} · up {} · {}",
        snapshot.state.as_str().to_uppercase(),
        agent.name,
        agent.version,
        span(agent.uptime_seconds),
        plural(snapshot.conditions.len() as u64, "condition"),
    ));

    let egress = &snapshot.egress;
    rows.heading("Egress");
    rows.row("observed", egress.observed.as_deref().unwrap_or("unknown"), &egress.text);
    let allowed = if egress.allowlisted.is_empty() { "none".to_owned() } else { egress.allowlisted.join(", ") };
    rows.row("allowlist", &allowed, &format!("checked {}", ago(egress.checked, now)));

    let queue = &snapshot.queue;
    rows.heading("Queue");
    rows.row("waiting", &count(queue.events), &queue.text);
    let of = format!("of {} on disk", bytes(queue.max_bytes));
    rows.row("disk", &bytes(queue.disk_bytes), &of);

    if let Some(key) = snapshot.secrets.key {
        rows.heading("Secrets");
        rows.row("sealed by", key.as_str(), &snapshot.secrets.text);
    }

    if let Some(update) = &snapshot.update {
        rows.heading("Updates");
        rows.row("offered", update.offered.as_deref().unwrap_or("-"), &update.text);
    }

    if let Some(remote) = &snapshot.remote {
        rows.heading("Remote");
        rows.row("listens on", &remote.listen, &remote.text);
        rows.row("certificate", remote.certificate.as_str(), &format!("SHA-256 {}", remote.fingerprint_sha256));
    }

    if let Some(storage) = snapshot.appliance.as_ref().and_then(|appliance| appliance.storage.as_ref()) {
        rows.heading("Appliance");
        rows.row("storage", if storage.encrypted { "encrypted" } else { "plain" }, &storage.text);
        rows.row("root", if storage.root_verified { "verified" } else { "not verified" }, "");
    }

    rows.heading("Integrations");
    for each in &snapshot.integrations {
        rows.row(&each.name, each.state.as_str(), &each.text);
        for stream in &each.streams {
            rows.row(&format!("  {}", stream.name), stream.state.as_str(), &stream_sentence(stream, now));
        }
        if let (Some(day), Some(source)) = (each.api_key_expires, each.api_key_expires_source) {
            rows.row("  api key", &format!("ends {day}"), &format!("Source: {}.", source.as_str()));
        }
    }
    rows.none_if(snapshot.integrations.is_empty());

    rows.heading("Destinations");
    for each in &snapshot.destinations {
        rows.row(&each.name, each.state.as_str(), &each.text);
    }
    rows.none_if(snapshot.destinations.is_empty());

    rows.heading("Conditions");
    for each in &snapshot.conditions {
        let subject = if each.subject.is_empty() { String::new() } else { format!(" {}", each.subject) };
        rows.line(&format!("  {} {}{subject}: {}", each.severity, each.code, each.text));
        rows.line(&format!("      for {}. {}", span(seconds_between(each.since, now)), each.code.advice()));
    }
    rows.none_if(snapshot.conditions.is_empty());
    rows.0
}

/// The lines so far.
struct Rows(String);

impl Rows {
    fn line(&mut self, text: &str) {
        self.0.extend(text.trim_end().chars().map(harmless));
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.0.push('\n');
        self.line(text);
    }

    fn row(&mut self, name: &str, word: &str, sentence: &str) {
        let mut row = String::new();
        // Writing to a String can't fail.
        let _ = write!(row, "  {name:<20} {word:<16} {sentence}");
        self.line(&row);
    }

    fn none_if(&mut self, empty: bool) {
        if empty {
            self.line("  none");
        }
    }
}

/// Replaces what could steer a terminal or turn the reading direction around.
pub(super) fn harmless(c: char) -> char {
    match c {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        // What a peer sent over several lines stays one.
        '\n' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Code, samples};

    #[test]
    fn the_first_line_and_the_exit_code_tell_the_state() {
        for (board, first, code) in [
            (samples::healthy(), "HEALTHY: acme-mel-1 · conductor 0.1.0 · up 1 d 2 h · 0 conditions", 0),
            (samples::degraded(), "DEGRADED: acme-mel-1 · conductor 0.1.0 · up 1 d 2 h · 6 conditions", 1),
            (samples::down(), "DOWN: acme-mel-1 · conductor 0.1.0 · up 1 d 2 h · 1 condition", 2),
        ] {
            let mut snapshot = board.snapshot(samples::now());
            snapshot.agent.version = "0.1.0".into();
            assert_eq!(text(&snapshot).lines().next(), Some(first));
            assert_eq!(exit_code(snapshot.state), code);
        }
    }

    #[test]
    fn the_report_names_every_part_and_what_to_do() {
        let report = text(&samples::degraded().snapshot(samples::now()));
        for part in ["192.0.2.99", "203.0.113.10, 198.51.100.0/28", "globex", "archive", "1,204 events wait"] {
            assert!(report.contains(part), "{part} is missing in\n{report}");
        }
        assert!(report.contains(Code::DestinationDown.advice()));
    }

    #[test]
    fn an_appliance_tells_how_its_data_lies_on_the_disk_and_other_machines_do_not() {
        let board = samples::healthy();
        assert!(!text(&board.snapshot(samples::now())).contains("Appliance"));
        let storage =
            r#"{"encrypted":false,"opened-by":"none","root-verified":true,"why":"this machine shows no TPM2"}"#;
        let storage = Some(serde_json::from_str(storage).expect("the system's words"));
        board.appliance(Some(crate::status::Appliance { storage }));
        let report = text(&board.snapshot(samples::now()));
        assert!(report.contains("  storage              plain            this machine shows no TPM2\n"), "{report}");
        assert!(report.contains("  root                 verified\n"), "{report}");
    }

    #[test]
    fn a_peer_cannot_steer_the_terminal() {
        let board = samples::healthy();
        board.raise(Code::DestinationDown, "soc", "\u{1b}[2J\r\u{202e}gone\u{7}", samples::now());
        let report = text(&board.snapshot(samples::now()));
        assert!(report.contains("\u{fffd}[2J\u{fffd}\u{fffd}gone\u{fffd}"), "{report}");
        assert!(!report.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn a_condition_told_over_several_lines_stays_on_its_own() {
        let board = samples::healthy();
        board.raise(Code::DestinationRefused, "soc", "no such index\nmake one", samples::now());
        let report = text(&board.snapshot(samples::now()));
        assert!(report.contains("error destination-refused soc: no such index make one\n"), "{report}");
    }
}
