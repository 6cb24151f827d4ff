//! The files that the settings are spread over: which there are, and their text.
//!
//! Promise: a file that can't be read is a mistake, never a file less. Root reads them too, so in the state folder, which the
//! agent's user writes, no link is followed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

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
        let (opened, names) = match open_folder(folder, origin).and_then(|opened| Ok((opened, toml_files(folder)?))) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) if origin.is_state() && folder.is_symlink() => {
                let text = "this is a link: settings in the state folder lie in a folder";
                let mistake = Mistake::of_file(folder, MistakeKind::Unreadable, text, "put the folder itself there");
                return self.mistakes.push(mistake);
            }
            // The state folder is a file: no mistake in the settings; whoever opens it says so.
            Err(error) if origin == Origin::State && error.kind() == io::ErrorKind::NotADirectory => return,
            Err(error) => return self.mistakes.push(unreadable(folder, &error)),
        };
        if let Ok(metadata) = opened.metadata() {
            self.warn_if_writable(folder, metadata.mode());
        }
        for name in names {
            let found = if origin.is_state() { open_inside(&opened, &name) } else { open(&name) };
            self.take(&name, origin, found);
        }
    }

    fn file(&mut self, path: &Path, origin: Origin) {
        self.take(path, origin, open(path));
    }

    fn take(&mut self, path: &Path, origin: Origin, found: Result<File, Mistake>) {
        match found.and_then(|file| read(path, file)) {
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

/// The folder; in the state folder itself and never a link.
fn open_folder(folder: &Path, origin: Origin) -> io::Result<File> {
    let itself = if origin.is_state() { OFlag::O_NOFOLLOW } else { OFlag::empty() };
    fs::OpenOptions::new().read(true).custom_flags((OFlag::O_DIRECTORY | itself).bits()).open(folder)
}

/// A file of this folder, whatever the path leads to by now, and never through a link.
fn open_inside(folder: &File, path: &Path) -> Result<File, Mistake> {
    // Opening a pipe would wait for its writer.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    match openat(folder.as_fd(), path.file_name().unwrap_or_default(), flags, Mode::empty()) {
        Ok(file) => Ok(File::from(file)),
        Err(nix::Error::ELOOP) => Err(Mistake::of_file(
            path,
            MistakeKind::Unreadable,
            "this is a link: settings in the state folder are files",
            "put the file itself there, or the link into conductor.d beside conductor.toml",
        )),
        Err(error) => Err(unreadable(path, &error.into())),
    }
}

/// A file of the operator's, who may have put a link there.
fn open(path: &Path) -> Result<File, Mistake> {
    let refuse = |error: io::Error| unreadable(path, &error);
    // Opening a pipe would wait for its writer: look before.
    if !fs::metadata(path).map_err(refuse)?.is_file() {
        return Err(irregular(path));
    }
    File::open(path).map_err(refuse)
}

/// The text and the mode.
fn read(path: &Path, file: File) -> Result<(String, u32), Mistake> {
    let refuse = |error: io::Error| unreadable(path, &error);
    let metadata = file.metadata().map_err(refuse)?;
    let odd = |text: &str, hint: &str| Mistake::of_file(path, MistakeKind::Unreadable, text, hint);
    if !metadata.is_file() {
        return Err(irregular(path));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(refuse)?;
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

fn irregular(path: &Path) -> Mistake {
    let hint = "settings are read again at a reload, so they must be files";
    Mistake::of_file(path, MistakeKind::Unreadable, "this is not a regular file", hint)
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
    fn a_link_in_the_state_folder_gave_root_another_file_to_read() {
        let room = tempfile::tempdir().expect("a folder");
        let shadow = written(room.path(), "shadow", "[remote]\n");
        // The state folder's own name may be a link: the packages' is.
        let state = room.path().join("state");
        fs::create_dir_all(room.path().join("private/conductor.d")).expect("made");
        std::os::unix::fs::symlink(room.path().join("private"), &state).expect("a link");
        written(&state, "conductor.d/a.toml", "");
        let link = state.join("conductor.d/zz.toml");
        std::os::unix::fs::symlink(&shadow, &link).expect("a link");
        let pipe = state.join("conductor.d/pipe.toml");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        let mut gathered = Gathered::default();
        gathered.state(&state);
        assert_eq!(
            gathered.fragments.iter().map(|one| one.path.as_path()).collect::<Vec<_>>(),
            [state.join("conductor.d/a.toml")]
        );
        let told: Vec<_> = gathered.mistakes.iter().map(|one| (one.file.as_path(), one.text.as_str())).collect();
        assert_eq!(told[0], (pipe.as_path(), "this is not a regular file"));
        assert_eq!(told[1], (link.as_path(), "this is a link: settings in the state folder are files"));
        let mut operators = Gathered::default();
        operators.folder(&state.join("conductor.d"), Origin::Operator);
        assert!(
            operators.fragments.iter().any(|one| one.text == "[remote]\n"),
            "the operator's own links are followed"
        );

        let other = written(room.path(), "other/main.toml", "[agent]\n");
        let elsewhere = room.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("made");
        std::os::unix::fs::symlink(other.parent().expect("a folder"), elsewhere.join("conductor.d")).expect("a link");
        let mut gathered = Gathered::default();
        gathered.state(&elsewhere);
        assert!(gathered.fragments.is_empty(), "{:?}", gathered.fragments);
        let told: Vec<_> = gathered.mistakes.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(told, ["this is a link: settings in the state folder lie in a folder"]);
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
