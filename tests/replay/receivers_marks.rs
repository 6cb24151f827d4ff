//! What the receivers of real SOCs make of the mark.

use super::scene::PATIENCE;
use crate::agent::Place;
use crate::receivers::{Certs, Driver, Rsyslog, SyslogNg, free_port};
use crate::world::{Trust, Truth, threats};

#[test]
fn rsyslog_and_syslog_ng_read_the_mark_of_a_replay_in_the_structured_data_and_the_message() {
    let trust = Trust::new();
    let api = trust.api();
    api.put(threats(3, 20));
    let certs = Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"));
    let rsyslog = Rsyslog::start(&trust.folder("rsyslog"), &certs, free_port(), Driver::Ossl);
    let syslog_ng = SyslogNg::start(&trust.folder("syslog-ng"), &certs, free_port());
    let place = Place::new("");
    place.write_settings(
        &(trust.integration(&place, "acme", &api)
            + &trust.destination("rsyslog", &rsyslog.address(), "")
            + &trust.destination("syslog-ng", &syslog_ng.address(), "")),
    );
    let _agent = place.start();
    let all = Truth::of("acme", &api).events();
    for (name, receiver) in [("rsyslog", &*rsyslog), ("syslog-ng", &*syslog_ng)] {
        receiver.wait_for_lines(all, PATIENCE);
        // Written by the receiver is not yet confirmed to us: only what was taken is replayed.
        let mut said = String::new();
        let mut agent_took_all = || {
            let output = place.verb(&["queue", "replay", "--destination", name, "--from", "1h", "--dry-run"]);
            said = String::from_utf8_lossy(&output.stderr).into_owned();
            said.contains(&format!("{all} events kept"))
        };
        let began = std::time::Instant::now();
        while !agent_took_all() {
            assert!(began.elapsed() < PATIENCE, "not all is confirmed");
        }
        let output = place.verb(&["queue", "replay", "--destination", name, "--from", "1h"]);
        assert!(output.status.success(), "{output:?}");
        let lines = receiver.wait_for_lines(2 * all, PATIENCE);
        let (new, again) = lines.split_at(all);
        assert!(new.iter().all(|line| !line.structured_data.contains("replayed=")), "{name}");
        assert!(again.iter().all(|line| line.structured_data.contains("replayed=\"true\"")), "{name}: {:?}", again[0]);
        assert!(again.iter().all(|line| line.msg.contains("\"replayed\":true")), "{name}");
        let id = |line: &crate::receivers::Received| line.structured_data.split('"').nth(1).map(str::to_owned);
        assert_eq!(again.iter().map(id).collect::<Vec<_>>(), new.iter().map(id).collect::<Vec<_>>(), "{name}");
    }
}
