//! A small real file system, mounted where nobody else sees it.
//!
//! Promise: it is gone with the process that mounted it, because it lives in a mount namespace of its own.

use std::any::type_name_of_val;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::statvfs::statvfs;

/// Set in the process that has the namespace.
const INSIDE: &str = "CONDUCTOR_IN_A_NAMESPACE";
const NEEDS: &str = "this test mounts a small file system: it needs `unshare` (util-linux), and root or unprivileged \
                     user namespaces (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)";

/// Runs the body in a mount namespace: this test program once more, with `test` alone. `test` is the caller itself.
pub fn apart<T>(test: &T, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    // Its name as the test runner has it: the path of the function without the crate's name.
    let name = type_name_of_val(test).split_once("::").expect("a path").1;
    let ours: &[&str] = if is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    let may = Command::new("unshare").args(ours).arg("true").output();
    assert!(may.as_ref().is_ok_and(|output| output.status.success()), "{NEEDS}: {may:?}");
    let program = std::env::current_exe().expect("this program");
    let mut inside = Command::new("unshare");
    inside.args(ours).arg(program).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let Output { status, stdout, stderr } = inside.output().expect("unshare runs");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && said.contains("1 passed"), "{name}: {status}\n{said}");
    println!("{said}");
}

/// Which file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tmpfs,
    Ext4,
}

/// 64 MiB, mounted.
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// `None`, said aloud, where this kind can't be had here. Of tmpfs that is a failure.
    pub fn mount(kind: Kind, at: &Path) -> Option<SmallDisk> {
        fs::create_dir_all(at).expect("a folder");
        match kind {
            Kind::Tmpfs => must(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(at)),
            Kind::Ext4 => {
                let image = at.with_extension("image");
                File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("an image");
                // No blocks for root alone: the agent is root here, and is not where it works.
                let made = Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image).output();
                let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at).output();
                if [made, mounted].iter().any(|done| !done.as_ref().is_ok_and(|output| output.status.success())) {
                    let _ = writeln!(io::stderr(), "NOT RUN: ext4 on a loop device needs root and mkfs.ext4");
                    return None;
                }
            }
        }
        Some(SmallDisk { at: at.to_owned() })
    }

    /// Bytes that an ordinary user may still write.
    pub fn free(&self) -> u64 {
        let stat = statvfs(&self.at).expect("it is mounted");
        stat.blocks_available() * stat.fragment_size()
    }

    pub fn total(&self) -> u64 {
        let stat = statvfs(&self.at).expect("it is mounted");
        stat.blocks() * stat.fragment_size()
    }

    /// Another program's file takes all but so many bytes, to the last block with 0.
    pub fn fill(&self, but: u64) {
        let mut foreign = File::create(self.foreign()).expect("a file");
        for size in [256 << 10, 4096, 1] {
            let bytes = vec![1; size];
            while self.free() >= but + size as u64 && foreign.write_all(&bytes).is_ok() {}
        }
        let _ = foreign.sync_all();
    }

    /// That file goes.
    pub fn empty(&self) {
        fs::remove_file(self.foreign()).expect("removed");
    }

    pub fn remount(&self, how: &str) {
        must(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.at));
    }

    fn foreign(&self) -> PathBuf {
        self.at.join("another-program.log")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Before the folder under it is removed; lazily, as an agent of a test that failed may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn must(command: &mut Command) {
    let done = command.output().expect("it runs");
    assert!(done.status.success(), "{command:?}: {}\n{NEEDS}", String::from_utf8_lossy(&done.stderr));
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}
