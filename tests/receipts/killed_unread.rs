//! Five receivers are stopped with full buffers, killed, and started again; and what each of them confirms by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conductor_sim::api::Api;
use serde_json::Value;

use super::arrivals::Arrivals;
use super::kernel::{Held, held};
use crate::agent::{Agent, Place};
use crate::receivers::{Certs, Driver, Homemade, Receiver, Rsyslog, SyslogNg, Written, free_port};
use crate::world::{BATCH, Trust, Truth, threats};

const PATIENCE: Duration = Duration::from_secs(180);
/// More than kernels and windows hold of it, so that it falls into the stream.
const THREATS: usize = 5_000;
/// The default; at most two of them are unconfirmed.
const WINDOW: u64 = 4 << 20;

type Running = Box<dyn std::ops::DerefMut<Target = Receiver>>;

/// One receiver, what it writes, and its receipt.
struct Post {
    name: &'static str,
    receiver: Running,
    at: Arrivals,
    receipt: &'static str,
}

struct Scene {
    posts: Vec<Post>,
    place: Place,
    truth: Arc<Truth>,
    _api: Api,
    _trust: Trust,
}

impl Scene {
    /// All five listen, the settings are written.
    fn new(seed: u64, count: usize) -> Scene {
        let (trust, place) = (Trust::new(), Place::new(""));
        let api = trust.api();
        api.put(threats(seed, count));
        let truth = Arc::new(Truth::of("acme", &api));
        let certs = Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"));
        let post = |name: &'static str, receipt: &'static str, receiver: Running| {
            let at = Arrivals::of(name, &trust.folder(name), &truth);
            Post { name, receiver, at, receipt }
        };
        let folder = |name: &str| trust.folder(name);
        let rsyslog = |name, driver| Box::new(Rsyslog::start(&folder(name), &certs, free_port(), driver));
        let homemade = |name, written| Box::new(Homemade::start(&folder(name), &certs, free_port(), written));
        let posts = vec![
            post("rsyslog-ossl", "read-key-update", rsyslog("rsyslog-ossl", Driver::Ossl)),
            // TLS 1.2 knows no KeyUpdate.
            post("rsyslog-gtls", "read-close", rsyslog("rsyslog-gtls", Driver::Gtls)),
            post("syslog-ng", "read-key-update", Box::new(SyslogNg::start(&folder("syslog-ng"), &certs, free_port()))),
            post("java", "read-key-update", homemade("java", Written::Java)),
            post("node", "read-key-update", homemade("node", Written::Node)),
        ];
        let mut settings = trust.integration(&place, "acme", &api);
        for post in &posts {
            settings += &trust.destination(post.name, &post.receiver.address(), "");
        }
        place.write_settings(&settings);
        Scene { posts, place, truth, _api: api, _trust: trust }
    }

    /// Waits until all have all, and all of it is confirmed; each receipt must be the one that is known.
    fn end(&mut self, agent: &mut Agent) {
        for post in &mut self.posts {
            agent.wait_within(PATIENCE, &format!("{} has everything", post.name), |_| post.at.complete());
        }
        for post in &self.posts {
            agent.wait_until("everything is confirmed", |agent| told(agent, post.name)["depth"] == 0);
            assert_eq!(told(agent, post.name)["receipt"], post.receipt, "{}", post.name);
        }
    }
}

#[test]
fn each_of_five_receivers_confirms_by_the_receipt_that_it_is_known_for_and_gets_every_event_once() {
    let mut scene = Scene::new(21, 200);
    let mut agent = scene.place.start();
    scene.end(&mut agent);
    assert!(agent.stop().0.success());
    for post in &mut scene.posts {
        assert_eq!((post.at.look(), post.at.judge.repeats), (scene.truth.events(), 0), "{}", post.name);
    }
}

#[test]
fn five_receivers_stopped_with_full_buffers_and_killed_then_lose_nothing() {
    let mut scene = Scene::new(22, THREATS);
    // Collected first: where collecting is slow, each pause in it asks for a receipt, and a connection has but thirty of them.
    for post in &mut scene.posts {
        post.receiver.terminate();
    }
    let mut agent = scene.place.start();
    let all = scene.truth.events();
    let names: Vec<_> = scene.posts.iter().map(|post| post.name).collect();
    agent.wait_within(PATIENCE, "everything waits", |agent| names.iter().all(|name| told(agent, name)["depth"] == all));
    for post in &mut scene.posts {
        post.receiver.restart();
        agent.wait_within(PATIENCE, "it is in mid-stream", |_| post.at.look() >= all / 20);
        post.receiver.stop_reading();
        assert!(post.at.look() < all, "{}: stopped in mid-stream", post.name);
    }
    let (mut last, mut since) = (Vec::new(), Instant::now());
    agent.wait_within(PATIENCE, "nothing moves any more", |_| {
        let now = all_held(&scene.posts);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() >= Duration::from_secs(1)
    });
    for (post, held) in scene.posts.iter().zip(&last) {
        println!("{}: {held:?} when it was killed", post.name);
        // How much a receiver's side takes before it says that it has no room differs; that it said so is seen at ours.
        let full = held.unread > 0 && held.unsent > 0;
        assert!(full, "{} has room: {held:?}", post.name);
        assert_ne!(told(&agent, post.name)["depth"], 0, "{} has confirmed what it has not read", post.name);
    }
    for post in &mut scene.posts {
        post.receiver.kill();
    }
    let killed = Instant::now();
    for post in &mut scene.posts {
        post.receiver.restart();
    }
    scene.end(&mut agent);
    println!("all have all {:?} after the kill", killed.elapsed());
    assert!(agent.stop().0.success(), "{}", scene.place.log());
    for post in &mut scene.posts {
        post.receiver.terminate();
        assert_eq!(post.at.look(), all, "{}: events, of so many that the API holds", post.name);
        println!("{}, {} torn", post.at.judge.told(), post.at.torn);
        assert!(post.at.torn <= 1, "{}: one kill tears one line", post.name);
        let back = post.at.judge.furthest_back;
        assert!(back <= 2 * WINDOW + BATCH, "{}: {back} bytes came again", post.name);
    }
}

fn all_held(posts: &[Post]) -> Vec<Held> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let table = read("tcp");
    // Java may listen on a socket of both families.
    let six = read("tcp6");
    let both = |port| {
        let (four, six) = (held(&table, port), held(&six, port));
        Held { unsent: four.unsent + six.unsent, unread: four.unread + six.unread }
    };
    posts.iter().map(|post| both(post.receiver.port())).collect()
}

/// What /status tells of a destination; null in an agent's first moment.
fn told(agent: &Agent, name: &str) -> Value {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["name"] == name).unwrap_or_default()
}
