//! What plays the pages in a real browser: the distribution's Chromium, and Playwright with axe by npm.
//!
//! The two npm packages stand in `tests/browser/package.json` with their hashes in the lock file beside it, which names no
//! download address: npm takes them from the registry that it is set to. They run no scripts of their own.
//!
//! Promise: `target/tools/browser` holds what the lock file says, whole or not at all; where Chromium can't be had, a
//! file `not-to-be-had` in it says why, and only then may the test leave itself out.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::commands::{on_path, output, root, run};
use crate::setup::install;

/// Under the names that distributions give it.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
const NOTE: &str = "not-to-be-had";

/// Is anything missing, or other than the lock file says?
pub fn is_lacking(tools: &Path) -> bool {
    !has_chromium() || !on_path("node") || !is_as_locked(&tools.join("browser"))
}

/// Installs Chromium and what drives it.
pub fn provide(tools: &Path) -> Result<()> {
    let home = tools.join("browser");
    if !has_chromium() && !to_be_had()? {
        fs::create_dir_all(&home)?;
        fs::write(home.join(NOTE), "this system's packages hold no Chromium\n")?;
        eprintln!("setup: the pages will not be tried in a browser: this system's packages hold no Chromium");
        return Ok(());
    }
    let wanted = [(has_chromium(), "chromium"), (on_path("npm"), "npm")];
    let wanted: Vec<String> = wanted.iter().filter(|(there, _)| !there).map(|(_, name)| (*name).to_owned()).collect();
    if !wanted.is_empty() {
        install(&wanted)?;
    }
    if is_as_locked(&home) {
        return Ok(());
    }
    let part = tools.join("browser.part");
    for old in [&home, &part] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("can't remove {}", old.display()))?;
        }
    }
    fs::create_dir_all(&part).with_context(|| format!("can't make {}", part.display()))?;
    for name in FILES {
        let from = root().join("tests/browser").join(name);
        fs::copy(&from, part.join(name)).with_context(|| format!("can't copy {}", from.display()))?;
    }
    // `ci` takes what the lock file names, by its hashes, or fails.
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").args(words).current_dir(&part).stdout(std::io::stderr()))?;
    fs::rename(&part, &home).with_context(|| format!("can't put {} in place", home.display()))
}

fn has_chromium() -> bool {
    CHROMIUM.iter().any(|name| on_path(name))
}

/// Do the system's packages hold Chromium? Ubuntu's `chromium-browser` is a door to another kind of package: it does not
/// count.
fn to_be_had() -> Result<bool> {
    Ok(on_path("apt-get") && has_candidate(&output(Command::new("apt-cache").args(["policy", "chromium"]))?))
}

/// What `apt-cache policy` says of a package.
fn has_candidate(policy: &str) -> bool {
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    candidate.is_some_and(|version| version != "(none)")
}

/// Does it hold what the lock file says now?
fn is_as_locked(home: &Path) -> bool {
    let same = |name: &str| {
        let ours = fs::read(root().join("tests/browser").join(name));
        ours.is_ok_and(|ours| fs::read(home.join(name)).is_ok_and(|theirs| theirs == ours))
    };
    home.join("node_modules").is_dir() && FILES.iter().all(|name| same(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_to_be_had_where_apt_has_a_candidate_for_it() {
        assert!(has_candidate("chromium:\n  Installed: (none)\n  Candidate: 156.0-1\n  Version table:\n"));
        assert!(!has_candidate("chromium:\n  Installed: (none)\n  Candidate: (none)\n"));
        assert!(!has_candidate(""));
    }

    #[test]
    fn the_lock_file_holds_a_hash_for_each_package_and_names_no_address() {
        let lock = fs::read_to_string(root().join("tests/browser/package-lock.json")).expect("it is there");
        assert!(!lock.contains("://"), "a download address");
        let names = lock.matches("\"node_modules/").count();
        assert!(names > 0 && lock.matches("\"integrity\": \"sha512-").count() == names);
    }
}
