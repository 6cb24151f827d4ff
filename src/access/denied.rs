//! Why somebody does not get in, and what may be told of it.
//!
//! Promise: nothing here tells a stranger whether a name exists, and nothing holds a password, a code or a cookie.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The name, the password or the code is wrong; which one is nobody's business.
    #[error("the name, the password or the code is wrong")]
    Wrong,
    /// Too many tries: the next one counts after this time (whole seconds, rounded up).
    #[error("too many tries: try again in {} s", .0.as_secs())]
    Later(Duration),
    /// The password is right, and this user also has a second factor: ask for the code.
    #[error("the code of the authenticator app is needed too")]
    SecondFactor,
    /// What was asked for can't be; a sentence that says what to do. Not a try at a password, and nothing secret in it.
    #[error("{0}")]
    Refused(String),
    /// Our own trouble.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// What keeps us from judging at all. Nobody gets in meanwhile.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{}: {source}; look at the disk and at who owns the folder", path.display())]
    Disk { path: PathBuf, source: io::Error },
    #[error("{} does not read as one of ours ({why}): put it back from a backup, or move it away and say `conductor claim`", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("{} was written by a later version of conductor (format {format}): install that version", path.display())]
    LaterFormat { path: PathBuf, format: u64 },
    #[error("the kernel gives no random bytes: {0}")]
    Random(String),
    #[error("a password can't be hashed: {0}")]
    Hash(String),
    #[error(
        "the key of a second factor can't be used: {0}; `conductor user drop-second-factor NAME` lets that user in by password"
    )]
    Sealed(String),
}
