//! A progress bar on standard error, where a person looks.
//!
//! Promise: nothing is drawn into a file or a pipe, and a bar that was begun ends its line.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// One bar.
#[derive(Debug)]
pub struct Bar {
    shown: bool,
    drawn: Option<Instant>,
    /// What came too soon after that to be drawn.
    latest: String,
}

impl Bar {
    pub fn new() -> Bar {
        Bar { shown: io::stderr().is_terminal(), drawn: None, latest: String::new() }
    }

    /// `done` of `of`, and a word on it; of an unknown whole the word alone. Drawn ten times a second at the most.
    pub fn draw(&mut self, done: u64, of: Option<u64>, word: &str) {
        if !self.shown {
            return;
        }
        self.latest = line(done, of, word);
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY) {
            self.drawn = Some(Instant::now());
            // A terminal that is gone is no reason to end the work.
            let _ = write!(io::stderr(), "\r{}", self.latest);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = writeln!(io::stderr(), "\r{}", self.latest);
        }
    }
}

fn line(done: u64, of: Option<u64>, word: &str) -> String {
    match of.filter(|of| *of > 0) {
        Some(of) => {
            let percent = (u128::from(done) * 100 / u128::from(of)).min(100);
            let filled = "#".repeat(usize::try_from(percent / 4).unwrap_or(25));
            format!("[{filled:<25}] {percent:3} %  {word} ")
        }
        None => format!("{word} "),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_bar_is_as_long_as_what_is_done_and_never_longer_than_whole() {
        let half = format!("[{:<25}]  50 %  5 events ", "#".repeat(12));
        assert_eq!(line(5, Some(10), "5 events"), half);
        assert!(line(11, Some(10), "").starts_with(&format!("[{}] 100 %", "#".repeat(25))));
        assert_eq!(line(u64::MAX, Some(0), "x"), "x ");
        assert!(line(u64::MAX, Some(u64::MAX), "").contains("100 %"));
    }
}
