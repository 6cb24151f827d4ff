//! Writes the manual pages and the completions of shells into a folder, for the packages: `cargo run --example manual -- FOLDER`.
//!
//! Promise: they say what `--help` says, because they are made of the same; the agent itself carries none of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

/// What stands below the options, on the page of the program and on those of its verbs.
const FIRST: &str = "FIRST STEPS";
const OTHER: &str = "EXAMPLES";

const FILES: &str = "\
.SH FILES
.TP
/etc/conductor/conductor.toml
The settings, with conductor.d/*.toml beside it
.TP
/var/lib/conductor
The state folder: queue, sealed secrets, users, audit log, and what the pages and commands have set
.SH SEE ALSO
systemctl(1), journalctl(1); /usr/share/doc/conductor/operators\\-guide.md.gz
";

/// The text below the options has lines of its own, which a page would fill up: it keeps them, under a name that says more
/// than EXTRA.
fn kept_in_lines(page: &str, name: &str) -> String {
    let Some((before, extra)) = page.split_once(".SH EXTRA\n") else { return page.to_owned() };
    let (extra, after) = extra.split_once("\n.SH ").map_or((extra, None), |(extra, after)| (extra, Some(after)));
    // Its own heading says no more than the page's.
    let extra = extra.split_once(":\n").map_or(extra, |(_, lines)| lines);
    let after = after.map_or_else(String::new, |after| format!(".SH {after}"));
    format!("{before}.SH {name}\n.nf\n{}\n.fi\n{after}", extra.trim_end())
}

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
    for page in fs::read_dir(&man)? {
        let page = page?.path();
        let is_first = page.file_name().is_some_and(|name| name == "conductor.1");
        let text = fs::read_to_string(&page)?;
        fs::write(
            &page,
            kept_in_lines(&text, if is_first { FIRST } else { OTHER }) + if is_first { FILES } else { "" },
        )?;
    }
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
        let first = read("man/conductor.1");
        assert!(
            first.contains(".SH FIRST STEPS\n.nf\n  conductor claim  ") && first.contains("\n.fi\n.SH "),
            "{first}"
        );
        assert!(first.contains(".SH FILES") && !first.contains("EXTRA"), "{first}");
        assert!(read("man/conductor-integration-add.1").contains(".SH EXAMPLES\n.nf\n  conductor integration add "));
        for name in ["completions/conductor", "completions/_conductor", "completions/conductor.fish"] {
            assert!(read(name).contains("selftest"), "{name}");
        }
        assert!(!read("man/conductor-selftest.1").contains("writes-into"), "what is hidden stays so");
    }
}
