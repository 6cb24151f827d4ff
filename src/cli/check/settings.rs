//! The settings: do they load, and what is strange in them.
//!
//! Promise: every mistake is told, each with its place, and none repeats a value.

use std::path::Path;

use crate::config::{self, Loaded, Mistake, MistakeKind};
use crate::diagnosis::finding::Finding;
use crate::diagnosis::finding::Trouble;

const ID: &str = "settings";

/// The settings with what there is to say about them, or the mistakes.
pub fn load(config: &Path) -> Result<(Loaded, Vec<Finding>), Vec<Finding>> {
    let loaded = config::load(config, &|name| std::env::var(name).ok())
        .map_err(|mistakes| mistakes.iter().map(mistake).collect::<Vec<_>>())?;
    let files = loaded.sources.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    let set = &loaded.settings;
    let counts = format!("{} integration(s) and {} destination(s)", set.integrations.len(), set.destinations.len());
    let mut findings = vec![Finding::ok(ID, "", format!("{counts} in {files}"))];
    // A warning carries its own hint, in brackets; what comes first is its place.
    let warnings = loaded.warnings.iter();
    findings.extend(
        warnings
            .map(|warning| Finding::warning(ID, "", warning, "look at that line; the settings are used as they are")),
    );
    if set.integrations.is_empty() {
        let text = "no integration is set: nothing will be collected";
        findings.push(Finding::warning(ID, "", text, "add [integrations.NAME]"));
    }
    if set.destinations.is_empty() {
        let text = "no destination is set: every event is kept, up to the queue's quota";
        findings.push(Finding::warning(ID, "", text, "add [destinations.NAME]"));
    }
    Ok((loaded, findings))
}

fn mistake(mistake: &Mistake) -> Finding {
    let exit = match mistake.kind {
        MistakeKind::Permission => Trouble::Permission,
        MistakeKind::Absent | MistakeKind::Unreadable | MistakeKind::Syntax | MistakeKind::Wrong => Trouble::Settings,
    };
    let advice = match (mistake.hint.as_str(), mistake.kind) {
        ("", MistakeKind::Permission) => "let this user read it, or check as the agent's user",
        ("", MistakeKind::Absent) => "make it, or name another by --config",
        ("", MistakeKind::Unreadable | MistakeKind::Syntax | MistakeKind::Wrong) => "correct it there",
        (hint, _) => hint,
    };
    let place = match mistake.line {
        0 => mistake.file.display().to_string(),
        line => format!("{}:{line}:{}", mistake.file.display(), mistake.column),
    };
    Finding::failed(ID, "", exit, format!("{place}: {}", mistake.text), advice)
}
