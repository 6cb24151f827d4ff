//! New keys against a vendor that only does what it is told, in a time that waits for nobody.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::*;
use crate::connectors::{KeyTold, Page, PollContext};
use crate::engine::answers::{Answered, Answers};
use crate::engine::stop;
use crate::event::Checkpoint;
use crate::fault::FaultKind;
use crate::secrets::SecretSources;
use crate::values::SecretRef;

/// What it answers to each key, and how often it was asked with it.
#[derive(Default)]
struct Vendor(Mutex<BTreeMap<String, (u16, u32)>>);

impl Vendor {
    fn answer(&self, key: &str, status: u16) {
        self.0.lock().expect("a vendor").entry(key.into()).or_default().0 = status;
    }

    fn asked(&self, key: &str) -> u32 {
        self.0.lock().expect("a vendor").get(key).map_or(0, |(_, asked)| *asked)
    }

    fn ask(&self, key: &str) -> Result<String, Fault> {
        let mut known = self.0.lock().expect("a vendor");
        let (status, asked) = known.entry(key.into()).or_insert((401, 0));
        *asked += 1;
        let kind = match status {
            200 => return Ok("answered".into()),
            401 | 403 => FaultKind::Refused,
            _ => FaultKind::Unavailable,
        };
        Err(Fault::new(kind, "so it was told").with_status(*status))
    }
}

struct Fake(Arc<Vendor>, Secret);

#[async_trait]
impl Connector for Fake {
    fn streams(&self) -> Vec<String> {
        vec!["threats".into()]
    }

    async fn poll(&self, _: &str, _: Option<&Checkpoint>, _: &PollContext<'_>) -> Page {
        Page::default()
    }

    async fn probe(&self) -> Result<String, Fault> {
        self.0.ask(self.1.reveal())
    }

    async fn key(&self, named: Option<&str>) -> Result<Option<KeyTold>, Fault> {
        assert_eq!(named, None);
        self.0.ask("of the key").map(|_| Some(KeyTold::default()))
    }
}

struct Scene {
    room: tempfile::TempDir,
    vendor: Arc<Vendor>,
    board: Board,
    connected: watch::Receiver<Connected>,
    refusals: Arc<Refusals>,
    reloads: watch::Sender<u64>,
    task: JoinHandle<()>,
    _stopper: stop::Stopper,
}

/// An integration out of settings that say nothing but where the key is.
fn integration(key: PathBuf) -> Integration {
    let room = tempfile::tempdir().expect("a folder");
    let path = room.path().join("conductor.toml");
    fs::write(&path, "[integrations.acme]\napi-key = { file = \"/absent\" }\n").expect("written");
    let state = room.path().join("state").display().to_string();
    let loaded = crate::config::load(&path, &|_| Some(state.clone())).expect("settings");
    let acme = loaded.settings.integrations.into_values().next().expect("acme");
    Integration { api_key: SecretRef::File(key), ..acme }
}

impl Scene {
    /// The key "old" is in use and works.
    fn new() -> Scene {
        let room = tempfile::tempdir().expect("a folder");
        let file = room.path().join("key");
        fs::write(&file, "old").expect("written");
        let (vendor, board) = (Arc::new(Vendor::default()), Board::new("test", Timestamp::UNIX_EPOCH));
        vendor.answer("old", 200);
        let acme = integration(file);
        let made = Arc::clone(&vendor);
        let connect = move |key| Arc::new(Fake(Arc::clone(&made), key)) as Arc<dyn Connector>;
        let old = Secret::new("old");
        let in_use = watch::Sender::new(Connected { connector: connect(old.clone()), key: old });
        let connected = in_use.subscribe();
        let refusals = Arc::new(Refusals {
            board: board.clone(),
            integration: acme.name.clone(),
            streams: vec!["threats".into()],
            allowlisted: Vec::new(),
            egress: watch::channel(None).1,
            answers: watch::Sender::new(Answers::default()),
        });
        let (reloads, reloaded) = watch::channel(0);
        let (stopper, flag) = stop::flag();
        let places = Places::new(SecretSources::default());
        tokio::spawn(Arc::clone(&places).run(flag.clone()));
        let key = Key {
            board: board.clone(),
            look: Look::new(acme.name.clone(), acme.api_key.clone(), Arc::clone(&places)),
            integration: acme,
            kept: Arc::default(),
            connect: Box::new(connect),
            connected: in_use,
            refusals: Arc::clone(&refusals),
            reloaded,
        };
        let task = tokio::spawn(key.run(flag));
        Scene { room, vendor, board, connected, refusals, reloads, task, _stopper: stopper }
    }

    fn write(&self, key: &str) {
        fs::write(self.room.path().join("key"), key).expect("written");
    }

    fn in_use(&self) -> String {
        self.connected.borrow().key.reveal().to_owned()
    }

    fn not_taken(&self) -> bool {
        self.board.stands(Code::ApiKeyNotTaken, "acme")
    }

    /// Lets so many seconds go by.
    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert!(!self.task.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_stays_out_is_tried_again_by_itself_and_is_taken_once_it_works() {
    let scene = Scene::new();
    scene.pass(10).await;
    assert_eq!(scene.vendor.asked("old"), 0, "a key that did not change is not tried");
    scene.write("newer");
    scene.pass(10).await;
    assert_eq!((scene.in_use().as_str(), scene.not_taken(), scene.vendor.asked("newer")), ("old", true, 1));
    scene.vendor.answer("newer", 200);
    scene.pass(61).await;
    assert_eq!((scene.in_use().as_str(), scene.not_taken()), ("newer", false));
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_tried_when_the_old_one_fails_and_at_a_reload_but_not_at_every_failure() {
    let scene = Scene::new();
    scene.write("newer");
    scene.pass(5).await;
    assert_eq!(scene.vendor.asked("newer"), 1);
    // The next try by itself is about a minute after the first.
    for _ in 0..20 {
        scene.refusals.note("threats", Answered::Unknown);
        scene.pass(1).await;
    }
    assert_eq!(scene.vendor.asked("newer"), 1, "not within half a minute");
    scene.pass(15).await;
    assert_eq!(scene.vendor.asked("newer"), 2);
    scene.reloads.send_modify(|count| *count += 1);
    scene.pass(1).await;
    assert_eq!(scene.vendor.asked("newer"), 3, "a reload tries at once");
}

#[tokio::test(start_paused = true)]
async fn a_403_counts_against_a_new_key_only_where_the_old_one_is_let_in() {
    let scene = Scene::new();
    scene.vendor.answer("newer", 403);
    scene.write("newer");
    scene.pass(5).await;
    assert_eq!((scene.in_use().as_str(), scene.not_taken()), ("old", true));
    scene.vendor.answer("old", 403);
    scene.pass(61).await;
    assert_eq!((scene.in_use().as_str(), scene.not_taken()), ("newer", false));
}

#[tokio::test(start_paused = true)]
async fn while_the_vendor_is_away_a_new_key_is_neither_taken_nor_blamed() {
    let scene = Scene::new();
    scene.vendor.answer("newer", 503);
    scene.write("newer");
    scene.pass(600).await;
    assert_eq!((scene.in_use().as_str(), scene.not_taken()), ("old", false));
    assert!(scene.vendor.asked("newer") < 30, "asked less and less often");
    scene.vendor.answer("newer", 200);
    scene.pass(61).await;
    assert_eq!(scene.in_use(), "newer");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_begins_without_what_was_answered_to_the_old_one() {
    let scene = Scene::new();
    scene.refusals.note("threats", Answered::Admitted);
    scene.vendor.answer("newer", 200);
    scene.write("newer");
    scene.pass(5).await;
    assert_eq!(scene.in_use(), "newer");
    assert!(!scene.refusals.answers.borrow().any_admitted());
}

#[test]
fn a_key_is_kept_over_other_settings_but_never_for_another_host_or_place() {
    let acme = integration("/one".into());
    let kept = Kept::default();
    kept.keep(&acme, Secret::new("key"));
    let slower = Integration { requests_per_minute: 1, ..acme.clone() };
    assert!(kept.of(&slower).is_some());
    assert!(kept.of(&integration("/two".into())).is_none());
    let mut elsewhere = acme.clone();
    let crate::config::Connector::Abnormal(settings) = &mut elsewhere.connector;
    settings.host = "elsewhere.example".into();
    assert!(kept.of(&elsewhere).is_none());
    kept.forget(&acme.name);
    assert!(kept.of(&acme).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_vendor_is_asked_about_a_key_after_it_let_a_stream_in_then_daily_and_anew_for_another_key() {
    let (room, vendor) = (tempfile::tempdir().expect("a folder"), Arc::new(Vendor::default()));
    let connected = |key: &str| {
        let key = Secret::new(key);
        Connected { connector: Arc::new(Fake(Arc::clone(&vendor), key.clone())), key }
    };
    let (in_use, answers) = (watch::Sender::new(connected("old")), watch::Sender::new(Answers::default()));
    let life = Life {
        board: Board::new("test", Timestamp::UNIX_EPOCH),
        state_dir: room.path().to_owned(),
        integration: integration("/absent".into()),
        connected: in_use.subscribe(),
        answers: answers.subscribe(),
    };
    let (_stopper, flag) = stop::flag();
    let task = tokio::spawn(life.run(flag));
    let hours = |hours: u64| tokio::time::sleep(Duration::from_secs(hours * 3600));
    let asked = || vendor.asked("of the key");
    vendor.answer("of the key", 200);
    hours(30).await;
    assert_eq!(asked(), 0, "a stream comes first");
    answers.send_modify(|answers| answers.note("threats", Answered::Admitted));
    hours(1).await;
    assert_eq!(asked(), 1);
    answers.send_modify(|answers| answers.note("threats", Answered::Admitted));
    hours(20).await;
    assert_eq!(asked(), 1);
    hours(4).await;
    assert_eq!(asked(), 2);
    answers.send_modify(Answers::forget);
    in_use.send_replace(connected("newer"));
    hours(1).await;
    assert_eq!(asked(), 2);
    vendor.answer("of the key", 503);
    answers.send_modify(|answers| answers.note("threats", Answered::Admitted));
    hours(1).await;
    assert!((3..=63).contains(&asked()), "again, but not more often than each minute: {}", asked());
    assert!(!task.is_finished());
}
