//! Writes the manual pages and the completions of shells into a folder, for the packages: `cargo run --example manual -- FOLDER`.
//!
//! Promise: they say what `--help` says, because they are made of the same; the agent itself carries none of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say into which folder: cargo run --example manual -- FOLDER");
        std::process::exit(64);
    };
    write(&folder)
}

fn write(folder: &Path) -> io::Result<()> {
    let grammar = conductor::cli::grammar().name("conductor");
    let man = folder.join("man");
    fs::create_dir_all(&man)?;
    clap_mangen::generate_to(grammar.clone(), &man)?;
    let completions = folder.join("completions");
    fs::create_dir_all(&completions)?;
    for (shell, name) in [(Shell::Bash, "conductor"), (Shell::Zsh, "_conductor"), (Shell::Fish, "conductor.fish")] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut grammar.clone(), "conductor", &mut text);
        fs::write(completions.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page_and_every_shell_its_completions() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path()).expect("written");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        for verb in conductor::cli::grammar().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let page = read(&format!("man/conductor-{}.1", verb.get_name()));
            assert!(page.contains(".SH NAME") && page.contains("DESCRIPTION"), "{}: {page}", verb.get_name());
        }
        for name in ["completions/conductor", "completions/_conductor", "completions/conductor.fish"] {
            assert!(read(name).contains("selftest"), "{name}");
        }
        assert!(!read("man/conductor-selftest.1").contains("writes-into"), "what is hidden stays so");
    }
}
