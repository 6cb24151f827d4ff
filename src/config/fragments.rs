//! The files that the settings are spread over: which there are, and their text.
//!
//! Promise: a file that can't be read is a mistake, never a file less.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::mistakes::{Mistake, MistakeKind, line_and_column};

/// A settings file is a few KiB; what is larger is something else.
const LARGEST: u64 = 1 << 20;

/// Where a fragment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The main file, or `conductor.d` beside it: the operator's.
    Operator,
    /// `conductor.d` in the state folder: written by the pages and the CLI, perhaps those of a later version.
    State,
    /// The same, but what is about to be written there: by this version, so nothing in it may be unknown.
    Asked,
}

impl Origin {
    /// Does it lie in the state folder, or will it?
    pub fn is_state(self) -> bool {
        match self {
            Origin::State | Origin::Asked => true,
            Origin::Operator => false,
        }
    }
}

/// One file of settings, as it was written.
#[derive(Debug)]
pub struct Fragment {
    pub path: PathBuf,
    /// Absolute; relative paths in the file begin here.
    pub folder: PathBuf,
    pub text: String,
    pub origin: Origin,
    /// Anyone on this machine may read it.
    pub world_readable: bool,
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Gathered {
    pub fragments: Vec<Fragment>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<String>,
}

impl Gathered {
    /// The main file, then `conductor.d/*.toml` beside it.
    pub fn operators(&mut self, main: &Path) {
        self.file(main, Origin::Operator);
        let beside = main.parent().unwrap_or(Path::new("")).join("conductor.d");
        self.folder(&beside, Origin::Operator);
    }

    /// `conductor.d/*.toml` in the state folder.
    pub fn state(&mut self, state_dir: &Path) {
        let inside = state_dir.join("conductor.d");
        let known = self.fragments.iter().any(|f| same_folder(&f.folder, &inside));
        // A state folder that is the settings' own folder must not give every file twice.
        if !known {
            self.folder(&inside, Origin::State);
        }
    }

    fn folder(&mut self, folder: &Path, origin: Origin) {
        let names = match toml_files(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            // The state folder is a file: no mistake in the settings; whoever opens it says so.
            Err(error) if origin == Origin::State && error.kind() == io::ErrorKind::NotADirectory => return,
            Err(error) => return self.mistakes.push(unreadable(folder, &error)),
        };
        if let Ok(metadata) = fs::metadata(folder) {
            self.warn_if_writable(folder, metadata.mode());
        }
        for name in names {
            self.file(&name, origin);
        }
    }

    fn file(&mut self, path: &Path, origin: Origin) {
        match read(path) {
            Ok((text, mode)) => {
                self.warn_if_writable(path, mode);
                let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let folder = whole.parent().unwrap_or(Path::new("/")).to_owned();
                let world_readable = mode & 0o004 != 0;
                self.fragments.push(Fragment { path: path.to_owned(), folder, text, origin, world_readable });
            }
            Err(mistake) => self.mistakes.push(mistake),
        }
    }

    fn warn_if_writable(&mut self, path: &Path, mode: u32) {
        if mode & 0o002 != 0 {
            let path = path.display();
            self.warnings.push(format!("{path}: anyone on this machine may change it (chmod o-w {path})"));
        }
    }
}

fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// `*.toml`, sorted; hidden ones are half-written or an editor's.
fn toml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = Path::new(&name);
        let hidden = name.as_os_str().as_encoded_bytes().starts_with(b".");
        if !hidden && name.extension().is_some_and(|end| end == "toml") {
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// The text and the mode.
fn read(path: &Path) -> Result<(String, u32), Mistake> {
    let refuse = |error: io::Error| unreadable(path, &error);
    // Opening a pipe would wait for its writer: look before.
    let metadata = fs::metadata(path).map_err(refuse)?;
    let odd = |text: &str, hint: &str| Mistake::of_file(path, MistakeKind::Unreadable, text, hint);
    if !metadata.is_file() {
        return Err(odd("this is not a regular file", "settings are read again at a reload, so they must be files"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(refuse)?;
    if bytes.len() as u64 > LARGEST {
        return Err(odd("this file is larger than 1 MiB", "is it a settings file?"));
    }
    String::from_utf8(bytes).map(|text| (text, metadata.mode())).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let before = String::from_utf8_lossy(bytes.get(..sound).unwrap_or_default());
        let (line, column) = line_and_column(&before, sound);
        let mistake = odd("this character is not UTF-8", "save the file as UTF-8");
        Mistake { line, column, ..mistake }
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Mistake {
    match error.kind() {
        io::ErrorKind::NotFound => Mistake::of_file(
            path,
            MistakeKind::Absent,
            "there is no such file",
            "write it, or name another with --config FILE; an empty file is enough to begin with",
        ),
        io::ErrorKind::PermissionDenied => Mistake::of_file(
            path,
            MistakeKind::Permission,
            "we may not read it",
            "give the user that the agent runs as leave to read it and to enter the folders above it",
        ),
        _ => Mistake::of_file(path, MistakeKind::Unreadable, format!("it can't be read: {error}"), ""),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    #[test]
    fn fragments_are_read_in_the_order_of_their_names_and_hidden_ones_are_not() {
        let room = tempfile::tempdir().expect("a folder");
        let main = written(room.path(), "conductor.toml", "");
        for name in ["20-b.toml", "10-a.toml", ".10-a.toml.swp", ".hidden.toml", "note.txt"] {
            written(room.path(), &format!("conductor.d/{name}"), "");
        }
        let mut gathered = Gathered::default();
        gathered.operators(&main);
        let names: Vec<_> = gathered.fragments.iter().filter_map(|f| f.path.file_name()).collect();
        assert_eq!(names, ["conductor.toml", "10-a.toml", "20-b.toml"]);
        assert_eq!((gathered.mistakes, gathered.warnings), (vec![], vec![]));
    }

    #[test]
    fn a_state_folder_that_is_the_settings_folder_gives_no_file_twice() {
        let room = tempfile::tempdir().expect("a folder");
        let main = written(room.path(), "conductor.toml", "");
        written(room.path(), "conductor.d/a.toml", "");
        let mut gathered = Gathered::default();
        gathered.operators(&main);
        gathered.state(room.path());
        assert_eq!(gathered.fragments.len(), 2);
    }

    #[test]
    fn what_is_no_readable_file_is_a_mistake_of_its_kind() {
        let room = tempfile::tempdir().expect("a folder");
        let mut gathered = Gathered::default();
        let pipe = room.path().join("pipe.toml");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        let latin = room.path().join("latin.toml");
        fs::write(&latin, b"a = 1\nb = \"\xfc\"").expect("written");
        let large = written(room.path(), "large.toml", &"#".repeat(LARGEST as usize + 1));
        for path in [&pipe, &latin, &large, &room.path().join("absent.toml"), &room.path().to_owned()] {
            gathered.file(path, Origin::Operator);
        }
        let kinds: Vec<_> = gathered.mistakes.iter().map(|m| (m.kind, m.line, m.column)).collect();
        let odd = MistakeKind::Unreadable;
        assert_eq!(kinds, [(odd, 0, 0), (odd, 2, 6), (odd, 0, 0), (MistakeKind::Absent, 0, 0), (odd, 0, 0)]);
        let denied = unreadable(&pipe, &io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(denied.kind, MistakeKind::Permission);
    }

    #[test]
    fn a_file_or_folder_that_anyone_may_change_is_warned_of() {
        let room = tempfile::tempdir().expect("a folder");
        let main = written(room.path(), "conductor.toml", "");
        let beside = written(room.path(), "conductor.d/a.toml", "");
        let folder = room.path().join("conductor.d");
        for (path, mode) in [(&main, 0o646), (&beside, 0o644), (&folder, 0o777)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
        }
        let mut gathered = Gathered::default();
        gathered.operators(&main);
        let expected: Vec<String> = [&main, &folder]
            .map(|p| format!("{0}: anyone on this machine may change it (chmod o-w {0})", p.display()))
            .into();
        assert_eq!(gathered.warnings, expected);
    }
}
