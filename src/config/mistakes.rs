//! What is wrong in the settings, all of it at once, each with its place.
//!
//! Promise: a mistake names its place and what to do, and never repeats a value that was written: a value in the
//! wrong place may be a secret.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of mistake it is: the exit code hangs on it (77 for permission, 78 for the others).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MistakeKind {
    /// The file does not exist.
    Absent,
    /// We may not read it.
    Permission,
    /// It can't be read for another reason.
    Unreadable,
    /// It is not TOML.
    Syntax,
    /// It is TOML, and says something that we can't do.
    Wrong,
}

/// One mistake. Line and column count from 1, in characters; line 0 means the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    pub kind: MistakeKind,
    /// What is wrong, in a sentence.
    pub text: String,
    /// What to do about it.
    pub hint: String,
}

impl Mistake {
    /// A mistake of a whole file.
    pub fn of_file(file: &Path, kind: MistakeKind, text: impl Into<String>, hint: impl Into<String>) -> Mistake {
        Mistake { file: file.to_owned(), line: 0, column: 0, kind, text: text.into(), hint: hint.into() }
    }
}

impl fmt::Display for Mistake {
    /// `file:line:col: sentence (hint)`, on one line whatever the file is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", one_line(&self.file.display().to_string()))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", one_line(&self.text))?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", one_line(&self.hint)) }
    }
}

/// Control characters become blanks, so that one mistake stays one line and drives no terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// All mistakes of all files, by file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Sorts them; each is kept once.
    pub fn new(mut all: Vec<Mistake>) -> Mistakes {
        all.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.text, &a.hint).cmp(&(&b.file, b.line, b.column, &b.text, &b.hint))
        });
        all.dedup();
        Mistakes(all)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// Is all that is wrong that we may not read a file?
    pub fn is_permission(&self) -> bool {
        self.0.iter().all(|mistake| mistake.kind == MistakeKind::Permission)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for Mistakes {}

/// Line and column, from 1, of a byte offset. An offset past the end is the end.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let on_line = before.get(line_start..).unwrap_or_default();
    (line, on_line.trim_start_matches('\u{feff}').chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_characters_from_one() {
        let text = "a = 1\r\n[ü] # é\nb";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 7), (2, 1));
        assert_eq!(line_and_column(text, text.find(']').expect("there")), (2, 3));
        assert_eq!(line_and_column(text, 9_999), (3, 2));
        assert_eq!(line_and_column("\u{feff}x", 3), (1, 1));
    }

    #[test]
    fn mistakes_are_sorted_by_place_and_print_one_a_line() {
        let at = |file: &str, line, text: &str| Mistake {
            file: file.into(),
            line,
            column: 1,
            kind: MistakeKind::Wrong,
            text: text.into(),
            hint: "so\nso".into(),
        };
        let all =
            Mistakes::new(vec![at("b", 1, "third"), at("a", 10, "second"), at("a", 9, "first"), at("b", 1, "third")]);
        assert_eq!(all.to_string(), "a:9:1: first (so so)\na:10:1: second (so so)\nb:1:1: third (so so)");
        assert!(!all.is_permission());
    }

    #[test]
    fn only_when_nothing_else_is_wrong_is_it_a_matter_of_permission() {
        let of = |kind| Mistake::of_file(Path::new("a"), kind, "x", "");
        let (permission, wrong) = (of(MistakeKind::Permission), of(MistakeKind::Wrong));
        assert!(Mistakes::new(vec![permission.clone()]).is_permission());
        assert!(!Mistakes::new(vec![permission, wrong]).is_permission());
    }
}
