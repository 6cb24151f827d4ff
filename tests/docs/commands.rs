//! Each command of ours that a document shows is one: its verb is there, and so are its options.

use clap::Command;

/// The documents that people type from.
const TYPED_FROM: [&str; 10] = [
    "README.md",
    "docs/appliance.md",
    "docs/container.md",
    "docs/monitoring.md",
    "docs/operators-guide.md",
    "docs/queue.md",
    "docs/receivers.md",
    "docs/threat-model.md",
    "docs/troubleshooting.md",
    "CHANGELOG.md",
];

/// What stands behind `conductor` in a line of a block, up to a comment or a pipe, or in a span of code. A line of a shell's
/// or a service's own (`systemctl reload conductor`) has nothing behind it.
fn commands(text: &str) -> Vec<String> {
    let shown =
        text.lines().filter_map(|line| line.strip_prefix("    ").map(|line| line.split('#').next().unwrap_or(line)));
    let spans = text.split('`').skip(1).step_by(2).filter(|span| !span.contains('\n'));
    let command = |shown: &str| {
        let words: Vec<&str> = shown.split_whitespace().collect();
        let before = words.iter().take_while(|word| **word != "conductor" && **word != "/usr/bin/conductor").count();
        let plain = |word: &&str| **word == *"sudo" || word.starts_with("CREDENTIALS_DIRECTORY=");
        words[..before].iter().all(plain).then(|| words.get(before + 1..).unwrap_or_default().join(" "))
    };
    shown.chain(spans).filter_map(command).filter(|command| !command.is_empty()).collect()
}

fn options(verb: &Command) -> Vec<String> {
    let long = verb.get_arguments().filter_map(|option| option.get_long()).map(|name| format!("--{name}"));
    long.chain(["--help".to_owned(), "--version".to_owned(), "--config".to_owned(), "-v".to_owned()]).collect()
}

/// Why a command is none; `None`: it is one. What stands for many (`list|add`, `...`) is looked at one by one, or not.
fn wrong(grammar: &Command, command: &str) -> Option<String> {
    let mut at = grammar;
    for word in command.split(' ').take_while(|word| !matches!(*word, ">" | "<" | "|" | "&&" | ";" | "...")) {
        if let Some(option) = word.strip_prefix('[').unwrap_or(word).strip_prefix("--") {
            let option = format!("--{}", option.split(['=', ']']).next().unwrap_or(option));
            if !options(at).contains(&option) {
                return Some(format!("conductor {command}: no option {option}"));
            }
        } else if at.has_subcommands() {
            for one in word.split('|') {
                let Some(verb) = at.find_subcommand(one) else {
                    return (word != "...").then(|| format!("conductor {command}: no verb {one}"));
                };
                if word == one {
                    at = verb;
                }
            }
            if word.contains('|') {
                return None;
            }
        }
    }
    None
}

#[test]
fn each_command_that_a_document_shows_is_one() {
    let grammar = conductor::cli::grammar();
    let mut looked_at = 0;
    let mut none = Vec::new();
    for name in TYPED_FROM {
        let text = std::fs::read_to_string(super::home().join(name)).expect(name);
        for command in commands(&text) {
            looked_at += 1;
            none.extend(wrong(&grammar, &command).map(|why| format!("{name}: {why}")));
        }
    }
    assert!(looked_at > 100, "the commands were not found: {looked_at}");
    assert!(none.is_empty(), "{none:#?}");
}
