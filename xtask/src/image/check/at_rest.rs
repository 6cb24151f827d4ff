//! A second story, on a disk of its own: what lies on the disk of a box with a TPM2, and who can read it.
//!
//! The box makes its data at its first boot, encrypted · from outside the disk shows nothing of what it was given · with no
//! TPM2, and with another, it opens nothing, says so, and the data are as they were · back in its own machine it opens by
//! itself and knows what it knew · key R makes the data anew, without a TPM2 plain, and says that too.
//!
//! Promise: the search that finds nothing on the encrypted disk finds the same word on the plain one.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::bench::figure;
use super::timetable::Timetable;
use super::{BOOT, Options, Stop, UPDATE, pages, versions};
use crate::image::layout::{self, MIB};
use crate::image::machine::{Hardware, Machine};
use crate::image::site::{HEALTH, Settings, Site};
use crate::image::tpm::Chip;

/// The disk, in MiB.
const DISK: u64 = 1600;
/// MiB of the machine.
const MEMORY: u32 = 512;
/// How LUKS begins.
const LUKS: &[u8] = b"LUKS\xba\xbe";
/// What the box says.
const UP: &str = "appliance: version 1.0.0 runs in slot A";
const OPENED: &str = "storage: encrypted; this machine's TPM2 opens it";
const ABSENT: &str = "storage: the data is sealed by a TPM2, and this machine shows none";
const OTHER: &str = "storage: the data is sealed by the TPM2 of another machine";
const PLAIN: &str = "storage: not encrypted: this machine shows no TPM2";

pub fn tell(options: &Options, folder: &Path, stop: &Stop, times: &mut Timetable) -> Result<()> {
    let room = Room { options, folder, stop, disk: folder.join("at-rest.img") };
    versions::one(options, folder, &room.disk)?;
    OpenOptions::new().write(true).open(&room.disk)?.set_len(DISK * MIB)?;
    let site = Site::open(folder)?;
    let volume = site.volume("at-rest", Settings::Sound, &[])?;
    times.over("at rest: a root, a disk", Instant::now());

    let mut machine = room.start("4-own", Some("own"), Some(&volume))?;
    machine.await_line(OPENED, BOOT)?;
    machine.await_line(UP, BOOT)?;
    machine.await_line("destination  soc", BOOT)?;
    let data = machine.await_line("  data ", BOOT)?;
    if figure(&data, " of ")? <= layout::size("data")? / MIB {
        bail!("the encrypted data did not grow to the disk: {data}");
    }
    machine.await_line("  root         read by its hash tree", BOOT)?;
    let status = pages::status(&mut machine)?;
    if !status.contains("\"opened_by\"") || !status.contains("\"tpm2\"") {
        bail!("/status does not tell what opens the data: {status}");
    }
    machine.cut()?;
    times.say("a box with a TPM2 made its data, encrypted, and grew it to the disk");
    let before = room.data()?;
    if !before.begins_with_luks || before.holds_word {
        bail!("the disk shows what it should not: {before:?}");
    }
    times.say("from outside the partition is LUKS2, and what an operator gave the box is not to be found in it");
    times.over("at rest: first boot", Instant::now());

    let mut machine = room.start("5-none", None, None)?;
    machine.await_line(ABSENT, BOOT)?;
    machine.await_line("  storage      the data is sealed", BOOT)?;
    machine.cut()?;
    let mut machine = room.start("6-other", Some("other"), None)?;
    machine.await_line(OTHER, BOOT)?;
    machine.cut()?;
    if room.data()? != before {
        bail!("the data that could not be opened were written to");
    }
    times.say("without its TPM2 and with another the disk opens nothing, says so, and stays as it was");
    let mut machine = room.start("7-back", Some("own"), None)?;
    machine.await_line(OPENED, BOOT)?;
    machine.await_line("destination  soc", BOOT)?;
    machine.cut()?;
    times.say("back in its own machine it opens by itself, and knows its settings");
    times.over("at rest: other machines", Instant::now());

    let mut machine = room.start("8-wiped", None, Some(&volume))?;
    machine.await_line(ABSENT, BOOT)?;
    machine.await_line("R: wipe this box", BOOT)?;
    machine.press("R")?;
    machine.await_line("Type RESET and Enter", BOOT)?;
    machine.press("RESET\n")?;
    machine.await_line(PLAIN, UPDATE)?;
    machine.await_line("destination  soc", BOOT)?;
    machine.cut()?;
    let after = room.data()?;
    if after.begins_with_luks || !after.holds_word {
        bail!("the search finds nothing on a plain disk either: {after:?}");
    }
    times.say("key R made the data anew where they could not be opened: plain without a TPM2, and it says so");
    times.over("at rest: wiped", Instant::now());
    fs::remove_file(&room.disk).context("can't tidy up")
}

struct Room<'a> {
    options: &'a Options,
    folder: &'a Path,
    stop: &'a Stop,
    disk: PathBuf,
}

/// What whoever has the disk sees of the data partition.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    begins_with_luks: bool,
    /// A token that the box was given.
    holds_word: bool,
    /// Of every byte.
    digest: u64,
}

impl Room<'_> {
    /// Switches it on, with the TPM of that name.
    fn start(&self, name: &str, tpm: Option<&str>, volume: Option<&Path>) -> Result<Machine> {
        let memory = tpm.map(|name| self.folder.join(format!("tpm-{name}")));
        let hardware = Hardware {
            architecture: self.options.architecture,
            qemu: &self.options.qemu,
            disk: &self.disk,
            volume,
            folder: self.folder,
            memory: MEMORY,
            tpm: memory.as_deref().map(|memory| Chip { program: &self.options.swtpm, memory }),
            stop: self.stop,
        };
        Machine::start(&hardware, name)
    }

    /// Reads the data partition from outside.
    fn data(&self) -> Result<Seen> {
        let mut file = File::open(&self.disk)?;
        file.seek(SeekFrom::Start(layout::place("data")?))?;
        look(&mut file, HEALTH.as_bytes())
    }
}

/// Reads all of it, looking for a word.
fn look(from: &mut impl Read, word: &[u8]) -> Result<Seen> {
    let size = usize::try_from(MIB)?;
    let nothing = vec![0; size];
    let mut hasher = DefaultHasher::new();
    let mut seen = Seen { begins_with_luks: false, holds_word: false, digest: 0 };
    // A word may lie across two blocks: the end of the last one stands before the next.
    let mut block = Vec::new();
    let mut read = 0_u64;
    loop {
        let kept = block.len().min(word.len());
        block.drain(..block.len() - kept);
        let more = from.by_ref().take(MIB).read_to_end(&mut block)?;
        if more == 0 {
            break;
        }
        seen.begins_with_luks |= read == 0 && block.starts_with(LUKS);
        read += more as u64;
        // Most of it was never written to.
        if block[kept..] != nothing[..more.min(size)] {
            hasher.write_u64(read);
            hasher.write(&block[kept..]);
            seen.holds_word |= block.windows(word.len()).any(|window| window == word);
        }
    }
    seen.digest = hasher.finish();
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_two_blocks_meet_and_a_changed_byte_is_noticed() {
        let mut disk = vec![0; 3 * usize::try_from(MIB).expect("it fits")];
        let quiet = look(&mut disk.as_slice(), b"marked").expect("it reads");
        assert!(!quiet.holds_word && !quiet.begins_with_luks);
        let at = usize::try_from(MIB).expect("it fits") - 3;
        disk[at..at + 6].copy_from_slice(b"marked");
        let seen = look(&mut disk.as_slice(), b"marked").expect("it reads");
        assert!(seen.holds_word && seen.digest != quiet.digest);
        disk[..6].copy_from_slice(LUKS);
        assert!(look(&mut disk.as_slice(), b"marked").expect("it reads").begins_with_luks);
    }
}
