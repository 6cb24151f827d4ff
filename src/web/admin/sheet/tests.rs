//! Forms of every section, there and back.

use std::path::Path;

use super::*;
use crate::config::{INTEGRATION, TYPES};

/// What a browser posts of these fields when nothing was typed.
fn posted(fields: &[Field]) -> Posted {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for field in fields {
        match &field.input {
            Input::Line { value, .. } => drop(form.append_pair(&field.name, value)),
            Input::Flag { on } => {
                if *on {
                    form.append_pair(&field.name, "on");
                }
            }
            Input::One { options } | Input::Some { options } => {
                for (word, _) in options.iter().filter(|(_, on)| *on) {
                    form.append_pair(&field.name, word);
                }
            }
            Input::Host { options, other } => {
                let chosen = options.iter().find(|(_, _, on)| *on).map_or("other", |(host, _, _)| host);
                form.append_pair(&field.name, chosen);
                form.append_pair("host-other", other.as_ref().map_or("", |(typed, _)| typed));
            }
            Input::Secret { .. } | Input::Pem { .. } => drop(form.append_pair(&field.name, "")),
        }
    }
    Posted::read(form.finish().as_bytes())
}

fn there_and_back(section: &Section, keys: &str) {
    let keys: Table = keys.parse().expect("TOML");
    let form = posted(&fields(section, Shown::Written(&keys), &[], true));
    let sheet = read(section, &form, &keys, "x", Path::new("/state/certificates"));
    assert_eq!(sheet.keys, keys);
    assert!(sheet.secrets.is_empty() && sheet.files.is_empty() && sheet.wrong.is_empty(), "{sheet:?}");
}

#[test]
fn a_form_that_is_saved_as_it_was_shown_changes_nothing() {
    there_and_back(
        &INTEGRATION,
        r#"
        connector = "abnormal-security"
        title = "Acme, <Melbourne>"
        host = "eu.rest.abnormalsecurity.com"
        ca = "/etc/conductor/api-ca.pem"
        api-key = { sealed = "api-key_x" }
        polling-interval = "5m"
        intervals = { abuse-campaigns = "1h" }
        streams = ["threats", "audit-logs"]
        enrich = true
        requests-per-minute = 100
        enabled = false
        set-by = "page"
        "#,
    );
    there_and_back(&INTEGRATION, "api-key = { file = \"/k\" }\nhost = \"127.0.0.1:8443\"");
    let common = "ca = \"/ca.pem\"\ncert = \"/c.pem\"\nkey = { file = \"/k\" }\nformat = \"cef\"\nseverities = { unknown = 3 }\n\
                  start = \"oldest\"\nfilter = { integrations = [\"acme\", \"b\"], severity-at-least = \"medium\" }\n";
    for (kind, own) in [
        (
            "syslog",
            "address = \"siem:6514\"\ntransport = \"tls\"\nwindow = \"1MiB\"\nproxy = \"http://u:p@proxy:3128\"",
        ),
        ("relp", "address = \"[2001:db8::7]:6514\"\nwindow = 64"),
        (
            "http",
            "url = \"https://c/e\"\nauth = { bearer = { sealed = \"auth-bearer_x\" } }\nheaders = { x-a = \"b\" }",
        ),
        (
            "http",
            "url = \"https://c/e\"\nauth = { user = \"u\", password = { credential = \"pw\" } }\nbody = \"array\"",
        ),
        (
            "splunk-hec",
            "url = \"https://s:8088\"\ntoken = { file = \"/t\" }\nindex = { threats = \"mail\", default = \"a\" }",
        ),
        ("elastic", "url = \"https://e:9200\"\nindex = \"logs-x\""),
        ("jetstream", "address = \"n:4222\"\nservers = [\"a:1\", \"b:2\"]\nuser = \"u\"\npassword = { file = \"/p\" }"),
    ] {
        let Some((_, section)) = TYPES.iter().find(|(word, _)| *word == kind) else { continue };
        // What says the default is left out: it holds all the same.
        let own = own.replace("transport = \"tls\"\n", "");
        there_and_back(section, &format!("type = \"{kind}\"\n{own}\n{common}"));
    }
}

#[test]
fn no_field_of_any_form_is_missing_its_label_or_shares_its_name_with_another() {
    for section in TYPES.iter().map(|(_, section)| *section).chain([&INTEGRATION]) {
        let fields = fields(section, Shown::Written(&Table::new()), &[], false);
        let mut names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), fields.len(), "{}", section.heading());
        for field in &fields {
            assert!(!field.label.is_empty() && !field.hint.concat().is_empty(), "{}", field.name);
        }
    }
}

#[test]
fn a_secret_that_was_typed_is_for_the_store_and_never_for_a_field() {
    let http = TYPES.iter().find(|(word, _)| *word == "http").map(|(_, section)| *section).expect("http");
    let typed =
        b"auth.how=bearer&auth.bearer=CANARY-1&key=-----BEGIN+PRIVATE+KEY-----%0ACANARY-2%0A-----END+PRIVATE+KEY-----";
    let posted = Posted::read(typed);
    let sheet = read(http, &posted, &Table::new(), "soc", Path::new("/c"));
    let names: Vec<_> = sheet.secrets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["key_soc", "auth-bearer_soc"]);
    let written = sheet.keys.to_string();
    assert!(written.contains("sealed = \"auth-bearer_soc\"") && !written.contains("CANARY"), "{written}");
    for field in fields(http, Shown::Typed(&posted, &Table::new()), &[], false) {
        assert!(!field.input.in_words().contains("CANARY"), "{}", field.name);
    }
    let wrong =
        read(http, &Posted::read(b"auth.how=bearer&auth.bearer=two+CANARY"), &Table::new(), "soc", Path::new("/c"));
    assert!(wrong.secrets.is_empty() && wrong.wrong.iter().any(|(field, _)| field == "auth.bearer"), "{wrong:?}");
    assert!(!format!("{:?}", wrong.wrong).contains("CANARY"));
}

/// What becomes of `text`, pasted as `key` of a receiver.
fn pasted(key: &str, text: &str) -> Sheet {
    let syslog = TYPES.iter().find(|(word, _)| *word == "syslog").map(|(_, section)| *section).expect("syslog");
    let form = form_urlencoded::Serializer::new(String::new()).append_pair(key, text).finish();
    read(syslog, &Posted::read(form.as_bytes()), &Table::new(), "soc", Path::new("/state/certificates"))
}

fn certificate() -> String {
    rcgen::generate_simple_self_signed(["soc.example".to_owned()]).expect("a certificate").cert.pem()
}

#[test]
fn a_certificate_that_was_pasted_becomes_a_file_and_a_private_key_is_no_certificate() {
    for key in ["ca", "cert"] {
        let sheet = pasted(key, certificate().replace("\r\n", "\n").replace('\n', "\r\n").trim());
        let [(path, text)] = sheet.files.as_slice() else { panic!("{sheet:?}") };
        assert!(path.starts_with("/state/certificates") && text.ends_with("-----END CERTIFICATE-----\n"), "{path:?}");
        assert_eq!(sheet.keys.get(key).and_then(Value::as_str), path.to_str());
        for wrong in ["/etc/shadow", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            let sheet = pasted(key, wrong);
            assert!(sheet.files.is_empty() && sheet.wrong.len() == 1 && !sheet.keys.contains_key(key), "{wrong}");
        }
    }
}

/// What a page refuses when `typed` is posted over `keys`.
fn refused(section: &Section, keys: &str, typed: &str) -> Vec<String> {
    let keys: Table = keys.parse().expect("TOML");
    let sheet = read(section, &Posted::read(typed.as_bytes()), &keys, "x", Path::new("/state/certificates"));
    sheet.wrong.into_iter().map(|(field, _)| field).collect()
}

#[test]
fn an_admin_of_the_pages_read_a_token_out_by_sending_it_to_a_host_of_theirs() {
    let section = |kind: &str| TYPES.iter().find(|(name, _)| *name == kind).expect("a type").1;
    let hec = "url = \"https://splunk.acme.example:8088\"\ntoken = { sealed = \"token_x\" }\nca = \"/etc/ca.pem\"\n";
    for (typed, fields) in [
        ("url=https://splunk.acme.example:8088", vec![]),
        ("url=https://splunk.acme.example:8088&index=main", vec![]),
        ("url=https://evil.example", vec!["token"]),
        ("url=https://evil.example&token=typed-anew-0123456789", vec![]),
        ("url=https://splunk.acme.example:8088&ca.drop=on", vec!["token"]),
        ("url=https://splunk.acme.example:8088&server-name=evil.example", vec!["token"]),
    ] {
        assert_eq!(refused(section("splunk-hec"), hec, typed), fields, "{typed}");
    }
    let file = hec.replace("{ sealed = \"token_x\" }", "{ file = \"/etc/hec.token\" }");
    assert_eq!(refused(section("splunk-hec"), &file, "url=https://evil.example"), ["token"]);
    let http = "url = \"https://a.example/\"\nauth = { user = \"u\", password = { credential = \"p\" } }\n";
    let moved = "url=https://b.example/&auth.how=password&auth.user=u&auth.password=";
    assert_eq!(refused(section("http"), http, moved), ["auth.password"]);
    assert_eq!(refused(section("http"), http, &moved.replace("auth.user=u", "auth.user=v")), ["auth.password"]);
    let headers = "url = \"https://a.example/\"\nheaders = { x-key = { file = \"/etc/k\" } }\n";
    assert_eq!(refused(section("http"), headers, "url=https://b.example/"), ["url"]);
    let api = "host = \"localhost:1\"\napi-key = { sealed = \"api-key_x\" }\n";
    assert_eq!(refused(&INTEGRATION, api, "host=other&host-other=evil.example"), ["api-key"]);
    // A client's key is never sent.
    let relp = "address = \"a.example:1\"\ncert = \"/c.pem\"\nkey = { sealed = \"key_x\" }\n";
    assert!(refused(section("relp"), relp, "address=b.example:1").is_empty());
}

#[test]
fn a_certificate_that_was_pasted_and_is_none_is_said_beside_its_field_and_not_saved() {
    let (good, list) = (certificate(), "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----");
    let cut = &good[..good.len() - 40];
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (key, wrong) in [
        ("ca", garbage),
        ("ca", "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----"),
        ("ca", cut),
        ("ca", list),
        ("ca", &format!("{good}{garbage}")),
        ("cert", garbage),
        ("cert", cut),
        ("crl", &good),
    ] {
        let sheet = pasted(key, wrong);
        let beside: Vec<_> = sheet.wrong.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!((beside, sheet.files.len(), sheet.keys.contains_key(key)), (vec![key], 0, false), "{key}: {wrong}");
    }
    assert_eq!(pasted("crl", list).files.len(), 1);
}
