//! What a secret file may hold, and what is said about one that may not.

use super::*;

const CANARY: &str = "CANARY-5e1f9c";

struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Room {
        Room(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, bytes: &[u8]) -> SecretRef {
        let path = self.0.path().join("secret");
        fs::write(&path, bytes).expect("written");
        SecretRef::File(path)
    }

    fn sources(&self) -> SecretSources {
        SecretSources { credentials_dir: Some(self.0.path().to_owned()), state_dir: self.0.path().to_owned() }
    }
}

/// The fault of a token, which must be Keyless, name the file and hide what it holds.
fn fault_of(room: &Room, bytes: &[u8]) -> String {
    let fault = resolve_token(&room.file(bytes), &room.sources()).expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Keyless);
    let told = format!("{} {fault:?}", fault.chain());
    assert!(told.contains("/secret") && !told.contains("CANARY"), "{told}");
    fault.chain()
}

#[test]
fn blanks_and_line_ends_after_a_token_are_cut_off_and_more_than_one_line_end_is_worth_a_word() {
    let room = Room::new();
    for (after, trimmed) in [
        ("", false),
        ("\n", false),
        ("\r\n", false),
        (" ", true),
        ("\n\n", true),
        ("\t \r\n", true),
        ("\u{a0}\n", true),
    ] {
        let token = read_token(&room.file(format!("{CANARY}{after}").as_bytes()), &room.sources()).expect("a token");
        assert_eq!((token.secret.reveal(), token.trimmed), (CANARY, trimmed), "{after:?}");
    }
}

#[test]
fn a_file_that_holds_no_token_is_told_by_its_name_and_never_by_what_it_holds() {
    let room = Room::new();
    let large = CANARY.repeat(LARGEST / CANARY.len() + 1);
    for (bytes, said) in [
        (&b""[..], "is empty"),
        (b"\n", "is empty"),
        (b"CANARY-5e1f9c\nmore\n", "a second line"),
        (b" CANARY-5e1f9c", "holds a blank"),
        (b"Bearer CANARY-5e1f9c\n", "without \"Bearer\""),
        (b"CANARY\0-5e1f9c", "control character"),
        (b"\xef\xbb\xbfCANARY-5e1f9c", "save it as plain text"),
        (b"CANARY-\xff\xfe", "is not text"),
        (large.as_bytes(), "larger than 64 KiB"),
    ] {
        let told = fault_of(&room, bytes);
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn a_file_of_just_64_kib_is_still_read() {
    let room = Room::new();
    let most = "x".repeat(LARGEST);
    let token = resolve_token(&room.file(most.as_bytes()), &room.sources()).expect("a token");
    assert_eq!(token.reveal().len(), LARGEST);
}

#[test]
fn a_pem_key_comes_with_its_lines() {
    let room = Room::new();
    let pem = "-----BEGIN PRIVATE KEY-----\r\nCANARY\n-----END PRIVATE KEY-----\n";
    let text = resolve_text(&room.file(pem.as_bytes()), &room.sources()).expect("a text");
    assert_eq!(text.reveal(), pem);
    for bytes in [&b" \n"[..], b"CANARY\x1b[0m"] {
        let fault = resolve_text(&room.file(bytes), &room.sources()).expect_err("refused");
        assert!(fault.kind == FaultKind::Keyless && !fault.chain().contains("CANARY"), "{}", fault.chain());
    }
}

#[test]
fn an_absent_file_a_forbidden_one_and_a_folder_are_told_apart() {
    let room = Room::new();
    let absent = SecretRef::File(room.0.path().join("absent"));
    let told = resolve_token(&absent, &room.sources()).expect_err("absent").chain();
    assert!(told.contains("/absent does not exist"), "{told}");
    let folder = SecretRef::File(room.0.path().to_owned());
    let told = resolve_token(&folder, &room.sources()).expect_err("a folder").chain();
    assert!(told.contains("is not a regular file"), "{told}");
    // Tests may run as root, whom no mode stops: the sentence is asked for from the error itself.
    let denied = unreadable(Path::new("/a/key"), io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(denied.context.contains("/a/key may not be read by the agent"), "{denied}");
    assert_eq!(denied.kind, FaultKind::Keyless);
}

#[test]
fn a_secret_behind_a_pipe_is_refused_without_waiting_for_its_writer() {
    let room = Room::new();
    let pipe = room.0.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
    let fault = resolve_token(&SecretRef::File(pipe), &room.sources()).expect_err("refused");
    assert!(fault.context.contains("not a regular file"), "{fault}");
}

#[test]
fn a_credential_is_read_from_the_folder_of_systemd_and_from_nowhere_else() {
    let room = Room::new();
    room.file(CANARY.as_bytes());
    let named = |name: &str| SecretRef::Credential(name.into());
    let token = resolve_token(&named("secret"), &room.sources()).expect("a token");
    assert_eq!(token.reveal(), CANARY);
    for outside in ["../secret", "/etc/passwd", "..", ""] {
        let fault = resolve_token(&named(outside), &room.sources()).expect_err("outside");
        assert!(fault.context.contains("without /"), "{fault}");
    }
    let without = SecretSources { credentials_dir: None, ..room.sources() };
    let fault = resolve_token(&named("secret"), &without).expect_err("no folder");
    assert!(fault.context.contains("LoadCredential=secret:"), "{fault}");
}

#[test]
fn a_password_from_a_file_lacks_the_line_end_of_the_editor_and_keeps_its_blanks() {
    for (held, expected) in [("pass word\n", "pass word"), ("x\r\n", "x"), (" y ", " y "), ("a\nb\n", "a\nb")] {
        assert_eq!(phrase(held).expect("a password").reveal(), expected, "{held:?}");
    }
    for held in ["", "\n", " \r\n", "a\u{1}b"] {
        assert!(phrase(held).is_err(), "{held:?}");
    }
}
