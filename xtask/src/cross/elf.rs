//! A program read as the dynamic linker reads it: for which machine, which versions of which libraries it asks for.
//!
//! Promise: bytes in, facts out; a file that is cut or lies about its own lengths is told, and never read past its end.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// `2.28`; ordered as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Version> {
        let (major, rest) = text.split_once('.').with_context(|| format!("{text} is no version such as 2.28"))?;
        // 2.2.5 is older than anything we compare with: its third part tells nothing.
        let minor = rest.split('.').next().unwrap_or(rest);
        Ok(Version(major.parse()?, minor.parse()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What a program says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub arch: &'static str,
    /// It still has its symbol table.
    pub has_symbols: bool,
    /// Each version that it asks for: `GLIBC_2.28`.
    pub needs: Vec<String>,
}

impl Seen {
    /// The newest glibc that it asks for.
    pub fn glibc(&self) -> Option<Version> {
        self.needs.iter().filter_map(|need| need.strip_prefix("GLIBC_")?.parse().ok()).max()
    }
}

/// What is not as it must be, a sentence each.
pub fn wrong(seen: &Seen, arch: &str, floor: Version) -> Vec<String> {
    let mut wrong = Vec::new();
    if seen.arch != arch {
        wrong.push(format!("it is for {}, not for {arch}", seen.arch));
    }
    if seen.has_symbols {
        wrong.push("it is not stripped".to_owned());
    }
    match seen.glibc() {
        None => wrong.push("it asks for no version of glibc: it was not linked as we link".to_owned()),
        Some(newest) if newest > floor => wrong.push(format!("it asks for glibc {newest}, and the floor is {floor}")),
        Some(_) => {}
    }
    wrong
}

const SYMTAB: u32 = 2;
const VERNEED: u32 = 0x6fff_fffe;

/// Reads a 64-bit little-endian ELF file.
pub fn read(bytes: &[u8]) -> Result<Seen> {
    let file = Bytes(bytes);
    if bytes.get(..6) != Some(&[0x7f, b'E', b'L', b'F', 2, 1][..]) {
        bail!("it is no 64-bit little-endian ELF file");
    }
    let arch = match file.u16(18)? {
        62 => "x86_64",
        183 => "aarch64",
        other => bail!("it is for machine number {other}"),
    };
    let (table, size, count) = (file.word(40)?, usize::from(file.u16(58)?), usize::from(file.u16(60)?));
    let mut seen = Seen { arch, has_symbols: false, needs: Vec::new() };
    for index in 0..count {
        let header = table + index * size;
        match file.u32(header + 4)? {
            SYMTAB => seen.has_symbols = true,
            VERNEED => {
                let names = file.word(table + file.u32(header + 40)? as usize * size + 24)?;
                seen.needs = needs(&file, file.word(header + 24)?, file.u32(header + 44)?, names)?;
            }
            // The other sections tell nothing that is asked here.
            _ => {}
        }
    }
    Ok(seen)
}

/// The chain of libraries, and in each the chain of its versions.
fn needs(file: &Bytes<'_>, mut library: usize, libraries: u32, names: usize) -> Result<Vec<String>> {
    let mut needs = Vec::new();
    for _ in 0..libraries {
        let mut version = library + file.u32(library + 8)? as usize;
        for _ in 0..file.u16(library + 2)? {
            needs.push(file.text(names + file.u32(version + 8)? as usize)?);
            version += file.u32(version + 12)? as usize;
        }
        library += file.u32(library + 12)? as usize;
    }
    Ok(needs)
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn at<const N: usize>(&self, offset: usize) -> Result<[u8; N]> {
        let piece = offset.checked_add(N).and_then(|end| self.0.get(offset..end));
        piece.and_then(|piece| piece.try_into().ok()).with_context(|| format!("it ends before byte {offset}"))
    }

    fn u16(&self, offset: usize) -> Result<u16> {
        self.at(offset).map(u16::from_le_bytes)
    }

    fn u32(&self, offset: usize) -> Result<u32> {
        self.at(offset).map(u32::from_le_bytes)
    }

    /// A 64-bit offset.
    fn word(&self, offset: usize) -> Result<usize> {
        Ok(usize::try_from(u64::from_le_bytes(self.at(offset)?))?)
    }

    fn text(&self, offset: usize) -> Result<String> {
        let rest = self.0.get(offset..).context("a name lies behind its end")?;
        let end = rest.iter().position(|byte| *byte == 0).context("a name has no end")?;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ourselves() -> Vec<u8> {
        std::fs::read(std::env::current_exe().expect("this program")).expect("its bytes")
    }

    #[test]
    fn this_very_program_is_read_with_its_machine_its_symbols_and_its_needs() {
        let seen = read(&ourselves()).expect("an ELF file");
        assert_eq!(seen.arch, std::env::consts::ARCH);
        assert!(seen.has_symbols, "a test program is not stripped");
        let glibc = seen.glibc().expect("it is linked to glibc");
        assert!(glibc >= Version(2, 17) && glibc < Version(3, 0), "{glibc}");
        assert!(seen.needs.iter().all(|need| need.contains('_')), "{:?}", seen.needs);
    }

    #[test]
    fn what_is_not_as_asked_is_told_each_in_a_sentence() {
        let needs = vec!["GLIBC_2.2.5".to_owned(), "GLIBC_2.34".to_owned(), "GCC_3.0".to_owned()];
        let seen = Seen { arch: "x86_64", has_symbols: true, needs };
        let told = wrong(&seen, "aarch64", Version(2, 28)).join("; ");
        for part in ["it is for x86_64, not for aarch64", "not stripped", "glibc 2.34, and the floor is 2.28"] {
            assert!(told.contains(part), "{told}");
        }
        let seen = Seen { arch: "x86_64", has_symbols: false, needs: vec!["GLIBC_2.28".to_owned()] };
        assert!(wrong(&seen, "x86_64", Version(2, 28)).is_empty());
        assert_eq!(wrong(&seen, "x86_64", Version(2, 4)).len(), 1, "compared as numbers, not as text");
    }

    #[test]
    fn a_cut_file_is_told_and_never_read_past_its_end() {
        let whole = ourselves();
        for length in [0, 5, 17, 40, 63, 64, 1000, whole.len() - 64] {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
