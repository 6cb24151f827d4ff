//! `[destinations.NAME]` with `type = "jetstream"`.
//!
//! Promise: what passes names a stream and subjects that a server can hold, and never plain TCP beyond loopback unless
//! that was asked for.

use super::files::Files;
use super::grammar::{Read, host_and_port, said};
use super::reader::TableReader;
use super::settings::Link;
use crate::destinations::jetstream::{Login, Settings, Template};

pub fn jetstream(reader: &mut TableReader<'_, '_, '_>, files: &mut Files, link: Option<&Link>) -> Option<Settings> {
    let servers = reader.take_list("servers", server);
    let credentials = files.secret(reader, "credentials");
    let user = reader.word("user");
    let password = files.secret(reader, "password");
    let token = files.secret(reader, "token");
    if reader.has("user") != reader.has("password") {
        let (here, other) = if reader.has("user") { ("user", "password") } else { ("password", "user") };
        reader.wrong(here, &format!("needs {other} beside it"), "a user logs in by both");
    }
    let stream = reader.text("stream", stream);
    let subject = reader.text("subject", subject);
    let replicas = reader.has("replicas").then(|| reader.count("replicas"));
    let create = reader.flag("create");
    let window = reader.count("window");

    let link = link?;
    let servers = servers?;
    let away = |place: &String| Link { address: place.clone(), ..link.clone() }.is_open();
    if !link.insecure && !link.is_open() && servers.iter().any(away) {
        reader.wrong(
            "servers",
            "names another machine, and the transport is plain TCP: anyone on the way could read the events and the login",
            "use transport = \"tls\", or write insecure = true to have it so all the same",
        );
        return None;
    }
    Some(Settings {
        servers,
        login: Login { credentials, user: user.zip(password), token },
        stream: stream?,
        subject: subject?,
        replicas: match replicas {
            Some(written) => Some(usize::try_from(written?).ok()?),
            None => None,
        },
        create: create?,
        window: usize::try_from(window?).ok()?,
    })
}

fn server(text: &str) -> Read<String> {
    match host_and_port(text)? {
        (_, Some(_)) => Ok(text.to_owned()),
        (_, None) => said("needs a port", "NATS is usually at 4222, as in \"nats-2.acme.example:4222\""),
    }
}

/// NATS makes a folder of it and a token of its own subjects.
fn stream(text: &str) -> Read<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.is_empty() || text.len() > 255 || !text.bytes().all(plain) {
        return said("must be of letters, digits, - and _", "as in stream = \"CONDUCTOR\"");
    }
    Ok(text.to_owned())
}

fn subject(text: &str) -> Read<Template> {
    Template::read(text).or_else(|wrong| said(wrong, "as in subject = \"conductor.{integration}.{stream}\""))
}
