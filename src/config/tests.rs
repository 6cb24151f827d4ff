//! What holds for every key of the table, and for any text whatever.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::keys::{Fallback, Key, Kind, Section};
use super::sections::{DESTINATION, FILTER, INTEGRATION, SECTIONS, SEVERITIES, TYPES, UPDATE};
use super::*;

/// Shaped like an API key: long, and a word that no key has.
const CANARY: &str = "abn_CANARY_7f3a0c91d2e84b65";

/// Loads one file in an empty room.
fn load_text(text: &str) -> Result<Loaded, Mistakes> {
    let room = tempfile::tempdir().expect("a folder");
    let path = room.path().join("conductor.toml");
    fs::write(&path, text).expect("written");
    load(&path, &|_| Some(room.path().join("state").display().to_string()))
}

/// Every section, with the header that opens one of its kind.
fn sections() -> Vec<(&'static Section, String)> {
    let header = |section: &Section| match section.of_type {
        // Destinations of several types stand beside each other under several names.
        Some(word) => format!("[{}]\ntype = {word:?}\n", section.path.replace("NAME", word)),
        None => {
            format!("[{}]\n", section.path.replace("NAME", "acme").replace("destinations.acme", "destinations.syslog"))
        }
    };
    SECTIONS.iter().copied().chain([&FILTER, &SEVERITIES]).map(|section| (section, header(section))).collect()
}

/// The keys of a section but for its type, which its header holds.
fn own_keys(section: &'static Section) -> impl Iterator<Item = &'static Key> {
    section.keys.iter().filter(|key| section.of_type.is_none() || key.name != "type")
}

fn keys() -> Vec<(&'static Key, String)> {
    sections()
        .into_iter()
        .flat_map(|(section, header)| {
            // Which severities there are depends on the type beside them; a filter has every type.
            let typed = if section.path == SEVERITIES.path { "[destinations.syslog]\ntype = \"syslog\"\n" } else { "" };
            own_keys(section).map(move |key| (key, format!("{typed}{header}")))
        })
        .collect()
}

/// All keys, each as its example has it.
fn all_examples() -> String {
    let mut text = String::new();
    for (section, header) in sections() {
        text.push_str(&header);
        // The filter stands below by its own header.
        for key in own_keys(section).filter(|key| !matches!(key.kind, Kind::Table(_))) {
            text.push_str(&format!("{} = {}\n", key.name, key.example));
        }
    }
    // Tests don't look at an agent that is installed here.
    text.replace("/var/lib/conductor", "absent")
}

#[test]
fn every_example_of_the_reference_loads() {
    let loaded = load_text(&all_examples()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!((loaded.settings.integrations.len(), loaded.settings.destinations.len()), (1, TYPES.len()));
}

#[test]
fn every_key_of_the_table_is_read_so_that_a_wrong_value_is_told_at_its_line() {
    for (key, header) in keys() {
        // No key takes a float.
        let mistakes = load_text(&format!("{header}{} = 1.5\n", key.name)).expect_err(key.name);
        let line = header.lines().count() + 1;
        let told = mistakes.iter().any(|mistake| mistake.line == line && mistake.text.contains(key.name));
        assert!(told, "{header}{}: {mistakes}", key.name);
    }
}

#[test]
fn every_default_of_the_table_is_a_value_that_its_key_takes() {
    for (key, header) in keys() {
        let Fallback::Value(literal) = key.default else { continue };
        let whole = all_examples();
        // Two sections may have a key of one name.
        let (before, section) = whole.split_once(&header).expect("its section");
        let (example, default) = (format!("{} = {}\n", key.name, key.example), format!("{} = {literal}\n", key.name));
        let text = format!("{before}{header}{}", section.replacen(&example, &default, 1));
        assert!(text.contains(&default), "{text}");
        // A key that belongs to the example of this one (`ocsf-class` to its format) may then be out of place; no other.
        let out_of_place =
            |text: &str| key.name == "format" && ["ocsf-class ", "severities "].iter().any(|k| text.starts_with(k));
        if let Err(mistakes) = load_text(&text)
            && !mistakes.iter().all(|mistake| out_of_place(&mistake.text))
        {
            panic!("{header}{default}{mistakes}");
        }
    }
}

#[test]
fn a_secret_in_any_wrong_place_is_never_repeated() {
    let values = [
        format!("{CANARY:?}"),
        format!("[{CANARY:?}]"),
        format!("[\"all\", {CANARY:?}]"),
        format!("{{ {CANARY} = 1 }}"),
        format!("{{ value = {CANARY:?} }}"),
        format!("{{ threats = {CANARY:?} }}"),
        format!("{{ file = \"x\", credential = {CANARY:?} }}"),
        format!("{{ sealed = \"{CANARY} \" }}"),
        format!("\"https://user:{CANARY}@host/x\""),
        format!("\"http://user:{CANARY}@host\""),
        CANARY.to_owned(),
        format!("\"{CANARY}"),
        format!("{{ file = {CANARY} }}"),
    ];
    let mut refused = 0;
    for (key, header) in keys() {
        for value in &values {
            if let Err(mistakes) = load_text(&format!("{header}{} = {value}\n", key.name)) {
                refused += 1;
                let (shown, debug) = (mistakes.to_string(), format!("{mistakes:?}"));
                assert!(!shown.contains("CANARY") && !debug.contains("CANARY"), "{} = {value}: {shown}", key.name);
            }
        }
    }
    assert!(refused > 400, "only {refused} were refused");
    for text in [
        format!("{CANARY}\n"),
        format!("{CANARY} = 1\n"),
        format!("[{CANARY}]\n"),
        format!("[integrations.{CANARY}]\n"),
    ] {
        let told = load_text(&text).expect_err("refused").to_string();
        assert!(!told.contains("CANARY"), "{told}");
    }
}

#[test]
fn a_proxy_password_is_shown_nowhere_and_warned_of_where_others_may_read_it() {
    let room = tempfile::tempdir().expect("a folder");
    let main = room.path().join("conductor.toml");
    fs::write(&main, format!("[egress]\nproxy = \"http://u:{CANARY}@proxy.example:3128\"\n")).expect("written");
    for (mode, warned) in [(0o640, 0), (0o644, 1)] {
        fs::set_permissions(&main, fs::Permissions::from_mode(mode)).expect("its mode");
        let loaded = load(&main, &|_| Some(room.path().display().to_string())).expect("it loads");
        assert!(!format!("{loaded:?}").contains("CANARY"));
        let told = loaded.warnings.iter().filter(|warning| warning.contains("holds a password")).count();
        assert_eq!(told, warned, "{mode:o}: {:?}", loaded.warnings);
    }
}

#[test]
fn the_state_folder_is_the_one_that_the_settings_name_before_that_of_systemd() {
    let room = tempfile::tempdir().expect("a folder");
    let main = room.path().join("conductor.toml");
    let fragment = room.path().join("kept/conductor.d/q.toml");
    fs::create_dir_all(fragment.parent().expect("a folder")).expect("made");
    fs::write(&fragment, "[queue]\nkeep = \"1h\"\n").expect("written");
    let here = room.path().display().to_string();
    let usual = |name: &str| (name == "STATE_DIRECTORY").then(|| format!("{here}/kept:{here}/other"));
    for (text, env) in [("[agent]\nstate-dir = \"kept\"\n", &(|_: &str| None) as Environment<'_>), ("", &usual)] {
        fs::write(&main, text).expect("written");
        let loaded = load(&main, env).expect("it loads");
        assert_eq!(loaded.settings.agent.state_dir, room.path().join("kept"));
        assert_eq!(loaded.sources, [main.clone(), fragment.clone()]);
    }
}

#[test]
fn a_secret_file_that_others_may_read_is_warned_of_and_one_of_our_own_is_not() {
    let room = tempfile::tempdir().expect("a folder");
    let (main, key) = (room.path().join("conductor.toml"), room.path().join("acme.key"));
    fs::write(&main, "[integrations.acme]\napi-key.file = \"acme.key\"\n").expect("written");
    fs::write(&key, CANARY).expect("written");
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("its mode");
        let loaded = load(&main, &|_| Some(room.path().display().to_string())).expect("it loads");
        let told = loaded.warnings.iter().any(|warning| warning.contains("anyone on this machine may read or change"));
        assert_eq!(told, warned, "{mode:o}: {:?}", loaded.warnings);
        assert!(!format!("{loaded:?}").contains("CANARY"));
    }
}

#[test]
fn a_name_of_our_own_events_is_refused() {
    for own in sections::OWN_INTEGRATIONS {
        let told = load_text(&format!("[integrations.{own}]\napi-key.credential = \"a\"\n")).expect_err("ours");
        assert!(told.to_string().contains("kept for the agent's own events"), "{told}");
    }
}

#[test]
fn a_half_written_file_is_refused_or_read_and_never_a_panic() {
    let whole = all_examples();
    for (end, _) in whole.char_indices() {
        let _ = load_text(whole.get(..end).expect("a prefix"));
    }
}

#[test]
fn a_file_of_nothing_but_brackets_does_not_exhaust_the_stack() {
    for text in [format!("a = {}", "[".repeat(500_000)), format!("a = {}", "{ a = ".repeat(100_000))] {
        load_text(&text).expect_err("refused");
    }
}

#[test]
fn the_schema_knows_every_key_and_refuses_others() {
    let schema = schema();
    for (section, _) in sections() {
        let place = TYPES.iter().position(|(word, _)| section.of_type.is_none_or(|own| own == *word)).expect("a type");
        let path = match section.path.split_once(".NAME") {
            Some(("destinations", inner)) => {
                let inner = inner.replace('.', "/properties/");
                format!("/properties/destinations/additionalProperties/oneOf/{place}{inner}")
            }
            None => format!("/properties/{}", section.path),
            Some((kind, "")) => format!("/properties/{kind}/additionalProperties"),
            Some((kind, inner)) => {
                format!("/properties/{kind}/additionalProperties/properties/{}", inner.trim_start_matches('.'))
            }
        };
        let found = schema.pointer(&path).expect(&path);
        assert_eq!(found["additionalProperties"], false, "{path}");
        for key in section.keys {
            assert_eq!(found["properties"][key.name]["description"], key.doc, "{path}/{}", key.name);
        }
    }
    let integration =
        |key: &str| schema.pointer(&format!("/properties/integrations/additionalProperties{key}")).cloned();
    assert_eq!(integration("/required"), Some(serde_json::json!(["api-key"])));
    assert_eq!(integration("/properties/polling-interval/default"), Some(serde_json::json!("10m")));
    assert_eq!(integration("/properties/requests-per-minute/default"), Some(serde_json::json!(240)));
    assert_eq!(integration("/properties/enabled/default"), Some(serde_json::json!(true)));
    assert_eq!(
        integration("/properties/streams/default"),
        Some(serde_json::json!(["threats", "cases", "abuse-campaigns"]))
    );
}

#[test]
fn settings_with_a_regions_short_name_are_those_with_its_host_and_the_schema_offers_it() {
    let with = |host: &str| {
        let text = format!("[integrations.acme]\nhost = {host:?}\napi-key = {{ file = \"/absent\" }}\n");
        load_text(&text).unwrap_or_else(|mistakes| panic!("{mistakes}")).settings.integrations
    };
    assert_eq!(with("eu"), with("eu.rest.abnormalsecurity.com"), "a reload from one to the other restarts nothing");
    assert_ne!(with("eu"), with("us"));
    let offered = &schema()["properties"]["integrations"]["additionalProperties"]["properties"]["host"]["anyOf"][0];
    assert_eq!(offered["enum"], serde_json::json!(["us", "eu", "fedramp"]));
}

#[test]
fn an_index_of_updates_by_http_is_refused_by_the_schema_and_the_reference_as_by_the_reader() {
    let key = UPDATE.key("url").expect("a key");
    assert_eq!(key.kind.expected(), "an https URL without a password");
    let schema = schema();
    let pattern = schema["properties"]["update"]["properties"]["url"]["pattern"].as_str().expect("a pattern");
    assert!(pattern.starts_with("^https://"), "{pattern}");
    for (url, good) in [
        ("https://updates.acme.example/conductor/stable.json", true),
        ("http://updates.acme.example/conductor/stable.json", false),
        ("https://ada:secret@updates.acme.example/stable.json", false),
        ("ftp://updates.acme.example/stable.json", false),
    ] {
        assert_eq!(load_text(&format!("[update]\nurl = {url:?}\n")).is_ok(), good, "{url}");
    }
}

#[test]
fn a_required_key_is_named_with_an_example() {
    let types = TYPES.iter().map(|(_, section)| *section);
    for section in [&INTEGRATION, &DESTINATION].into_iter().chain(types) {
        let of_type = section.of_type.map(|word| format!("type = {word:?}\n")).unwrap_or_default();
        let text = format!("[{}]\n{of_type}", section.path.replace("NAME", "acme"));
        let told = load_text(&text).expect_err("bare").to_string();
        for key in own_keys(section).filter(|key| matches!(key.default, Fallback::Required)) {
            assert!(told.contains(&format!("needs {} (write {} = {})", key.name, key.name, key.example)), "{told}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "([\\[\\]{}=,.\"'\n a-z0-9#\\\\]|\\PC|agent|queue|integrations|destinations|api-key){0,60}") {
        let _ = load_text(&text);
    }
}
