//! What cross.toml says: the targets and the oldest glibc of each.
//!
//! Promise: that file is the one place; a target that it does not name is refused with those that it does.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::elf::Version;
use crate::commands::root;

/// One architecture that is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Rust's name of it.
    pub triple: String,
    /// The oldest glibc that must do.
    pub floor: Version,
}

impl Target {
    /// `x86_64`
    pub fn arch(&self) -> &str {
        self.triple.split('-').next().unwrap_or_default()
    }

    /// As Debian calls it.
    pub fn debian(&self) -> &'static str {
        if self.arch() == "aarch64" { "arm64" } else { "amd64" }
    }
}

#[derive(Deserialize)]
struct File {
    target: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Told {
    zig: String,
}

/// Those of these names; none named: all.
pub fn chosen(names: &[String]) -> Result<Vec<Target>> {
    let path = root().join("cross.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    pick(&text, names)
}

fn pick(text: &str, names: &[String]) -> Result<Vec<Target>> {
    let file: File = toml::from_str(text).context("cross.toml")?;
    let mut all = Vec::new();
    for (triple, told) in file.target {
        let floor = told.zig.parse().with_context(|| format!("cross.toml: zig of {triple}"))?;
        all.push(Target { triple, floor });
    }
    if names.is_empty() {
        return Ok(all);
    }
    let named = |name: &String| {
        // The architecture alone will do, by either name.
        let found = all.iter().find(|to| to.triple == *name || to.arch() == name || to.debian() == name);
        found.cloned().with_context(|| {
            let known: Vec<&str> = all.iter().map(|target| target.triple.as_str()).collect();
            format!("{name} is not in cross.toml, which has {}", known.join(", "))
        })
    };
    let found: Result<Vec<Target>> = names.iter().map(named).collect();
    if found.as_ref().is_ok_and(Vec::is_empty) {
        bail!("cross.toml names no target");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_targets_are_read_with_their_floors_and_others_are_refused() {
        let text =
            "[target.aarch64-unknown-linux-gnu]\nzig = \"2.28\"\n[target.x86_64-unknown-linux-gnu]\nzig = \"2.31\"\n";
        let all = pick(text, &[]).expect("read");
        assert_eq!(
            all.iter().map(|t| (t.debian(), t.floor.to_string())).collect::<Vec<_>>(),
            [("arm64", "2.28".to_owned()), ("amd64", "2.31".to_owned())]
        );
        for name in ["x86_64", "amd64"] {
            assert_eq!(pick(text, &[name.to_owned()]).expect("read"), all[1..]);
        }
        let refused = pick(text, &["riscv64".to_owned()]).expect_err("not there").to_string();
        assert!(refused.contains("riscv64") && refused.contains("aarch64-unknown-linux-gnu"), "{refused}");
    }

    #[test]
    fn our_own_file_names_both_architectures_with_the_floor_of_debian_10() {
        let ours = chosen(&[]).expect("cross.toml");
        assert_eq!(
            ours.iter().map(|t| (t.arch().to_owned(), t.floor.to_string())).collect::<Vec<_>>(),
            [("aarch64".to_owned(), "2.28".to_owned()), ("x86_64".to_owned(), "2.28".to_owned())]
        );
    }
}
