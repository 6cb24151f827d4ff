//! All files of settings at once, as they are written: to be kept elsewhere, and to be put in the place of others.
//!
//! Promise: what is to be put in their place is read as the agent will read it before anybody writes a byte.

use std::path::{Path, PathBuf};

use super::fragments::{Fragment, Gathered, Origin};
use super::{Environment, Loaded, Mistakes, agent, read};

/// Where a file of settings stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Main,
    /// `conductor.d/NAME` beside the main file.
    Beside(String),
    /// `conductor.d/NAME` in the state folder.
    State(String),
}

/// One file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFile {
    pub place: Place,
    pub text: String,
}

/// All that there are, in the order in which they are read, mistakes in them or not; `main` and `env` as for [`super::load`].
///
/// # Errors
/// Where a file can't be read.
pub fn settings_files(main: &Path, env: Environment<'_>) -> Result<Vec<SettingsFile>, Mistakes> {
    let mut gathered = Gathered::default();
    gathered.operators(main);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.state(&state_dir);
    if !gathered.mistakes.is_empty() {
        return Err(Mistakes::new(gathered.mistakes));
    }
    let place = |fragment: &Fragment| {
        let name = fragment.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match fragment.origin {
            Origin::State | Origin::Asked => Place::State(name),
            Origin::Operator if fragment.path == main => Place::Main,
            Origin::Operator => Place::Beside(name),
        }
    };
    Ok(gathered.fragments.into_iter().map(|one| SettingsFile { place: place(&one), text: one.text }).collect())
}

/// The settings as they would be if these were all the files that there are; nothing is written.
///
/// # Errors
/// Every mistake, as of [`super::load`].
pub fn rehearse_files(main: &Path, env: Environment<'_>, files: &[SettingsFile]) -> Result<Loaded, Mistakes> {
    let mut all: Vec<&SettingsFile> = files.iter().collect();
    all.sort_by(|a, b| a.place.cmp(&b.place));
    let mut gathered = Gathered::default();
    let (operators, state): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|file| matches!(file.place, Place::Main | Place::Beside(_)));
    gathered.fragments.extend(operators.into_iter().map(|file| fragment(main, Path::new(""), file)));
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.fragments.extend(state.into_iter().map(|file| fragment(main, &state_dir, file)));
    read(main, gathered, env)
}

/// Where a file of settings lies.
pub fn path_of(place: &Place, main: &Path, state_dir: &Path) -> PathBuf {
    match place {
        Place::Main => main.to_owned(),
        Place::Beside(name) => main.parent().unwrap_or(Path::new("")).join("conductor.d").join(name),
        Place::State(name) => state_dir.join("conductor.d").join(name),
    }
}

fn fragment(main: &Path, state_dir: &Path, file: &SettingsFile) -> Fragment {
    let path = path_of(&file.place, main, state_dir);
    let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let folder = whole.parent().unwrap_or(Path::new("/")).to_owned();
    let origin = match file.place {
        Place::Main | Place::Beside(_) => Origin::Operator,
        Place::State(_) => Origin::Asked,
    };
    Fragment { path, folder, text: file.text.clone(), origin, world_readable: false }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn all_files_are_told_with_their_places_and_read_alike_from_memory() {
        let room = tempfile::tempdir().expect("a folder");
        let main = room.path().join("main.toml");
        for (name, text) in [
            ("main.toml", "[agent]\nname = \"box\"\nstate-dir = \"state\"\n"),
            ("conductor.d/queue.toml", "[queue]\nkeep = \"1h\"\n"),
            ("state/conductor.d/soc.toml", "[destinations.soc]\ntype = \"syslog\"\naddress = \"127.0.0.1:6514\"\n"),
        ] {
            let path = room.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let files = settings_files(&main, &|_| None).expect("readable");
        let places: Vec<_> = files.iter().map(|file| file.place.clone()).collect();
        assert_eq!(places, [Place::Main, Place::Beside("queue.toml".into()), Place::State("soc.toml".into())]);
        let read = rehearse_files(&main, &|_| None, &files).expect("good settings");
        assert_eq!(read.settings, super::super::load(&main, &|_| None).expect("good settings").settings);
        let mut wrong = files;
        wrong.reverse();
        wrong[0].text.push_str("nonsense = 1\n");
        let mistakes = rehearse_files(&main, &|_| None, &wrong).expect_err("a mistake");
        assert!(mistakes.to_string().contains("state/conductor.d/soc.toml:4"), "{mistakes}");
    }
}
