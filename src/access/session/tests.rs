//! Sessions, with time as an argument.

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn who(user: &str) -> Who<'_> {
    Who { user, role: Role::Viewer, generation: "g", second_factor: false, from: [192, 0, 2, 1].into() }
}

fn open(sessions: &mut Sessions, user: &str, now: i64) -> String {
    sessions.open(&who(user), String::new(), at(now)).expect("opened").cookie.reveal().to_owned()
}

#[test]
fn a_session_ends_unused_after_a_quarter_of_an_hour_and_used_after_twelve() {
    let mut sessions = Sessions::default();
    let cookie = open(&mut sessions, "alice", 0);
    let mut now = 0;
    while now + 899 < 12 * 3600 {
        now += 899;
        assert!(sessions.use_now(&cookie, at(now)).is_some(), "used at {now}");
    }
    assert!(sessions.use_now(&cookie, at(12 * 3600 - 1)).is_some());
    assert!(sessions.use_now(&cookie, at(12 * 3600)).is_none());
    let idle = open(&mut sessions, "alice", 0);
    assert!(sessions.use_now(&idle, at(900)).is_none());
    assert!(sessions.use_now(&idle, at(1)).is_none(), "what ended does not come back");
}

#[test]
fn each_session_has_a_cookie_and_a_token_of_its_own_and_neither_is_printed_or_kept() {
    let mut sessions = Sessions::default();
    let opened = [(); 2].map(|()| sessions.open(&who("alice"), String::new(), at(0)).expect("opened"));
    let [one, two] = &opened;
    assert_ne!(one.cookie.reveal(), two.cookie.reveal());
    assert_eq!(one.cookie.reveal().len(), 43);
    assert!(one.session.csrf_matches(&one.session.csrf.clone()));
    for wrong in ["", &two.session.csrf, one.cookie.reveal(), &one.session.csrf[1..]] {
        assert!(!one.session.csrf_matches(wrong));
    }
    let printed = format!("{opened:?}");
    assert!(!printed.contains(one.cookie.reveal()) && !printed.contains(&one.session.csrf), "{printed}");
    assert!(!sessions.held.contains_key(one.cookie.reveal().as_bytes().get(..32).expect("long")));
}

#[test]
fn the_oldest_session_of_a_user_makes_room_and_others_keep_theirs() {
    let mut sessions = Sessions::default();
    let other = open(&mut sessions, "bob", 0);
    let cookies: Vec<String> = (0..20).map(|n| open(&mut sessions, "alice", n)).collect();
    let lives = |sessions: &mut Sessions, cookie: &String| sessions.use_now(cookie, at(30)).is_some();
    let alive: Vec<bool> = cookies.iter().map(|cookie| lives(&mut sessions, cookie)).collect();
    assert_eq!(alive, [[false; 12].as_slice(), &[true; 8]].concat());
    assert!(lives(&mut sessions, &other));
    assert_eq!(sessions.end_of("alice", cookies.last().map(String::as_str)), 7);
    assert!(lives(&mut sessions, &cookies[19]) && lives(&mut sessions, &other));
    assert!(sessions.end(&other).is_some_and(|ended| ended.user == "bob"));
    assert!(!lives(&mut sessions, &other));
}

proptest! {
    /// However a session is used and the clock is set: it lives exactly as long as the rule says.
    #[test]
    fn a_session_lives_as_long_as_it_is_used_within_its_twelve_hours(
        steps in prop::collection::vec(prop_oneof![-70..5_i64, 0..1000_i64, 800..920_i64], 1..120),
    ) {
        let mut sessions = Sessions::default();
        let cookie = open(&mut sessions, "alice", 0);
        let (mut now, mut used, mut lives) = (0, 0, true);
        for step in steps {
            now += step;
            lives = lives && now < 12 * 3600 && now - used < 900 && now - used >= -60;
            prop_assert_eq!(sessions.use_now(&cookie, at(now)).is_some(), lives, "at {}", now);
            used = used.max(now);
        }
    }
}
