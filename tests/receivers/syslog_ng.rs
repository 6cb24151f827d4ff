//! syslog-ng as a SOC runs it: a `syslog()` source over TLS.
//!
//! The settings that keep a message as it was sent, and that operators are told about:
//! - `log-msg-size(65536)`, the default of 3.38: a longer message *closes the connection*, again and again as it is
//!   resent, unless `trim-large-messages(yes)` has it cut;
//! - `keep-hostname(yes)`: else the HOSTNAME becomes the sender's address;
//! - `frac-digits(6)`: else a template's timestamps end at whole seconds;
//! - `use-dns(no)`: else each message may wait for a name.
//!
//! No setting keeps a line feed that ends a message (it goes) or a raw NUL (it becomes `\x00`); ours hold neither.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use super::process::{Certs, Plan, Receiver};

/// A running syslog-ng; it does all that a [`Receiver`] does.
#[derive(Debug)]
pub struct SyslogNg(Receiver);

impl SyslogNg {
    /// Starts one that keeps its configuration, state and messages in `dir`.
    pub fn start(dir: &Path, certs: &Certs, port: u16) -> SyslogNg {
        let text = |name: &str| dir.join(name).display().to_string();
        fs::create_dir_all(dir).expect("the receiver's folder can be made");
        fs::write(dir.join("syslog-ng.conf"), configuration(dir, certs, port)).expect("its configuration");
        let (conf, persist, pid, control) = (text("syslog-ng.conf"), text("persist"), text("pid"), text("control"));
        let arguments = ["-F", "--no-caps", "-f", &conf, "-R", &persist, "-p", &pid, "-c", &control];
        let arguments = arguments.map(str::to_owned).to_vec();
        SyslogNg(Receiver::start(Plan { program: "syslog-ng", arguments, dir: dir.to_owned(), port }))
    }
}

impl Deref for SyslogNg {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        &self.0
    }
}

impl DerefMut for SyslogNg {
    fn deref_mut(&mut self) -> &mut Receiver {
        &mut self.0
    }
}

fn configuration(dir: &Path, certs: &Certs, port: u16) -> String {
    let verify = if certs.verify_client { "required-trusted" } else { "optional-untrusted" };
    let (dir, ca) = (dir.display(), certs.ca.display());
    let (cert, key) = (certs.cert.display(), certs.key.display());
    format!(
        r#"@version: 3.38
options {{
  keep-hostname(yes); use-dns(no); dns-cache(no); log-msg-size(65536); frac-digits(6); stats-freq(0); flush-lines(1);
}};
source tls {{
  syslog(ip("127.0.0.1") port({port}) transport("tls") max-connections(100) flags(store-raw-message)
    tls(ca-file("{ca}") cert-file("{cert}") key-file("{key}") peer-verify({verify})));
}};
destination keep {{
  file("{dir}/messages" template("$(format-json --scope none
    pri=$PRI timestamp=$S_ISODATE hostname=$HOST app-name=$PROGRAM proc-id=$PID msg-id=$MSGID
    structured-data=$SDATA msg=$MSG raw=$RAWMSG)\n"));
}};
log {{ source(tls); destination(keep); flags(flow-control); }};
"#
    )
}
