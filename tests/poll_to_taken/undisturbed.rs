//! All is well: everything arrives once, as it was.

use std::sync::Arc;

use conductor_sim::api::generate::{SUBJECTS, audit, campaigns, cases, not_analyzed, vendor_cases};
use jiff::{SignedDuration, Timestamp};

use super::arrivals::Arrivals;
use super::scene::{PATIENCE, Scene, THREATS, destination};
use crate::receivers::{Certs, Driver, Rsyslog, free_port};
use crate::world::Truth;

#[test]
fn every_message_of_5000_threats_reaches_both_receivers_once_in_order_and_whole() {
    let mut scene = Scene::new(1, THREATS);
    let subjects: Vec<String> =
        scene.api.threats().into_iter().flat_map(|threat| threat.messages).map(|message| message.subject).collect();
    assert!(SUBJECTS.iter().all(|trap| subjects.iter().any(|subject| subject == trap)), "every trap is laid");
    scene.plain_settings("");
    let agent = scene.place.start();
    scene.end(agent, "undisturbed");
    assert_eq!((scene.at_rsyslog.judge.repeats, scene.at_syslog_ng.judge.repeats), (0, 0));
}

#[test]
fn every_stream_reaches_both_receivers_whole() {
    let mut scene = Scene::new(5, 20);
    let ago = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    let (from, to) = (ago(20), ago(1));
    cases(1, 120, from, to).into_iter().for_each(|case| scene.api.put_case(case));
    campaigns(2, 120, from, to).into_iter().for_each(|campaign| scene.api.put_campaign(campaign));
    vendor_cases(3, 20, from, to).into_iter().for_each(|case| scene.api.put_vendor_case(case));
    not_analyzed(4, 120, from, to).into_iter().for_each(|row| scene.api.put_not_analyzed(row));
    for entry in audit(5, 1_200, from, to) {
        scene.api.put_audit(entry);
    }
    let mut truth = (*scene.truth).clone();
    truth.note_others("acme", &scene.api);
    scene.truth = Arc::new(truth);
    for at in [&mut scene.at_rsyslog, &mut scene.at_syslog_ng] {
        at.expect(&scene.truth);
    }
    scene.all_streams_settings();
    let agent = scene.place.start();
    scene.end(agent, "all streams");
}

#[test]
fn a_threat_that_is_remediated_later_comes_again_as_a_new_version() {
    let mut scene = Scene::new(2, 40);
    scene.plain_settings("");
    let mut agent = scene.place.start();
    scene.play_out(&mut agent);
    let late = scene.api.threats().into_iter().next().expect("there are threats");
    // A moment ahead, as with new threats.
    assert!(scene.api.remediate(&late.id, Timestamp::now() + SignedDuration::from_secs(2)));
    let mut truth = (*scene.truth).clone();
    truth.note("acme", &scene.api);
    assert_eq!(truth.events(), scene.truth.events() + late.messages.len());
    scene.truth = Arc::new(truth);
    for at in [&mut scene.at_rsyslog, &mut scene.at_syslog_ng] {
        at.expect(&scene.truth);
    }
    scene.end(agent, "late remediation");
    let newest = &scene.at_rsyslog.judge.order[scene.truth.events() - late.messages.len()..];
    assert!(newest.iter().all(|id| id.contains(&late.id)), "{newest:?}");
}

#[test]
fn status_names_the_receipt_that_each_receiver_gives() {
    let mut scene = Scene::new(3, 60);
    let gtls = Gtls::start(&scene);
    scene.plain_settings(&gtls.settings(&scene));
    let (mut agent, mut at_gtls) = (scene.place.start(), gtls.arrivals(&scene.truth));
    scene.play_out(&mut agent);
    agent.wait_within(PATIENCE, "GnuTLS has everything", |_| at_gtls.complete());
    for (name, kind) in [("rsyslog", "read-key-update"), ("syslog-ng", "read-key-update"), ("gtls", "read-close")] {
        agent.wait_until("everything is confirmed", |agent| destination(agent, name)["depth"] == 0);
        assert_eq!(destination(&agent, name)["receipt"], kind, "{name}");
    }
}

#[test]
fn after_a_clean_stop_in_mid_stream_nothing_comes_twice() {
    let mut scene = Scene::new(4, 1_500);
    let gtls = Gtls::start(&scene);
    scene.plain_settings(&gtls.settings(&scene));
    let (mut agent, mut at_gtls) = (scene.place.start(), gtls.arrivals(&scene.truth));
    // Mid-stream: each receiver has a part, and none has all when the agent is gone.
    let part = scene.share(20);
    agent.wait_within(PATIENCE, "a fifth has arrived", |_| scene.arrived().min(at_gtls.look()) >= part);
    let (exit, _) = agent.stop();
    assert!(exit.success(), "{exit}");
    let had = scene.arrived().min(at_gtls.look());
    assert!(had < scene.truth.events(), "stopped in mid-stream");
    let mut agent = scene.place.start();
    agent.wait_within(PATIENCE, "GnuTLS has everything", |_| at_gtls.complete());
    scene.end(agent, &format!("clean stop after {had}"));
    at_gtls.look();
    assert_eq!([scene.at_rsyslog.judge.repeats, scene.at_syslog_ng.judge.repeats, at_gtls.judge.repeats], [0, 0, 0]);
}

/// A third receiver: rsyslog with its other TLS library, which knows TLS 1.2 alone.
struct Gtls {
    receiver: Rsyslog,
    folder: std::path::PathBuf,
}

impl Gtls {
    fn start(scene: &Scene) -> Gtls {
        let certs = Certs::in_dir(scene.trust.paths.ca.parent().expect("it lies in a folder"));
        let folder = scene.trust.folder("gtls");
        Gtls { receiver: Rsyslog::start(&folder, &certs, free_port(), Driver::Gtls), folder }
    }

    fn settings(&self, scene: &Scene) -> String {
        scene.trust.destination("gtls", &self.receiver.address(), "")
    }

    fn arrivals(&self, truth: &Arc<Truth>) -> Arrivals {
        Arrivals::of("gtls", &self.folder, truth)
    }
}
