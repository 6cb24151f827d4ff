//! A version comes on trial, goes back, comes again to stay: across a change of the queue's format, with a backlog.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::agent::{Agent, Place};
use crate::world::{AtSoc, Trust, Truth, new_threats};

const PATIENCE: Duration = Duration::from_secs(120);

/// Every file of the journal with the format of its first frame and its bytes.
fn journal(place: &Place) -> BTreeMap<String, (u8, Vec<u8>)> {
    let folder = fs::read_dir(place.state().join("queue/journal")).expect("a journal");
    folder
        .map(|file| {
            let file = file.expect("listed");
            let bytes = fs::read(file.path()).expect("read");
            (file.file_name().into_string().expect("a name"), (bytes.get(4).copied().unwrap_or(0), bytes))
        })
        .collect()
}

fn formats(place: &Place) -> Vec<u8> {
    journal(place).into_values().map(|(format, _)| format).collect()
}

/// Starts a version: today's, or tomorrow's, which writes format 2; on trial while the mark is there.
fn start(place: &Place, tomorrow: bool, mark: &Path) -> Agent {
    let mark = mark.display().to_string();
    let mut environment = vec![("CONDUCTOR_TRIAL", mark.as_str())];
    if tomorrow {
        environment.push(("CONDUCTOR_FAULT_FORMAT", "2"));
    }
    let mut agent = place.spawn_in(&[], &environment);
    assert_eq!(agent.ready_or_ended(), None, "{}", place.log());
    agent
}

#[test]
fn a_backlog_survives_a_version_with_another_format_that_comes_goes_back_and_comes_to_stay() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut at) = (trust.api(), AtSoc::start(&trust));
    at.soc.refuse();
    let soc = at.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &soc, "")));
    let mark = place.dir.path().join("trial");
    let mut truth = Truth::of("acme", &api);
    let mut seed = 0;
    let mut gather = |agent: &mut Agent, truth: &mut Truth| {
        seed += 1;
        let before = agent.status()["queue"]["appended_total"].as_u64().unwrap_or(0);
        let known = truth.events() as u64;
        api.put(new_threats(seed, 50));
        truth.note("acme", &api);
        let new = truth.events() as u64 - known;
        agent.wait_within(PATIENCE, "they are kept", |agent| {
            agent.status()["queue"]["appended_total"].as_u64() == Some(before + new)
        });
    };

    let mut today = start(&place, false, &mark);
    gather(&mut today, &mut truth);
    today.kill();

    fs::write(&mark, "").expect("a mark");
    let mut trial = start(&place, true, &mark);
    gather(&mut trial, &mut truth);
    trial.kill();
    assert!(formats(&place).iter().all(|format| *format == 1), "on trial it writes what today's reads");
    // Its page had a new key.
    let pages = place.state().join("conductor.d");
    fs::create_dir_all(&pages).expect("a folder");
    fs::write(pages.join("later.toml"), "[rehearsals]\nevery = \"1d\"\n").expect("settings");

    fs::remove_file(&mark).expect("it went with the version");
    let mut back = start(&place, false, &mark);
    gather(&mut back, &mut truth);
    assert!(!back.has_condition("queue-damaged"), "{:?}", back.conditions());
    assert!(place.log().contains("(ignored: a later version may have written it)"), "{}", place.log());
    back.kill();

    fs::write(&mark, "").expect("a mark");
    let mut again = start(&place, true, &mark);
    gather(&mut again, &mut truth);
    fs::remove_file(&mark).expect("the gate has judged");
    gather(&mut again, &mut truth);
    assert!(formats(&place).iter().all(|format| *format == 1), "what runs goes on as it began");
    again.kill();
    let mut settled = start(&place, true, &mark);
    gather(&mut settled, &mut truth);
    settled.kill();
    assert_eq!(formats(&place).last(), Some(&2), "the next start raises the format, in a segment of its own");

    let before = journal(&place);
    let refused = place.spawn().wait();
    assert!(!refused.success() && place.log().contains("was written by a later version of conductor"), "{refused}");
    assert!(journal(&place) == before, "and what it refused it left as it was");

    at.soc.listen_again().expect("its port is still its own");
    let mut settled = start(&place, true, &mark);
    settled.wait_within(PATIENCE, "all have arrived", |_| at.look(&truth) == truth.events());
    assert!(settled.stop().0.success());
}
