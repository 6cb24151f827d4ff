//! A program of another architecture run on this one: by qemu, over that architecture's own C library.
//!
//! Promise: the other architecture's packages are unpacked under `target/tools`; this machine's package lists, its
//! architectures and its kernel's table of binary formats stay as they are. Whatever runs ends within its time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Target;
use super::unpacked::Unpacked;
use crate::commands::{on_path, root};
use crate::setup;

/// What our binary links to.
const LIBRARIES: [&str; 2] = ["libc6", "libgcc-s1"];
/// A tenth of the machine's speed at the best.
const SELFTEST: &str = "600";
const TESTS: &str = "1800";

/// The self-test of that binary, to be run.
pub fn selftest(target: &Target, built: &Path) -> Result<Command> {
    let mut command = emulated(target, built, SELFTEST)?;
    command.args(["selftest", "--through", &qemu(target)]);
    Ok(command)
}

/// The tests of the queue in that binary, to be run: few sequences of its model, for each takes long here.
pub fn queue_tests(target: &Target, built: &Path) -> Result<Command> {
    let mut command = emulated(target, built, TESTS)?;
    command.args(["--test-threads", "2"]).env("CONDUCTOR_MODEL_CASES", "10");
    Ok(command)
}

fn emulated(target: &Target, built: &Path, seconds: &str) -> Result<Command> {
    let qemu = qemu(target);
    if !on_path(&qemu) {
        setup::install(&["qemu-user-static".to_owned()])?;
    }
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", seconds, &qemu]).arg(built);
    // Inherited by what the program starts.
    command.env("QEMU_LD_PREFIX", libraries(target.debian())?);
    Ok(command)
}

fn qemu(target: &Target) -> String {
    format!("qemu-{}-static", target.arch())
}

/// The folder that holds that architecture's C library, from the distribution.
fn libraries(arch: &str) -> Result<PathBuf> {
    Ok(Unpacked::provide(arch, &root().join("target/tools").join(arch), &LIBRARIES)?.root)
}
