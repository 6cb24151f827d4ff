//! Who may import whom: the arrows of the house, held against what the sources name.
//!
//! A new arrow is a change of the plan: it gets a line in [`ARROWS`] with its reason, or the code changes.

#[path = "rooms/scan.rs"]
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

use scan::{Placed, Token, mentions, tokens};

/// No I/O; everyone may use them. `VERSION` stands beside them in lib.rs.
const LEAVES: [&str; 5] = ["event", "fault", "marks", "values", "VERSION"];

/// A room, and what it may name beside itself and the leaves: a room, or a path into one.
const ARROWS: [(&str, &[&str]); 26] = [
    ("event", &[]),
    ("fault", &[]),
    ("marks", &[]),
    ("values", &[]),
    ("format", &[]),
    ("net", &[]),
    ("queue", &[]),
    // It knows the system's calls; what a file holds is the affair of the room that asks.
    ("files", &[]),
    ("secrets", &["files"]),
    // A second factor is sealed as any other secret is.
    ("access", &["files", "secrets::SecretSources", "secrets::store"]),
    // Several processes write it: it knows nothing but its folder.
    ("audit", &[]),
    // Pure: what it counts is handed to it.
    ("evidence", &[]),
    (
        "appliance",
        &[
            // The folders in which agent and system meet.
            "files",
            // A bundle leaves the disk the room that the queue needs.
            "queue::Queue",
            "queue::disk",
            // What the system says of its disk is a line of the status; the types alone.
            "status::Appliance",
            "status::Storage",
        ],
    ),
    ("egress", &["net"]),
    // A connector never knows a destination, and neither knows the queue.
    ("connectors", &["net"]),
    ("destinations", &["net", "format"]),
    // The settings types of the two, and nothing that acts; it writes its own folder.
    (
        "config",
        &[
            "connectors::abnormal",
            "destinations::elastic",
            "destinations::http",
            "destinations::jetstream",
            "destinations::link",
            "destinations::relp",
            "destinations::splunk_hec",
            "destinations::syslog",
            "files::whole",
            "format::Shape",
            // When an appliance may restart into another version: a pure value.
            "appliance::update::Window",
        ],
    ),
    // What a receipt is called is a destination's word; the type alone, nothing that delivers.
    ("status", &["destinations::Receipt"]),
    (
        "engine",
        &[
            "audit",
            "connectors",
            "queue",
            "destinations",
            "egress",
            "secrets",
            "status",
            "config",
            // It hands its connectors the client that it paces.
            "net",
            // A search asks for the subject and the sender of an event, whatever the vendor calls them.
            "format::particulars",
            // It looks for newer versions of an appliance and takes them in; the room itself waits for nothing.
            "appliance::update",
        ],
    ),
    // The command line's way to the queue, while the engine runs beside it.
    ("control", &["queue", "evidence"]),
    (
        "web",
        &[
            "access",
            // Its network settings; and it takes an update in, as the command does.
            "appliance",
            "audit",
            "status",
            "config",
            "engine",
            "files::whole",
            // The remote listener's TLS (its tests dial it by the same provider), and where its key and its token are.
            "net::acceptance",
            "net::certificate",
            "net::tls::provider",
            // The pages look as `conductor check` looks, put secrets into the store, show an event as it is sent, and make a
            // support bundle.
            "diagnosis",
            "secrets",
            "format::Body",
            "bundle",
            // And take a backup out and in, as the commands do.
            "backup",
        ],
    ),
    // Looks at one thing after the other, for the command line and the pages alike: as the engine would ask, and as data.
    (
        "diagnosis",
        &[
            "engine",
            "net",
            "egress",
            "connectors::KeyTold",
            "connectors::PollContext",
            "connectors::Trial",
            // What a receipt is called, for the line that tells it.
            "destinations::Receipt",
            "config",
            "secrets",
        ],
    ),
    // All, but never a connector's or a destination's inside: it reaches those by the engine.
    (
        "cli",
        &[
            "access",
            "appliance",
            "audit",
            "backup",
            "bundle",
            "config",
            "control",
            // What a receipt is called; the type alone.
            "destinations::Receipt",
            "diagnosis",
            "egress",
            "engine",
            "evidence",
            "files::whole",
            "net",
            "queue",
            "secrets",
            "status",
            "web",
        ],
    ),
    // What we say about ourselves, packed; the secrets it knows only to search for them.
    ("bundle", &["audit", "config", "secrets", "status"]),
    // Settings and secrets, read to be kept and written to be put back; the last look for secrets is the bundle's.
    ("backup", &["bundle::secrets", "config", "files", "secrets"]),
    ("main", &["cli"]),
];

/// Where waiting is done: only the engine decides to wait; the others wait for a socket or for the engine.
const MAY_WAIT: [&str; 9] = [
    "engine/",
    "control/",
    "cli/",
    "net/",
    "web/",
    // An acknowledgement by the peer's TCP wakes nobody: it is looked for, within the one call's limit.
    "destinations/syslog/mod.rs",
    // The end of that limit, beside a socket.
    "destinations/syslog/wire.rs",
    // Splunk tells of what it has indexed only to who asks: it is asked again, within the one call's limit.
    "destinations/splunk_hec/mod.rs",
    // Simulated receivers of syslog.
    "destinations/syslog/tests/",
];

struct Source {
    /// From `src/`.
    path: PathBuf,
    tokens: Vec<Placed>,
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let path = path.strip_prefix("src").expect("below src").to_owned();
                found.push(Source { path, tokens: tokens(&text) });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// `queue/book.rs` is `queue::book`, `queue/mod.rs` is `queue`, `lib.rs` is the root.
fn module(path: &Path) -> Vec<String> {
    let parts = path.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

fn allows(entry: &str, path: &[String]) -> bool {
    entry.split("::").eq(path.iter().map(String::as_str).take(entry.split("::").count()))
}

/// What a file names that its room may not.
fn broken(source: &Source) -> Vec<String> {
    let module = module(&source.path);
    let Some(room) = module.first() else { return Vec::new() };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == room) else {
        return vec![format!("{}: the room {room} stands in no line of the table", source.path.display())];
    };
    let mut wrong = Vec::new();
    for (line, path) in mentions(&source.tokens, &module) {
        let Some(first) = path.first() else { continue };
        let free = first == room || LEAVES.contains(&first.as_str());
        if !free && !allowed.iter().any(|entry| allows(entry, &path)) {
            wrong.push(format!("{}:{line}: {room} names {}", source.path.display(), path.join("::")));
        }
    }
    wrong
}

/// Lines on which these tokens follow each other.
fn lines_of(source: &Source, is: impl Fn(&[Placed], usize) -> bool) -> Vec<String> {
    let places = (0..source.tokens.len()).filter(|i| is(&source.tokens, *i));
    places.map(|i| format!("{}:{}", source.path.display(), source.tokens[i].0)).collect()
}

fn is_word(tokens: &[Placed], i: usize, words: &[&str]) -> bool {
    matches!(tokens.get(i), Some((_, Token::Word(word))) if words.contains(&word.as_str()))
}

fn is_sign(tokens: &[Placed], i: usize, sign: char) -> bool {
    matches!(tokens.get(i), Some((_, found)) if *found == Token::Sign(sign))
}

fn names_sled(tokens: &[Placed], i: usize) -> bool {
    let path = matches!(tokens.get(i + 1), Some((_, Token::Colons)));
    is_word(tokens, i, &["sled"]) && (path || i > 0 && is_word(tokens, i - 1, &["use"]))
}

/// `sleep(...)` of any runtime, by any path; an import of it; an interval of a clock.
fn waits(tokens: &[Placed], i: usize) -> bool {
    let before = i.checked_sub(1);
    let method = before.is_some_and(|b| is_sign(tokens, b, '.') || is_word(tokens, b, &["fn", "mod"]));
    let of_time = i.checked_sub(2).is_some_and(|b| is_word(tokens, b, &["time"]));
    is_word(tokens, i, &["sleep", "sleep_until", "sleep_ms", "park_timeout"]) && !method
        || is_word(tokens, i, &["interval", "interval_at"]) && of_time
}

#[test]
fn every_room_imports_only_whom_it_may() {
    let wrong: Vec<String> = sources().iter().flat_map(broken).collect();
    assert!(wrong.is_empty(), "arrows that the house does not have:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_table_is_there_and_every_room_there_is_in_the_table() {
    let sources = sources();
    let mut rooms: Vec<String> = sources.iter().filter_map(|source| module(&source.path).first().cloned()).collect();
    rooms.sort();
    rooms.dedup();
    let mut table = ARROWS.map(|(room, _)| room.to_owned());
    table.sort();
    assert_eq!(rooms, table);
}

#[test]
fn sled_is_known_to_the_queues_book_alone() {
    let sources = sources();
    let book =
        |source: &&Source| source.path == Path::new("queue/book.rs") || source.path == Path::new("queue/book/ids.rs");
    assert!(sources.iter().filter(book).any(|source| !lines_of(source, names_sled).is_empty()), "the book moved");
    let others = sources.iter().filter(|source| !book(source));
    let wrong: Vec<String> = others.flat_map(|source| lines_of(source, names_sled)).collect();
    assert!(wrong.is_empty(), "sled outside of the book: {wrong:#?}");
}

#[test]
fn nobody_sleeps_who_is_not_allowed_to_wait() {
    let sources = sources();
    let may = |source: &&Source| MAY_WAIT.iter().any(|place| source.path.to_string_lossy().starts_with(place));
    assert!(sources.iter().filter(may).any(|source| !lines_of(source, waits).is_empty()), "nothing waits at all?");
    let wrong: Vec<String> =
        sources.iter().filter(|source| !may(source)).flat_map(|source| lines_of(source, waits)).collect();
    assert!(wrong.is_empty(), "waiting is the engine's business: {wrong:#?}");
}

/// A file that was never written, to see that the tests above can fail.
fn source(path: &str, text: &str) -> Source {
    Source { path: path.into(), tokens: tokens(text) }
}

#[test]
fn a_broken_arrow_is_found_however_it_is_written() {
    for text in [
        "use crate::queue::Queue;",
        "use crate::{event::Event, queue};",
        "use crate::{\n    values::{Name, Secret},\n    queue::{self, Queue},\n};",
        "fn f() { let q = crate::queue::open(\"crate::net\"); }",
        "use super::super::queue::Queue;",
        "mod tests { use super::super::super::queue::Queue; }",
        "fn f<'a>(x: &'a str) -> char { '\"' } use crate::queue::Queue; // \"",
        "pub(crate) use crate::queue::*;",
    ] {
        let wrong = broken(&source("connectors/abnormal.rs", text));
        assert!(!wrong.is_empty(), "{text}");
        assert!(wrong.iter().all(|one| one.contains("connectors names queue")), "{text}: {wrong:?}");
    }
    let inside = broken(&source("cli/check.rs", "use crate::destinations::syslog::SyslogStream;"));
    assert_eq!(inside.len(), 1, "the command line may not reach into a destination");
    assert_eq!(broken(&source("status/board.rs", "use crate::destinations::{Receipt, Destination};")).len(), 1);
    assert_eq!(broken(&source("attic/mod.rs", "")).len(), 1, "an unknown room is no free room");
}

#[test]
fn what_stands_in_comments_and_strings_is_no_arrow() {
    for text in [
        "//! See [`crate::queue`].\n/* crate::queue::Queue /* nested */ crate::queue */",
        "const A: &str = \"crate::queue::x\\\"crate::queue::y\";",
        "const A: &str = r#\"crate::queue\" crate::queue::x\"#; const B: &[u8] = b\"crate::queue::x\";",
        "use super::window::Window; mod tests { use super::*; use super::super::api; }",
        "use crate::values::Name; use crate::net::http::Get; use crate::connectors::Page; use crate::VERSION;",
    ] {
        assert_eq!(broken(&source("connectors/abnormal/feed.rs", text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_sleep_is_found_and_a_method_of_that_name_is_none() {
    for text in ["tokio::time::sleep(x).await", "use std::thread::sleep;", "use tokio::time::{Instant, sleep_until};"] {
        assert_eq!(lines_of(&source("queue/mod.rs", text), waits).len(), 1, "{text}");
    }
    for text in ["self.sleep()", "fn sleep() {}", "self.interval()", "// sleep(1)"] {
        assert!(lines_of(&source("queue/mod.rs", text), waits).is_empty(), "{text}");
    }
    assert_eq!(lines_of(&source("web/mod.rs", "fn f() -> sled::Tree {}\nuse sled;"), names_sled).len(), 2);
}
