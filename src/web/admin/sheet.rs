//! A form made of the settings' own table of keys: what may be set on a page, under which words, and what stands there.
//!
//! Promise: it knows no key and no default that the settings do not; what stands in a secret's place is never a field's
//! value.

mod kept;
mod read;

use toml::{Table, Value};

use super::posted::Posted;
use crate::config::{FILTER, Fallback, Key, Kind, STREAMS, Section, regions};

pub(super) use read::{Sheet, read};

/// One field of a form.
pub(super) struct Field {
    /// As it is posted: the key, or `filter.KEY` and `auth.KEY`.
    pub name: String,
    pub label: String,
    /// Pieces of a sentence; each second one is something to type.
    pub hint: Vec<String>,
    pub input: Input,
    pub required: bool,
    pub wrong: Vec<String>,
}

impl Field {
    /// Ids of what describes the input.
    pub(super) fn described_by(&self) -> String {
        let wrong = if self.wrong.is_empty() { String::new() } else { format!(" {}-wrong", self.name) };
        format!("{}-hint{wrong}", self.name)
    }
}

/// What a field looks like.
pub(super) enum Input {
    /// One line; `usual` is what holds when it is empty.
    Line {
        value: String,
        usual: String,
    },
    Flag {
        on: bool,
    },
    /// One of several: the words, and whether it is chosen.
    One {
        options: Vec<(String, bool)>,
    },
    /// One of the vendor's hosts: host, words, whether it is chosen; `other`: another may be typed, and what stands there.
    Host {
        options: Vec<(String, String, bool)>,
        other: Option<(String, bool)>,
    },
    /// Any of several.
    Some {
        options: Vec<(String, bool)>,
    },
    /// Goes in and never comes out; `set` tells where one lies already.
    Secret {
        several_lines: bool,
        set: Option<String>,
    },
    /// A PEM file's text; `set` tells where one lies already.
    Pem {
        set: Option<String>,
    },
}

impl Input {
    /// What stands there, for whoever may not change it.
    pub(super) fn in_words(&self) -> String {
        let chosen = |options: &[(String, bool)]| {
            let words = options.iter().filter(|(_, on)| *on).map(|(word, _)| word.as_str());
            words.collect::<Vec<_>>().join(", ")
        };
        match self {
            Input::Line { value, usual } => {
                if value.is_empty() {
                    usual.clone()
                } else {
                    value.clone()
                }
            }
            Input::Flag { on } => {
                if *on {
                    "yes".into()
                } else {
                    "no".into()
                }
            }
            Input::One { options } | Input::Some { options } => chosen(options),
            Input::Host { options, other } => match other {
                Some((typed, true)) => typed.clone(),
                Some((_, false)) | None => {
                    options.iter().find(|(_, _, on)| *on).map(|(_, words, _)| words.clone()).unwrap_or_default()
                }
            },
            Input::Secret { set, .. } => set.as_ref().map(|place| format!("set, {place}")).unwrap_or_default(),
            Input::Pem { set } => set.clone().unwrap_or_default(),
        }
    }
}

/// What the fields show: what is written, or what was just typed.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Written(&'a Table),
    /// What was typed, and what is written where it was left empty for it to stay.
    Typed(&'a Posted, &'a Table),
}

impl Shown<'_> {
    fn written(&self) -> &Table {
        match self {
            Shown::Written(keys) | Shown::Typed(_, keys) => keys,
        }
    }
}

/// The keys that a page does not offer: its place is in a file, or the page sets it itself.
const NOT_HERE: [&str; 7] = ["connector", "type", "set-by", "intervals", "headers", "severities", "proxy"];

/// Where a host is typed that is none of the vendor's.
const OTHER_HOST: &str = "host-other";

/// A complaint about one field: its name, and the sentence.
pub(super) type Wrong = (String, String);

/// The fields of a section; `wrong` is put beside the fields that it is about.
///
/// `other_hosts`: an integration may name another host than the vendor's.
pub(super) fn fields(section: &Section, shown: Shown<'_>, wrong: &[Wrong], other_hosts: bool) -> Vec<Field> {
    let mut fields = Vec::new();
    for key in offered(section) {
        match key.kind {
            Kind::Auth { token } => fields.extend(auth(key, token, shown)),
            Kind::Table(_) => fields.extend(FILTER.keys.iter().map(|inner| {
                let inside = shown.written().get(key.name).and_then(Value::as_table);
                field(
                    inner,
                    format!("{}.{}", key.name, inner.name),
                    inside.and_then(|keys| keys.get(inner.name)),
                    shown,
                )
            })),
            Kind::Host => fields.push(host(key, shown, other_hosts)),
            _ => fields.push(field(key, key.name.to_owned(), shown.written().get(key.name), shown)),
        }
    }
    for field in &mut fields {
        let about = wrong.iter().filter(|(name, _)| *name == field.name);
        field.wrong = about.map(|(_, sentence)| sentence.clone()).collect();
    }
    fields
}

/// What of a section may be set on a page.
fn offered(section: &Section) -> impl Iterator<Item = &'static Key> {
    section.keys.iter().filter(|key| !NOT_HERE.contains(&key.name))
}

fn field(key: &Key, name: String, written: Option<&Value>, shown: Shown<'_>) -> Field {
    let usual = usual(key);
    let value = match shown {
        Shown::Typed(posted, _) => posted.text(&name).to_owned(),
        Shown::Written(_) => written.map(text_of).unwrap_or_default(),
    };
    let chosen = |word: &str| if value.is_empty() { usual == word } else { value == word };
    let input = match key.kind {
        Kind::Flag => Input::Flag {
            on: match shown {
                Shown::Typed(posted, _) => posted.has(&name),
                Shown::Written(_) => written.and_then(Value::as_bool).unwrap_or(usual == "true"),
            },
        },
        Kind::Choice { now, .. } => {
            Input::One { options: now.iter().map(|word| ((*word).to_owned(), chosen(word))).collect() }
        }
        Kind::Streams => streams(&name, written, shown, &usual),
        Kind::Secret => Input::Secret {
            several_lines: matches!(key.name, "key" | "credentials"),
            set: written.map(place_of_secret),
        },
        Kind::File => Input::Pem { set: written.map(text_of) },
        _ => Input::Line { value, usual: usual.clone() },
    };
    let required = matches!(key.default, Fallback::Required) && !matches!(key.kind, Kind::Secret);
    // The names stand there to be ticked: what follows the colon would tell them once more.
    let hint = match key.doc.split_once(':') {
        Some((clause, _)) if matches!(input, Input::Some { .. }) => vec![format!("{clause}.")],
        Some(_) | None => pieces(key.doc),
    };
    Field { label: label(&name), name, hint, input, required, wrong: Vec::new() }
}

/// The vendor's regions, and another host where one may be named, or is.
fn host(key: &Key, shown: Shown<'_>, other_hosts: bool) -> Field {
    let (chosen, typed) = match shown {
        Shown::Typed(posted, _) => (posted.text(key.name).to_owned(), posted.text(OTHER_HOST).to_owned()),
        Shown::Written(keys) => (keys.get(key.name).map(text_of).unwrap_or_else(|| usual(key)), String::new()),
    };
    let regions = regions();
    let known = regions.iter().find(|region| region.answers_at(&chosen) || region.name == chosen.to_lowercase());
    let options = regions.iter().map(|region| {
        // Short names are abbreviations of countries, but for one.
        let name = if region.name == "fedramp" { "FedRAMP".to_owned() } else { region.name.to_uppercase() };
        (region.host.clone(), format!("{name}: {}", region.host), Some(region) == known)
    });
    let is_other = known.is_none();
    let typed = if is_other && chosen != "other" { chosen } else { typed };
    let other = (other_hosts || is_other).then_some((typed, is_other));
    let input = Input::Host { options: options.collect(), other };
    let hint = vec!["The region of the tenant: where its portal is.".to_owned()];
    Field { name: key.name.into(), label: label(key.name), hint, input, required: true, wrong: Vec::new() }
}

/// Who we say that we are, as a choice and its parts.
fn auth(key: &Key, token: &str, shown: Shown<'_>) -> Vec<Field> {
    let written = shown.written().get(key.name).and_then(Value::as_table);
    let part = |name: &str| written.and_then(|keys| keys.get(name));
    let how = match shown {
        Shown::Typed(posted, _) => posted.text("auth.how").to_owned(),
        Shown::Written(_) if part("user").is_some() => "password".into(),
        Shown::Written(_) if part(token).is_some() => token.to_owned(),
        Shown::Written(_) => "none".into(),
    };
    let user = match shown {
        Shown::Typed(posted, _) => posted.text("auth.user").to_owned(),
        Shown::Written(_) => part("user").map(text_of).unwrap_or_default(),
    };
    let options = ["none", token, "password"].map(|word| (word.to_owned(), word == how)).to_vec();
    let secret = |name: &str| Input::Secret { several_lines: false, set: part(name).map(place_of_secret) };
    [
        ("auth.how".to_owned(), "Authentication", "Who we say that we are.", Input::One { options }),
        (format!("auth.{token}"), "Token", "With a token: the token itself.", secret(token)),
        ("auth.user".to_owned(), "User", "With a password: whose.", Input::Line { value: user, usual: String::new() }),
        ("auth.password".to_owned(), "Password", "And the password.", secret("password")),
    ]
    .map(|(name, label, hint, input)| Field {
        name,
        label: label.into(),
        hint: vec![hint.into()],
        input,
        required: false,
        wrong: Vec::new(),
    })
    .into()
}

fn streams(name: &str, written: Option<&Value>, shown: Shown<'_>, usual: &str) -> Input {
    let chosen: Vec<String> = match (shown, written) {
        (Shown::Typed(posted, _), _) => posted.all(name).map(str::to_owned).collect(),
        (Shown::Written(_), Some(value)) => text_of(value).split(", ").map(str::to_owned).collect(),
        (Shown::Written(_), None) => usual.split(", ").map(str::to_owned).collect(),
    };
    let all = chosen.iter().any(|one| one == "all");
    let options = STREAMS.iter().map(|word| {
        let on = all || chosen.iter().any(|one| one == word);
        ((*word).to_owned(), on)
    });
    Input::Some { options: options.collect() }
}

/// The default, as it would be typed.
fn usual(key: &Key) -> String {
    match key.default {
        Fallback::Value(literal) => value_of(literal).map(|value| text_of(&value)).unwrap_or_default(),
        Fallback::Told(_) | Fallback::Nothing | Fallback::Required => String::new(),
    }
}

/// A value of the table of keys, which is written in TOML.
fn value_of(literal: &str) -> Option<Value> {
    format!("it = {literal}").parse::<Table>().ok()?.remove("it")
}

/// A value as it would be typed into one line. Tables have none: what they hold may lead to a secret.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Float(_) | Value::Table(_) => String::new(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
    }
}

/// Where a secret lies, and never what it is.
fn place_of_secret(value: &Value) -> String {
    let Some(keys) = value.as_table() else { return "in the settings".into() };
    match keys.iter().next() {
        Some((kind, place)) if kind == "file" => format!("in the file {}", text_of(place)),
        Some((kind, place)) if kind == "credential" => format!("in the systemd credential {}", text_of(place)),
        Some((_, _)) | None => "sealed on this box".into(),
    }
}

/// A key's name for people.
fn label(name: &str) -> String {
    let bare = name.rsplit('.').next().unwrap_or(name);
    match bare {
        "api-key" => return "API key".into(),
        "api-key-expires" => return "API key expires".into(),
        "api-key-name" => return "API key's name".into(),
        "api-key-max-age" => return "API key's greatest age".into(),
        "ca" => return "CA certificate".into(),
        "cert" => return "Our certificate".into(),
        "key" => return "Its private key".into(),
        "crl" => return "Revocation lists".into(),
        "url" => return "URL".into(),
        "tls-min-version" => return "Lowest TLS version".into(),
        "ocsf-class" => return "OCSF class".into(),
        "insecure" => return "Allow unencrypted".into(),
        _ => {}
    }
    let words = bare.replace('-', " ");
    let words = if name.starts_with("filter.") { format!("Only {words}") } else { words };
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn pieces(sentence: &str) -> Vec<String> {
    sentence.split('`').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
