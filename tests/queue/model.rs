//! Random actions on the queue and on a plain model, side by side.

use std::collections::BTreeMap;

use conductor::event::{Checkpoint, Seq};
use conductor::queue::Options;
use proptest::prelude::*;

use super::support::{ROOMY, ids, open_with, page, read_all};

#[derive(Clone, Debug)]
enum Action {
    Append { stream: u8, from: u64, count: u64 },
    Read { destination: u8 },
    Ack { destination: u8, share: u8 },
    Trim,
    Reopen,
    LoseBook,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0u8..3, 0u64..40, 0u64..6).prop_map(|(stream, from, count)| Action::Append { stream, from, count }),
        2 => (0u8..2).prop_map(|destination| Action::Read { destination }),
        3 => (0u8..2, any::<u8>()).prop_map(|(destination, share)| Action::Ack { destination, share }),
        1 => Just(Action::Trim),
        1 => Just(Action::Reopen),
        1 => Just(Action::LoseBook),
    ]
}

#[derive(Default)]
struct Model {
    /// Every event ever kept, in order.
    kept: Vec<String>,
    checkpoints: BTreeMap<String, String>,
    cursors: BTreeMap<String, u64>,
}

fn name(destination: u8) -> String {
    format!("soc-{destination}")
}

fn run(actions: Vec<Action>) {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { max_bytes: 64 << 20, ..ROOMY };
    let mut queue = open_with(dir.path(), options);
    let mut model = Model::default();
    for destination in 0..2 {
        queue.register(&name(destination), true);
        model.cursors.insert(name(destination), 0);
    }
    let mut step = 0;
    for action in actions {
        step += 1;
        match action {
            Action::Append { stream, from, count } => {
                let stream = format!("s{stream}");
                let page = page(&stream, from..from + count, &format!("cp-{step}"));
                for event in &page.events {
                    if !model.kept.contains(&event.id.to_string()) {
                        model.kept.push(event.id.to_string());
                    }
                }
                queue.append(page).expect("kept");
                model.checkpoints.insert(stream, format!("cp-{step}"));
            }
            Action::Read { destination } => {
                let cursor = model.cursors[&name(destination)];
                let got = ids(&read_all(&queue, Seq(cursor)));
                assert_eq!(got, model.kept[cursor as usize..], "in order, none missing, none invented");
            }
            Action::Ack { destination, share } => {
                let cursor = model.cursors.get_mut(&name(destination)).expect("known");
                let waiting = model.kept.len() as u64 - *cursor;
                *cursor += waiting * u64::from(share) / 255;
                queue.ack(&name(destination), Seq(*cursor));
            }
            Action::Trim => queue.trim().expect("trimmed"),
            Action::Reopen => {
                drop(queue);
                queue = open_with(dir.path(), options);
            }
            Action::LoseBook => {
                drop(queue);
                std::fs::remove_dir_all(dir.path().join("queue/book")).expect("lost");
                queue = open_with(dir.path(), options);
                for (destination, cursor) in &mut model.cursors {
                    let found = queue.register(destination, true);
                    assert!(found.0 <= *cursor, "a lost book may repeat, never skip");
                    *cursor = found.0;
                }
            }
        }
        assert_eq!(queue.head_now().0, model.kept.len() as u64);
        for (stream, checkpoint) in &model.checkpoints {
            assert_eq!(queue.place("acme", stream).checkpoint, Some(Checkpoint(checkpoint.clone())));
        }
        let slowest = model.cursors.values().min().copied().unwrap_or(0);
        assert_eq!(queue.facts().waiting, model.kept.len() as u64 - slowest);
    }
}

fn cases() -> u32 {
    std::env::var("CONDUCTOR_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_queue_behaves_as_its_model(actions in proptest::collection::vec(action(), 1..40)) {
        run(actions);
    }
}
