//! The state folder: is it there or can it be made, can we write to it durably, and has it room for the queue.
//!
//! Promise: what is written is one probe file, removed again; the queue and its lock are not touched, so a check never
//! keeps an agent from starting.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use crate::cli::agent_socket;
use crate::config::Settings;
use crate::diagnosis::finding::Finding;
use crate::diagnosis::finding::Trouble;
use crate::queue::disk::{Disk, RealDisk};
use crate::values::ByteSize;

const ID: &str = "disk";
/// Below this the queue takes nothing more.
const HEADROOM: u64 = 64 << 20;

pub fn look(settings: &Settings) -> Vec<Finding> {
    let folder = &settings.agent.state_dir;
    let (state, existing) = match fs::metadata(folder) {
        Ok(found) if found.is_dir() => (writable(folder, found.uid(), found.mode()), folder.as_path()),
        Ok(_) => {
            let text = format!("the state folder {} is not a folder", folder.display());
            return vec![Finding::failed(
                ID,
                "state",
                Trouble::Disk,
                text,
                "move that file away, or set agent.state-dir",
            )];
        }
        Err(error) if error.kind() == ErrorKind::NotFound => makable(folder),
        Err(error) => return vec![unusable(folder, "looked at", &error)],
    };
    vec![state, room(existing, folder, settings), agent(folder)]
}

/// Writes, syncs and removes a file, as the queue will.
fn writable(folder: &Path, owner: u32, mode: u32) -> Finding {
    let probe = folder.join(format!("check-{}.probe", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe).and_then(|mut file| {
        let synced = file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
        let removed = fs::remove_file(&probe);
        synced.and(removed)
    });
    if let Err(error) = written {
        return unusable(folder, "written to", &error);
    }
    let us = nix::unistd::geteuid().as_raw();
    let place = folder.display();
    if us == owner {
        return Finding::ok(ID, "state", format!("{place} can be written to, and writes reach the disk"));
    }
    // Root may write anywhere; the folder's owner is the user that the agent runs as, and made it for itself.
    if nix::unistd::geteuid().is_root() && mode & 0o700 == 0o700 {
        let text = format!("{place} belongs to the agent's user (uid {owner}), and writes reach the disk");
        return Finding::ok(ID, "state", text);
    }
    let text = format!("{place} can be written to by this user ({us}), but belongs to another ({owner})");
    Finding::warning(ID, "state", text, "if the agent runs as its owner all is well: check as that user (sudo -u)")
}

/// The nearest folder above that exists: may we make folders in it?
fn makable(folder: &Path) -> (Finding, &Path) {
    let above = folder.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("/"));
    let may = access(above, AccessFlags::W_OK | AccessFlags::X_OK);
    let finding = match may {
        Ok(()) if above.is_dir() => {
            Finding::ok(ID, "state", format!("{} is not there yet; the first start makes it", folder.display()))
        }
        Ok(()) => unusable(folder, "made", &io::Error::from(ErrorKind::NotADirectory)),
        Err(error) => unusable(folder, "made", &error.into()),
    };
    (finding, above)
}

fn unusable(folder: &Path, what: &str, error: &io::Error) -> Finding {
    let text = format!("the state folder {} can't be {what}: {error}", folder.display());
    let (exit, advice) = match error.kind() {
        ErrorKind::PermissionDenied => {
            (Trouble::Permission, "give it to the agent's user (chown), check as that user, or set agent.state-dir")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (Trouble::Disk, "free space on that file system"),
        ErrorKind::ReadOnlyFilesystem => {
            (Trouble::Disk, "mount it for writing, or set agent.state-dir to another place")
        }
        _ => (Trouble::Disk, "see what the kernel says of that disk (dmesg), or set agent.state-dir to another place"),
    };
    Finding::failed(ID, "state", exit, text, advice)
}

/// Free space against what the queue may still grow by.
fn room(existing: &Path, folder: &Path, settings: &Settings) -> Finding {
    let space = match RealDisk.space(existing) {
        Ok(space) => space,
        Err(error) => return unusable(existing, "measured", &error),
    };
    let (free, most) = (ByteSize(space.free), settings.queue.max_size);
    let used = used(&folder.join("queue"), 0);
    let text = format!("{free} free; the queue holds {} and may grow to {most} (queue.max-size)", ByteSize(used));
    let left = space.free.saturating_sub((space.total / 16).min(HEADROOM));
    if left == 0 {
        return Finding::failed(
            ID,
            "space",
            Trouble::Disk,
            text,
            "free space there: the agent pauses polling without it",
        );
    }
    if left < most.0.saturating_sub(used) {
        let advice = "free space, or lower queue.max-size: polling pauses when the disk is full, nothing is lost";
        return Finding::warning(ID, "space", text, advice);
    }
    Finding::ok(ID, "space", text)
}

/// Bytes of a folder and the few below it. What goes meanwhile, or may not be read, does not count.
fn used(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() && depth < 4 => used(&entry.path(), depth + 1),
        Ok(found) if found.is_file() => found.blocks().saturating_mul(512),
        _ => 0,
    });
    sizes.sum()
}

/// Asked by the control socket. Trying the lock would tell more and could get into the way of an agent that starts.
fn agent(folder: &Path) -> Finding {
    let text = match agent_socket::connect(folder) {
        Ok(_) => "an agent runs on this state folder",
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            "another user's agent may run on this state folder: its socket is closed to us"
        }
        Err(_) => "no agent runs on this state folder",
    };
    Finding::ok(ID, "agent", text)
}
