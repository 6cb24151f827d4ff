//! Whole settings that a document shows are settings that hold.

use conductor::config;

/// Blocks of indented lines; a blank line parts none.
fn blocks(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in text.lines() {
        match line.strip_prefix("    ") {
            Some(line) => found.iter_mut().last().into_iter().for_each(|block| *block += &format!("{line}\n")),
            None if line.is_empty() => {}
            None => found.push(String::new()),
        }
    }
    found
}

#[test]
fn whole_settings_that_a_document_shows_are_taken_as_they_stand() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut looked_at = 0;
    for name in ["operators-guide.md", "appliance.md"] {
        let text = std::fs::read_to_string(super::home().join("docs").join(name)).expect(name);
        for block in blocks(&text).iter().filter(|block| block.lines().any(|line| line == "[agent]")) {
            looked_at += 1;
            let file = folder.path().join("conductor.toml");
            std::fs::write(&file, block).expect("written");
            let loaded = config::load(&file, &|_| None).unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
            // The files that a reader will have are not here.
            let warnings =
                loaded.warnings.iter().filter(|warning| !warning.contains("there is no file /etc/conductor/"));
            assert_eq!(warnings.collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
            assert_eq!((loaded.settings.integrations.len(), loaded.settings.destinations.len()), (1, 1), "{name}");
        }
    }
    assert_eq!(looked_at, 2, "a sample was not found");
}
