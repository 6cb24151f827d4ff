//! The pages of the system, asked without a socket.

mod upkeep;

use http::{StatusCode, header};

use super::*;
use crate::access::Role;
use crate::audit::{Act, Outcome};
use crate::web::admin::router;
use crate::web::admin::tests::{Answer, PASSWORD, Site, Visitor};

const OTHER: &str = "another long enough password";

fn location(answer: &Answer) -> &str {
    answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("")
}

fn cookie(answer: &Answer) -> String {
    let line = answer.headers[header::SET_COOKIE].to_str().expect("text");
    let value = line.strip_prefix("__Host-conductor=").and_then(|rest| rest.split(';').next());
    value.expect("our cookie").to_owned()
}

/// A minute later: a wrong try costs the next one some seconds.
/// What an administrator's forms about users take.
const MINE: (&str, &str) = ("mine", PASSWORD);

fn wait(it: &mut Site) {
    let then = it.desk.now() + jiff::SignedDuration::from_mins(1);
    it.desk.clock = std::sync::Arc::new(move || then);
    it.router = router(it.desk.clone());
}

fn recorded(it: &Site) -> (String, String, Outcome) {
    let entries = it.desk.audit.as_ref().expect("a log").read_last(1).expect("read");
    let entry = entries.into_iter().next().expect("an entry");
    (entry.act, entry.about, entry.outcome)
}

#[tokio::test]
async fn the_page_tells_version_users_and_what_was_recorded_and_what_it_tells_is_text() {
    let (it, ada) = Site::claimed();
    let act = Act {
        who: "<script>x</script>".into(),
        from: None,
        act: "integration add",
        about: "a\u{202e}b".into(),
        outcome: Outcome::Done,
    };
    it.desk.audit.as_ref().expect("a log").record(&act, it.desk.now()).expect("recorded");
    let page = it.ask(ada.get("/admin/system")).await;
    assert_eq!(page.status, StatusCode::OK);
    for part in [crate::VERSION, "/admin/system/users/ada", "integration add", "a\\u202eb", "&#60;script&#62;x"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("<script>x") && !page.body.contains("argon2"), "{}", page.body);
    let viewer = it.viewer();
    let page = it.ask(viewer.get("/admin/system")).await;
    assert!(page.status == StatusCode::OK && !page.body.contains("/admin/system/users"), "{}", page.body);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_all_other_sessions_end() {
    let (mut it, ada) = Site::claimed();
    let fields = [("old", "wrong password of hers"), ("new", OTHER), ("again", OTHER)];
    let wrong = it.ask(ada.post("/admin/system/password", &fields)).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(!wrong.body.contains("wrong password of hers") && !wrong.body.contains(OTHER));
    assert_eq!(recorded(&it), ("user password".into(), "own".into(), Outcome::Refused));
    wait(&mut it);
    let fields = [("old", PASSWORD), ("new", OTHER), ("again", "something else altogether")];
    let differ = it.ask(ada.post("/admin/system/password", &fields)).await;
    assert!(differ.status == StatusCode::UNPROCESSABLE_ENTITY && differ.body.contains("not the same"));
    let fields = [("old", PASSWORD), ("new", OTHER), ("again", OTHER)];
    let changed = it.ask(ada.post("/admin/system/password", &fields)).await;
    assert_eq!((changed.status, location(&changed)), (StatusCode::SEE_OTHER, "/admin/system?said=password-changed"));
    assert_eq!(it.ask(ada.get("/admin/system")).await.status, StatusCode::SEE_OTHER, "the old session is over");
    let anew = Visitor { cookie: cookie(&changed), csrf: String::new() };
    assert_eq!(it.ask(anew.get("/admin/system")).await.status, StatusCode::OK);
    assert_eq!(recorded(&it).2, Outcome::Done);
}

#[tokio::test]
async fn a_viewer_who_tries_old_passwords_without_end_fills_one_entry_and_not_the_log() {
    let (it, _) = Site::claimed();
    let vic = it.viewer();
    let noted = || it.desk.audit.as_ref().expect("a log").read_last(100).expect("read").len();
    let fields = [("old", "wrong password of hers"), ("new", OTHER), ("again", OTHER)];
    let wrong = it.ask(vic.post("/admin/system/password", &fields)).await;
    assert_eq!((wrong.status, noted()), (StatusCode::FORBIDDEN, 1));
    for path in ["/admin/system/password", "/admin/system/second-factor", "/admin/system/second-factor/drop"] {
        it.ask(vic.post(path, &[&fields[..], &[("password", "wrong too")]].concat())).await;
    }
    let later = it.ask(vic.post("/admin/system/password", &fields)).await;
    assert_eq!((later.status, noted()), (StatusCode::TOO_MANY_REQUESTS, 1));
}

#[tokio::test]
async fn a_second_factor_is_shown_once_to_its_user_and_recorded_without_its_key() {
    let (mut it, ada) = Site::claimed();
    let refused = it.ask(ada.post("/admin/system/second-factor", &[("password", "not hers at all")])).await;
    assert!(refused.status == StatusCode::FORBIDDEN && !refused.body.contains("otpauth"));
    wait(&mut it);
    let shown = it.ask(ada.post("/admin/system/second-factor", &[("password", PASSWORD)])).await;
    assert!(shown.status == StatusCode::OK && shown.body.contains("<svg class=\"qr\""), "{}", shown.body);
    let key = shown.body.split("secret=").nth(1).and_then(|rest| rest.split('&').next()).expect("a key").to_owned();
    assert!(key.len() >= 32, "{key}");
    let wrong = it.ask(ada.post("/admin/system/second-factor/confirm", &[("code", "000000x")])).await;
    assert!(wrong.status == StatusCode::FORBIDDEN && !wrong.body.contains(&key), "{}", wrong.body);
    for path in ["/admin/system", "/admin/system/second-factor"] {
        assert!(!it.ask(ada.get(path)).await.body.contains(&key), "{path} shows the key again");
    }
    let entries = it.desk.audit.as_ref().expect("a log").read_last(100).expect("read");
    assert!(entries.iter().all(|entry| !entry.about.contains(&key)));
}

#[tokio::test]
async fn users_are_added_changed_and_removed_and_the_last_administrator_stays() {
    let (it, ada) = Site::claimed();
    let fields = [("name", "vic"), ("role", "viewer"), ("password", OTHER), ("again", OTHER), MINE];
    let added = it.ask(ada.post("/admin/system/users", &fields)).await;
    assert_eq!((added.status, location(&added)), (StatusCode::SEE_OTHER, "/admin/system?said=user-added"));
    assert_eq!(recorded(&it), ("user add".into(), "vic: added as viewer".into(), Outcome::Done));
    let twice = it.ask(ada.post("/admin/system/users", &fields)).await;
    assert!(twice.status == StatusCode::UNPROCESSABLE_ENTITY && twice.body.contains("value=\"vic\""), "{}", twice.body);
    assert!(!twice.body.contains(OTHER));
    let role = it.ask(ada.post("/admin/system/users/vic/role", &[("role", "admin"), MINE])).await;
    assert_eq!(role.status, StatusCode::SEE_OTHER);
    let users = || it.desk.access.users().expect("users");
    assert!(users().iter().any(|user| user.name == "vic" && user.role == Role::Admin));
    let unsure = it.ask(ada.post("/admin/system/users/vic/remove", &[])).await;
    assert!(unsure.status == StatusCode::UNPROCESSABLE_ENTITY && users().len() == 2, "{}", unsure.body);
    let removed = it.ask(ada.post("/admin/system/users/vic/remove", &[("sure", "yes"), MINE])).await;
    assert!(removed.status == StatusCode::SEE_OTHER && users().len() == 1);
    let last = it.ask(ada.post("/admin/system/users/ada/remove", &[("sure", "yes"), MINE])).await;
    assert!(last.status == StatusCode::UNPROCESSABLE_ENTITY && last.body.contains("only admin"), "{}", last.body);
    let none = it.ask(ada.get("/admin/system/users/nobody")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_administrators_session_alone_makes_no_user_and_sets_nobodys_password_its_owners_neither() {
    let (mut it, ada) = Site::claimed();
    let before = format!("{:?}", it.desk.access.users().expect("users"));
    let words = [("password", OTHER), ("again", OTHER), ("mine", OTHER)];
    for (path, act, more) in [
        ("/admin/system/users", "user add", vec![("name", "eve"), ("role", "admin")]),
        ("/admin/system/users/ada/password", "user reset-password", vec![]),
        ("/admin/system/users/ada/second-factor", "user drop-second-factor", vec![]),
        ("/admin/system/users/ada/role", "user role", vec![("role", "viewer")]),
        ("/admin/system/users/ada/remove", "user remove", vec![("sure", "yes")]),
    ] {
        let fields = [words.as_slice(), &more].concat();
        let refused = it.ask(ada.post(path, &fields)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.body);
        assert!(!refused.body.contains(OTHER), "{path}");
        // Whom it was about is any text, until it is proved who asks.
        assert_eq!(recorded(&it), (act.to_owned(), String::new(), Outcome::Refused));
        wait(&mut it);
    }
    assert_eq!(format!("{:?}", it.desk.access.users().expect("users")), before);
}

#[tokio::test]
async fn a_user_who_names_no_role_is_a_viewer() {
    let (it, ada) = Site::claimed();
    let fields = [("name", "vic"), ("role", "owner"), ("password", OTHER), ("again", OTHER), MINE];
    it.ask(ada.post("/admin/system/users", &fields)).await;
    let users = it.desk.access.users().expect("users");
    assert!(users.iter().any(|user| user.name == "vic" && user.role == Role::Viewer), "{users:?}");
}

#[tokio::test]
async fn a_support_bundle_is_taken_by_an_administrator_and_recorded() {
    use http_body_util::BodyExt;
    let (it, ada) = Site::claimed();
    let viewer = it.viewer();
    let refused = it.begin(viewer.post("/admin/system/support-bundle", &[])).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let answer = it.begin(ada.post("/admin/system/support-bundle", &[])).await;
    let named = answer.headers()[header::CONTENT_DISPOSITION].to_str().expect("text").to_owned();
    assert!(named.starts_with("attachment; filename=\"conductor-support-acme-mel-1-") && named.ends_with(".tar.gz\""));
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(bytes[..2], [0x1f, 0x8b], "gzip");
    let (act, about, outcome) = recorded(&it);
    assert!(act == "support-bundle" && named.contains(&about) && outcome == Outcome::Done, "{about}");
}

#[tokio::test]
async fn an_administrator_who_asks_for_bundles_without_end_is_made_one_at_a_time() {
    let (it, ada) = Site::claimed();
    let under_way = it.desk.turns.bundle().expect("the first");
    let told = it.ask(ada.post("/admin/system/support-bundle", &[])).await;
    assert!(told.status == StatusCode::SERVICE_UNAVAILABLE && told.body.contains("Come back"), "{}", told.body);
    drop(under_way);
    for _ in 0..2 {
        assert_eq!(it.begin(ada.post("/admin/system/support-bundle", &[])).await.status(), StatusCode::OK);
    }
}

#[test]
fn a_certificate_is_told_with_its_end_and_one_that_has_ended_is_called_that() {
    use crate::status::samples;
    let now = samples::now();
    let row = |seconds: i64| CertificateRow::new(now + jiff::SignedDuration::from_secs(seconds), String::new(), now);
    for (seconds, left, tone) in [
        (-1, "has ended", "bad"),
        (0, "has ended", "bad"),
        (86_400, "in 1 d", "fair"),
        (86_400 * 31, "in 31 d", "good"),
    ] {
        let row = row(seconds);
        assert_eq!((row.left.as_str(), row.tone), (left, tone), "{seconds}");
    }
    let all = certificates(&samples::degraded().snapshot(now));
    assert!(!all.is_empty() && all.windows(2).all(|pair| pair[0].ends <= pair[1].ends), "the first to end first");
}
