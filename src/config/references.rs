//! What the settings refer to and do not hold: secrets, and files of certificates, each by the setting that names it.
//!
//! Promise: nothing that the settings can refer to is missing here; whoever searches, checks or wipes goes by these two
//! lists and makes none of their own.

use std::path::{Path, PathBuf};

use super::settings::Settings;
use crate::values::{Secret, SecretRef};

/// A secret that is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret<'s> {
    /// `integrations.acme.api-key`.
    pub setting: String,
    pub secret: &'s SecretRef,
    /// Whether what it is for is in use.
    pub enabled: bool,
    /// Whether it must be one word, as API keys and tokens of ours are.
    pub word: bool,
}

/// A file of certificates or revocations that is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile<'s> {
    pub setting: String,
    pub path: &'s Path,
    pub enabled: bool,
}

impl Settings {
    /// Every secret that they refer to.
    pub fn secrets(&self) -> Vec<NamedSecret<'_>> {
        let integrations = self.integrations.values().map(|one| NamedSecret {
            setting: format!("integrations.{}.api-key", one.name),
            secret: &one.api_key,
            enabled: one.enabled,
            word: true,
        });
        let destinations = self.destinations.values().flat_map(|one| {
            one.secrets().into_iter().map(move |(key, secret)| NamedSecret {
                setting: format!("destinations.{}.{key}", one.name),
                secret,
                enabled: one.enabled,
                word: false,
            })
        });
        let remote = self.remote.iter().flat_map(|remote| remote.secrets()).map(|(key, secret)| NamedSecret {
            setting: format!("remote.{key}"),
            secret,
            enabled: true,
            word: key == "health-token",
        });
        integrations.chain(destinations).chain(remote).collect()
    }

    /// Every file that they refer to and that holds no secret.
    pub fn files<'s>(&'s self) -> Vec<NamedFile<'s>> {
        let mut files = Vec::new();
        let mut name = |setting, path: Option<&'s PathBuf>, enabled| {
            files.extend(path.map(|path| NamedFile { setting, path, enabled }));
        };
        name("egress.probe-ca".into(), self.egress.probe_ca.as_ref(), true);
        name("update.ca".into(), self.update.ca.as_ref(), true);
        for one in self.integrations.values() {
            name(format!("integrations.{}.ca", one.name), one.ca.as_ref(), one.enabled);
        }
        for one in self.destinations.values() {
            for (key, path) in [("ca", &one.link.ca), ("cert", &one.link.cert), ("crl", &one.link.crl)] {
                name(format!("destinations.{}.{key}", one.name), path.as_ref(), one.enabled);
            }
        }
        if let Some(remote) = &self.remote {
            for (key, path) in [("cert", &remote.cert), ("client-ca", &remote.client_ca), ("crl", &remote.crl)] {
                name(format!("remote.{key}"), path.as_ref(), true);
            }
        }
        files
    }

    /// The URL of each proxy, which may hold a password, by the setting that holds it.
    pub fn proxies(&self) -> Vec<(String, &Secret)> {
        let ours = self.egress.proxy.iter().map(|url| ("egress.proxy".to_owned(), url));
        let of_destinations = self.destinations.values().filter_map(|one| {
            let url = one.link.proxy.as_ref()?;
            Some((format!("destinations.{}.proxy", one.name), url))
        });
        ours.chain(of_destinations).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config;

    #[test]
    fn the_key_and_the_token_of_remote_and_the_ca_of_updates_are_on_the_lists() {
        let room = tempfile::tempdir().expect("a folder");
        let main = room.path().join("conductor.toml");
        for name in ["a.pem", "b.pem", "c.pem"] {
            std::fs::write(room.path().join(name), "x").expect("written");
        }
        let text = "[remote]\nlisten = \"127.0.0.1:0\"\ncert = \"a.pem\"\nkey = { credential = \"k\" }\n\
                    health-token = { credential = \"t\" }\n[update]\nurl = \"https://soc.example/index.json\"\nca = \"b.pem\"\n\
                    [integrations.acme]\nenabled = false\nca = \"c.pem\"\napi-key = { sealed = \"acme\" }\n";
        std::fs::write(&main, text).expect("written");
        let settings = config::load(&main, &|_| None).expect("settings").settings;
        let secrets: Vec<_> = settings.secrets().into_iter().map(|one| (one.setting, one.enabled, one.word)).collect();
        let expected = [
            ("integrations.acme.api-key", false, true),
            ("remote.key", true, false),
            ("remote.health-token", true, true),
        ];
        assert_eq!(secrets, expected.map(|(setting, enabled, word)| (setting.to_owned(), enabled, word)));
        let files: Vec<_> = settings.files().into_iter().map(|one| (one.setting, one.enabled)).collect();
        let expected = [("update.ca", true), ("integrations.acme.ca", false), ("remote.cert", true)];
        assert_eq!(files, expected.map(|(setting, enabled)| (setting.to_owned(), enabled)));
    }
}
