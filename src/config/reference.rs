//! The settings reference, as Markdown: `docs/settings.md` is this text.
//!
//! Promise: made from the table of keys that the reader uses.

use std::fmt::Write;

use super::keys::{Fallback, Key, Section};
use super::sections::{FILTER, SECTIONS, SEVERITIES};

const INTRODUCTION: &str = "\
# Settings

<!-- Made from src/config/sections.rs; `UPDATE_DOCS=1 cargo test --test config` writes it again. -->

The settings are TOML, in `/etc/conductor/conductor.toml` (or `--config FILE`), then `conductor.d/*.toml` beside it,
then `conductor.d/*.toml` in the state folder, which the agent's own commands write. Each file may hold any section.
Nothing is written twice: a key of `[agent]`, `[queue]`, `[egress]`, `[local]` or `[remote]`, and the name of an integration
or a destination, stands in one file only.

Unknown keys are refused. All mistakes are told at once, with file, line and column. Relative paths begin at the folder
of the file that names them. Sizes are written `\"4GiB\"`, `\"500MB\"` or in plain bytes; durations `\"90s\"`, `\"10m\"`,
`\"4h\"` or `\"7d\"`.

A secret never stands in the settings (but a proxy's password may). A key that needs one says where it is, in one of these ways:

    api-key = { file = \"/etc/conductor/acme.key\" }   # a file that holds it alone, readable by the agent only
    api-key = { credential = \"acme-key\" }            # a systemd credential (LoadCredential=acme-key:...)
    api-key = { sealed = \"acme-key\" }                # our sealed store (`conductor secret set acme-key`)
";

/// The whole reference.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS.iter().copied().chain([&FILTER, &SEVERITIES]) {
        describe(section, &mut text);
    }
    text
}

fn describe(section: &Section, text: &mut String) {
    // Writing to a String can't fail.
    let of_type = section.of_type.map(|word| format!(" with `type = {word:?}`")).unwrap_or_default();
    let _ = write!(text, "\n## `[{}]`{of_type}\n\n{}\n\n", section.path, section.doc);
    text.push_str("| Key | Takes | Default | Example | Meaning |\n|---|---|---|---|---|\n");
    for key in section.keys {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | `{}` | {} |",
            key.name,
            cell(&key.kind.expected()),
            default(key),
            cell(key.example),
            cell(key.doc)
        );
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Fallback::Required => "must be written".into(),
        Fallback::Nothing => "none".into(),
        Fallback::Value(literal) => format!("`{}`", cell(literal)),
        Fallback::Told(words) => words.into(),
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
