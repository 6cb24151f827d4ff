//! The real agent, from the vendor's API to a collector that is killed, stalled and started anew.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use conductor::destinations::splunk_hec::MOST_OPEN;
use conductor_sim::collector::{Collector, CollectorOptions, Language};

use crate::agent::{Agent, Place};
use crate::world::{BATCH as IN_HAND, Judge, Trust, Truth, threats};

const PATIENCE: Duration = Duration::from_secs(120);
const THREATS: usize = 3000;
/// Events of one request.
const BATCH: usize = 50;

struct Scene {
    _trust: Trust,
    place: Place,
    collector: Collector,
    truth: Arc<Truth>,
    judge: Judge,
    judged: usize,
    _api: conductor_sim::api::Api,
}

impl Scene {
    fn new(language: Language, authorization: &str, settings: &str) -> Scene {
        Scene::with(language, authorization, settings, THREATS, None)
    }

    /// Of so many threats; an event that holds the text `poison` is bad.
    fn with(language: Language, authorization: &str, settings: &str, count: usize, poison: Option<&str>) -> Scene {
        let (trust, place) = (Trust::new(), Place::new(""));
        let api = trust.api();
        api.put(threats(11, count));
        let truth = Arc::new(Truth::of("acme", &api));
        let mut options = CollectorOptions::new(language, trust.paths.server().expect("a certificate"));
        options.authorization = Some(authorization.to_owned());
        options.poison = poison.map(str::to_owned);
        options.client_ca = Some(trust.authority.ca_pem());
        let collector = Collector::start(options).expect("it listens");
        let token = place.secret("collector.token", "a-collectors-token");
        let integration = trust.integration(&place, "acme", &api);
        let paths = &trust.paths;
        let destination = format!(
            "[destinations.soc]\nurl = \"https://{}\"\nca = \"{}\"\ncert = \"{}\"\nkey = {{ file = \"{}\" }}\n\
             start = \"oldest\"\nbatch-events = {BATCH}\ntimeout = \"15s\"\n{}\n",
            collector.addr(),
            paths.ca.display(),
            paths.client_cert.display(),
            paths.client_key.display(),
            settings.replace("TOKEN", &token),
        );
        place.write_settings(&format!("{integration}{destination}"));
        Scene { _trust: trust, place, collector, truth, judge: Judge::new("collector"), judged: 0, _api: api }
    }

    /// Judges what was kept since the last look, in its order. Returns how many different events there are.
    fn look(&mut self) -> usize {
        let kept = self.collector.kept();
        for text in &kept[self.judged..] {
            // Splunk keeps the event inside of its metadata, Elastic the document beside its id.
            let inner: Inner<'_> = serde_json::from_str(text).expect("JSON");
            let event = inner.event.or(inner.source).map_or(text.as_str(), |raw| raw.get());
            // Line ends between two tokens of the vendor's JSON became blanks; the rest is byte for byte.
            self.judge.take(&self.truth, event, text.len() as u64);
        }
        self.judged = kept.len();
        self.judge.events()
    }

    /// Runs through a cut, a stall, a restart and a kill of the agent, each in mid-stream, then to the end.
    fn play(&mut self) {
        let all = self.truth.events();
        let mut agent = self.place.start();
        for (part, trouble) in [(1, "cut"), (2, "stall"), (3, "restart"), (4, "agent")] {
            let mark = all * part / 8;
            // It stalls there by itself: an agent that is quick would be through before we had looked.
            self.collector.stall_at(mark as u64);
            agent.wait_within(PATIENCE, "more has arrived", |_| self.collector.stalls());
            let had = self.look();
            assert!(had < all, "{trouble} falls into the stream");
            match trouble {
                "cut" => self.collector.kill_all(),
                "stall" => {
                    let late = |agent: &Agent| said(agent).contains("did not answer");
                    agent.wait_within(PATIENCE, "the stall is noticed", late);
                }
                "restart" => {
                    // Of Splunk's: what it has received and not indexed is to be lost with it.
                    self.collector.hold_indexing(true);
                    let heard = self.collector.heard().len() as u64;
                    // Who keeps what it hears stalls again before it has all.
                    self.collector.stall_at(self.collector.count() + 2 * BATCH as u64);
                    assert!(self.collector.wait_for_requests(heard + 2, PATIENCE));
                    self.collector.refuse();
                    self.collector.kill_all();
                    self.collector.forget();
                    let away = |agent: &Agent| said(agent).contains("can't be reached");
                    agent.wait_within(PATIENCE, "it is away", away);
                    self.collector.hold_indexing(false);
                    self.collector.listen_again().expect("its port is still its own");
                }
                _ => {
                    agent.kill();
                    agent = self.place.start();
                }
            }
            // Not for a moment without a mark: whoever is quick would be through.
            self.collector.stall_at(if part < 4 { (all * (part + 1) / 8) as u64 } else { u64::MAX });
        }
        agent.wait_within(PATIENCE, "all has arrived", |_| self.look() == all);
        agent.wait_within(PATIENCE, "all is taken", |agent| agent.status()["destinations"][0]["depth"] == 0);
        let told = agent.status()["destinations"][0].clone();
        println!("{}: {told}", self.judge.told());
        assert!(agent.stop().0.success());
        assert_eq!((self.look(), told["quarantined_total"].as_u64().unwrap_or_default()), (all, 0));
    }

    /// Requests that were made again, with the same key: each may bring its batch once more.
    fn again(&self) -> usize {
        let heard = self.collector.heard();
        let key = |headers: &[(String, String)]| headers.iter().find(|(name, _)| name == "idempotency-key").cloned();
        let keys: HashSet<_> = heard.iter().map(|heard| key(&heard.headers)).collect();
        heard.len() - keys.len()
    }
}

/// The last fault of the destination.
fn said(agent: &Agent) -> String {
    agent.status()["destinations"][0]["last_fault"].to_string()
}

#[derive(serde::Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    event: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, rename = "_source")]
    source: Option<&'a serde_json::value::RawValue>,
}

#[test]
fn a_collector_that_is_cut_stalled_and_restarted_misses_nothing_and_sees_a_batch_twice_at_most() {
    let settings = "type = \"http\"\nauth = { bearer = TOKEN }\ncompression = \"zstd\"\n";
    let mut scene = Scene::new(Language::Plain, "Bearer a-collectors-token", settings);
    scene.play();
    // The agent that was killed has forgotten the borders of its last batch: that one came under another key.
    assert!(scene.judge.repeats <= (scene.again() + 1) * BATCH, "{} again: {}", scene.again(), scene.judge.told());
    // And of what the engine had handed over at once, it knows no more which batches were answered.
    assert!(scene.judge.furthest_back <= IN_HAND, "{}", scene.judge.told());
}

#[test]
fn a_splunk_that_is_cut_stalled_and_restarted_misses_nothing() {
    let settings = "type = \"splunk-hec\"\ntoken = TOKEN\nack-timeout = \"10s\"\n";
    let mut scene = Scene::new(Language::Hec { acknowledges: true }, "Splunk a-collectors-token", settings);
    scene.play();
    // After each trouble at the most what was open comes again.
    assert!(scene.judge.repeats <= 4 * MOST_OPEN * BATCH, "{}", scene.judge.told());
}

#[test]
fn an_elastic_that_is_cut_stalled_and_restarted_holds_every_event_once() {
    let settings = "type = \"elastic\"\nauth = { api-key = TOKEN }\n";
    let mut scene = Scene::new(Language::Bulk, "ApiKey a-collectors-token", settings);
    scene.play();
    assert_eq!(scene.judge.repeats, 0, "{}", scene.judge.told());
}

/// Few events, so that no batch is full: they go when they are confirmed, and are refused then.
fn one_is_bad(language: Language, authorization: &str, settings: &str) {
    let bad = threats(11, 10)[3].messages[0].id.to_string();
    let scene = Scene::with(language, authorization, settings, 10, Some(&bad));
    let mut agent = scene.place.start();
    let destination = |agent: &Agent| agent.status()["destinations"][0].clone();
    let through = |agent: &Agent| destination(agent)["depth"] == 0 && destination(agent)["quarantined_total"] != 0;
    agent.wait_within(PATIENCE, "the bad one is aside and all else is taken", through);
    assert_eq!(destination(&agent)["quarantined_total"], 1);
    let kept = scene.collector.kept();
    assert!(kept.len() >= scene.truth.events() - 1 && !kept.iter().any(|text| text.contains(&bad)));
    assert!(agent.stop().0.success());
}

#[test]
fn a_bad_event_of_a_small_batch_is_put_aside_by_the_agent_and_the_others_arrive() {
    one_is_bad(
        Language::Plain,
        "Bearer a-collectors-token",
        "type = \"http\"\nauth = { bearer = TOKEN }\nbatch-age = \"1h\"\n",
    );
    let splunk = "type = \"splunk-hec\"\ntoken = TOKEN\nbatch-age = \"1h\"\n";
    one_is_bad(Language::Hec { acknowledges: true }, "Splunk a-collectors-token", splunk);
    let elastic = "type = \"elastic\"\nauth = { api-key = TOKEN }\nbatch-age = \"1h\"\n";
    one_is_bad(Language::Bulk, "ApiKey a-collectors-token", elastic);
}
