//! The image as virtual machines want it: qcow2 (KVM), VHDX (Hyper-V), OVA (VMware).
//!
//! Promise: each holds the same disk; qemu-img converts, the description of the machine is ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::layout;
use super::ovf;
use crate::commands;
use crate::cross;

/// Writes all of them beside the raw disk; tells which.
pub fn make(disk: &Path, version: &str) -> Result<Vec<PathBuf>> {
    let qcow2 = disk.with_extension("qcow2");
    convert(disk, &qcow2, &["-O", "qcow2", "-c"])?;
    let vhdx = disk.with_extension("vhdx");
    convert(disk, &vhdx, &["-O", "vhdx", "-o", "subformat=dynamic"])?;
    Ok(vec![qcow2, vhdx, ova(disk, version)?])
}

/// A tar archive whose first member is the description, as the standard wants it.
fn ova(disk: &Path, version: &str) -> Result<PathBuf> {
    let folder = disk.with_extension("ovf.d");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let vmdk = folder.join("conductor.vmdk");
    convert(disk, &vmdk, &["-O", "vmdk", "-o", "subformat=streamOptimized"])?;
    let machine = ovf::Machine { version, disk_bytes: layout::disk_size(), file_bytes: fs::metadata(&vmdk)?.len() };
    let description = ovf::description(&machine);
    fs::write(folder.join("conductor.ovf"), description)?;
    let sums = ["conductor.ovf", "conductor.vmdk"].map(|name| sum(&folder, name));
    fs::write(folder.join("conductor.mf"), sums.into_iter().collect::<Result<String>>()?)?;
    let ova = disk.with_extension("ova");
    let mut tar = Command::new("tar");
    tar.args(["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "-C"]).arg(&folder);
    tar.arg(format!("--mtime=@{}", cross::epoch()?)).arg("-cf").arg(&ova);
    commands::run(tar.args(["conductor.ovf", "conductor.mf", "conductor.vmdk"]))?;
    fs::remove_dir_all(&folder).context("can't tidy up")?;
    Ok(ova)
}

fn sum(folder: &Path, name: &str) -> Result<String> {
    let told = commands::output(Command::new("sha256sum").arg(name).current_dir(folder))?;
    let sum = told.split_whitespace().next().context("sha256sum tells nothing")?;
    Ok(format!("SHA256({name})= {sum}\n"))
}

fn convert(disk: &Path, to: &Path, options: &[&str]) -> Result<()> {
    let _ = fs::remove_file(to);
    commands::run(Command::new("qemu-img").args(["convert", "-f", "raw"]).args(options).arg(disk).arg(to))
}
