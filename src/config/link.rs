//! The keys of `[destinations.NAME]` that tell the way to a receiver, whatever is spoken there.
//!
//! Promise: events leave this machine readable by others only where the operator has written that they may.

use super::files::Files;
use super::grammar::{address, has_user, proxy_url, server_name};
use super::reader::TableReader;
use super::settings::{Link, TlsVersion, Transport};
use crate::values::Secret;

/// Of a receiver that is named by its address. A type without one of the keys has its default.
pub fn by_address(reader: &mut TableReader<'_, '_, '_>, files: &mut Files) -> Option<Link> {
    let address = reader.text("address", address);
    let transport = transport(reader);
    let way = way(reader, files);
    let link = Link { address: address?, transport: transport?, ..way };
    if link.is_open() && !link.insecure {
        let word = if link.transport == Transport::Udp { "udp" } else { "tcp" };
        reader.wrong(
            "transport",
            &format!("can't be {word:?} beyond loopback: everyone on the way could read and change the events"),
            "use \"tls\", or allow it with insecure = true, which stands as a condition",
        );
    }
    without_effect(reader, &link);
    Some(link)
}

/// All but the address and what carries the protocol.
pub fn way(reader: &mut TableReader<'_, '_, '_>, files: &mut Files) -> Link {
    let server_name = reader.text("server-name", |text| server_name(text).map(str::to_owned));
    let ca = files.path(reader, "ca");
    let cert = files.path(reader, "cert");
    let crl = files.path(reader, "crl");
    if reader.has("cert") != reader.has("key") {
        let (here, other) = if reader.has("cert") { ("cert", "key") } else { ("key", "cert") };
        reader.wrong(here, &format!("needs {other} beside it"), "for mTLS both are needed, for plain TLS neither");
    }
    let tls_min_version = match reader.choice("tls-min-version") {
        Some("1.3") => TlsVersion::V13,
        // The list has one more, and it is the default.
        Some(_) | None => TlsVersion::V12,
    };
    Link {
        server_name,
        ca,
        cert,
        crl,
        tls_min_version,
        proxy: proxy(reader),
        insecure: reader.flag("insecure") == Some(true),
        max_connection_age: reader.duration("max-connection-age").filter(|age| !age.is_zero()),
        ..Link::default()
    }
}

fn transport(reader: &mut TableReader<'_, '_, '_>) -> Option<Transport> {
    if reader.key("transport").is_none() {
        return Some(Transport::Tls);
    }
    reader.choice("transport").map(|word| match word {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => Transport::Tls,
    })
}

/// What was written and changes nothing is told.
pub fn without_effect(reader: &mut TableReader<'_, '_, '_>, link: &Link) {
    let word = match link.transport {
        Transport::Tls => {
            if link.insecure {
                reader.warn("insecure", "has no effect: TLS is used");
            }
            return;
        }
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    for key in ["server-name", "ca", "cert", "key", "crl", "tls-min-version"] {
        if reader.has(key) {
            reader.warn(key, &format!("has no effect: the transport is {word}, without TLS"));
        }
    }
    if link.transport == Transport::Udp && link.proxy.is_some() {
        reader.wrong("proxy", "can't carry UDP", "take it out, or use \"tls\"");
    }
}

fn proxy(reader: &mut TableReader<'_, '_, '_>) -> Option<Secret> {
    let proxy = reader.text("proxy", proxy_url)?;
    let place = reader.place("proxy");
    let world_readable = reader.findings.fragments.get(place.fragment).is_some_and(|f| f.world_readable);
    if world_readable && has_user(&proxy) {
        reader.warn("proxy", "holds a password, and anyone on this machine may read this file (chmod o-r)");
    }
    Some(Secret::new(proxy))
}
