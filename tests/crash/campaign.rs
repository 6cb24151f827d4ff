//! The campaign itself.

use std::time::{Duration, Instant};

use bytestring::ByteString;
use conductor::control::line;
use conductor_sim::api::Api;
use conductor_sim::api::generate;
use conductor_sim::api::generate::{cases, vendor_cases};
use fastrand::Rng;
use jiff::Timestamp;

use super::files::{Files, Item};
use super::importer::Importer;
use crate::agent::{Agent, Place};
use crate::world::{AtSoc, BATCH, Trust, Truth};

pub const PATIENCE: Duration = Duration::from_secs(180);
/// Lines of a round that come as fast as they can.
const LINES: usize = 500;
/// Small, so that confirmations come within a round.
const WINDOW: u64 = 128 << 10;
/// What one kill or cut may bring again: what is unconfirmed at any one time (two windows), and the batch in hand, of which
/// confirmations are noted when it is through.
const AGAIN: u64 = 2 * WINDOW + BATCH;
/// How often the campaign looks whether a round has come to its kill, and gives the importer more.
const LOOK: Duration = Duration::from_millis(2);
/// Small, so that segments are let go while rounds go on, and the quota is met.
const QUEUE: &str = "[queue]\nmax-size = \"16MiB\"\nkeep-size = \"0\"\n";

#[test]
fn kill_9_at_random_moments_loses_nothing_of_polls_imports_and_deliveries() {
    let rounds: u64 = from_env("CONDUCTOR_ROUNDS").unwrap_or(50);
    let seed = from_env("CONDUCTOR_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("CONDUCTOR_ROUNDS={rounds} CONDUCTOR_SEED={seed}");
    let mut campaign = Campaign::new(seed);
    let begun = Instant::now();
    for round in 0..rounds {
        campaign.round(round);
    }
    let killed = begun.elapsed();
    campaign.play_out();
    let Campaign { steady, fickle, files, opening, .. } = &campaign;
    let (at_work, held) = (rounds - opening, files.held);
    println!(
        "{rounds} kills in {killed:.1?}: {opening} near the start, {at_work} amid polls, an import and deliveries"
    );
    println!(
        "{}\n{}\nchecks of a checkpoint that had passed something: {held}",
        steady.judge.told(),
        fickle.judge.told()
    );
    for at in [steady, fickle] {
        assert!(at.judge.furthest_back <= AGAIN, "{}", at.judge.told());
    }
    assert!(at_work * 2 >= rounds, "kills near the start are the fewer: {opening} of {rounds}");
}

struct Campaign {
    rng: Rng,
    api: Api,
    place: Place,
    truth: Truth,
    /// The SOC that is well, and the one that is cut.
    steady: AtSoc,
    fickle: AtSoc,
    files: Files,
    /// Fed in every round, through all kills.
    importer: Option<Importer>,
    lines: u64,
    /// Each with the ids of its lines: begun in some round and not ended yet.
    imports: Vec<(Importer, Vec<String>)>,
    /// Kills near the start.
    opening: u64,
    // Last: its files are there until all that uses them is gone.
    _trust: Trust,
}

impl Campaign {
    fn new(seed: u64) -> Campaign {
        let (trust, place) = (Trust::new(), Place::new(""));
        let api = trust.api();
        let (steady, fickle) = (AtSoc::named("steady", &trust), AtSoc::named("fickle", &trust));
        let integration = trust.integration(&place, "acme", &api);
        let integration = integration.replace("[\"threats\"]", "[\"threats\", \"cases\", \"vendor-cases\"]");
        let destination = |name: &str, at: &AtSoc| {
            trust.destination(name, &at.soc.addr().to_string(), &format!("window = \"{}KiB\"", WINDOW >> 10))
        };
        let both = destination("steady", &steady) + &destination("fickle", &fickle);
        place.write_settings(&(integration + &both + QUEUE));
        let importer = Some(Importer::start(&place, "import"));
        Campaign {
            rng: Rng::with_seed(seed),
            api,
            place,
            truth: Truth::default(),
            steady,
            fickle,
            files: Files::default(),
            importer,
            lines: 0,
            imports: Vec::new(),
            opening: 0,
            _trust: trust,
        }
    }

    fn round(&mut self, round: u64) {
        self.put_news();
        self.import_a_few(round);
        let mut agent = self.place.spawn();
        // The moment of the kill is what is random here, not what anything waits for.
        if self.rng.u8(..6) == 0 {
            self.opening += 1;
            std::thread::sleep(Duration::from_millis(self.rng.u64(..120)));
        } else {
            self.until_all_is_going_on(&mut agent);
            std::thread::sleep(Duration::from_micros(self.rng.u64(..20_000)));
        }
        agent.kill();
        self.fickle.soc.reset_every(None);
        self.fickle.soc.listen_again().expect("its port is its own");
        assert!(self.place.log().matches("panicked").count() == 0, "round {round}: {}", self.place.log());
        // What ends now has been confirmed before the kill; what does not goes on with the next agent.
        for (mut import, ids) in std::mem::take(&mut self.imports) {
            if import.has_ended() {
                self.files.confirmed.extend(ids);
            } else {
                self.imports.push((import, ids));
            }
        }
        let mut socs = [("steady", &mut self.steady), ("fickle", &mut self.fickle)];
        self.files.judge(&self.place, &self.truth, &mut socs);
    }

    /// Of three streams.
    fn put_news(&mut self) {
        let (now, round) = (Timestamp::now(), self.rng.u64(..));
        let threats = generate(round, self.rng.usize(2..8), now, now);
        self.truth.note_threats("acme", &threats);
        for threat in &threats {
            let natives = threat.messages.iter().map(|message| format!("acme/threats/{}:{}", threat.id, message.id));
            let (id, natives) = (threat.id.clone(), natives.collect());
            self.files.items.push(Item { stream: "threats", id, second: now.as_second(), natives });
        }
        self.api.put(threats);
        let id = |n: usize| 1_000_000_000 + (self.lines + 1) * 100 + n as u64;
        let (mut some, mut few) = (cases(round, self.rng.usize(1..5), now, now), vendor_cases(round, 2, now, now));
        some.iter_mut().enumerate().for_each(|(n, case)| case.id = id(n));
        few.iter_mut().enumerate().for_each(|(n, case)| case.id = id(n));
        for case in some {
            self.truth.note_case("acme", &case);
            let natives = vec![format!("acme/cases/{}", case.id)];
            self.files.items.push(Item { stream: "cases", id: case.id.to_string(), second: now.as_second(), natives });
            self.api.put_case(case);
        }
        for case in few {
            self.truth.note_vendor_case("acme", &case);
            let (id, natives) = (case.id.to_string(), vec![format!("acme/vendor-cases/{}", case.id)]);
            self.files.items.push(Item { stream: "vendor-cases", id, second: now.as_second(), natives });
            self.api.put_vendor_case(case);
        }
    }

    /// An import of its own, of which is known when it was confirmed.
    fn import_a_few(&mut self, round: u64) {
        let lines: Vec<String> = (0..self.rng.usize(1..30)).map(|_| self.line()).collect();
        let id =
            |text: &String| line::read(ByteString::from(text.as_str()), Timestamp::now()).expect("JSON").id.to_string();
        let ids = lines.iter().map(id).collect();
        let mut import = Importer::start(&self.place, &format!("import-{round}"));
        lines.into_iter().for_each(|line| import.give(line));
        import.has_ended(); // it is given no more
        self.imports.push((import, ids));
    }

    /// Polls ask, lines come in and both SOCs take: so many of each that the kill falls anywhere among them.
    fn until_all_is_going_on(&mut self, agent: &mut Agent) {
        let before = (self.steady.soc.count(), self.fickle.soc.count(), self.api.request_count());
        let (steady, fickle, asked) = (self.rng.u64(1..400), self.rng.u64(1..100), self.rng.u64(1..12));
        let fault = self.rng.u8(..6);
        match fault {
            0 => self.fickle.soc.refuse(),
            1 | 2 => self.fickle.soc.reset_every(Some(self.rng.u64(5..200))),
            _ => {}
        }
        let (mut cut, mut given) = (false, 0);
        let begun = Instant::now();
        loop {
            let now = (self.steady.soc.count(), self.fickle.soc.count(), self.api.request_count());
            if !cut && now.0 >= before.0 + steady / 2 {
                cut = true;
                match fault {
                    0 => self.fickle.soc.listen_again().expect("its port is its own"),
                    3 => self.fickle.soc.reset(),
                    4 => self.fickle.soc.kill_all(),
                    _ => {}
                }
            }
            if now.0 >= before.0 + steady && now.1 >= before.1 + fickle && now.2 >= before.2 + asked {
                return;
            }
            // Enough to be going on whatever takes time; no more, or the rounds grow long.
            let many = if given < LINES { self.rng.usize(1..12) } else { self.rng.usize(..2) };
            given += many;
            for _ in 0..many {
                let line = self.line();
                self.importer.as_ref().expect("it has not ended").give(line);
            }
            let left = begun.elapsed() < PATIENCE;
            assert!(left && agent.is_running(), "{before:?} and then {now:?} only: {}", self.place.log());
            std::thread::sleep(LOOK);
        }
    }

    /// A line that no other is equal to, 100 bytes to 2 kB long.
    fn line(&mut self) -> String {
        self.lines += 1;
        let size = self.rng.usize(50..2_000);
        let text: String = std::iter::repeat_with(|| self.rng.alphanumeric()).take(size).collect();
        let line = format!(r#"{{"line":{},"text":"{text}"}}"#, self.lines);
        assert!(self.truth.note_line(line.clone()), "every line is another");
        line
    }

    /// The last agent is left alone until both SOCs have everything.
    fn play_out(&mut self) {
        let mut agent = self.place.start();
        for (import, _) in std::mem::take(&mut self.imports) {
            import.end(&mut agent);
        }
        if let Some(importer) = self.importer.take() {
            importer.end(&mut agent);
        }
        let (truth, steady, fickle) = (&self.truth, &mut self.steady, &mut self.fickle);
        agent.wait_within(PATIENCE, "every event is at both SOCs", |_| {
            steady.look(truth).min(fickle.look(truth)) >= truth.events()
        });
        assert!(agent.stop().0.success());
        assert_eq!([steady.look(truth), fickle.look(truth)], [truth.events(); 2]);
        assert!(steady.judge.order == fickle.judge.order, "both in the same order");
    }
}

fn from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
