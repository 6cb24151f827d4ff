//! What plays a scene: Chromium, Node, and Playwright with axe, as `cargo xtask setup` provides them.
//!
//! Promise: a scene is left out only where setup has said that Chromium can't be had here; anything else fails the test.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub struct Tools {
    pub chromium: PathBuf,
    pub node: PathBuf,
    /// The folder that holds `node_modules`.
    pub folder: PathBuf,
}

/// `None`, and a line that says so, where Chromium can't be had.
pub fn found() -> Option<Tools> {
    let folder = target().join("tools/browser");
    let chromium = ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| on_path(name));
    let modules = ["playwright-core", "axe-core"].iter().all(|name| folder.join("node_modules").join(name).is_dir());
    if let (Some(chromium), Some(node), true) = (chromium, on_path("node"), modules) {
        return Some(Tools { chromium, node, folder });
    }
    let why = fs::read_to_string(folder.join("not-to-be-had"));
    let why = why.expect("there is no Chromium, or no Playwright: run `cargo xtask setup`");
    // Past the test harness, which keeps what a passing test prints.
    let _ = writeln!(io::stderr(), "not run: the pages in a browser ({})", why.trim());
    None
}

/// Where cargo puts what it builds: this test stands in its `debug/deps`.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|whole| whole.is_file())
}
