//! The form of a backup: JSON, each file by its lines.
//!
//! ```json
//! {
//!   "conductor-backup": 1,
//!   "agent": "acme-mel-1", "version": "1.0.0", "made": "2026-11-21T12:00:00Z",
//!   "files": [ { "of": "settings", "name": "conductor.toml", "lines": ["[agent]", "..."] } ],
//!   "sealed": { "kdf": "argon2id", "...": "..." }
//! }
//! ```
//!
//! Promise: a name in it leads to no file but one of settings or certificates; what a later version wrote is refused, not
//! guessed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::passphrase::Sealed;
use crate::config::Place;

/// The version of this form.
pub const FORMAT: u32 = 1;
/// Bytes of a backup, at the most, wherever it is made or read: settings are a few KiB, and a page holds one in memory.
pub const LARGEST: usize = 2 << 20;
const ENDS_OF_CERTIFICATES: [&str; 3] = [".pem", ".crt", ".cer"];

/// What a name begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// The folder of the main file: `conductor.toml` (whatever it is called there), `conductor.d/NAME.toml`, certificates.
    Settings,
    /// The state folder: `conductor.d/NAME.toml`, `certificates/NAME`.
    State,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub of: Whose,
    pub name: String,
    /// Parted by line feeds; joined by them again it is the file, to the byte.
    pub lines: Vec<String>,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    #[serde(rename = "conductor-backup")]
    pub format: u32,
    pub agent: String,
    pub version: String,
    pub made: Timestamp,
    pub files: Vec<Kept>,
    /// What was left out, and where it is to be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// Why a file is no backup that this version takes.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("this is no backup of conductor: {0}")]
    Foreign(String),
    #[error("a later version of conductor wrote this backup (form {0}): restore it there")]
    Later(u32),
    #[error("the backup names {0:?}, which is no file of settings or certificates: it was changed by somebody")]
    Strange(String),
}

/// What a kept file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Settings(Place),
    /// Below the folder of the main file.
    Certificate(String),
    /// Below the state folder.
    StateCertificate(String),
}

impl Kept {
    pub fn of_text(of: Whose, name: impl Into<String>, text: &str) -> Kept {
        Kept { of, name: name.into(), lines: text.split('\n').map(str::to_owned).collect() }
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// `None`: a name that no backup has.
    pub fn what(&self) -> Option<What> {
        let folder = self.name.rsplit_once('/');
        let (folder, name) = folder.map_or(("", self.name.as_str()), |(folder, name)| (folder, name));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(fits) {
            return None;
        }
        let certificate = ENDS_OF_CERTIFICATES.iter().any(|end| name.ends_with(end));
        match (self.of, folder) {
            (Whose::Settings, "") if name == "conductor.toml" => Some(What::Settings(Place::Main)),
            (Whose::Settings, "conductor.d") if name.ends_with(".toml") => {
                Some(What::Settings(Place::Beside(name.to_owned())))
            }
            (Whose::State, "conductor.d") if name.ends_with(".toml") => {
                Some(What::Settings(Place::State(name.to_owned())))
            }
            (Whose::Settings, "") if certificate => Some(What::Certificate(name.to_owned())),
            (Whose::State, "certificates") if certificate => Some(What::StateCertificate(name.to_owned())),
            (Whose::Settings | Whose::State, _) => None,
        }
    }
}

impl Document {
    /// Reads and checks all but what is sealed.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn read(bytes: &[u8]) -> Result<Document, Unread> {
        /// What every version of this form has.
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "conductor-backup")]
            format: u32,
        }
        if bytes.len() > LARGEST {
            return Err(Unread::Foreign(format!("it is larger than {} MiB", LARGEST >> 20)));
        }
        let foreign = |error: serde_json::Error| Unread::Foreign(error.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(foreign)?;
        if head.format != FORMAT {
            return Err(Unread::Later(head.format));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(foreign)?;
        check(&document.files)?;
        Ok(document)
    }

    /// As it is written.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Of all that stands beside the seal: who changes any of it breaks the seal.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut put = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        put(&self.format.to_string());
        put(&self.agent);
        put(&self.version);
        put(&self.made.to_string());
        for file in &self.files {
            put(match file.of {
                Whose::Settings => "settings",
                Whose::State => "state",
            });
            put(&file.name);
            put(&file.text());
        }
        self.left_out.iter().for_each(|text| put(text));
        digest.finalize().into()
    }
}

/// Every name is one that a backup has, once, and no certificate holds a key.
pub fn check(files: &[Kept]) -> Result<(), Unread> {
    for (at, file) in files.iter().enumerate() {
        let strange = || Unread::Strange(file.name.chars().take(80).collect());
        let what = file.what().ok_or_else(strange)?;
        let again = files.iter().take(at).any(|other| (other.of, &other.name) == (file.of, &file.name));
        let of_certificates = match what {
            What::Settings(_) => false,
            What::Certificate(_) | What::StateCertificate(_) => true,
        };
        if again || of_certificates && !is_certificates(&file.text()) {
            return Err(strange());
        }
    }
    Ok(())
}

/// Certificates or revocation lists in PEM, and no key among them.
pub fn is_certificates(text: &str) -> bool {
    let public = text.contains("-----BEGIN CERTIFICATE-----") || text.contains("-----BEGIN X509 CRL-----");
    public && !text.contains("PRIVATE KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(files: Vec<Kept>) -> Document {
        let made = "2026-11-21T12:00:00Z".parse().expect("a time");
        let (agent, version) = ("box".into(), "1.0.0".into());
        Document { format: FORMAT, agent, version, made, files, left_out: Vec::new(), sealed: None }
    }

    #[test]
    fn a_document_comes_back_to_the_byte_and_a_person_can_read_it() {
        let text = "[agent]\nname = \"box\"\r\n\n# ünd\n";
        let written = document(vec![Kept::of_text(Whose::Settings, "conductor.toml", text)]);
        let json = written.to_json().expect("JSON");
        let read = Document::read(&json).expect("a backup");
        assert_eq!((read.files[0].text().as_str(), &read), (text, &written));
        assert!(String::from_utf8(json).expect("text").contains("\n        \"[agent]\",\n"));
        for text in ["", "\n", "x"] {
            assert_eq!(Kept::of_text(Whose::State, "x", text).text(), text);
        }
    }

    #[test]
    fn a_name_leads_to_settings_and_certificates_and_nowhere_else() {
        let pem = "-----BEGIN CERTIFICATE-----\n";
        let fits = |of, name: &str, text: &str| {
            let json = document(vec![Kept::of_text(of, name, text)]).to_json().expect("JSON");
            Document::read(&json).is_ok()
        };
        assert!(fits(Whose::State, "conductor.d/soc.toml", "") && fits(Whose::State, "certificates/soc-ca-1.pem", pem));
        assert!(fits(Whose::Settings, "conductor.d/a.toml", "") && fits(Whose::Settings, "soc-ca.pem", pem));
        for (of, name) in [
            (Whose::State, "conductor.toml"),
            (Whose::State, "secrets/key"),
            (Whose::State, "conductor.d/../access/users.toml"),
            (Whose::State, "../conductor.d/x.toml"),
            (Whose::Settings, "/etc/passwd"),
            (Whose::Settings, "conductor.d/.hidden.toml"),
            (Whose::Settings, "conductor.d/x.sh"),
            (Whose::Settings, "other.toml"),
            (Whose::Settings, ""),
        ] {
            assert!(!fits(of, name, pem), "{name}");
        }
        assert!(!fits(Whose::Settings, "soc.pem", "-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n"));
        assert!(!fits(Whose::Settings, "soc.pem", "hello"));
        let twice = Kept::of_text(Whose::State, "conductor.d/soc.toml", "");
        let json = document(vec![twice.clone(), twice]).to_json().expect("JSON");
        assert!(matches!(Document::read(&json), Err(Unread::Strange(_))));
    }

    #[test]
    fn what_a_later_version_wrote_and_what_is_no_backup_are_told_apart() {
        assert!(matches!(Document::read(b"{\"conductor-backup\": 2, \"new\": {}}"), Err(Unread::Later(2))));
        for foreign in [&b"{}"[..], b"", b"[agent]", &[0xff; 9]] {
            assert!(matches!(Document::read(foreign), Err(Unread::Foreign(_))));
        }
        assert!(matches!(Document::read(&vec![b' '; LARGEST + 1]), Err(Unread::Foreign(_))));
    }
}
