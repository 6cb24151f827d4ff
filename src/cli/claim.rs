//! `conductor claim`: a one-time code for the first admin of the pages, and for a lost one.
//!
//! Promise: the code is shown once, here; what is kept of it lets nobody in.

use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::recording::Doing;
use super::{Failure, settings, user};
use crate::config::Remote;

/// For the audit log: that somebody asked for a code is worth an entry, used or not.
pub fn doing() -> Doing {
    Some(("claim code", "a one-time code for the first admin, or for a lost one".to_owned()))
}

pub fn run(config: &Path) -> Result<u8, Failure> {
    let access = user::access(config)?;
    let claim = access.new_claim(Timestamp::now()).map_err(user::broken)?;
    // Settings with a mistake keep nobody from coming in: the address alone can't be told then.
    let settings = settings::load(config).ok().map(|loaded| loaded.settings);
    let remote = settings.as_ref().map(|settings| settings.remote.as_ref().filter(|remote| remote.admin));
    let until = claim.until.to_zoned(TimeZone::system());
    let out = &mut std::io::stdout().lock();
    writeln!(out, "{}", claim.code.reveal())?;
    writeln!(out, "counts once, until {}, and for five wrong tries", until.strftime("%H:%M:%S %Z"))?;
    match remote {
        Some(Some(remote)) => writeln!(out, "open {} and type it in", address(remote, &host_name()))?,
        Some(None) => writeln!(
            out,
            "no page takes it yet: [remote] with admin = true is not in the settings; write it, then `systemctl reload conductor`"
        )?,
        None => writeln!(
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

/// What to open in a browser. A name that the listener answers to, where one is set.
fn address(remote: &Remote, host_name: &str) -> String {
    let (ip, port) = (remote.listen.ip(), remote.listen.port());
    let host = match remote.names.first() {
        Some(name) => name.clone(),
        None if ip.is_unspecified() => host_name.to_owned(),
        None if ip.is_ipv6() => format!("[{ip}]"),
        None => ip.to_string(),
    };
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    format!("https://{host}{port}/admin/claim")
}

fn host_name() -> String {
    let found = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    found.unwrap_or_else(|| "THIS-BOX".to_owned())
}
