//! What the troubleshooting quotes is what the product prints: each first cell of its tables of sentences is looked for among
//! the literals of the source. `...` stands for what varies, ` / ` parts sentences that mean the same.

use std::path::{Path, PathBuf};

/// What stands where a literal has a placeholder: no quote holds it, so none reaches over one.
const VARIES: char = '\u{1}';

/// The string literals of a source, as they are printed; comments and the file's own tests are passed over.
fn literals(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '/', 'r']) {
        let (before, from) = rest.split_at(at);
        let in_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hashes = from.len() - 1 - from[1..].trim_start_matches('#').len();
        if from.starts_with("//") {
            rest = from.split_once('\n').map_or("", |(_, after)| after);
        } else if from.starts_with('r') && !in_word && from[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let (literal, after) = from[2 + hashes..].split_once(&end).expect("a raw literal ends");
            found.push(literal.to_owned());
            rest = after;
        } else if let Some(body) = from.strip_prefix('"') {
            let (literal, after) = plain(body);
            found.push(literal);
            rest = after;
        } else if let Some(after) = character(from) {
            rest = after;
        } else {
            rest = &from[1..];
        }
    }
    found
}

/// What follows a literal of one character; `None`: a lifetime, or something else.
fn character(from: &str) -> Option<&str> {
    let body = from.strip_prefix('\'')?;
    if let Some(escaped) = body.strip_prefix('\\') {
        let mut letters = escaped.chars();
        letters.next()?;
        return letters.as_str().split_once('\'').map(|(_, after)| after);
    }
    let mut letters = body.chars();
    letters.next()?;
    letters.as_str().strip_prefix('\'')
}

/// A literal from behind its first quote on, and what follows it. A line end that is escaped goes with the blanks behind it.
fn plain(from: &str) -> (String, &str) {
    let mut literal = String::new();
    let mut letters = from.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return (literal, letters.as_str()),
            '\\' => match letters.next() {
                Some('\n') => letters = letters.as_str().trim_start().chars(),
                Some('n') => literal.push('\n'),
                Some(other) => literal.push(other),
                None => break,
            },
            other => literal.push(other),
        }
    }
    panic!("a literal does not end: {literal}");
}

/// With its placeholders cut out.
fn printed(literal: &str) -> String {
    let mut text = String::new();
    let mut rest = literal;
    while let Some((before, from)) = rest.split_once('{') {
        text.push_str(before);
        if let Some(after) = from.strip_prefix('{') {
            text.push('{');
            rest = after;
        } else {
            text.push(VARIES);
            rest = from.split_once('}').map_or("", |(_, after)| after);
        }
    }
    text.push_str(rest);
    text.replace("}}", "}")
}

/// The appliance's scripts.
fn scripts() -> Vec<String> {
    let folder = super::home().join("image/root/usr/lib/appliance");
    let scripts = std::fs::read_dir(&folder).expect("the scripts").map(|entry| entry.expect("an entry").path());
    scripts.map(|path| std::fs::read_to_string(path).expect("a script")).collect()
}

/// The first cells of the tables whose head is "It says".
fn quotes(document: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut within = false;
    for line in document.lines() {
        let cell = line.strip_prefix("| ").and_then(|row| row.split(" | ").next());
        match cell {
            Some("It says") => within = true,
            Some(cell) if within => found.push(cell),
            Some(_) | None => within &= line.starts_with('|'),
        }
    }
    found.into_iter().flat_map(|cell| cell.split(" / ")).collect()
}

/// The pieces of a quote that are looked for; two letters between two things that vary say nothing.
fn pieces(quote: &str) -> Vec<&str> {
    quote.split("...").map(str::trim).filter(|piece| piece.len() > 2).collect()
}

#[test]
fn each_sentence_that_the_troubleshooting_quotes_is_one_that_the_product_prints() {
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let sources = super::texts(&["src"], "rs").into_iter().filter(|(path, _)| !is_test(path));
    let said = sources.flat_map(|(_, text): (PathBuf, String)| literals(&text)).map(|literal| printed(&literal));
    // What the appliance's own scripts say stands in them as it is printed, but for their variables.
    let said: Vec<String> = said.chain(scripts()).collect();
    let document = std::fs::read_to_string(super::home().join("docs/troubleshooting.md")).expect("the document");
    let quotes = quotes(&document);
    assert!(quotes.len() > 120, "the tables were not found: {}", quotes.len());
    for quote in quotes {
        let pieces = pieces(quote);
        assert!(pieces.iter().any(|piece| piece.len() > 8), "too little to look for: {quote}");
        for piece in pieces {
            assert!(said.iter().any(|one| one.contains(piece)), "nothing prints {piece:?}, of {quote:?}");
        }
    }
}

#[test]
fn literals_are_read_as_they_are_printed() {
    let source = "// \"no\"\nlet a = \"one \\\n   two {name} \\\"three\\\"\"; let q = '\"'; fn f<'a>() { g(r#\"raw \"x\"\"#, \"{{y}}\") }";
    let read: Vec<String> = literals(source).iter().map(|literal| printed(literal)).collect();
    assert_eq!(read, ["one two \u{1} \"three\"", "raw \"x\"", "{y}"]);
}
