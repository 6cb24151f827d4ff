//! The disk: an ESP with GRUB, the first slot filled, the second empty, and a data partition that the box makes itself at its
//! first boot (encrypted where it can be); made without mounting anything.
//!
//! Promise: everything is written where the table says; the file is sparse, and no larger than the promise.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::boot;
use super::layout::{self, Architecture, MIB};
use crate::commands::{self, target};
use crate::cross::unpacked::Unpacked;

/// Puts the root into slot A of a new disk. `found`: what lies on the data partition already, which is plain then; a box for
/// an operator has none.
pub fn make(architecture: Architecture, squashfs: &Path, found: Option<&Path>, work: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_file(to);
    File::create(to).and_then(|disk| disk.set_len(layout::disk_size())).context("can't make the disk")?;
    let mut sfdisk = Command::new("sfdisk");
    sfdisk.args(["--quiet", "--no-reread", "--no-tell-kernel"]).arg(to);
    feed(&mut sfdisk, &layout::table(architecture))?;
    let esp = esp(architecture, found.is_none(), work)?;
    put(&esp, to, "esp")?;
    put(squashfs, to, "root-a")?;
    if let Some(found) = found {
        put(&data(found, work)?, to, "data")?;
    }
    if layout::disk_size() > layout::IMAGE_LIMIT {
        bail!("the image would take {} bytes", layout::disk_size());
    }
    Ok(())
}

/// The EFI system partition: GRUB, its configuration and its environment; `fresh`: with the mark that has the box make its data.
fn esp(architecture: Architecture, fresh: bool, work: &Path) -> Result<PathBuf> {
    let folder = work.join("esp");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let (target, modules, program) = match architecture {
        Architecture::Amd64 => ("x86_64-efi", "/usr/lib/grub/x86_64-efi".to_owned(), "BOOTX64.EFI"),
        Architecture::Arm64 => ("arm64-efi", arm64_modules()?, "BOOTAA64.EFI"),
    };
    fs::write(folder.join("early.cfg"), boot::EARLY)?;
    fs::write(folder.join("grub.cfg"), boot::grub(architecture))?;
    let mut make = Command::new("grub-mkimage");
    make.args(["--directory", &modules, "--format", target, "--prefix", "/grub", "--config"]);
    make.arg(folder.join("early.cfg")).arg("--output").arg(folder.join(program)).args(boot::MODULES);
    commands::run(&mut make)?;
    let environment = folder.join("grubenv");
    commands::run(Command::new("grub-editenv").arg(&environment).arg("create"))?;
    commands::run(Command::new("grub-editenv").arg(&environment).arg("set").args(boot::FACTORY))?;
    fs::copy(&environment, folder.join("grubenv.old"))?;
    let esp = work.join("esp.fat");
    fat(&esp, "ESP", layout::size("esp")?)?;
    tool("mmd", &esp, &["::/EFI", "::/EFI/BOOT", "::/grub"])?;
    copy_in(&esp, &[folder.join(program)], "::/EFI/BOOT/")?;
    copy_in(&esp, &["grub.cfg", "grubenv", "grubenv.old"].map(|name| folder.join(name)), "::/grub/")?;
    if fresh {
        fs::write(folder.join("fresh"), "the factory's\n")?;
        copy_in(&esp, &[folder.join("fresh")], "::/")?;
    }
    Ok(esp)
}

/// GRUB's modules for arm64: their package is not in this machine's lists.
fn arm64_modules() -> Result<String> {
    let unpacked = Unpacked::provide("arm64", &target().join("tools/arm64-grub"), &["grub-efi-arm64-bin"])?.root;
    Ok(unpacked.join("usr/lib/grub/arm64-efi").display().to_string())
}

/// A data partition that holds something already.
fn data(found: &Path, work: &Path) -> Result<PathBuf> {
    let data = work.join("data.ext4");
    let _ = fs::remove_file(&data);
    let size = layout::size("data")?;
    File::create(&data).and_then(|file| file.set_len(size)).context("can't make the data partition")?;
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-t", "ext4", "-L", "data", "-m", "1", "-d"]).arg(found);
    commands::run(make.arg(&data))?;
    Ok(data)
}

/// An empty FAT file system with a label, in a file of that size.
pub fn fat(file: &Path, label: &str, size: u64) -> Result<()> {
    let _ = fs::remove_file(file);
    File::create(file).and_then(|file| file.set_len(size)).with_context(|| format!("can't make {}", file.display()))?;
    commands::run(Command::new("mformat").arg("-i").arg(file).args(["-F", "-v", label, "-N", "C04D0C70", "::"]))
}

/// Copies files into a folder of a FAT file system.
pub fn copy_in(fat: &Path, files: &[PathBuf], to: &str) -> Result<()> {
    commands::run(
        Command::new("mcopy").args(["-o", "-s", "-i"]).arg(fat).args(files).arg(to).env("MTOOLS_SKIP_CHECK", "1"),
    )
}

fn tool(program: &str, fat: &Path, arguments: &[&str]) -> Result<()> {
    commands::run(Command::new(program).arg("-i").arg(fat).args(arguments))
}

/// Runs a program that reads this text.
fn feed(command: &mut Command, text: &str) -> Result<()> {
    let mut child = command.stdin(Stdio::piped()).spawn().with_context(|| format!("can't start {command:?}"))?;
    child.stdin.take().context("its input")?.write_all(text.as_bytes())?;
    let status = child.wait()?;
    if !status.success() {
        bail!("this failed ({status}): {command:?}");
    }
    Ok(())
}

/// Writes a file into its partition; what is zero stays a hole.
fn put(file: &Path, disk: &Path, partition: &str) -> Result<()> {
    let mut from = File::open(file).with_context(|| format!("can't read {}", file.display()))?;
    if from.metadata()?.len() > layout::size(partition)? {
        bail!("{} does not fit the partition {partition}", file.display());
    }
    let mut to =
        OpenOptions::new().write(true).open(disk).with_context(|| format!("can't write {}", disk.display()))?;
    let mut at = layout::place(partition)?;
    let mut block = vec![0; usize::try_from(MIB)?];
    loop {
        let read = fill(&mut from, &mut block)?;
        if read == 0 {
            return Ok(());
        }
        if block[..read].iter().any(|byte| *byte != 0) {
            to.seek(SeekFrom::Start(at))?;
            to.write_all(&block[..read])?;
        }
        at += read as u64;
    }
}

/// Reads until the block is full or the file is over.
fn fill(from: &mut File, block: &mut [u8]) -> Result<usize> {
    let mut read = 0;
    while read < block.len() {
        match from.read(&mut block[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}
