//! The fuzz targets' own functions, by random bytes and by their seeds: on stable, with every `cargo test`.
//!
//! `cargo xtask fuzz` searches far deeper; what it found is a seed here, by the name of its accident.

#[path = "../fuzz/src/lib.rs"]
mod bodies;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

/// What a target asserts of its bytes.
type Body = fn(&[u8]);

/// Every file of a folder of seeds, by name; at least one.
fn seeds(of: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(of)
        .expect("a folder of seeds")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a seed")))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} is empty", of.display());
    found
}

fn seeds_of(target: &str) -> Vec<(String, Vec<u8>)> {
    seeds(&Path::new("fuzz/seeds").join(target))
}

/// Says which seed it was, whatever the body says.
fn each(seeds: Vec<(String, Vec<u8>)>, body: Body) {
    for (name, seed) in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| body(&seed)) {
            eprintln!("it was the seed {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn answers_of_every_real_and_strange_shape_keep_the_connectors_promises() {
    each(seeds_of("answers"), bodies::answers::run);
}

#[test]
fn dialogues_that_once_went_far_keep_the_connectors_promises() {
    each(seeds_of("dialogue"), bodies::dialogue::run);
}

#[test]
fn checkpoints_real_and_broken_are_read_or_refused() {
    each(seeds_of("checkpoint"), bodies::checkpoint::run);
}

#[test]
fn settings_of_the_tests_and_strange_ones_are_read_or_refused_in_whole_lines() {
    for folder in ["fuzz/seeds/settings", "tests/config/good", "tests/config/bad"] {
        each(seeds(Path::new(folder)), bodies::settings::run);
    }
}

#[test]
fn journals_whole_and_damaged_are_opened_and_go_on() {
    each(seeds_of("frames"), bodies::frames::run);
}

#[test]
fn events_that_were_hard_to_frame_are_framed() {
    each(seeds_of("syslog"), bodies::syslog::run);
}

/// What a search found once: the seed by the name of its accident.
fn accident(body: Body, seed: &str) {
    body(&std::fs::read(Path::new("fuzz/seeds").join(seed)).expect("a seed"));
}

#[test]
fn a_frame_that_stands_in_the_journal_twice_is_read_once() {
    accident(bodies::frames::run, "frames/a-frame-that-is-there-twice");
}

#[test]
fn the_head_of_a_frame_that_was_cut_off_never_swallows_what_is_appended_later() {
    accident(bodies::frames::run, "frames/a-cut-frame-before-whole-ones");
    accident(bodies::frames::run, "frames/a-torn-end-before-a-segment-that-was-being-made");
}

#[test]
fn a_checkpoint_whose_entry_is_no_json_never_makes_an_event_that_is_none() {
    accident(bodies::checkpoint::run, "checkpoint/an-entry-that-is-no-json");
}

#[test]
fn a_checkpoint_with_the_token_in_place_of_a_word_is_refused_without_telling_it() {
    accident(bodies::checkpoint::run, "checkpoint/the-token-in-place-of-a-word");
}

#[test]
fn a_checkpoint_with_an_id_that_no_list_could_have_told_is_refused() {
    accident(bodies::checkpoint::run, "checkpoint/an-id-without-end");
}

#[test]
fn a_checkpoint_with_times_past_all_reckoning_is_refused() {
    accident(bodies::checkpoint::run, "checkpoint/times-past-all-reckoning");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_talk_of_random_answers_and_jumping_clocks_keeps_the_connectors_promises(bytes in vec(any::<u8>(), 0..2_048)) {
        bodies::dialogue::run(&bytes);
    }

    #[test]
    fn any_event_comes_back_from_its_frame(bytes in vec(any::<u8>(), 0..1_024)) {
        bodies::syslog::run(&bytes);
    }

    #[test]
    fn a_seed_of_any_target_with_a_few_bytes_changed_breaks_nothing(
        which in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let targets: [(&str, Body); 4] = [
            ("answers", bodies::answers::run),
            ("checkpoint", bodies::checkpoint::run),
            ("settings", bodies::settings::run),
            ("frames", bodies::frames::run),
        ];
        for (target, body) in targets {
            let mut seeds = seeds_of(target);
            let at = which.index(seeds.len());
            let (_, mut seed) = seeds.swap_remove(at);
            for (place, byte) in &changes {
                if !seed.is_empty() {
                    let place = place.index(seed.len());
                    seed[place] = *byte;
                }
            }
            body(&seed);
        }
    }
}
