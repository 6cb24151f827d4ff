//! One agent on a small disk, between an API and a SOC, and what the tests ask of it.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conductor_sim::api::Api;

use super::small::{Kind, SmallDisk};
use crate::agent::{Agent, Place};
use crate::world::{AtSoc, Trust, Truth, new_threats};

/// Far longer than anything takes; what it really took is printed.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Scene {
    pub disk: SmallDisk,
    pub trust: Trust,
    pub place: Place,
    pub api: Api,
    pub at: AtSoc,
    pub truth: Truth,
    lines: u64,
}

impl Scene {
    /// Settings with this `[queue]` table; the agent does not run yet. `None` where there is no such file system.
    pub fn on(kind: Kind, queue: &str) -> Option<Scene> {
        let (trust, place) = (Trust::new(), Place::new(""));
        let disk = SmallDisk::mount(kind, &place.state())?;
        let (api, at) = (trust.api(), AtSoc::start(&trust));
        let scene = Scene { disk, trust, place, api, at, truth: Truth::default(), lines: 0 };
        let soc = scene.at.soc.addr().to_string();
        scene.settings(queue, &scene.trust.destination("soc", &soc, ""));
        Some(scene)
    }

    pub fn settings(&self, queue: &str, destinations: &str) {
        let integration = self.trust.integration(&self.place, "acme", &self.api);
        self.place.write_settings(&format!("[queue]\n{queue}\n{integration}{destinations}"));
    }

    /// New threats at the API; they must arrive.
    pub fn threats(&mut self, seed: u64, count: usize) {
        self.api.put(new_threats(seed, count));
        self.truth.note("acme", &self.api);
    }

    /// Begins to import so many lines that hardly compress; they must arrive.
    pub fn import(&mut self, count: u64, bytes: usize) -> Importing {
        let path = self.place.dir.path().join(format!("lines-{}", self.lines));
        let mut file = std::io::BufWriter::new(File::create(&path).expect("a file"));
        let mut rng = fastrand::Rng::with_seed(self.lines + 1);
        for _ in 0..count {
            self.lines += 1;
            let text: String = std::iter::repeat_with(|| rng.alphanumeric()).take(bytes).collect();
            let line = format!(r#"{{"line":{},"text":"{text}"}}"#, self.lines);
            writeln!(file, "{line}").expect("written");
            self.truth.note_line(line);
        }
        file.flush().expect("written");
        let said = self.place.dir.path().join(format!("import-{}.log", self.lines));
        let child = Command::new(env!("CARGO_BIN_EXE_conductor"))
            .args(["queue", "import"])
            .arg(&path)
            .arg("--config")
            .arg(self.place.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).expect("a log"))
            .spawn()
            .expect("the import starts");
        Importing { child, said }
    }

    /// Waits until all that must arrive has: in order, without a hole, byte for byte.
    pub fn everything_arrives(&mut self, agent: &mut Agent) {
        let (at, truth) = (&mut self.at, &self.truth);
        agent.wait_within(PATIENCE, "every event is at the SOC", |_| at.look(truth) >= truth.events());
    }

    /// Nothing more and nothing less came; the agent ends well.
    pub fn end(mut self, agent: Agent) {
        assert!(agent.stop().0.success(), "{}", self.place.log());
        assert_eq!(self.at.look(&self.truth), self.truth.events());
        assert!(!self.place.log().contains("panicked"), "{}", self.place.log());
        println!("{}", self.at.judge.told());
    }
}

/// `conductor queue import` as it runs.
pub struct Importing {
    child: Child,
    said: std::path::PathBuf,
}

impl Importing {
    /// Waits until it has said this.
    pub fn says(&self, words: &str) {
        let begun = Instant::now();
        while !std::fs::read_to_string(&self.said).unwrap_or_default().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "it never said {words:?}");
            // Not a synchronisation: only how often the question is asked.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end, which must be a good one; returns what it said.
    pub fn ends(mut self) -> String {
        let exit = self.child.wait().expect("reaped");
        let said = std::fs::read_to_string(&self.said).unwrap_or_default();
        assert!(exit.success() && said.contains("each of them durable"), "{exit}: {said}");
        said
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition with this code and these words stands; returns its text.
pub fn stands(agent: &mut Agent, code: &str, words: &str) -> String {
    let found =
        |agent: &Agent| agent.conditions().into_iter().find(|(known, text)| known == code && text.contains(words));
    agent.wait_within(PATIENCE, &format!("{code} stands with {words:?}"), |agent| found(agent).is_some());
    found(agent).map(|(_, text)| text).unwrap_or_default()
}

/// Waits until no condition with this code stands.
pub fn is_gone(agent: &mut Agent, code: &str) {
    agent.wait_within(PATIENCE, &format!("{code} is gone"), |agent| !agent.has_condition(code));
}

/// A number of /status.
pub fn number(agent: &Agent, pointer: &str) -> u64 {
    agent.status().pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no {pointer}"))
}

/// Waits for something that must come by itself and tells how long it took.
pub fn measured(agent: &mut Agent, what: &str, so: impl FnMut(&Agent) -> bool) -> Duration {
    let begun = Instant::now();
    agent.wait_within(PATIENCE, what, so);
    println!("FIGURE {what}: {:.2} s", begun.elapsed().as_secs_f64());
    begun.elapsed()
}
