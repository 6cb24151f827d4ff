//! What the system tells of this box's versions: whether it is an appliance, what runs, what became of the last update.
//!
//! Promise: it only reads, the one file itself and no more of it than a few lines take; a field that is missing or of a later
//! version is left out, never guessed.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::FOLDER;
use crate::files::Folder;

/// Written by the appliance as it starts; no other machine has it.
pub const VERSION_FILE: &str = "/run/appliance/version";
/// Written by the system into the folder of updates.
const STATE: &str = "state.json";
/// Bytes: it is a few lines; what is larger is something else.
const LARGEST: usize = 64 << 10;

/// The version that the appliance says it runs; `None`: this is no appliance. `file`: [`VERSION_FILE`].
pub fn appliance(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let version = text.trim();
    Some(if version.is_empty() { "unknown".to_owned() } else { version.to_owned() })
}

/// What to do on a machine that is no appliance.
pub fn packages() -> &'static str {
    "this machine is no appliance: its agent comes as a package, and is updated like the others: `apt update && apt install \
     conductor`, or `dnf upgrade conductor`"
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is being written into the slot that does not run.
    Installing,
    /// It runs, and has not shown itself good yet.
    Trial,
    Good,
    /// The system did not take it.
    Refused,
    /// It did not show itself good, and the older version runs again.
    NotGood,
    /// A word of a later version.
    Unknown,
}

impl Outcome {
    fn of(word: &str) -> Outcome {
        match word {
            "installing" => Outcome::Installing,
            "trial" => Outcome::Trial,
            "good" => Outcome::Good,
            "refused" => Outcome::Refused,
            "not-good" => Outcome::NotGood,
            // A text of the system's, no variant of ours.
            _ => Outcome::Unknown,
        }
    }

    /// For sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Installing => "is being installed",
            Outcome::Trial => "runs on trial",
            Outcome::Good => "was installed and is good",
            Outcome::Refused => "was refused",
            Outcome::NotGood => "did not show itself good, and this box went back",
            Outcome::Unknown => "ended in a way that this version does not know",
        }
    }

    /// Nothing more comes of it.
    pub fn is_final(self) -> bool {
        match self {
            Outcome::Good | Outcome::Refused | Outcome::NotGood | Outcome::Unknown => true,
            Outcome::Installing | Outcome::Trial => false,
        }
    }
}

/// The last update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    pub version: Option<String>,
    pub when: Option<Timestamp>,
    pub outcome: Outcome,
    pub why: Option<String>,
}

impl Last {
    /// `1.1.0 was refused (2026-11-21 12:00 UTC): only newer ones are taken`.
    pub fn sentence(&self) -> String {
        let version = self.version.as_deref().unwrap_or("a version");
        let when = self.when.map_or_else(String::new, |when| format!(" ({})", when.strftime("%Y-%m-%d %H:%M UTC")));
        let why = self.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        format!("{version} {}{when}{why}", self.outcome.as_str())
    }
}

/// All that the system tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The version that runs, as the system calls it.
    pub running: Option<String>,
    pub slot: Option<String>,
    pub last: Option<Last>,
}

impl Told {
    /// As it is now; nothing was told yet where the file is not there.
    ///
    /// # Errors
    /// Of the file system (a link or a pipe in its place is one), and `InvalidData` for what is no JSON.
    pub fn read(state_dir: &Path) -> io::Result<Told> {
        let Some(folder) = Folder::find(state_dir, FOLDER)? else { return Ok(Told::default()) };
        let Some(bytes) = folder.read(STATE, LARGEST)? else { return Ok(Told::default()) };
        if bytes.len() > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 64 KiB"));
        }
        // One that is being written ends early: that is no other trouble than what is no JSON.
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Told::of(&value))
    }

    fn of(value: &Value) -> Told {
        let text = |value: &Value| value.as_str().map(plain).filter(|text| !text.is_empty());
        let last = value.get("last").filter(|last| last.is_object()).map(|last| Last {
            version: last.get("version").and_then(text),
            when: last.get("when").and_then(Value::as_str).and_then(|when| when.parse().ok()),
            outcome: Outcome::of(last.get("outcome").and_then(Value::as_str).unwrap_or_default()),
            why: last.get("why").and_then(text),
        });
        Told { running: value.get("running").and_then(text), slot: value.get("slot").and_then(text), last }
    }
}

/// One line of it, of a length that a page can show.
fn plain(text: &str) -> String {
    let one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500);
    one_line.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_system_tells_is_read_and_what_is_missing_or_strange_is_left_out() {
        let whole = Told::of(&json!({"running": "1.0.0", "slot": "A", "last":
            {"version": "1.1.0", "when": "2026-11-21T12:00:00Z", "outcome": "refused", "why": "not\nsigned"}}));
        assert_eq!((whole.running.as_deref(), whole.slot.as_deref()), (Some("1.0.0"), Some("A")));
        let last = whole.last.expect("a last one");
        assert_eq!(last.sentence(), "1.1.0 was refused (2026-11-21 12:00 UTC): not signed");
        assert_eq!(Told::of(&json!({})), Told::default());
        assert_eq!(Told::of(&json!([1, 2])), Told::default());
        let strange = Told::of(&json!({"running": 7, "last": {"outcome": "abandoned", "when": "soon"}}));
        let unknown = Last { version: None, when: None, outcome: Outcome::Unknown, why: None };
        assert_eq!(strange, Told { running: None, slot: None, last: Some(unknown) });
    }

    #[test]
    fn a_file_that_is_not_there_tells_nothing_and_one_that_is_no_json_is_an_error() {
        let room = tempfile::tempdir().expect("a folder");
        assert_eq!(Told::read(room.path()).expect("nothing told"), Told::default());
        fs::create_dir(room.path().join(FOLDER)).expect("made");
        fs::write(room.path().join("update/state.json"), "{").expect("written");
        assert_eq!(Told::read(room.path()).expect_err("half a file").kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_link_a_pipe_or_a_flood_in_the_place_of_what_the_system_tells_is_neither_followed_nor_waited_for() {
        let room = tempfile::tempdir().expect("a folder");
        let (folder, elsewhere) = (room.path().join(FOLDER), room.path().join("elsewhere.json"));
        let state = folder.join("state.json");
        fs::create_dir(&folder).expect("made");
        fs::write(&elsewhere, r#"{"last": {"version": "1.1.0", "outcome": "good"}}"#).expect("written");
        std::os::unix::fs::symlink(&elsewhere, &state).expect("linked");
        Told::read(room.path()).expect_err("a link");
        fs::remove_file(&state).expect("removed");
        nix::unistd::mkfifo(&state, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        // In a thread of its own: whoever opens a pipe as a file waits for its writer.
        let (told, hears) = std::sync::mpsc::channel();
        let place = room.path().to_owned();
        std::thread::spawn(move || told.send(Told::read(&place).is_err()));
        assert_eq!(hears.recv_timeout(std::time::Duration::from_secs(60)), Ok(true), "a pipe");
        fs::remove_file(&state).expect("removed");
        fs::write(&state, format!("{{}}{}", " ".repeat(LARGEST))).expect("written");
        Told::read(room.path()).expect_err("larger than it ever is");
    }

    #[test]
    fn an_appliance_is_known_by_its_file_alone() {
        let room = tempfile::tempdir().expect("a folder");
        let file = room.path().join("version");
        assert_eq!(appliance(&file), None);
        fs::write(&file, "1.2.3\n").expect("written");
        assert_eq!(appliance(&file).as_deref(), Some("1.2.3"));
    }
}
