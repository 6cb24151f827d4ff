//! The users of the pages from the console: the real commands in their own processes, beside an agent's view of the same
//! folder.

mod agent;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use agent::Place;
use conductor::access::{Access, Denied, FOLDER, Opened, Role};
use jiff::Timestamp;

/// Pages that could take a code; no agent runs.
const PAGES: &str = "[remote]\nlisten = \"127.0.0.1:0\"\nadmin = true";
const PASSWORD: &str = "CANARY horse battery";
const OTHER: &str = "CANARY of the harbour";

/// What the agent has: opened before any command ran.
fn agents_view(place: &Place) -> Access {
    Access::open(place.state().join(FOLDER)).expect("opened")
}

fn from(n: u8) -> IpAddr {
    [192, 0, 2, n].into()
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains("CANARY"), "{text}");
    text
}

/// The code that `conductor claim` shows.
#[track_caller]
fn code(place: &Place) -> String {
    let output = place.verb(&["claim"]);
    said(&output, 0);
    let shown = String::from_utf8(output.stdout).expect("text");
    shown.lines().next().expect("a line").to_owned()
}

fn claim(access: &Access, code: &str, name: &str, n: u8) -> Result<Opened, Denied> {
    access.claim(code, name, PASSWORD, from(n), Timestamp::now())
}

/// Adds a user by the command.
fn add(place: &Place, name: &str, role: &str) -> Output {
    place.verb_in(&["user", "add", name, "--role", role], &[], &format!("{PASSWORD}\n"))
}

#[test]
fn a_code_of_the_console_lets_the_first_admin_in_once_and_a_newer_one_ends_an_older() {
    let place = Place::new(PAGES);
    let access = agents_view(&place);
    assert!(!access.claimed() && matches!(claim(&access, "0000-0000-0000", "ada", 1), Err(Denied::Wrong)));
    let (old, new) = (code(&place), code(&place));
    assert_ne!(old, new);
    assert!(matches!(claim(&access, &old, "ada", 2), Err(Denied::Wrong)));
    let opened = claim(&access, &new, "ada", 3).expect("claimed");
    assert!(opened.session.is_admin() && access.claimed());
    assert!(matches!(claim(&access, &new, "eve", 4), Err(Denied::Wrong)), "once");
    let recorded = fs::read_to_string(place.state().join("audit/audit.jsonl")).expect("recorded");
    assert_eq!(recorded.matches("\"claim code\"").count(), 2, "{recorded}");
    assert!(!recorded.contains(&new) && !recorded.contains(&new.replace('-', "")));
}

#[test]
fn a_claim_on_the_console_brings_a_lost_admin_back_and_ends_its_sessions_in_the_agent() {
    let place = Place::new(PAGES);
    let access = agents_view(&place);
    let lost = claim(&access, &code(&place), "ada", 1).expect("claimed");
    let code = code(&place);
    assert!(access.session(lost.cookie.reveal(), Timestamp::now()).is_some(), "a code alone ends nothing");
    // Another process than the one that holds the session.
    claim(&agents_view(&place), &code, "ada", 2).expect("claimed");
    assert!(access.session(lost.cookie.reveal(), Timestamp::now()).is_none());
}

#[test]
fn users_are_added_changed_and_removed_by_commands_and_the_agent_sees_it_at_once() {
    let place = Place::new(PAGES);
    let access = agents_view(&place);
    assert!(said(&place.verb(&["user", "list"]), 0).contains("conductor claim"));
    said(&add(&place, "ada", "admin"), 0);
    said(&add(&place, "Bob@acme.example", "viewer"), 0);
    let login = |name, password, n| access.login(name, password, None, from(n), Timestamp::now());
    let bob = login("bob@acme.example", PASSWORD, 1).expect("in");
    assert_eq!(bob.session.role, Role::Viewer);
    let lives = |opened: &Opened| access.session(opened.cookie.reveal(), Timestamp::now());
    let reset = place.verb_in(&["user", "reset-password", "bob@acme.example"], &[], OTHER);
    said(&reset, 0);
    assert!(lives(&bob).is_none() && matches!(login("bob@acme.example", PASSWORD, 2), Err(Denied::Wrong)));
    let bob = login("bob@acme.example", OTHER, 3).expect("in");
    said(&place.verb(&["user", "set-role", "bob@acme.example", "admin"]), 0);
    assert!(lives(&bob).is_none());
    let listed = said(&place.verb(&["user", "list", "--json"]), 0);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed[0]["name"], &listed[1]["role"]), (&"ada".into(), &"admin".into()));
    said(&place.verb(&["user", "remove", "bob@acme.example"]), 0);
    assert!(matches!(login("bob@acme.example", OTHER, 4), Err(Denied::Wrong)));
}

#[test]
fn where_no_page_would_take_a_code_none_is_made_and_the_lines_to_write_are_told() {
    for more in ["", "[remote]\nlisten = \"127.0.0.1:0\"\n"] {
        let place = Place::new(more);
        let text = said(&place.verb(&["claim"]), 78);
        assert!(text.contains("[remote]\nlisten = \"0.0.0.0:8443\"\nadmin = true\n"), "{text}");
        assert!(!place.state().join(FOLDER).join("claim.json").exists());
    }
}

#[test]
fn a_running_agent_says_where_its_pages_are_and_by_which_certificate() {
    let place = Place::new(PAGES);
    let mut agent = place.start();
    let remote = |agent: &agent::Agent, what: &str| agent.status()["remote"][what].as_str().map(str::to_owned);
    agent.wait_until("the remote listener listens", |agent| remote(agent, "listen").is_some());
    let told = said(&place.verb(&["claim"]), 0);
    let (listen, print) = (remote(&agent, "listen"), remote(&agent, "fingerprint_sha256"));
    assert!(told.contains(&format!("open https://{}/admin/claim ", listen.expect("told"))), "{told}");
    assert!(told.contains(&print.expect("told")), "{told}");
    agent.stop();
    assert!(said(&place.verb(&["claim"]), 0).contains("no running agent shows that page"));
}

#[test]
fn users_that_may_not_be_seen_are_not_called_absent() {
    let place = Place::new(PAGES);
    said(&add(&place, "ada", "admin"), 0);
    let folder = place.state().join(FOLDER);
    let list = |user: Option<u32>| {
        // A copy where anybody can reach it.
        let copy = place.dir.path().join("conductor");
        agent::copy_of_the_program(&copy);
        let mut command = Command::new(copy);
        command.args(["user", "list", "--config"]).arg(place.config());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        command.output().expect("it runs")
    };
    // Root may look everywhere: somebody else is asked in its place, who may look at all but the users.
    let somebody = nix::unistd::geteuid().is_root().then_some(65_534);
    for path in [place.dir.path(), &place.state()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("opened");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).expect("closed");
    let text = said(&list(somebody), 77);
    assert!(text.contains("as root or as the agent's user") && !text.contains("no users"), "{text}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("opened");
}

#[test]
fn what_can_not_be_done_is_refused_with_a_sentence_and_changes_nothing() {
    let place = Place::new(PAGES);
    said(&add(&place, "ada", "admin"), 0);
    let before = fs::read(place.state().join("access/users.json")).expect("kept");
    let short = place.verb_in(&["user", "add", "bob"], &[], "CANARY\n");
    for (output, holds) in [
        (place.verb(&["user", "remove", "ada"]), "only admin"),
        (place.verb(&["user", "set-role", "ada", "viewer"]), "only admin"),
        (place.verb(&["user", "set-role", "ada", "king"]), "admin or viewer"),
        (place.verb(&["user", "remove", "bob"]), "no user bob"),
        (place.verb(&["user", "drop-second-factor", "ada"]), "no second factor"),
        (add(&place, "ada", "admin"), "already"),
        (add(&place, "a b", "admin"), "name is"),
        (short, "too short"),
        (place.verb(&["user", "add", "bob"]), "empty"),
    ] {
        assert!(said(&output, 64).contains(holds), "{output:?}");
    }
    assert_eq!(fs::read(place.state().join("access/users.json")).expect("kept"), before);
    fs::write(place.state().join("access/users.json"), "{").expect("damaged");
    assert!(said(&place.verb(&["claim"]), 74).contains("move it away"));
}

#[test]
fn what_root_writes_belongs_to_whom_the_state_folder_belongs_and_to_nobody_else() {
    let place = Place::new(PAGES);
    let root = nix::unistd::geteuid().is_root();
    fs::create_dir_all(place.state()).expect("made");
    let owner = if root { 65534 } else { nix::unistd::geteuid().as_raw() };
    if root {
        std::os::unix::fs::chown(place.state(), Some(owner), Some(owner)).expect("given away");
    }
    code(&place);
    said(&add(&place, "ada", "admin"), 0);
    let folder = place.state().join(FOLDER);
    for (path, mode) in
        [(folder.clone(), 0o700), (folder.join("users.json"), 0o600), (folder.join("claim.json"), 0o600)]
    {
        let found = fs::metadata(&path).expect("there");
        assert_eq!((found.uid(), found.permissions().mode() & 0o777), (owner, mode), "{}", path.display());
    }
}
