//! A replay that waits for its SOC while new events need the room.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use super::scene::{PATIENCE, Scene, got, soc_status};

/// A third of the smallest quota that there is.
const KEPT: usize = 3_500;
/// More than all of it.
const FLOOD: usize = 12_000;

/// Lines of 2 kB that do not compress well.
fn lines(scene: &Scene, name: &str, many: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(many as u64);
    let mut text = String::with_capacity(many * 2_100);
    for n in 0..many {
        text.push_str(&format!("{{\"of\":\"{name}\",\"n\":{n},\"text\":\""));
        (0..2_000).for_each(|_| text.push(rng.alphanumeric()));
        text.push_str("\"}\n");
    }
    let path = scene.place.dir.path().join(name);
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// An import that ends with the test.
struct Import(Child);

impl Import {
    fn start(scene: &Scene, file: &str) -> Import {
        let said = File::create(scene.place.dir.path().join("flood.log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
        command.args(["queue", "import", file, "--config"]).arg(scene.place.config());
        Import(command.stdin(Stdio::null()).stderr(said).spawn().expect("the verb starts"))
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_replay_lost_to_new_events_is_counted_and_what_is_left_of_it_is_handed_over() {
    let scene = Scene::new(1, "[queue]\nmax-size = \"16MiB\"\n");
    let (mut agent, first) = scene.start_and_fill();
    let kept = lines(&scene, "kept", KEPT);
    assert!(scene.place.verb(&["queue", "import", &kept]).status.success());
    let all = (first + KEPT) as u64;
    agent.wait_within(PATIENCE, "both took all", |agent| {
        let status = agent.status();
        [0, 1].iter().all(|at| status["destinations"][*at]["cursor"].as_u64() >= Some(all))
    });
    scene.soc.refuse();
    scene.soc.kill_all();
    let (code, said) = scene.replay(&["--from", "1h"]);
    assert!(code == Some(0) && said.contains(&format!("{all} events kept")), "{said}");
    let mut import = Import::start(&scene, &lines(&scene, "flood", FLOOD));
    let flood = scene.place.dir.path().join("flood.log");
    agent.wait_within(PATIENCE, "the new events meet the quota", |_| {
        fs::read_to_string(&flood).unwrap_or_default().contains("reached its quota")
    });
    agent.wait_within(PATIENCE, "it stands, and nothing of it is through", |agent| {
        soc_status(agent)["replay"]["left"].as_u64() == Some(all)
    });
    scene.soc.listen_again().expect("its port is its own");
    agent.wait_within(PATIENCE, "the replay is through", |agent| soc_status(agent)["replay"].is_null());
    agent.wait_within(PATIENCE, "the import is through", |_| import.0.try_wait().expect("asked").is_some());

    let log = scene.place.log();
    let through = log.lines().find(|line| line.contains("the replay is through")).expect("told");
    let figure = |name: &str| -> u64 {
        let (_, rest) = through.split_once(&format!("{name}=")).expect(name);
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).expect("a number")
    };
    let again: Vec<u64> = got(&scene.soc).iter().filter(|got| got.replayed).map(|got| got.seq).collect();
    let (handed, gone) = (figure("events"), figure("gone"));
    assert!(gone > 0, "some of it had gone: {through}");
    assert_eq!(handed + gone, all, "each was handed over or counted");
    // The flood goes on: what lies behind what was handed over may go too.
    assert_eq!(again.len() as u64, handed, "what was left, each once");
    assert!(again.is_sorted_by(|a, b| a < b) && again.iter().all(|seq| (1..=all).contains(seq)), "in order: {again:?}");
    assert!(log.contains("the replay misses") && log.contains(" places between seq 1 and "), "{log}");
    assert!(agent.stop().0.success());
}
