//! A site as the tests set it up: a folder of settings, keys and certificates, and the real binary run in it.
//!
//! Promise: nothing of this machine's own settings or environment reaches the binary, and nothing outlives the test.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use conductor_sim::api::{Api, ApiOptions};
use conductor_sim::ca::{Authority, LOOPBACK, Paths};
use conductor_sim::soc::{Soc, SocOptions};
use tempfile::TempDir;

/// The API's token: whatever is written anywhere must not hold it.
pub const TOKEN: &str = "CANARY-token-5f1c09";
/// The password of the proxy, likewise.
pub const PASSWORD: &str = "CANARY-password-77d2";

pub struct Site {
    folder: TempDir,
    pub authority: Authority,
    pub paths: Paths,
    pub api: Api,
    pub soc: Soc,
}

/// What the binary said.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Site {
    /// An API and a SOC that work, behind certificates of one CA; the SOC wants ours. No settings yet.
    pub fn new() -> Site {
        let folder = TempDir::new().expect("a folder");
        // Another user must be able to enter, for the tests that run as one.
        mode(folder.path(), 0o755);
        let authority = Authority::new("Test Site CA").expect("a CA");
        let paths = authority.write_to(&folder.path().join("tls")).expect("certificates");
        let server = authority.server(&LOOPBACK).expect("a certificate");
        let api = Api::start(ApiOptions::new(TOKEN, server.clone())).expect("an API");
        let soc_options = SocOptions { client_ca: Some(authority.ca_pem()), ..SocOptions::new(server) };
        let soc = Soc::start(soc_options).expect("a SOC");
        let site = Site { folder, authority, paths, api, soc };
        // Editors end a file with a line end: it is no part of the token.
        site.write("token", &format!("{TOKEN}\n"), 0o600);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str, bits: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        mode(&path, bits);
        path
    }

    /// The whole settings of a site where all is well.
    pub fn good(&self) -> String {
        let port = self.api.addr().port();
        format!(
            "{}{}{}",
            self.agent(&format!(
                "allowlisted = [\"127.0.0.1\"]\nprobe = \"https://localhost:{port}/ip\"\nprobe-ca = \"tls/ca.pem\""
            )),
            self.integration(&format!("localhost:{port}")),
            self.destination(&format!("localhost:{}", self.soc.addr().port())),
        )
    }

    /// The agent's tables; `egress` stands under `[egress]`.
    pub fn agent(&self, egress: &str) -> String {
        let state = self.path("state");
        format!(
            "[agent]\nname = \"box\"\nstate-dir = \"{}\"\n[queue]\nmax-size = \"64MiB\"\n[local]\nlisten = \"127.0.0.1:0\"\n[egress]\n{egress}\n",
            state.display()
        )
    }

    pub fn integration(&self, host: &str) -> String {
        format!(
            "[integrations.acme]\nconnector = \"abnormal-security\"\nhost = \"{host}\"\nca = \"tls/ca.pem\"\napi-key = {{ file = \"token\" }}\nstreams = [\"threats\"]\n"
        )
    }

    pub fn destination(&self, address: &str) -> String {
        format!(
            "[destinations.soc]\ntype = \"syslog\"\naddress = \"{address}\"\nca = \"tls/ca.pem\"\ncert = \"tls/client.pem\"\nkey = {{ file = \"tls/client.key\" }}\nstart = \"oldest\"\n"
        )
    }

    /// Writes the settings and runs a verb over them.
    pub fn run(&self, settings: &str, verb: &[&str]) -> Said {
        self.write("conductor.toml", settings, 0o644);
        said(self.command(verb).output().expect("the binary runs"))
    }

    /// The binary with these settings and no environment.
    pub fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        command.args(verb).arg("--config").arg(self.path("conductor.toml")).env_clear();
        command
    }
}

pub fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("a mode");
}

pub fn said(output: Output) -> Said {
    Said {
        code: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}
