//! Integrations and destinations, as an administrator sets them by these pages.

use std::path::{Path, PathBuf};

use super::*;
use crate::config;
use crate::status::{Code, Standing};
use crate::values::Name;

const KEY: &str = "CANARY-key-0b6d";
const ACME: &str = "/admin/settings/integrations/acme";

/// A site whose reloads are answered as an agent without tasks would.
pub(super) fn answered() -> (Site, Visitor) {
    let (mut it, ada) = Site::claimed();
    let mut reloads = it.reloads.take().expect("unanswered so far");
    let main = it.desk.settings.clone();
    tokio::spawn(async move {
        while let Some(page) = reloads.recv().await {
            let read = config::load(&main, &|_| None);
            let _ = page.send(read.map(drop).map_err(|mistakes| mistakes.to_string()));
        }
    });
    (it, ada)
}

fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("name", "acme"),
        ("title", "Acme"),
        ("host", "eu.rest.abnormalsecurity.com"),
        ("api-key", KEY),
        ("polling-interval", "5m"),
        ("streams", "threats"),
        ("enabled", "on"),
    ]
}

async fn add(it: &Site, ada: &Visitor, fields: &[(&str, &str)]) -> Answer {
    it.ask(ada.post("/admin/settings/add/integration", fields)).await
}

/// Every file below this folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn written(it: &Site, name: &str) -> Option<toml::Table> {
    let found = config::written(&it.desk.settings, &|_| None);
    found.into_iter().find(|one| one.name == name).map(|one| one.keys)
}

#[tokio::test]
async fn an_integration_is_added_and_its_key_is_in_no_answer_and_no_file() {
    let (it, ada) = answered();
    let answer = add(&it, &ada, &good()).await;
    assert_eq!(answer.headers[header::LOCATION], format!("{ACME}?said=added"), "{}", answer.body);
    let keys = written(&it, "acme").expect("it is written");
    assert_eq!(keys["set-by"].as_str(), Some("page"));
    assert_eq!(keys["api-key"]["sealed"].as_str(), Some("api-key_acme"));
    let name: Name = "api-key_acme".parse().expect("a name");
    assert_eq!(crate::secrets::store::open(&name, &it.desk.secrets).expect("sealed").as_str(), KEY);

    for route in ROUTES.iter().filter(|route| route.method == Method::GET && route.path != "/admin/live") {
        let answer = it.ask(ada.get(&filled(route.path))).await;
        assert!(!answer.body.contains(KEY), "{}", route.path);
    }
    for file in files(it.folder.path()) {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{}", file.display());
    }
    let page = it.ask(ada.get(&format!("{ACME}?said=added"))).await;
    assert!(
        page.body.contains("sealed on this box") && page.body.contains("Added, and the agent has"),
        "{}",
        page.body
    );
    let log = it.desk.audit.as_ref().expect("a log").read_last(9).expect("entries");
    let acts: Vec<_> = log.iter().map(|entry| entry.act.as_str()).collect();
    assert!(acts.ends_with(&["secret set", "integration add"]), "{acts:?}");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_all_that_was_typed_stays_but_the_key() {
    let (it, ada) = answered();
    let mut fields = good();
    fields[4] = ("polling-interval", "soon <b>");
    let answer = add(&it, &ada, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let body = &answer.body;
    let field = body.split("id=\"polling-interval\"").nth(1).expect("the field");
    assert!(field.starts_with(" name=\"polling-interval\" value=\"soon &#60;b&#62;\""), "{field}");
    assert!(field.split("</div>").next().is_some_and(|field| field.contains("class=\"wrong\"")), "{field}");
    assert!(body.contains("value=\"acme\"") && body.contains("value=\"Acme\""), "{body}");
    assert!(!body.contains(KEY));
    assert!(written(&it, "acme").is_none(), "nothing was written");
    assert!(!it.desk.secrets.state_dir.join("secrets").exists(), "and nothing sealed");

    for (at, field, says) in [
        (0, ("name", "Acme Corp"), "It must be of a-z"),
        (2, ("host", "other"), "one of the vendor&#39;s"),
        (3, ("api-key", ""), "It is needed"),
        (3, ("api-key", "two words"), "holds a blank"),
    ] {
        let mut fields = good();
        fields[at] = field;
        fields.push(("host-other", "169.254.169.254"));
        let answer = add(&it, &ada, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field:?}");
        assert!(answer.body.contains(says), "{field:?}: {}", answer.body);
        assert!(written(&it, "acme").is_none(), "{field:?}");
    }
    let answer = add(&it, &ada, &[("name", "-"), ("host", "x")]).await;
    assert_eq!(answer.body.matches("class=\"wrong\"").count(), 3, "all at once: {}", answer.body);
    add(&it, &ada, &good()).await;
    assert!(add(&it, &ada, &good()).await.body.contains("There is one of this name"));
}

#[tokio::test]
async fn an_integration_is_changed_switched_off_and_on_and_removed_with_its_key() {
    let (it, ada) = answered();
    add(&it, &ada, &good()).await;
    let fields =
        [("host", "api.abnormalplatform.com"), ("api-key", ""), ("polling-interval", "10m"), ("streams", "cases")];
    let answer = it.ask(ada.post(ACME, &fields)).await;
    assert_eq!(answer.headers[header::LOCATION], format!("{ACME}?said=saved"), "{}", answer.body);
    let keys = written(&it, "acme").expect("there");
    assert_eq!(keys["api-key"]["sealed"].as_str(), Some("api-key_acme"), "an empty field keeps the key");
    assert_eq!(keys["enabled"].as_bool(), Some(false), "a box that is not ticked is off");
    assert!(!keys.contains_key("polling-interval") && !keys.contains_key("host"), "defaults are not written: {keys}");

    for (verb, enabled) in [("enable", true), ("disable", false)] {
        let answer = it.ask(ada.post(&format!("{ACME}/{verb}"), &[])).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(written(&it, "acme").expect("there")["enabled"].as_bool(), Some(enabled));
    }
    let page = it.ask(ada.get(&format!("{ACME}/remove"))).await;
    assert!(page.body.contains("Nothing more is collected from it"), "{}", page.body);
    let answer = it.ask(ada.post(&format!("{ACME}/remove"), &[])).await;
    assert_eq!(answer.headers[header::LOCATION], "/admin/settings/integrations?said=removed");
    assert!(written(&it, "acme").is_none());
    assert!(crate::secrets::store::list(&it.desk.secrets).expect("a store").is_empty(), "its key went with it");
    assert_eq!(it.ask(ada.get(ACME)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_the_operators_files_define_is_shown_with_its_file_and_changed_by_no_page() {
    let (it, ada) = answered();
    let text = std::fs::read_to_string(&it.desk.settings).expect("settings");
    let own = "[integrations.acme]\napi-key = { file = \"/etc/acme.key\" }\n[destinations.soc]\ntype = \"relp\"\naddress = \"siem:6514\"\n";
    std::fs::write(&it.desk.settings, format!("{text}{own}")).expect("written");
    for (path, verbs) in
        [(ACME, ["", "/disable", "/remove"]), ("/admin/settings/destinations/soc", ["", "/disable", "/remove"])]
    {
        let page = it.ask(ada.get(path)).await;
        assert!(page.body.contains(&it.desk.settings.display().to_string()), "{}", page.body);
        assert!(!page.body.contains("<button class=\"main\">Save"), "{path}");
        for verb in verbs {
            let answer = it.ask(ada.post(&format!("{path}{verb}"), &[("host", "api.abnormalplatform.com")])).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}{verb}");
            assert!(answer.body.contains("which is the operator"), "{path}{verb}: {}", answer.body);
        }
    }
    assert_eq!(std::fs::read_to_string(&it.desk.settings).expect("settings"), format!("{text}{own}"));
}

#[tokio::test]
async fn a_viewer_sees_the_settings_without_a_form_and_a_stranger_nothing() {
    let (it, ada) = answered();
    add(&it, &ada, &good()).await;
    let viewer = it.viewer();
    let page = it.ask(viewer.get(ACME)).await;
    assert!(
        page.body.contains("set, sealed on this box") && page.body.contains("eu.rest.abnormalsecurity.com"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<textarea") && !page.body.contains("data-trial"), "{}", page.body);
    assert!(!it.ask(viewer.get("/admin/settings/integrations")).await.body.contains("Add Integration"));
}

#[tokio::test]
async fn what_an_operator_or_a_vendor_wrote_is_text_on_every_page() {
    let (it, ada) = answered();
    let mark = "<script>alert(1)</script>";
    let mut fields = good();
    fields[1] = ("title", "<script>alert(1)</script>");
    assert_eq!(add(&it, &ada, &fields).await.status, StatusCode::SEE_OTHER);
    let name: Name = "acme".parse().expect("a name");
    let fault = crate::fault::Fault::new(crate::fault::FaultKind::Refused, format!("the vendor said {mark}"));
    it.desk.board.stream(&name, "threats", |stream| stream.failed(Standing::Parked, &fault, samples::before(60)));
    it.desk.board.raise(Code::SettingsRefused, "acme", format!("because {mark}"), samples::now());
    for route in ROUTES.iter().filter(|route| route.method == Method::GET && route.path != "/admin/live") {
        let answer = it.ask(ada.get(&filled(route.path))).await;
        assert!(!answer.body.contains("<script>alert"), "{}: {}", route.path, answer.body);
    }
    let page = it.ask(ada.get(ACME)).await;
    assert!(
        page.body.contains("&#60;script&#62;alert(1)") && page.body.contains("because &#60;script"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn every_type_of_destination_is_asked_for_and_added() {
    let (it, ada) = answered();
    for (kind, name, fields) in [
        ("syslog", "s", &[("address", "siem.example:6514"), ("format", "cef")][..]),
        ("relp", "r", &[("address", "siem.example:6514"), ("filter.severity-at-least", "high")]),
        ("http", "h", &[("url", "https://c.example/e"), ("auth.how", "bearer"), ("auth.bearer", "CANARY-b")]),
        ("splunk-hec", "p", &[("url", "https://c.example:8088"), ("token", "CANARY-t"), ("ack", "on")]),
        (
            "elastic",
            "e",
            &[
                ("url", "https://c.example"),
                ("auth.how", "password"),
                ("auth.user", "u"),
                ("auth.password", "CANARY-p w"),
            ],
        ),
        ("jetstream", "j", &[("address", "n.example:4222"), ("credentials", "CANARY-c\nd"), ("create", "on")]),
    ] {
        if config::TYPES.iter().all(|(word, _)| *word != kind) {
            continue;
        }
        let path = format!("/admin/settings/add/destination/{kind}");
        assert_eq!(it.ask(ada.get(&path)).await.status, StatusCode::OK, "{kind}");
        let all = [fields, &[("name", name), ("enabled", "on")]].concat();
        let answer = it.ask(ada.post(&path, &all)).await;
        let to = format!("/admin/settings/destinations/{name}");
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{kind}: {}", answer.body);
        assert_eq!(answer.headers[header::LOCATION], format!("{to}?said=added"));
        let page = it.ask(ada.get(&to)).await;
        assert!(page.body.contains("Invoice 4711") && !page.body.contains("CANARY"), "{kind}: {}", page.body);
    }
    let answer =
        it.ask(ada.post("/admin/settings/add/destination/syslog", &[("name", "n"), ("address", "siem")])).await;
    let field = answer.body.split("id=\"address\"").nth(1).expect("the field");
    assert!(field.split("</div>").next().is_some_and(|field| field.contains("needs a port")), "{field}");
    let settings = config::load(&it.desk.settings, &|_| None).expect("all hold").settings;
    assert_eq!(settings.destinations.len(), if cfg!(feature = "jetstream") { 6 } else { 5 });
    assert_eq!(it.ask(ada.get("/admin/settings/add/destination/smtp")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_destination_is_removed_only_with_the_events_that_the_page_had_counted() {
    let (it, ada) = answered();
    let fields = [("name", "gone"), ("address", "siem.example:6514"), ("enabled", "on")];
    it.ask(ada.post("/admin/settings/add/destination/relp", &fields)).await;
    let (name, path): (Name, _) = ("gone".parse().expect("a name"), "/admin/settings/destinations/gone/remove");
    it.desk.board.destination(&name, |one| one.depth = 2);
    let page = it.ask(ada.get(path)).await;
    assert!(page.body.contains("2 events that it has not taken are forfeited"), "{}", page.body);
    it.desk.board.destination(&name, |one| one.depth = 3);
    let answer = it.ask(ada.post(path, &[("counted", "2")])).await;
    assert!(answer.body.contains("3 events wait for it by now"), "{}", answer.body);
    assert!(written(&it, "gone").is_some());
    let answer = it.ask(ada.post(path, &[("counted", "3")])).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(written(&it, "gone").is_none());
}

#[tokio::test]
async fn a_change_that_the_agent_does_not_take_is_told_so() {
    let (mut it, ada) = Site::claimed();
    let mut reloads = it.reloads.take().expect("unanswered so far");
    tokio::spawn(async move {
        while let Some(page) = reloads.recv().await {
            let _ = page.send(Err("a line of <another> file".into()));
        }
    });
    let answer = add(&it, &ada, &good()).await;
    assert!(answer.body.contains("a line of &#60;another&#62; file"), "{}", answer.body);
}

/// The test of what is typed needs no network to be told: a name that no DNS knows ends it.
#[tokio::test]
async fn a_test_without_a_script_ends_on_the_page_with_what_was_typed_and_with_one_comes_as_lines() {
    let (it, ada) = answered();
    let path = "/admin/settings/add/integration/test";
    let mut fields = good();
    fields[2] = ("host", "nowhere.invalid");
    let answer = it.ask(ada.post(path, &fields)).await;
    assert!(
        answer.body.contains("one of the vendor&#39;s") && !answer.body.contains(KEY),
        "a page's host is the vendor's"
    );
    let open = format!(
        "{}[remote]\nlisten = \"127.0.0.1:0\"\nadmin = true\nallow-other-hosts = true\n",
        std::fs::read_to_string(&it.desk.settings).expect("settings")
    );
    std::fs::write(&it.desk.settings, open).expect("written");
    fields[2] = ("host", "other");
    fields.push(("host-other", "nowhere.invalid"));
    let answer = it.ask(ada.post(path, &fields)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.body.contains("not tried: the name does not resolve") && answer.body.contains("step failed"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("value=\"nowhere.invalid\"") && !answer.body.contains(KEY), "{}", answer.body);
    assert!(written(&it, "acme").is_none() && !it.desk.secrets.state_dir.join("secrets").exists(), "nothing is kept");

    let asked = Asked { accept: Some("text/event-stream"), ..ada.post(path, &fields) };
    let answer = it.ask(asked).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/event-stream");
    assert!(
        answer.body.starts_with("data: {\"tone\":\"bad\",\"word\":\"failed\",\"label\":\"names"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("event: end\ndata: 1 step") || answer.body.contains("event: end\ndata: One step"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains(KEY));
}
