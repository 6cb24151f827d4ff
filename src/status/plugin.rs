//! What a monitoring plugin prints, from a snapshot (Monitoring Plugins Development Guidelines, sections 2.1 to 2.6).
//!
//! Promise: one line that tells the state and its numbers, then one line for each condition; nothing that a peer sent can
//! end a line, begin the numbers or steer a terminal.

use std::fmt::Write;

use super::conditions::Condition;
use super::sentences::plural;
use super::snapshot::Snapshot;
use super::state::State;
use super::text::harmless;

/// What a plugin says, and the code that it exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    /// Whether it is well could not be found out.
    Unknown = 3,
}

impl Word {
    fn as_str(self) -> &'static str {
        match self {
            Word::Ok => "OK",
            Word::Warning => "WARNING",
            Word::Critical => "CRITICAL",
            Word::Unknown => "UNKNOWN",
        }
    }
}

impl From<State> for Word {
    fn from(state: State) -> Word {
        match state {
            State::Healthy => Word::Ok,
            State::Degraded => Word::Warning,
            State::Down => Word::Critical,
        }
    }
}

/// Of an agent that could be asked.
pub fn plugin(snapshot: &Snapshot) -> (Word, String) {
    let word = Word::from(snapshot.state);
    let queue = &snapshot.queue;
    // The first line is all that a pager shows: it names the gravest.
    let gravest = snapshot.conditions.first().filter(|_| word != Word::Ok);
    let gravest = gravest.map_or_else(String::new, |condition| format!(" ({})", named(condition)));
    let text = format!(
        "{}: {}{gravest}, {}, {}, {}",
        snapshot.agent.name,
        plural(snapshot.conditions.len() as u64, "condition"),
        plural(snapshot.integrations.len() as u64, "integration"),
        plural(snapshot.destinations.len() as u64, "destination"),
        plural(queue.events, "event") + " waiting",
    );
    let mut numbers = format!(
        "conditions={};;;0 queue_events={};;;0 queue_oldest={}s;;;0 queue_disk={}B;;;0;{}",
        snapshot.conditions.len(),
        queue.events,
        queue.oldest_seconds,
        queue.disk_bytes,
        queue.max_bytes
    );
    for integration in &snapshot.integrations {
        for stream in &integration.streams {
            if let Some(lag) = stream.lag_seconds {
                number(&mut numbers, &format!("lag {}/{}", integration.name, stream.name), &format!("{lag}s;;;0"));
            }
        }
    }
    for destination in &snapshot.destinations {
        number(&mut numbers, &format!("waiting {}", destination.name), &format!("{};;;0", destination.depth));
        number(&mut numbers, &format!("taken {}", destination.name), &format!("{}c;;;0", destination.taken_total));
    }
    let mut whole = format!("{} | {numbers}\n", line(word, &text));
    for condition in &snapshot.conditions {
        whole.push_str(&one_line(&format!("{} {}: {}", condition.severity, named(condition), condition.text)));
        whole.push('\n');
    }
    (word, whole)
}

/// Its code, and what it is about.
fn named(condition: &Condition) -> String {
    format!("{} {}", condition.code, condition.subject).trim_end().to_owned()
}

/// Of one that could not.
pub fn unasked(word: Word, why: &str) -> String {
    line(word, why) + "\n"
}

fn line(word: Word, text: &str) -> String {
    format!("CONDUCTOR {} - {}", word.as_str(), one_line(text))
}

/// A label with a blank stands in quotes; names of ours hold no quote and no `=`.
fn number(numbers: &mut String, label: &str, value: &str) {
    let label: String = label.chars().map(harmless).filter(|c| !matches!(c, '\'' | '=' | '|')).collect();
    // Writing to a String can't fail.
    let _ = write!(numbers, " '{label}'={value}");
}

/// A bar would begin the numbers.
fn one_line(text: &str) -> String {
    text.chars().map(harmless).map(|c| if c == '|' { '/' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Code, samples};

    #[test]
    fn the_word_and_the_code_are_those_of_the_guidelines() {
        for (board, word, begins) in [
            (samples::healthy(), Word::Ok, "CONDUCTOR OK - acme-mel-1: 0 conditions, "),
            (samples::degraded(), Word::Warning, "CONDUCTOR WARNING - acme-mel-1: 6 conditions (destination-down"),
            (samples::down(), Word::Critical, "CONDUCTOR CRITICAL - acme-mel-1: 1 condition ("),
        ] {
            let (told, text) = plugin(&board.snapshot(samples::now()));
            assert!(told == word && text.starts_with(begins), "{text}");
        }
        assert_eq!([Word::Ok, Word::Warning, Word::Critical, Word::Unknown].map(|word| word as u8), [0, 1, 2, 3]);
        assert_eq!(unasked(Word::Unknown, "no answer"), "CONDUCTOR UNKNOWN - no answer\n");
    }

    #[test]
    fn the_first_line_names_the_gravest_condition_where_all_is_not_well() {
        let board = samples::healthy();
        board.raise(Code::DestinationWeakReceipt, "soc", "it is so", samples::now());
        let first = |text: String| text.lines().next().map(str::to_owned).unwrap_or_default();
        let (word, text) = plugin(&board.snapshot(samples::now()));
        assert!(word == Word::Ok && first(text.clone()).contains("1 condition, "), "{text}");
        board.raise(Code::QueueFull, "", "it is full", samples::now());
        board.raise(Code::DestinationDown, "soc", "nothing listens", samples::now());
        let (_, text) = plugin(&board.snapshot(samples::now()));
        assert!(first(text.clone()).contains("3 conditions (destination-down soc), "), "{text}");
    }

    #[test]
    fn each_number_has_the_form_of_the_guidelines() {
        let (_, text) = plugin(&samples::degraded().snapshot(samples::now()));
        let numbers = text.lines().next().and_then(|line| line.split_once(" | ")).expect("numbers").1;
        let mut rest = numbers;
        let mut labels = Vec::new();
        while !rest.is_empty() {
            let (label, after) = match rest.strip_prefix('\'') {
                Some(quoted) => quoted.split_once("'=").expect("a label in quotes"),
                None => rest.split_once('=').expect("a label"),
            };
            let (value, after) = after.split_once(' ').unwrap_or((after, ""));
            let number = value.split(';').next().expect("a value").trim_end_matches(['s', 'B', 'c']);
            assert!(number.parse::<u64>().is_ok() && value.split(';').count() <= 5, "{label}={value}");
            labels.push(label);
            rest = after;
        }
        assert!(labels.contains(&"queue_events") && labels.contains(&"waiting archive"), "{labels:?}");
    }

    #[test]
    fn a_peer_can_neither_end_the_line_nor_begin_numbers() {
        let board = samples::healthy();
        board.raise(Code::DestinationDown, "soc", "gone | queue_events=0\nCONDUCTOR OK\u{1b}[2J", samples::now());
        let (_, text) = plugin(&board.snapshot(samples::now()));
        assert_eq!((text.lines().count(), text.matches('|').count()), (2, 1), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
