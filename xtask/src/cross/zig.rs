//! The tools of a cross build: Rust's own libraries for the target, and zig with cargo-zigbuild in a folder of theirs.
//!
//! Promise: nothing is installed outside of `target/tools` and rustup's own folder, and nothing is fetched that is there.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::commands::{self, on_path, root};
use crate::setup;

/// Those that were tried together.
const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.17.0"];

/// Makes sure that this triple can be built.
pub fn provide(triple: &str) -> Result<()> {
    if on_path("rustup") {
        let there =
            commands::output(Command::new("rustup").args(["target", "list", "--installed"]).current_dir(root()))?;
        if !there.lines().any(|line| line.trim() == triple) {
            commands::run(Command::new("rustup").args(["target", "add", triple]).current_dir(root()))?;
        }
    }
    let home = home();
    if home.join("bin/cargo-zigbuild").is_file() {
        return Ok(());
    }
    if !on_path("python3") {
        bail!("zig comes as a Python package: install python3 and python3-venv");
    }
    if let Err(error) = commands::run(Command::new("python3").args(["-m", "venv"]).arg(&home)) {
        eprintln!("cross: no virtual environment yet ({error:#})");
        setup::install(&["python3-venv".to_owned()])?;
        commands::run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    }
    commands::run(Command::new(home.join("bin/pip")).args(["install", "--quiet"]).args(PACKAGES))
}

/// PATH with zig's folder at its head.
pub fn path() -> Result<OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(home().join("bin")).chain(std::env::split_paths(&old));
    std::env::join_paths(all).context("PATH can't be made longer")
}

fn home() -> PathBuf {
    root().join("target/tools/zig")
}
