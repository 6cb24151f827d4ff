//! How the agent leaves a wish, and an answer about a trial, for the system; and reads what the system tells.
//!
//! Promise: each file is whole or absent; none of another folder is read or written, wherever a link leads.

use std::io;
use std::path::Path;

use super::{ASKED, Asked, FOLDER, LARGEST, Told};
use crate::files::Folder;

const ANSWER: &str = "answer";
const STATE: &str = "state.json";

/// What becomes of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Keep,
    GoBack,
}

/// Asks the system for these settings; it begins at once.
///
/// # Errors
/// Of the file system.
pub fn ask(state_dir: &Path, asked: &Asked) -> io::Result<()> {
    let folder = Folder::make(state_dir, FOLDER)?;
    let lock = folder.lock()?;
    folder.write(&lock, ASKED, asked.asked_file().as_bytes())
}

/// Answers for the trial of this id.
///
/// # Errors
/// Of the file system.
pub fn answer(state_dir: &Path, id: &str, answer: Answer) -> io::Result<()> {
    let word = match answer {
        Answer::Keep => "keep",
        Answer::GoBack => "back",
    };
    let folder = Folder::make(state_dir, FOLDER)?;
    let lock = folder.lock()?;
    folder.write(&lock, ANSWER, format!("{word} {id}\n").as_bytes())
}

/// What the system tells; nothing where it has told nothing yet.
///
/// # Errors
/// Of the file system, or that it is not what the system writes.
pub fn told(state_dir: &Path) -> io::Result<Told> {
    let Some(folder) = Folder::find(state_dir, FOLDER)? else { return Ok(Told::default()) };
    let Some(bytes) = folder.read(STATE, LARGEST)? else { return Ok(Told::default()) };
    serde_json::from_slice(&bytes).map_err(io::Error::from)
}
