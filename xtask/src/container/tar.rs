//! A tar archive, as layers and image archives are: ustar, in the order it is given.
//!
//! Promise: pure; the same entries and moment give the same bytes. A name that the format can't hold is an error, never cut.

use anyhow::{Result, ensure};

const BLOCK: usize = 512;
/// What a name may take without being parted; none of ours is longer.
const NAME: usize = 100;

pub struct Entry {
    /// From the root, without a slash at its head.
    pub path: String,
    pub mode: u32,
    /// Its user's and its group's number.
    pub owner: u32,
    pub what: What,
}

pub enum What {
    Folder,
    File(Vec<u8>),
}

impl Entry {
    pub fn folder(path: &str, mode: u32) -> Entry {
        Entry { path: path.to_owned(), mode, owner: 0, what: What::Folder }
    }

    pub fn file(path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> Entry {
        Entry { path: path.to_owned(), mode, owner: 0, what: What::File(bytes.into()) }
    }

    pub fn owned_by(self, owner: u32) -> Entry {
        Entry { owner, ..self }
    }
}

/// The archive; every entry bears this moment, in seconds since 1970.
pub fn archive(entries: &[Entry], moment: u64) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    for entry in entries {
        let (kind, bytes, name): (u8, &[u8], String) = match &entry.what {
            What::Folder => (b'5', &[], format!("{}/", entry.path)),
            What::File(bytes) => (b'0', bytes, entry.path.clone()),
        };
        ensure!(name.len() <= NAME, "{name} is too long a name for a tar archive");
        tar.extend_from_slice(&header(&name, kind, entry, bytes.len(), moment)?);
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end it.
    tar.resize(tar.len() + 2 * BLOCK, 0);
    Ok(tar)
}

fn header(name: &str, kind: u8, entry: &Entry, length: usize, moment: u64) -> Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    let octal = |number: u64, digits: usize| -> Result<Vec<u8>> {
        let text = format!("{number:0digits$o}");
        ensure!(text.len() == digits, "{number} is too large for a field of a tar archive");
        Ok(text.into_bytes())
    };
    put(0, name.as_bytes());
    put(100, &octal(entry.mode.into(), 7)?);
    put(108, &octal(entry.owner.into(), 7)?);
    put(116, &octal(entry.owner.into(), 7)?);
    put(124, &octal(length as u64, 11)?);
    put(136, &octal(moment, 11)?);
    // The sum is taken with blanks in its own place.
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let sum = octal(sum, 6)?;
    block[148..154].copy_from_slice(&sum);
    block[154] = 0;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_systems_own_tar_reads_what_was_put_in_with_modes_owners_and_time() {
        let entries = [
            Entry::folder("var", 0o755),
            Entry::folder("var/state", 0o700).owned_by(65532),
            Entry::file("var/state/a", 0o640, *b"hello"),
        ];
        let bytes = archive(&entries, 1_763_596_800).expect("a tar");
        assert_eq!(bytes, archive(&entries, 1_763_596_800).expect("a tar"), "the same bytes");
        let mut tar = Command::new("tar");
        tar.args(["--utc", "--full-time", "--numeric-owner", "-tvf", "-"]);
        let mut tar = tar.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tar starts");
        tar.stdin.take().expect("a pipe").write_all(&bytes).expect("written");
        let told = String::from_utf8(tar.wait_with_output().expect("it ends").stdout).expect("text");
        let lines: Vec<String> =
            told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "drwxr-xr-x 0/0 0 2025-11-20 00:00:00 var/",
                "drwx------ 65532/65532 0 2025-11-20 00:00:00 var/state/",
                "-rw-r----- 0/0 5 2025-11-20 00:00:00 var/state/a",
            ]
        );
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        let long = Entry::file(&"a".repeat(101), 0o644, *b"");
        assert!(archive(&[long], 0).is_err());
    }
}
