//! `[remote]`: the HTTPS listener for the SOC's health checks and the pages.
//!
//! Promise: it stands only where a file has the section, and a listener that would tell nobody anything is said.

use super::document::{Findings, Table};
use super::files::Files;
use super::fragments::Origin;
use super::grammar::{bind, server_name};
use super::reader::TableReader;
use super::settings::{Remote, TlsVersion};

pub fn remote(table: Table<'_>, findings: &mut Findings<'_>, files: &mut Files) -> Option<Remote> {
    let fragments = findings.fragments;
    let mut reader = TableReader::new(table, findings);
    let listen = reader.text("listen", bind);
    let cert = files.path(&mut reader, "cert");
    let key = files.secret(&mut reader, "key");
    if reader.has("cert") != reader.has("key") {
        let (here, other) = if reader.has("cert") { ("cert", "key") } else { ("key", "cert") };
        reader.wrong(here, &format!("needs {other} beside it"), "without both, a self-signed certificate is made");
    }
    let tls_min_version = reader.choice("tls-min-version");
    let client_ca = files.path(&mut reader, "client-ca");
    let crl = files.path(&mut reader, "crl");
    if reader.has("crl") && !reader.has("client-ca") {
        reader.wrong("crl", "needs client-ca beside it", "it revokes certificates of that CA");
    }
    let health_token = files.secret(&mut reader, "health-token");
    let names = reader.take_list("names", |text| server_name(text).map(|name| name.to_ascii_lowercase()));
    let admin = reader.flag("admin");
    let allow_other_hosts = reader.flag("allow-other-hosts");
    // What the pages write must not open the door that is to hold them.
    let origin = fragments.get(reader.place("allow-other-hosts").fragment).map(|fragment| fragment.origin);
    if reader.has("allow-other-hosts") && origin.is_some_and(Origin::is_state) {
        reader.wrong("allow-other-hosts", "can't be set by a file inside the state folder", "set it in the main file");
    }
    if admin == Some(false) && client_ca.is_none() && health_token.is_none() {
        reader.warn(
            "admin",
            "is false, and neither client-ca nor health-token is set: it answers /healthz and nothing else",
        );
    }
    Some(Remote {
        listen: listen?,
        cert,
        key,
        tls_min_version: if tls_min_version? == "1.2" { TlsVersion::V12 } else { TlsVersion::V13 },
        client_ca,
        crl,
        health_token,
        names: names?,
        admin: admin?,
        allow_other_hosts: allow_other_hosts?,
    })
}
