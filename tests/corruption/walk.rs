//! Each file of the queue, each damage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;

use fastrand::Rng;

use super::damage::{Damage, all_of};
use super::oracle::judge;
use super::template::Template;
use crate::small_disk::folder;

/// `CONDUCTOR_CORRUPTION=17`: this seed; default 1.
const SEED: &str = "CONDUCTOR_CORRUPTION";

fn walk(tidy: bool) {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let template = Template::made(tidy);
    let mut rng = Rng::with_seed(seed);
    let mut todo: Vec<(PathBuf, Damage)> = Vec::new();
    for file in template.files.keys() {
        todo.extend(all_of(&template, file, &mut rng).into_iter().map(|damage| (file.clone(), damage)));
    }
    let many = todo.len();
    let broken: Mutex<Vec<String>> = Mutex::default();
    let costs = Mutex::new((0, 0));
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((file, damage)) = todo.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let dir = folder();
                    template.write(dir.path());
                    damage.strike(dir.path(), file, seed);
                    let outcome = catch_unwind(AssertUnwindSafe(|| judge(dir.path(), &template, file, damage)));
                    match outcome.unwrap_or_else(|_| Err("a panic".into())) {
                        Ok(cost) => {
                            let mut costs = costs.lock().expect("no panic inside");
                            *costs = (costs.0 + cost.lost, costs.1 + cost.repeated);
                        }
                        Err(why) => {
                            let text = format!("{}: {damage:?}: {why}", file.display());
                            broken.lock().expect("no panic inside").push(text);
                        }
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().expect("no panic inside");
    let (lost, repeated) = costs.into_inner().expect("no panic inside");
    println!(
        "{many} damages to {} files: {lost} events lost and fetched again, {repeated} came twice",
        template.files.len()
    );
    assert!(many > 1_500, "{many}");
    assert!(broken.is_empty(), "seed {seed}, {} of {many}:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn whatever_befalls_one_file_of_a_queue_that_was_closed_the_rest_is_handed_on_and_what_was_lost_is_told_and_fetched_again()
 {
    walk(true);
}

#[test]
fn whatever_befalls_one_file_of_a_queue_whose_agent_was_killed_the_rest_is_handed_on_and_told() {
    walk(false);
}
