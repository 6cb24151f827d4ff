//! A tar archive (POSIX ustar) of a few small files, compressed by gzip.
//!
//! Promise: any tar reads it; what it says of owners and modes is the same on every machine.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

const BLOCK: usize = 512;
/// The longest name that the head of a file holds.
pub const LONGEST_NAME: usize = 100;

/// Files in their order, as the bytes of a `.tar.gz`; `seconds`: since 1970, of every file.
///
/// # Errors
/// A name that is too long or not ASCII, a file of 8 GiB or more.
pub fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>, seconds: u64) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    for (name, bytes) in files {
        out.write_all(&head(name, bytes.len() as u64, seconds)?)?;
        out.write_all(bytes)?;
        out.write_all(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()])?;
    }
    // Two blocks of nothing end it.
    out.write_all(&[0; 2 * BLOCK])?;
    out.finish()
}

fn head(name: &str, size: u64, seconds: u64) -> io::Result<[u8; BLOCK]> {
    let wrong = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} in an archive: {text}"));
    if name.is_empty() || name.len() > LONGEST_NAME || !name.is_ascii() {
        return Err(wrong("its name must be 1 to 100 ASCII characters"));
    }
    if size >= 1 << 33 {
        return Err(wrong("it is larger than 8 GiB"));
    }
    let mut head = [0; BLOCK];
    let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, &format!("{:011o}\0", seconds.min((1 << 33) - 1)));
    // The checksum counts its own place as blanks.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    put(265, "root");
    put(297, "root");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_lists_what_was_put_in_and_gives_it_back() {
        let large = vec![b'x'; 1025];
        let bytes =
            archive([("a/one.txt", &b"1"[..]), ("a/empty", b""), ("a/large", &large)], 1_795_000_000).expect("made");
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("it.tar.gz");
        std::fs::write(&file, bytes).expect("written");
        let out = std::process::Command::new("tar").arg("-xzf").arg(&file).current_dir(dir.path()).output();
        let out = out.expect("tar runs");
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        for (name, text) in [("a/one.txt", &b"1"[..]), ("a/empty", b""), ("a/large", &large)] {
            assert_eq!(std::fs::read(dir.path().join(name)).expect(name), text);
        }
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        for name in ["", &"x".repeat(101), "ü"] {
            assert!(archive([(name, &b""[..])], 0).is_err(), "{name}");
        }
    }
}
