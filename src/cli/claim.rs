//! `conductor claim`: a one-time code for the first admin of the pages, and for a lost one.
//!
//! Promise: the code is shown once, here; what is kept of it lets nobody in, and none is made where no page would take it.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::ifaddrs::getifaddrs;

use super::recording::Doing;
use super::{Exit, Failure, block_on, settings, status, user};
use crate::config::{self, Settings};
use crate::status::Snapshot;

/// For the audit log: that somebody asked for a code is worth an entry, used or not.
pub fn doing() -> Doing {
    Some(("claim code", "a one-time code for the first admin, or for a lost one".to_owned()))
}

/// Where the pages are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pages {
    /// The running agent shows them there, under a certificate of this SHA-256 fingerprint.
    Shown(SocketAddr, String),
    /// The settings name them, and no running agent shows them.
    Set(SocketAddr),
    /// The settings have mistakes: nothing is known, and nobody is kept from coming in.
    Unknown,
    /// No page would take the code.
    Nowhere,
}

pub fn run(config: &Path) -> Result<u8, Failure> {
    let settings = settings::load(config).ok().map(|loaded| loaded.settings);
    let pages = pages(running(config)?.as_ref(), settings.as_ref());
    if pages == Pages::Nowhere {
        let text = "no page would take a code, so none was made: write these lines into the settings, and say it again\n\
                    [remote]\nlisten = \"0.0.0.0:8443\"\nadmin = true\n# then: systemctl reload conductor";
        return Err(Failure::new(Exit::Configuration, text));
    }
    let access = user::access(config)?;
    let claim = access.new_claim(Timestamp::now()).map_err(user::broken)?;
    let names = settings.as_ref().and_then(|settings| settings.remote.as_ref()).map_or(&[][..], |it| &it.names);
    let until = claim.until.to_zoned(TimeZone::system());
    let out = &mut std::io::stdout().lock();
    writeln!(out, "{}", claim.code.reveal())?;
    writeln!(out, "counts once, until {}, and for five wrong tries", until.strftime("%H:%M:%S %Z"))?;
    let open = |listen| addresses(listen, names, &host_name(), &own_addresses()).join("\n  or ");
    match &pages {
        Pages::Shown(listen, fingerprint) => {
            writeln!(out, "open {} and type it in", open(*listen))?;
            writeln!(out, "the certificate there has the SHA-256 fingerprint {fingerprint}")?;
        }
        Pages::Set(listen) => writeln!(
            out,
            "open {} and type it in\nno running agent shows that page: start it, or `systemctl reload conductor`; `conductor status` \
             says where it listens",
            open(*listen)
        )?,
        Pages::Unknown | Pages::Nowhere => writeln!(
            out,
            "open https://THIS-BOX:8443/admin/claim and type it in; `conductor check` says what is wrong with the settings"
        )?,
    }
    if access.claimed() {
        writeln!(
            out,
            "a new name adds an admin; the name of a user makes it an admin with a new password and without a second factor"
        )?;
    }
    Ok(0)
}

/// What the running agent says of itself, where one answers.
fn running(config: &Path) -> Result<Option<Snapshot>, Failure> {
    let (listen, state_dir) = config::whereabouts(config, &|name| std::env::var(name).ok());
    let body = block_on(status::ask(listen, &state_dir))?.ok();
    Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
}

/// The agent's word goes before the settings': a socket of systemd and port 0 make another address of it.
fn pages(running: Option<&Snapshot>, settings: Option<&Settings>) -> Pages {
    let shown = running.and_then(|snapshot| snapshot.remote.as_ref()).filter(|remote| remote.admin);
    if let Some((remote, listen)) = shown.and_then(|remote| Some((remote, remote.listen.parse().ok()?))) {
        return Pages::Shown(listen, remote.fingerprint_sha256.clone());
    }
    match settings.map(|settings| settings.remote.as_ref().filter(|remote| remote.admin)) {
        Some(Some(remote)) => Pages::Set(remote.listen),
        Some(None) => Pages::Nowhere,
        None => Pages::Unknown,
    }
}

/// What to open in a browser: the names that the settings give, else this box's name and addresses. Pure.
fn addresses(listen: SocketAddr, names: &[String], host_name: &str, own: &[IpAddr]) -> Vec<String> {
    let literal = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    let hosts = if !names.is_empty() {
        names.to_vec()
    } else if listen.ip().is_unspecified() {
        let reached = own.iter().filter(|ip| listen.is_ipv6() || ip.is_ipv4());
        std::iter::once(host_name.to_owned()).chain(reached.copied().map(literal)).collect()
    } else {
        vec![literal(listen.ip())]
    };
    let port = if listen.port() == 443 { String::new() } else { format!(":{}", listen.port()) };
    hosts.iter().map(|host| format!("https://{host}{port}/admin/claim")).collect()
}

fn host_name() -> String {
    let found = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    found.unwrap_or_else(|| "THIS-BOX".to_owned())
}

/// The addresses by which others may reach this box.
fn own_addresses() -> Vec<IpAddr> {
    let address = |one: nix::ifaddrs::InterfaceAddress| {
        let address = one.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    let mut all: Vec<IpAddr> = getifaddrs().map_or_else(|_| Vec::new(), |all| all.filter_map(address).collect());
    all.retain(|ip| match ip {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    });
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_open_is_what_the_listener_answers_to() {
        let own: [IpAddr; 2] = [[192, 0, 2, 7].into(), "2001:db8::7".parse().expect("an address")];
        let named = ["soc.acme.example".to_owned()];
        for (listen, names, wanted) in [
            ("0.0.0.0:8443", &[][..], &["box:8443", "192.0.2.7:8443"][..]),
            ("[::]:443", &[], &["box", "192.0.2.7", "[2001:db8::7]"]),
            ("192.0.2.9:8443", &[], &["192.0.2.9:8443"]),
            ("0.0.0.0:443", &named, &["soc.acme.example"]),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|host| format!("https://{host}/admin/claim")).collect();
            assert_eq!(addresses(listen.parse().expect("an address"), names, "box", &own), wanted, "{listen}");
        }
    }
}
