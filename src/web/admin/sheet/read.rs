//! What was typed into a form, as the settings would write it.
//!
//! Promise: a secret that was typed goes into the store and only its name into the settings; what was left empty and has
//! no field stays as it was; what is wrong with a value is for the settings' own reader to say.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{NOT_HERE, OTHER_HOST, Posted, Wrong, kept, offered, text_of, usual};
use crate::config::{FILTER, Key, Kind, Section};
use crate::secrets;
use crate::values::{Name, Secret, hex};

/// A form that was filled in.
#[derive(Debug, Default)]
pub(in crate::web::admin) struct Sheet {
    /// For the file of settings.
    pub keys: Table,
    /// For the store, under these names.
    pub secrets: Vec<(Name, Secret)>,
    /// Certificates, for files of their own.
    pub files: Vec<(PathBuf, String)>,
    pub wrong: Vec<Wrong>,
}

/// Reads the form of `name`; `before` is what is written of it now, `certificates` the folder for what is pasted.
pub(in crate::web::admin) fn read(
    section: &Section,
    posted: &Posted,
    before: &Table,
    name: &str,
    certificates: &Path,
) -> Sheet {
    let mut sheet = Sheet::default();
    for key in NOT_HERE {
        if let Some(value) = before.get(key) {
            sheet.keys.insert(key.into(), value.clone());
        }
    }
    for key in offered(section) {
        let old = before.get(key.name);
        let value = match key.kind {
            Kind::Auth { token } => sheet.auth(key, token, posted, old, name),
            Kind::Table(_) => filter(key, posted),
            Kind::Secret => sheet.secret(key.name, key.name, posted, old, name),
            Kind::File => sheet.file(key, posted, old, name, certificates),
            // One text for all streams has a field; a table of them is a file's.
            Kind::PerStream if old.is_some_and(Value::is_table) && posted.text(key.name).is_empty() => old.cloned(),
            _ => plain(key, key.name, posted),
        };
        if let Some(value) = value {
            sheet.keys.insert(key.name.into(), value);
        }
    }
    let astray = kept::astray(section, before, &sheet);
    sheet.wrong.extend(astray);
    sheet
}

/// What was typed, in the form that the key takes; `None`: the default holds.
fn plain(key: &Key, name: &str, posted: &Posted) -> Option<Value> {
    let typed = posted.text(name).trim();
    let typed = if matches!(key.kind, Kind::Host) && typed == "other" { posted.text(OTHER_HOST).trim() } else { typed };
    let value = match key.kind {
        Kind::Flag => Value::Boolean(posted.has(name)),
        Kind::Streams => Value::Array(posted.all(name).map(|word| Value::String(word.into())).collect()),
        Kind::Names | Kind::HostPorts => list(typed)?,
        _ if typed.is_empty() => return None,
        // What is no number is written as it was typed: the settings say what it must be.
        Kind::Count { .. } => typed.parse().map_or_else(|_| Value::String(typed.into()), Value::Integer),
        _ => Value::String(typed.into()),
    };
    let empty_list = value.as_array().is_some_and(Vec::is_empty) && !matches!(key.kind, Kind::Streams);
    (text_of(&value) != usual(key) && !empty_list).then_some(value)
}

fn list(typed: &str) -> Option<Value> {
    let words = typed.split([',', ' ', '\n']).map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<Value> = words.map(|word| Value::String(word.into())).collect();
    (!words.is_empty()).then_some(Value::Array(words))
}

fn filter(key: &Key, posted: &Posted) -> Option<Value> {
    let inner = FILTER.keys.iter().filter_map(|inner| {
        Some((inner.name.to_owned(), plain(inner, &format!("{}.{}", key.name, inner.name), posted)?))
    });
    let inner: Table = inner.collect();
    (!inner.is_empty()).then_some(Value::Table(inner))
}

impl Sheet {
    /// A secret that was typed goes into the store; one that was not stays where it is.
    fn secret(&mut self, field: &str, key: &str, posted: &Posted, old: Option<&Value>, of: &str) -> Option<Value> {
        let typed = posted.text(field);
        if typed.trim().is_empty() {
            return old.cloned();
        }
        let several_lines = matches!(key, "key" | "credentials");
        let judged = if several_lines {
            secrets::text(typed)
        } else if key == "auth-password" || key == "password" {
            Ok(Secret::new(typed))
        } else {
            secrets::token(typed).map(|token| token.secret)
        };
        // Names have 63 characters, and a key's name never holds the mark between the two.
        let sealed = format!("{key}_{of}");
        match (judged, sealed.parse::<Name>()) {
            (Ok(secret), Ok(name)) => {
                self.secrets.push((name, secret));
                Some(Value::Table(Table::from_iter([("sealed".to_owned(), Value::String(sealed))])))
            }
            (Err(why), _) => {
                self.wrong.push((field.to_owned(), format!("What was typed {why}.")));
                old.cloned()
            }
            (Ok(_), Err(_)) => {
                self.wrong.push(("name".into(), "The name is too long: take at most 40 characters.".into()));
                old.cloned()
            }
        }
    }

    fn auth(&mut self, key: &Key, token: &str, posted: &Posted, old: Option<&Value>, of: &str) -> Option<Value> {
        let part = |name: &str| old.and_then(Value::as_table).and_then(|keys| keys.get(name));
        let how = posted.text("auth.how");
        let mut keys = Table::new();
        if how == token {
            let value = self.secret(&format!("auth.{token}"), &format!("auth-{token}"), posted, part(token), of);
            keys.extend(value.map(|value| (token.to_owned(), value)));
        } else if how == "password" {
            let value = self.secret("auth.password", "auth-password", posted, part("password"), of);
            keys.extend(value.map(|value| ("password".to_owned(), value)));
            keys.insert("user".into(), Value::String(posted.text("auth.user").trim().into()));
        } else {
            return None;
        }
        if keys.len() < 2 && how == "password" || keys.is_empty() {
            self.wrong.push((format!("{}.{how}", key.name), "It is needed for this.".into()));
        }
        Some(Value::Table(keys))
    }

    /// A certificate that was pasted becomes a file named by what it holds: the old one serves until the new one does.
    fn file(
        &mut self,
        key: &Key,
        posted: &Posted,
        old: Option<&Value>,
        of: &str,
        certificates: &Path,
    ) -> Option<Value> {
        if posted.has(&format!("{}.drop", key.name)) {
            return None;
        }
        let typed = posted.text(key.name).trim();
        if typed.is_empty() {
            return old.cloned();
        }
        if !typed.starts_with("-----BEGIN ") || typed.contains("PRIVATE KEY") {
            let sentence =
                "It must be the certificate's text (PEM), from -----BEGIN to -----END, without a private key.";
            self.wrong.push((key.name.into(), sentence.into()));
            return old.cloned();
        }
        let text = format!("{}\n", typed.replace("\r\n", "\n"));
        if let Err(sentence) = judge(key.name, text.as_bytes()) {
            self.wrong.push((key.name.into(), sentence.into()));
            return old.cloned();
        }
        let print = hex::text(&Sha256::digest(&text)[..6]);
        let path = certificates.join(format!("{of}-{}-{print}.pem", key.name));
        let value = Value::String(path.to_string_lossy().into_owned());
        self.files.push((path, text));
        Some(value)
    }
}

/// Would it serve, as it will be read when a connection is made? What the parsers say may quote what was pasted: it is not kept.
fn judge(key: &str, pem: &[u8]) -> Result<(), &'static str> {
    const BROKEN: &str = "Its text is broken: paste all of it, from -----BEGIN to -----END, as the file has it.";
    if key == "crl" {
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        return match lists {
            Ok(lists) if lists.is_empty() => Err("It holds no revocation list (-----BEGIN X509 CRL-----)."),
            Ok(_) => Ok(()),
            Err(_) => Err(BROKEN),
        };
    }
    let Ok(chain) = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() else { return Err(BROKEN) };
    let serves = match chain.split_first() {
        None => return Err("It holds no certificate (-----BEGIN CERTIFICATE-----)."),
        // Ours: the others of the chain are the peer's to judge.
        Some((first, _)) if key == "cert" => ParsedCertificate::try_from(first).is_ok(),
        Some(_) => chain.into_iter().all(|one| RootCertStore::empty().add(one).is_ok()),
    };
    if serves { Ok(()) } else { Err("It is no certificate that can be read: paste it again, or ask for a new one.") }
}
