//! As systemd runs it: the unit itself, in a machine of namespaces, with the simulated API outside of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use conductor_sim::api::{Api, ApiOptions, generate};
use conductor_sim::ca::Authority;
use conductor_sim::soc::{Soc, SocOptions};
use jiff::{SignedDuration, Timestamp};

use crate::machine::Machine;

const TOKEN: &str = "simulated-token-of-the-service";
const LIMIT: Duration = Duration::from_secs(60);

/// Everything that is outside of the machine.
struct Outside {
    folder: tempfile::TempDir,
    api: Api,
    soc: Soc,
}

impl Outside {
    fn start() -> Outside {
        let folder = tempfile::tempdir().expect("a folder");
        let shared = folder.path().join("shared");
        fs::create_dir(&shared).expect("a folder");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).expect("its mode");
        let authority = Authority::new("Service Test CA").expect("a CA");
        let server = authority.server(&["localhost"]).expect("a certificate");
        fs::write(shared.join("ca.pem"), authority.ca_pem()).expect("written");
        let api = Api::start(ApiOptions::new(TOKEN, server.clone())).expect("an API");
        let now = Timestamp::now();
        api.put(generate(7, 20, now - SignedDuration::from_hours(3), now - SignedDuration::from_hours(1)));
        let soc = Soc::start(SocOptions::new(server)).expect("a SOC");
        Outside { folder, api, soc }
    }

    /// `None`, said aloud, where there can be no such machine.
    fn machine(&self) -> Option<Machine> {
        let (work, shared) = (
            self.folder.path().join(self.folder.path().file_name().expect("a name")),
            self.folder.path().join("shared"),
        );
        let program = Path::new(env!("CARGO_BIN_EXE_conductor"));
        match Machine::start(Path::new("/"), &work, &shared, Some(program)) {
            Ok(machine) => Some(machine),
            Err(why) => {
                let _ = writeln!(std::io::stderr(), "NOT RUN: no machine of namespaces here: {why}");
                None
            }
        }
    }

    fn settings(&self, level: &str) -> String {
        let (api, soc) = (self.api.addr().port(), self.soc.addr().port());
        format!(
            "[agent]\nname = \"{level}\"\nheartbeat = \"0s\"\n[local]\nlisten = \"127.0.0.1:0\"\n[integrations.acme]\nconnector = \
             \"abnormal-security\"\nhost = \"localhost:{api}\"\nca = \"/shared/ca.pem\"\napi-key = {{ credential = \"acme\" \
             }}\npolling-interval = \"1s\"\nrequests-per-minute = 60000\nstreams = [\"threats\"]\nlag = \"1s\"\n[destinations.soc]\ntype = \
             \"syslog\"\naddress = \"localhost:{soc}\"\nca = \"/shared/ca.pem\"\nstart = \"oldest\"\n"
        )
    }

    /// The unit as it is shipped, the settings, the key, and a drop-in with this in it.
    fn install(&self, machine: &Machine, drop_in: &str) {
        let unit = fs::read_to_string("systemd/conductor.service").expect("the unit");
        machine.write("/etc/systemd/system/conductor.service", &unit);
        machine.write("/etc/conductor/conductor.toml", &self.settings("box"));
        machine.write("/etc/conductor/acme.key", TOKEN);
        machine.must("chmod 600 /etc/conductor/acme.key");
        let credential = "[Service]\nLoadCredential=acme:/etc/conductor/acme.key\n";
        machine.write("/etc/systemd/system/conductor.service.d/trial.conf", &format!("{credential}{drop_in}"));
        machine.must("systemctl daemon-reload");
    }
}

fn show(machine: &Machine, property: &str) -> String {
    machine.must(&format!("systemctl show -P {property} conductor")).trim().to_owned()
}

#[test]
fn under_systemd_it_is_ready_when_the_queue_is_open_tells_how_it_stands_reloads_and_stops_in_time() {
    let outside = Outside::start();
    let Some(machine) = outside.machine() else { return };
    outside.install(&machine, "");
    // Not ready, and started again, while the queue can't be opened.
    machine.must("mkdir -p /var/lib/private/conductor && touch /var/lib/private/conductor/queue");
    assert!(!machine.may("timeout 30 systemctl start conductor").0, "it says that it is ready without a queue");
    assert_ne!(show(&machine, "ActiveState"), "active");
    machine.must("systemctl stop conductor; rm /var/lib/private/conductor/queue");

    // The key that seals, encrypted for this machine, is found where the unit says.
    machine.must(
        "mkdir -p -m 700 /etc/credstore.encrypted && head -c 32 /dev/urandom | systemd-creds encrypt --with-key=host \
         --name=conductor-key - /etc/credstore.encrypted/conductor-key",
    );
    machine.must("timeout 60 systemctl start conductor");
    machine.must("test $(stat -c %s /run/credentials/conductor.service/conductor-key) = 32");
    assert!(outside.soc.wait_for(10, LIMIT), "the SOC gets threats: {}", machine.journal(40));
    machine.must("test -d /var/lib/conductor/queue/journal && test -d /run/conductor");
    let user = machine.must("stat -c %u /proc/$(systemctl show -P MainPID conductor)");
    assert_ne!(user.trim(), "0", "it is root");
    machine.until("it says how it stands", LIMIT, "systemctl show -P StatusText conductor | grep -q 'event'");
    // The journal has the agent's own fields.
    machine.until(
        "the journal has fields",
        LIMIT,
        "journalctl -u conductor -o json --no-pager | grep -q '\"F_INTEGRATION\":\"acme\"\\|\"INTEGRATION\":\"acme\"'",
    );
    let journal = machine.must("journalctl -u conductor --no-pager -o cat");
    assert!(!journal.contains(TOKEN), "{journal}");

    // A reload ends when the settings are in force, without a new process.
    let pid = show(&machine, "MainPID");
    machine.write("/etc/conductor/conductor.toml", &outside.settings("another"));
    machine.must("timeout 60 systemctl reload conductor");
    machine.until(
        "the reload is told",
        LIMIT,
        "journalctl -u conductor --no-pager -o cat | grep -q 'the settings were read again'",
    );
    assert_eq!(show(&machine, "MainPID"), pid);

    // A stop with a receiver that reads nothing and a backlog: in order, within its time.
    outside.soc.stall();
    let now = Timestamp::now();
    outside.api.put(generate(8, 60, now - SignedDuration::from_mins(8), now - SignedDuration::from_secs(5)));
    machine.until("a backlog waits", LIMIT, "conductor status --json | grep -q '\"events\":[1-9][0-9]'");
    machine.must("timeout 25 systemctl stop conductor");
    assert_eq!((show(&machine, "Result").as_str(), show(&machine, "ExecMainStatus").as_str()), ("success", "0"));
}

#[test]
fn an_engine_that_stands_still_is_ended_by_the_watchdog_and_started_again() {
    let outside = Outside::start();
    let Some(machine) = outside.machine() else { return };
    outside.install(
        &machine,
        "WatchdogSec=15s\nRestartSec=100ms\nEnvironment=CONDUCTOR_FAULT_WEDGE=/var/lib/conductor/wedge\n",
    );
    machine.must("timeout 60 systemctl start conductor");
    // It goes on for longer than the watchdog's patience: it is fed.
    let before = show(&machine, "WatchdogTimestampMonotonic");
    let fed = format!("test $(systemctl show -P WatchdogTimestampMonotonic conductor) -gt $(({before} + 20000000))");
    machine.until("the watchdog is fed", LIMIT, &fed);
    assert_eq!(show(&machine, "NRestarts"), "0");
    machine.must(
        "touch /var/lib/conductor/wedge; chown $(stat -c %u:%g /var/lib/private/conductor) /var/lib/conductor/wedge",
    );
    machine.until("it was started again", LIMIT, "test $(systemctl show -P NRestarts conductor) -ge 1");
    machine.until("it runs again", LIMIT, "systemctl is-active conductor");
    let journal = machine.must("journalctl --no-pager");
    assert!(journal.contains("conductor.service: Watchdog timeout"), "{journal}");
}
