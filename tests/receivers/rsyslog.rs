//! rsyslog as a SOC runs it: imtcp or imrelp over TLS, by either of the two TLS libraries.
//!
//! The settings that keep a message as it was sent, and that operators are told about:
//! - `maxMessageSize="64k"`: the default of 8k cuts longer messages;
//! - `parser.escapeControlCharactersOnReceive="off"`: else a raw control character becomes `#012`;
//! - the `ossl` driver: `gtls` negotiates TLS 1.2 only, where a KeyUpdate can't be answered;
//! - for RELP `queue.type="Direct"`: a message is then written before it is acknowledged.
//!
//! No setting keeps a line feed that ends a message (it goes) or a raw NUL (it becomes `#000`); ours hold neither.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use super::process::{Certs, Plan, Receiver};

/// Which library speaks TLS for rsyslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// OpenSSL: TLS 1.3, answers KeyUpdates.
    Ossl,
    /// GnuTLS: TLS 1.2.
    Gtls,
}

/// A running rsyslogd; it does all that a [`Receiver`] does.
#[derive(Debug)]
pub struct Rsyslog(Receiver);

impl Rsyslog {
    /// Starts one that keeps its configuration, state and messages in `dir`.
    pub fn start(dir: &Path, certs: &Certs, port: u16, driver: Driver) -> Rsyslog {
        Rsyslog::with(dir, port, &by_tcp(dir, certs, port, driver))
    }

    /// The same for senders on other hosts too.
    pub fn start_open(dir: &Path, certs: &Certs, port: u16, driver: Driver) -> Rsyslog {
        Rsyslog::with(dir, port, &everywhere(by_tcp(dir, certs, port, driver)))
    }

    /// The same, listening for RELP.
    pub fn start_open_relp(dir: &Path, certs: &Certs, port: u16, driver: Driver) -> Rsyslog {
        Rsyslog::with(dir, port, &everywhere(by_relp(dir, certs, port, driver)))
    }

    /// The same on loopback alone.
    pub fn start_relp(dir: &Path, certs: &Certs, port: u16, driver: Driver) -> Rsyslog {
        Rsyslog::with(dir, port, &by_relp(dir, certs, port, driver))
    }

    fn with(dir: &Path, port: u16, inputs: &str) -> Rsyslog {
        let text = |name: &str| dir.join(name).display().to_string();
        fs::create_dir_all(dir.join("state")).expect("the receiver's folder can be made");
        fs::write(dir.join("rsyslog.conf"), configuration(dir, inputs)).expect("its configuration");
        let arguments = ["-n", "-f", &text("rsyslog.conf"), "-i", &text("rsyslog.pid")].map(str::to_owned).to_vec();
        Rsyslog(Receiver::start(Plan { program: "rsyslogd", arguments, dir: dir.to_owned(), port }))
    }
}

impl Deref for Rsyslog {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        &self.0
    }
}

impl DerefMut for Rsyslog {
    fn deref_mut(&mut self) -> &mut Receiver {
        &mut self.0
    }
}

fn everywhere(inputs: String) -> String {
    inputs.replace("address=\"127.0.0.1\"", "address=\"0.0.0.0\"")
}

fn by_tcp(dir: &Path, certs: &Certs, port: u16, driver: Driver) -> String {
    let driver = match driver {
        Driver::Ossl => "ossl",
        Driver::Gtls => "gtls",
    };
    let auth = if certs.verify_client { "x509/certvalid" } else { "anon" };
    let (dir, ca) = (dir.display(), certs.ca.display());
    let (cert, key) = (certs.cert.display(), certs.key.display());
    format!(
        r#"global(
  workDirectory="{dir}/state" maxMessageSize="64k"
  parser.escapeControlCharactersOnReceive="off"
  DefaultNetstreamDriver="{driver}" DefaultNetstreamDriverCAFile="{ca}"
  DefaultNetstreamDriverCertFile="{cert}" DefaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="{driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="{auth}" KeepAlive="on")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
"#
    )
}

fn by_relp(dir: &Path, certs: &Certs, port: u16, driver: Driver) -> String {
    let library = match driver {
        Driver::Ossl => "openssl",
        Driver::Gtls => "gnutls",
    };
    let ca = certs.ca.display();
    let asks =
        if certs.verify_client { format!(r#"tls.caCert="{ca}" tls.authMode="certvalid""#) } else { String::new() };
    let (dir, cert, key) = (dir.display(), certs.cert.display(), certs.key.display());
    format!(
        r#"global(
  workDirectory="{dir}/state" maxMessageSize="64k"
  parser.escapeControlCharactersOnReceive="off")
module(load="imrelp" tls.tlslib="{library}" ruleset="keep")
input(type="imrelp" address="127.0.0.1" port="{port}" maxDataSize="64k" keepAlive="on"
  tls="on" tls.myCert="{cert}" tls.myPrivKey="{key}" {asks})
"#
    )
}

fn configuration(dir: &Path, inputs: &str) -> String {
    let dir = dir.display();
    format!(
        r#"{inputs}
template(name="whole" type="list") {{
  constant(value="{{")  property(name="pri" outname="pri" format="jsonf")
  constant(value=",")  property(name="timereported" outname="timestamp" dateFormat="rfc3339" format="jsonf")
  constant(value=",")  property(name="hostname" outname="hostname" format="jsonf")
  constant(value=",")  property(name="app-name" outname="app-name" format="jsonf")
  constant(value=",")  property(name="procid" outname="proc-id" format="jsonf")
  constant(value=",")  property(name="msgid" outname="msg-id" format="jsonf")
  constant(value=",")  property(name="structured-data" outname="structured-data" format="jsonf")
  constant(value=",")  property(name="msg" outname="msg" format="jsonf")
  constant(value=",")  property(name="rawmsg" outname="raw" format="jsonf")
  constant(value="}}\n")
}}
ruleset(name="keep" queue.type="Direct") {{ action(type="omfile" file="{dir}/messages" template="whole") }}
"#
    )
}
