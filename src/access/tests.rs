//! The whole room over a real folder: time is handed in, passwords really are hashed.

mod second_factor;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::values::Secret;

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "staple of the harbour";

/// A folder, and an agent and a command beside it that use it.
struct Box {
    state: tempfile::TempDir,
    agent: Access,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn from(n: u8) -> IpAddr {
    [192, 0, 2, n].into()
}

impl Box {
    fn new() -> Box {
        let state = tempfile::tempdir().expect("a folder");
        let agent = Access::open(state.path().join("access")).expect("opened");
        Box { state, agent }
    }

    /// Another process: it shares nothing but the folder.
    fn command(&self) -> Access {
        Access::open(self.state.path().join("access")).expect("opened")
    }

    fn code(&self, second: i64) -> Secret {
        self.command().new_claim(at(second)).expect("a code").code
    }

    fn claim(&self, code: &str, n: u8, second: i64) -> Result<Opened, Denied> {
        self.agent.claim(code, "alice", PASSWORD, from(n), at(second))
    }

    fn claimed() -> (Box, Opened) {
        let this = Box::new();
        let code = this.code(0);
        let opened = this.claim(code.reveal(), 1, 1).expect("claimed");
        (this, opened)
    }

    fn login(&self, name: &str, password: &str, second: i64) -> Result<Opened, Denied> {
        self.agent.login(name, password, None, from(1), at(second))
    }

    fn is_in(&self, opened: &Opened, second: i64) -> bool {
        self.agent.session(opened.cookie.reveal(), at(second)).is_some()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.state.path().join("access").join(name)).unwrap_or_default()
    }
}

#[track_caller]
fn wrong(outcome: Result<Opened, Denied>) {
    assert!(matches!(outcome, Err(Denied::Wrong)), "{outcome:?}");
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Denied>, holds: &str) {
    let Err(Denied::Refused(told)) = outcome else { panic!("{outcome:?}") };
    assert!(told.contains(holds), "{told}");
}

#[test]
fn a_page_that_is_left_open_and_asks_by_itself_keeps_no_session_alive() {
    let (this, opened) = Box::claimed();
    let cookie = opened.cookie.reveal();
    for minute in 1..15 {
        assert!(this.agent.glance(cookie, at(1 + minute * 60)).is_some(), "{minute}");
    }
    assert!(this.agent.glance(cookie, at(1 + 15 * 60)).is_none());
    assert!(!this.is_in(&opened, 1 + 15 * 60));
}

#[test]
fn nothing_is_open_before_a_claim_and_the_code_of_a_command_makes_the_first_admin_once() {
    let this = Box::new();
    assert!(!this.agent.claimed());
    wrong(this.login("admin", "admin", 0));
    wrong(this.claim("0000-0000-0000", 2, 0));
    let code = this.code(10);
    assert!(!this.agent.claimed(), "a code alone opens nothing");
    let opened = this.claim(code.reveal(), 1, 11).expect("claimed");
    assert!(this.agent.claimed() && this.is_in(&opened, 12) && opened.session.is_admin());
    assert_eq!(opened.about, "claimed: added as admin");
    wrong(this.agent.claim(code.reveal(), "mallory", PASSWORD, from(3), at(12)));
    assert_eq!(this.agent.users().expect("read").len(), 1);
    assert!(this.login("Alice ", PASSWORD, 13).is_ok());
}

#[test]
fn a_code_ends_after_a_quarter_of_an_hour_and_by_a_newer_one_and_when_the_clock_is_set_back() {
    let this = Box::new();
    for (second, n) in [(900, 1), (-1, 3)] {
        let code = this.code(0);
        wrong(this.claim(code.reveal(), n, second));
        wrong(this.claim(code.reveal(), n + 1, 10));
    }
    let old = this.code(2000);
    let code = this.code(2001);
    wrong(this.claim(old.reveal(), 5, 2002));
    this.claim(code.reveal(), 6, 2900).expect("the newer one counts, to its end");
}

#[test]
fn five_wrong_tries_end_a_code_even_when_the_agent_starts_anew_between_them() {
    let this = Box::new();
    let code = this.code(0);
    let no = if code.reveal().starts_with('A') { "B" } else { "A" };
    let guess = format!("{no}{}", &code.reveal()[1..]);
    for n in 1..=5 {
        wrong(this.command().claim(&guess, "alice", PASSWORD, from(n), at(1)));
    }
    wrong(this.claim(code.reveal(), 6, 2));
    assert_eq!(this.file("claim.json"), "");
    let again = this.code(3);
    for n in 1..=4 {
        wrong(this.command().claim(&guess, "alice", PASSWORD, from(n), at(4)));
    }
    this.claim(again.reveal(), 6, 10).expect("four do not");
}

#[test]
fn one_address_guesses_ever_slower_and_a_slip_that_is_no_code_ends_none() {
    let this = Box::new();
    let code = this.code(0);
    for (second, _) in [(0, 1), (1, 2), (3, 4), (7, 8)] {
        wrong(this.claim("no code", 66, second));
        assert!(matches!(this.claim("no code", 66, second), Err(Denied::Later(_))));
    }
    assert!(matches!(this.claim(code.reveal(), 66, 8), Err(Denied::Later(_))), "right or not");
    refused(this.agent.claim(code.reveal(), "alice", "short", from(1), at(9)), "too short");
    refused(this.agent.claim(code.reveal(), "a b", PASSWORD, from(1), at(9)), "user's name");
    this.claim(code.reveal(), 1, 9).expect("the operator's own address is another");
}

#[test]
fn a_claim_recovers_a_lost_admin_and_ends_its_sessions_and_no_others() {
    let (this, old) = Box::claimed();
    this.agent.add_user("bob", PASSWORD, Role::Viewer, at(2)).expect("added");
    let bob = this.login("bob", PASSWORD, 3).expect("in");
    let code = this.code(4);
    let opened = this.agent.claim(code.reveal(), "alice", OTHER, from(9), at(5)).expect("claimed");
    assert!(!this.is_in(&old, 6) && this.is_in(&opened, 6) && this.is_in(&bob, 6));
    assert_eq!(opened.about, "claimed: admin reset to admin with a new password, sessions ended: 1");
    wrong(this.agent.login("alice", PASSWORD, None, from(7), at(6)));
    this.agent.login("alice", OTHER, None, from(8), at(6)).expect("in");
    let code = this.code(10);
    let bob = this.agent.claim(code.reveal(), "bob", OTHER, from(9), at(11)).expect("a viewer can be made admin");
    assert_eq!(bob.session.role, Role::Admin);
}

#[test]
fn unknown_names_and_wrong_passwords_are_told_alike_and_slowed_down_alike() {
    let (this, _) = Box::claimed();
    for name in ["alice", "nobody", "not a name"] {
        let at_once = |n: u8| this.agent.login(name, "wrong", None, from(n), at(10));
        let n = u8::try_from(name.len()).expect("short");
        wrong(at_once(100 + n));
        assert!(matches!(at_once(100 + n), Err(Denied::Later(wait)) if wait.as_secs() == 1), "{name}");
    }
    assert!(
        matches!(this.agent.login("alice", PASSWORD, None, from(105), at(10)), Err(Denied::Later(_))),
        "right or not"
    );
    this.login("alice", PASSWORD, 10).expect("the owner elsewhere gets in");
    wrong(this.login("alice", "wrong", 11));
    this.login("alice", PASSWORD, 12).expect("after the second");
    wrong(this.login("alice", "wrong", 13));
    this.login("alice", PASSWORD, 14).expect("a success cleared it: the wait is a second again");
}

#[test]
fn a_new_password_ends_the_users_other_sessions_and_renews_its_own() {
    let (this, one) = Box::claimed();
    let two = this.login("alice", PASSWORD, 10).expect("in");
    let change = |old: &str, new: &str, second| this.agent.change_password(two.cookie.reveal(), old, new, at(second));
    wrong(change(OTHER, "another of twelve", 11));
    refused(change(PASSWORD, "short", 20), "too short");
    refused(change(PASSWORD, PASSWORD, 20), "old one");
    let new = change(PASSWORD, OTHER, 20).expect("changed");
    assert!(!this.is_in(&one, 21) && !this.is_in(&two, 21) && this.is_in(&new, 21));
    assert_ne!(new.cookie.reveal(), two.cookie.reveal());
    assert_eq!(new.about, "own password changed, other sessions ended: 1");
    wrong(this.login("alice", PASSWORD, 22));
    this.login("alice", OTHER, 24).expect("in");
    refused(this.agent.change_password(one.cookie.reveal(), OTHER, PASSWORD, at(25)), "log in again");
}

#[test]
fn what_a_command_changes_beside_the_agent_counts_at_once() {
    let (this, admin) = Box::claimed();
    let command = this.command();
    command.add_user("bob", PASSWORD, Role::Viewer, at(2)).expect("added");
    let changes: [(&str, &dyn Fn()); 3] = [
        ("role", &|| drop(command.set_role("bob", Role::Admin).expect("set"))),
        ("password", &|| drop(command.reset_password("bob", PASSWORD, at(3)).expect("reset"))),
        ("removed", &|| drop(command.remove_user("bob").expect("removed"))),
    ];
    for (what, change) in changes {
        let bob = this.login("bob", PASSWORD, 4).expect(what);
        assert!(this.is_in(&bob, 5), "{what}");
        change();
        assert!(!this.is_in(&bob, 5), "{what}");
        assert!(this.is_in(&admin, 5), "{what}");
    }
    wrong(this.login("bob", PASSWORD, 6));
    command.add_user("bob", PASSWORD, Role::Viewer, at(7)).expect("added");
    fs::remove_dir_all(this.state.path().join("access")).expect("reset");
    assert!(!this.is_in(&admin, 8) && !this.agent.claimed(), "a factory reset");
}

#[test]
fn the_last_admin_stays_and_what_can_not_be_is_refused_with_a_sentence() {
    let (this, admin) = Box::claimed();
    refused(this.agent.remove_user("alice"), "only admin");
    refused(this.agent.set_role("alice", Role::Viewer), "only admin");
    assert!(this.is_in(&admin, 2), "a refusal ends nothing");
    refused(this.agent.remove_user("bob"), "no user bob");
    refused(this.agent.set_role("bob", Role::Admin), "no user bob");
    refused(this.agent.reset_password("bob", OTHER, at(2)), "no user bob");
    refused(this.agent.reset_second_factor("alice"), "no second factor");
    refused(this.agent.add_user("alice", OTHER, Role::Viewer, at(2)), "already");
    refused(this.agent.add_user("bob", "bob-bob-bob-1", Role::Viewer, at(2)), "user's name");
    let done = this.agent.add_user("bob", OTHER, Role::Admin, at(2)).expect("added");
    assert_eq!(done, Done { user: "bob".into(), about: "added as admin".into() });
    let done = this.agent.remove_user("alice").expect("there is another");
    assert_eq!(done.about, "removed, was admin, sessions ended: 1");
    assert!(!this.is_in(&admin, 3));
}

#[test]
fn the_files_are_for_their_owner_alone_and_hold_no_password_no_code_and_no_cookie() {
    let (this, opened) = Box::claimed();
    let code = this.code(5);
    let folder = this.state.path().join("access");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let held = fs::read_to_string(&path).expect("text");
        for secret in [PASSWORD, code.reveal(), opened.cookie.reveal(), &opened.session.csrf] {
            assert!(!held.contains(secret), "{}", path.display());
        }
        assert_eq!(mode(&path), 0o600);
        count += 1;
    }
    assert_eq!(count, 2);
    assert_eq!(this.agent.logout(opened.cookie.reveal()).expect("was in").user, "alice");
    assert!(!this.is_in(&opened, 6) && this.agent.logout(opened.cookie.reveal()).is_none());
}

#[test]
fn a_damaged_users_file_lets_nobody_in_and_nobody_claim_and_is_not_written_over() {
    let (this, opened) = Box::claimed();
    let code = this.code(2);
    let path = this.state.path().join("access/users.json");
    for damage in ["", "{\"format\":1", "{\"format\":9}"] {
        fs::write(&path, damage).expect("written");
        assert!(this.agent.claimed() && !this.is_in(&opened, 3), "{damage}");
        assert!(matches!(this.login("alice", PASSWORD, 3), Err(Denied::Broken(_))), "{damage}");
        assert!(matches!(this.claim(code.reveal(), 1, 4), Err(Denied::Broken(_))), "{damage}");
        assert!(this.agent.new_claim(at(5)).is_err(), "{damage}");
        assert!(this.agent.add_user("bob", PASSWORD, Role::Admin, at(5)).is_err(), "{damage}");
        assert_eq!(this.file("users.json"), damage);
    }
    fs::remove_file(&path).expect("moved away, as the message says");
    this.claim(code.reveal(), 1, 6).expect("claimed anew");
}

#[test]
fn two_processes_that_change_the_users_at_one_time_lose_neither_change() {
    let (this, _) = Box::claimed();
    let users = ["ann", "ben", "cat", "dan"];
    std::thread::scope(|scope| {
        for name in users {
            let command = this.command();
            scope.spawn(move || command.add_user(name, PASSWORD, Role::Viewer, at(2)).expect("added"));
        }
    });
    let names: Vec<String> = this.agent.users().expect("read").into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["alice", "ann", "ben", "cat", "dan"]);
}
