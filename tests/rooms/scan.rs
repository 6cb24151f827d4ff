//! Reads Rust just well enough to tell which paths a file names: words and punctuation, without comments and strings.
//!
//! Promise: a path in a `use`, in a group of one or in the middle of an expression is found; one in a comment, a
//! string or a doc link is not.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(String),
    /// `::`
    Colons,
    Sign(char),
}

/// A token and its line, from 1.
pub type Placed = (usize, Token);

/// The tokens of a file.
pub fn tokens(text: &str) -> Vec<Placed> {
    let all: Vec<char> = text.chars().collect();
    let at = |i: usize| all.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < all.len() {
        let begun = i;
        match at(i) {
            '/' if at(i + 1) == '/' => i = (i..all.len()).find(|n| at(*n) == '\n').unwrap_or(all.len()),
            '/' if at(i + 1) == '*' => i = comment_end(&all, i),
            '"' => i = string_end(&all, i),
            'r' | 'b' | 'c' if raw_hashes(&all, i).is_some() => i = raw_end(&all, i),
            'b' | 'c' if at(i + 1) == '"' => i = string_end(&all, i + 1),
            // A lifetime is a quote and a word; a char has its second quote at once, or behind an escape.
            '\'' if at(i + 1) == '\\' => i = (i + 3..all.len()).find(|n| at(*n) == '\'').unwrap_or(all.len()) + 1,
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => i += 1,
            ':' if at(i + 1) == ':' => {
                found.push((line, Token::Colons));
                i += 2;
            }
            c if is_word(c) => {
                i = (i..all.len()).find(|n| !is_word(at(*n))).unwrap_or(all.len());
                found.push((line, Token::Word(all[begun..i].iter().collect())));
            }
            c => {
                if !c.is_whitespace() {
                    found.push((line, Token::Sign(c)));
                }
                i += 1;
            }
        }
        i = i.min(all.len());
        line += all[begun..i].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// Block comments nest.
fn comment_end(all: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i < all.len() {
        match (all[i], all.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn string_end(all: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < all.len() && all[i] != '"' {
        i += if all[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// How many `#` a raw string that begins here has; `None`: none begins here.
fn raw_hashes(all: &[char], from: usize) -> Option<usize> {
    let r = if all[from] == 'r' { from } else { from + 1 };
    let rest = all.get(r..).filter(|rest| rest.first() == Some(&'r'))?;
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    (rest.get(1 + hashes) == Some(&'"')).then_some(hashes)
}

fn raw_end(all: &[char], from: usize) -> usize {
    let hashes = raw_hashes(all, from).unwrap_or(0);
    let open = (from..all.len()).find(|n| all[*n] == '"').unwrap_or(all.len());
    let closes = |n: usize| all[n] == '"' && all[n + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (open + 1..all.len()).find(|n| closes(*n)).map_or(all.len(), |n| n + 1 + hashes)
}

/// Every path of the crate that a file names, from the crate's root, with its line. `module` is the file's own path.
/// The binary knows the crate by its name.
pub fn mentions(tokens: &[Placed], module: &[String]) -> Vec<(usize, Vec<String>)> {
    let word = |i: usize| match tokens.get(i) {
        Some((_, Token::Word(word))) => word.as_str(),
        _ => "",
    };
    let is = |i: usize, token: Token| tokens.get(i).is_some_and(|(_, found)| *found == token);
    let mut found = Vec::new();
    // Modules written inside of the file, each with the depth of braces that it ends at.
    let (mut inner, mut depth): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    for i in 0..tokens.len() {
        if is(i, Token::Sign('{')) {
            depth += 1;
            if i >= 2 && word(i - 2) == "mod" {
                inner.push((word(i - 1).to_owned(), depth));
            }
        } else if is(i, Token::Sign('}')) {
            inner.retain(|(_, opened)| *opened != depth);
            depth = depth.saturating_sub(1);
        }
        let starts = is(i + 1, Token::Colons) && !(i > 0 && is(i - 1, Token::Colons));
        if !starts || !matches!(word(i), "crate" | "super" | "conductor") {
            continue;
        }
        let mut from: Vec<String> = Vec::new();
        let mut next = i + 2;
        if word(i) == "super" {
            from = module.iter().cloned().chain(inner.iter().map(|(name, _)| name.clone())).collect();
            from.pop();
            while word(next) == "super" && is(next + 1, Token::Colons) {
                from.pop();
                next += 2;
            }
        }
        branches(tokens, next, from, &mut found);
    }
    found
}

/// Follows a path or a group of paths; returns the index behind it.
fn branches(tokens: &[Placed], mut i: usize, mut path: Vec<String>, found: &mut Vec<(usize, Vec<String>)>) -> usize {
    loop {
        match tokens.get(i) {
            Some((line, Token::Word(word))) => {
                path.push(word.clone());
                i += 1;
                if !matches!(tokens.get(i), Some((_, Token::Colons))) {
                    found.push((*line, path));
                    return i;
                }
                i += 1;
            }
            Some((_, Token::Sign('{'))) => {
                i += 1;
                loop {
                    match tokens.get(i) {
                        None => return i,
                        Some((_, Token::Sign('}'))) => return i + 1,
                        Some((_, Token::Sign(','))) => i += 1,
                        Some((_, Token::Word(word))) if word == "as" => i += 2,
                        Some(_) => i = branches(tokens, i, path.clone(), found).max(i + 1),
                    }
                }
            }
            // A star, or a turbofish: what was named so far counts.
            other => {
                found.push((other.map_or(0, |(line, _)| *line), path));
                return i + 1;
            }
        }
    }
}
