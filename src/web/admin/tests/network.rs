//! The network page of an appliance, and of a machine that is none.

use std::path::Path;

use super::settings::answered;
use super::*;
use crate::appliance::addressing::{self, Typed};

const ADDRESSES: &str = "/admin/network/addresses";
const PROXY: &str = "/admin/network/proxy";

fn appliance() -> (Site, Visitor) {
    let (it, ada) = Site::claimed();
    std::fs::write(&it.desk.version_file, "1.0.0\n").expect("written");
    (it, ada)
}

fn asked(it: &Site) -> Option<String> {
    std::fs::read_to_string(it.desk.secrets.state_dir.join("network/asked.toml")).ok()
}

/// What the system tells.
fn tells(it: &Site, text: &str) {
    let folder = it.desk.secrets.state_dir.join("network");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("state.json"), text).expect("written");
}

fn acts(it: &Site) -> Vec<(String, String)> {
    let log = it.desk.audit.as_ref().expect("a log").read_last(9).expect("entries");
    log.iter().map(|entry| (entry.act.clone(), entry.about.clone())).collect()
}

fn fixed() -> Vec<(&'static str, &'static str)> {
    vec![
        ("mode", "static"),
        ("addresses", "192.0.2.20/24, 2001:db8::20/64"),
        ("gateways", "192.0.2.1"),
        ("dns", "192.0.2.53 192.0.2.54"),
        ("ntp", ""),
    ]
}

const WAITING: &str = r#"{"current":{"mode":"dhcp"},"asked":{"mode":"static","addresses":["192.0.2.20/24"]},
    "outcome":"trying","why":"the gateway answers","id":"id-7","until":"2026-11-21T12:05:00Z"}"#;

#[tokio::test]
async fn what_is_asked_lies_where_the_system_looks_and_the_way_to_the_new_address_is_told() {
    let (it, ada) = appliance();
    let page = it.ask(ada.get("/admin/network")).await;
    assert!(page.body.contains("Nothing was asked for yet") && page.body.contains(ADDRESSES), "{}", page.body);
    let answer = it.ask(ada.post(ADDRESSES, &fixed())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    assert!(answer.body.contains("https://192.0.2.20"), "{}", answer.body);
    let typed = Typed::read(&asked(&it).expect("a file")).expect("a file of ours");
    assert_eq!(typed.addresses, ["192.0.2.20/24", "2001:db8::20/64"]);
    assert_eq!(typed.dns, ["192.0.2.53", "192.0.2.54"]);
    assert!(typed.check().is_ok());
    assert!(
        acts(&it).contains(&("network ask".into(), "static 192.0.2.20/24 2001:db8::20/64".into())),
        "{:?}",
        acts(&it)
    );
}

#[tokio::test]
async fn what_no_box_can_have_is_told_beside_its_field_and_not_asked() {
    let (it, ada) = appliance();
    let mut fields = fixed();
    fields[2] = ("gateways", "198.51.100.1");
    let answer = it.ask(ada.post(ADDRESSES, &fields)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("id=\"gateways-wrong\">it is 198.51.100.1, which is in the network of none"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("value=\"192.0.2.20/24, 2001:db8::20/64\""), "what was typed stays");
    assert_eq!(asked(&it), None);
}

#[tokio::test]
async fn addresses_that_still_stand_in_their_fields_do_not_hinder_dhcp() {
    let (it, ada) = appliance();
    let mut fields = fixed();
    fields[0] = ("mode", "dhcp");
    assert_eq!(it.ask(ada.post(ADDRESSES, &fields)).await.status, StatusCode::ACCEPTED);
    assert_eq!(asked(&it).as_deref(), Some("mode = \"dhcp\"\ndns = [\"192.0.2.53\", \"192.0.2.54\"]\n"));
}

#[tokio::test]
async fn a_trial_is_kept_or_taken_back_by_its_own_button_alone_and_nothing_else_is_asked_meanwhile() {
    let (it, ada) = appliance();
    tells(&it, WAITING);
    let page = it.ask(ada.get("/admin/network")).await;
    assert!(page.body.contains("value=\"id-7\"") && page.body.contains("12:05:00 UTC"), "{}", page.body);
    assert!(!page.body.contains("Change …"), "{}", page.body);
    assert_eq!(it.ask(ada.post(ADDRESSES, &fixed())).await.status, StatusCode::CONFLICT);
    assert_eq!(asked(&it), None);
    let answered = || std::fs::read_to_string(it.desk.secrets.state_dir.join("network/answer")).ok();
    let press = async |id: &str, word: &str| {
        let answer = it.ask(ada.post("/admin/network/answer", &[("id", id), ("word", word)])).await;
        answer.headers[header::LOCATION].to_str().expect("a path").to_owned()
    };
    assert_eq!(press("id-6", "keep").await, "/admin/network?said=network-over");
    assert_eq!((press("id-7", "perhaps").await.as_str(), answered()), ("/admin/network", None));
    assert_eq!(press("id-7", "keep").await, "/admin/network?said=network-kept");
    assert_eq!(answered().as_deref(), Some("keep id-7\n"));
    assert_eq!(press("id-7", "back").await, "/admin/network?said=network-back");
    assert_eq!(answered().as_deref(), Some("back id-7\n"));
    let acts: Vec<_> = acts(&it).into_iter().map(|(act, _)| act).collect();
    assert!(acts.ends_with(&["network keep".into(), "network go-back".into()]), "{acts:?}");
    // A viewer sees it, and has no button.
    let vic = it.viewer();
    let page = it.ask(vic.get("/admin/network")).await;
    assert!(page.body.contains("on trial") && !page.body.contains("Keep these settings"), "{}", page.body);
    // Once it is over the word is too late.
    tells(&it, &WAITING.replace("trying", "went-back"));
    assert_eq!(press("id-7", "keep").await, "/admin/network?said=network-over");
}

#[tokio::test]
async fn what_the_system_tells_can_be_broken_without_breaking_the_page() {
    let (it, ada) = appliance();
    tells(&it, "{\"outcome\": \"exploded\"}");
    let page = it.ask(ada.get("/admin/network")).await;
    assert!(page.status == StatusCode::OK && page.body.contains("can&#39;t be read"), "{}", page.body);
    assert_eq!(it.ask(ada.post(ADDRESSES, &fixed())).await.status, StatusCode::ACCEPTED, "and a wish can be left");
    tells(&it, &WAITING.replace("the gateway answers", "<script>\\u001b[2J"));
    let page = it.ask(ada.get("/admin/network")).await;
    assert!(!page.body.contains("<script>\u{1b}") && !page.body.contains("\u{1b}"), "{}", page.body);
}

#[tokio::test]
async fn a_machine_that_is_no_appliance_says_so_and_is_asked_nothing() {
    let (it, ada) = Site::claimed();
    let page = it.ask(ada.get("/admin/network")).await;
    assert!(page.body.contains("own to set") && !page.body.contains(ADDRESSES), "{}", page.body);
    assert_eq!(it.ask(ada.post(ADDRESSES, &fixed())).await.status, StatusCode::CONFLICT);
    tells(&it, WAITING);
    let answer = it.ask(ada.post("/admin/network/answer", &[("id", "id-7"), ("word", "keep")])).await;
    assert_eq!(answer.headers[header::LOCATION], "/admin/network?said=network-over");
    assert!(asked(&it).is_none() && !it.desk.secrets.state_dir.join("network/answer").exists());
    assert_eq!(addressing::told(Path::new("/nowhere")).ok(), Some(addressing::Told::default()));
}

#[tokio::test]
async fn a_proxy_is_set_on_the_page_and_its_password_is_on_none() {
    let (it, ada) = answered();
    let url = "http://user:CANARY@proxy.example:3128";
    let saved = it.ask(ada.post(PROXY, &[("proxy", url)])).await;
    assert_eq!(saved.headers[header::LOCATION], "/admin/network?said=saved", "{}", saved.body);
    let settings = crate::config::load(&it.desk.settings, &|_| None).expect("they hold").settings;
    assert_eq!(settings.egress.proxy.expect("a proxy").reveal(), url);
    let refused = it.ask(ada.post(PROXY, &[("proxy", "ftp://user:CANARY@proxy.example")])).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert!(refused.body.contains("proxy-wrong"), "{}", refused.body);
    for page in [refused, it.ask(ada.get(PROXY)).await, it.ask(ada.get("/admin/network")).await] {
        assert!(!page.body.contains("CANARY"), "{}", page.body);
    }
    let dropped = it.ask(ada.post(PROXY, &[("proxy", ""), ("none", "on")])).await;
    assert_eq!(dropped.headers[header::LOCATION], "/admin/network?said=saved", "{}", dropped.body);
    assert!(crate::config::load(&it.desk.settings, &|_| None).expect("they hold").settings.egress.proxy.is_none());
    let acts: Vec<_> = acts(&it).into_iter().map(|(act, _)| act).collect();
    assert_eq!(acts, ["proxy set", "proxy set", "proxy remove"]);
}
