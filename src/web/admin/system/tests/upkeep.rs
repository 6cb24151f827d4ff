//! Updates, backups and the factory reset, asked as a browser asks.

use std::fs;
use std::path::PathBuf;

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::backup::NotRestored;
use crate::web::admin::cookie;

const BUNDLE: &[u8] = b"hsqs\r\n--and the rest, which only looks like a delimiter";

/// A form with a file, as a browser sends it.
fn form(csrf: &str, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    for (key, value) in [("csrf", csrf)].iter().chain(fields) {
        form.extend(format!("--x7\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    let head = format!("--x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    [&form, head.as_bytes(), file, b"\r\n--x7--\r\n"].concat()
}

async fn send(it: &Site, visitor: &Visitor, path: &str, body: Vec<u8>) -> Answer {
    let request = Request::post(path)
        .header(header::HOST, "box.example")
        .header(header::ORIGIN, "https://box.example")
        .header(header::COOKIE, format!("{}={}", cookie::NAME, visitor.cookie))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x7")
        .header(header::CONTENT_LENGTH, body.len())
        .body(Body::from(body))
        .expect("a request");
    let answer = it.router.clone().oneshot(request).await.expect("infallible");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn handed_over(it: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(it.desk.secrets.state_dir.join("update")).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn is_appliance(it: &Site) {
    fs::write(&it.desk.version_file, "1.0.0\n").expect("written");
}

#[tokio::test]
async fn an_administrator_uploads_a_bundle_on_an_appliance_and_it_is_recorded() {
    let (it, ada) = Site::claimed();
    let page = it.ask(ada.get("/admin/system")).await;
    assert!(page.body.contains("apt update") && !page.body.contains("/admin/system/update\""), "{}", page.body);
    let elsewhere = send(&it, &ada, "/admin/system/update", form(&ada.csrf, &[], "x.raucb", BUNDLE)).await;
    assert!(elsewhere.status == StatusCode::CONFLICT && elsewhere.body.contains("dnf upgrade"), "{}", elsewhere.body);
    assert!(handed_over(&it).is_empty());

    is_appliance(&it);
    let page = it.ask(ada.get("/admin/system")).await;
    assert!(page.body.contains("/admin/system/update\"") && page.body.contains("1.0.0"), "{}", page.body);
    let taken = send(&it, &ada, "/admin/system/update", form(&ada.csrf, &[], "conductor-1.1.0.raucb", BUNDLE)).await;
    assert_eq!(location(&taken), "/admin/system?said=update-taken", "{}", taken.body);
    let path = it.desk.secrets.state_dir.join("update/conductor-1.1.0.raucb");
    assert_eq!(fs::read(&path).expect("there"), BUNDLE);
    let (act, about, outcome) = recorded(&it);
    assert!(act == "update" && about.contains("conductor-1.1.0.raucb") && outcome == Outcome::Done, "{about}");
    fs::remove_file(path).expect("removed");

    let text = r#"{"slot": "B", "last": {"version": "1.1.0", "outcome": "refused", "why": "<b>not signed</b>"}}"#;
    fs::write(it.desk.secrets.state_dir.join("update/state.json"), text).expect("written");
    let page = it.ask(ada.get("/admin/system")).await;
    assert!(page.body.contains("was refused: &#60;b&#62;not signed"), "{}", page.body);
    let wrong = send(&it, &ada, "/admin/system/update", form(&ada.csrf, &[], "x.raucb", b"PK\x03\x04")).await;
    assert!(
        wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("no update bundle"),
        "{}",
        wrong.body
    );
    let none = send(&it, &ada, "/admin/system/update", form(&ada.csrf, &[], "", b"")).await;
    assert!(none.status == StatusCode::UNPROCESSABLE_ENTITY && none.body.contains("No file was chosen"));
    let whole = form(&ada.csrf, &[], "x.raucb", BUNDLE);
    let cut = send(&it, &ada, "/admin/system/update", whole[..whole.len() - 20].to_vec()).await;
    assert!(cut.status == StatusCode::BAD_REQUEST && cut.body.contains("did not come in whole"), "{}", cut.body);
    let left: Vec<PathBuf> = handed_over(&it).into_iter().filter(|path| !path.ends_with("state.json")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn nothing_of_a_file_is_taken_from_who_may_not_send_it() {
    let (it, ada) = Site::claimed();
    is_appliance(&it);
    let viewer = it.viewer();
    let stranger = Visitor { cookie: "A".repeat(43), csrf: ada.csrf.clone() };
    for path in ["/admin/system/update", "/admin/system/restore"] {
        for (visitor, csrf, status) in [
            (&viewer, viewer.csrf.as_str(), StatusCode::FORBIDDEN),
            (&stranger, ada.csrf.as_str(), StatusCode::UNAUTHORIZED),
            (&ada, "another token", StatusCode::FORBIDDEN),
            (&ada, "", StatusCode::FORBIDDEN),
        ] {
            let refused = send(&it, visitor, path, form(csrf, &[], "x.raucb", BUNDLE)).await;
            assert_eq!(refused.status, status, "{path}: {}", refused.body);
        }
    }
    // The token behind the file is read too late.
    let late = [
        b"--x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.raucb\"\r\n\r\nhsqs\r\n".as_slice(),
        &form(&ada.csrf, &[], "y", b""),
    ];
    assert_eq!(send(&it, &ada, "/admin/system/update", late.concat()).await.status, StatusCode::FORBIDDEN);
    let large = form(&ada.csrf, &[("passphrase", &"x".repeat(70_000))], "x.json", b"{}");
    assert_eq!(send(&it, &ada, "/admin/system/restore", large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(handed_over(&it).is_empty());
}

#[tokio::test]
async fn settings_are_downloaded_and_what_the_pages_may_write_comes_back() {
    let (mut it, ada) = Site::claimed();
    let folder = it.desk.secrets.state_dir.join("conductor.d");
    fs::create_dir_all(&folder).expect("made");
    let soc = "[destinations.soc]\ntype = \"syslog\"\naddress = \"siem.acme.example:6514\"\nset-by = \"page\"\n";
    fs::write(folder.join("soc.toml"), soc).expect("written");
    let answer = it.ask(ada.post("/admin/system/backup", &[])).await;
    let named = answer.headers[header::CONTENT_DISPOSITION].to_str().expect("text").to_owned();
    assert!(named.starts_with("attachment; filename=\"conductor-backup-box-") && named.ends_with(".json\""), "{named}");
    assert!(answer.body.contains("[destinations.soc]"), "{}", answer.body);
    assert_eq!(recorded(&it).0, "settings backup");
    let backup = answer.body.into_bytes();

    let same = send(&it, &ada, "/admin/system/restore", form(&ada.csrf, &[], "b.json", &backup)).await;
    assert_eq!(location(&same), "/admin/system?said=as-it-is", "{}", same.body);
    fs::remove_file(folder.join("soc.toml")).expect("removed");
    fs::write(&it.desk.settings, format!("{}# changed\n", fs::read_to_string(&it.desk.settings).expect("read")))
        .expect("written");
    let mut reloads = it.reloads.take().expect("the bell");
    let answering = tokio::spawn(async move { reloads.recv().await.map(|page| page.send(Ok(()))) });
    let done = send(&it, &ada, "/admin/system/restore", form(&ada.csrf, &[], "b.json", &backup)).await;
    assert!(
        done.status == StatusCode::OK && done.body.contains("conductor.toml"),
        "the operator's is named: {}",
        done.body
    );
    assert!(answering.await.expect("rung").is_some());
    assert_eq!(fs::read_to_string(folder.join("soc.toml")).expect("there"), soc);
    assert!(fs::read_to_string(&it.desk.settings).expect("read").contains("# changed"), "and left alone");
    assert_eq!(recorded(&it).0, "settings restore");
    let text = String::from_utf8(backup).expect("text").replace("siem.acme.example:6514", "nowhere");
    let wrong = send(&it, &ada, "/admin/system/restore", form(&ada.csrf, &[], "b.json", text.as_bytes())).await;
    assert!(
        wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("nothing was changed"),
        "{}",
        wrong.body
    );
    assert_eq!(fs::read_to_string(folder.join("soc.toml")).expect("there"), soc);
}

#[tokio::test]
async fn who_restores_on_a_page_is_not_sent_to_a_command_that_nobody_can_type_on_an_appliance() {
    let (it, ada) = Site::claimed();
    let folder = it.desk.secrets.state_dir.join("conductor.d");
    fs::create_dir_all(&folder).expect("made");
    let soc = "[destinations.soc]\ntype = \"syslog\"\naddress = \"siem.acme.example:6514\"\nset-by = \"page\"\n";
    fs::write(folder.join("soc.toml"), soc).expect("written");
    let backup = it.ask(ada.post("/admin/system/backup", &[])).await.body.replace("[destinations.soc]", "[remote]");
    let refused = send(&it, &ada, "/admin/system/restore", form(&ada.csrf, &[], "b.json", backup.as_bytes())).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert!(refused.body.contains("not set by the pages. On an appliance a volume brings"), "{}", refused.body);
    let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let unwritten = NotRestored::Disk { path: "/data/conductor.d".into(), source }.to_string();
    assert!(!unwritten.contains('`') && !unwritten.contains("root"), "{unwritten}");
}

#[tokio::test]
async fn a_reset_on_the_page_takes_the_name_and_the_password_and_is_asked_of_the_system() {
    let (mut it, ada) = Site::claimed();
    let name = it.desk.snapshot().agent.name;
    let asked = it.desk.secrets.state_dir.join("reset/asked");
    let fields = [("name", name.as_str()), ("password", PASSWORD)];
    let elsewhere = it.ask(ada.post("/admin/system/reset", &fields)).await;
    assert!(elsewhere.status == StatusCode::CONFLICT && elsewhere.body.contains("conductor reset --factory"));
    is_appliance(&it);
    assert!(it.ask(ada.get("/admin/system/reset")).await.body.contains("Wipe this box"));
    let wrong = it.ask(ada.post("/admin/system/reset", &[("name", "another"), ("password", PASSWORD)])).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("not the name"), "{}", wrong.body);
    let wrong = it.ask(ada.post("/admin/system/reset", &[("name", &name), ("password", "another")])).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(!asked.exists());
    assert_eq!(recorded(&it).2, Outcome::Refused);
    wait(&mut it);
    let done = it.ask(ada.post("/admin/system/reset", &fields)).await;
    assert!(done.status == StatusCode::ACCEPTED && done.body.contains("being reset"), "{}", done.body);
    assert_eq!(fs::read_to_string(asked).expect("asked"), "ada from 192.0.2.1\n");
    let (act, _, outcome) = recorded(&it);
    assert_eq!((act.as_str(), outcome), ("factory reset", Outcome::Done));
}
