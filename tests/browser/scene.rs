//! Plays one scene: the script is told where everything is, asks for what only the test can do, and must end well.
//!
//! A line `ask {"what": ...}` of the script is answered by one line of JSON; all its other lines are printed.
//! Promise: the script is gone when this returns, also when it fails.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::tools::{self, Tools};
use crate::world::{self, World};

struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn play(tools: &Tools, world: &mut World, name: &str) {
    let pictures = tools::target().join("browser");
    fs::create_dir_all(&pictures).expect("a folder for the screenshots");
    let stage = stage(world, name, &pictures);
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/main.mjs");
    let child = Command::new(&tools.node)
        .arg(main)
        .env("CHROMIUM", &tools.chromium)
        .env("TOOLS", &tools.folder)
        .env("STAGE", stage.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut script = Script(child.expect("node runs"));
    let mut answers = script.0.stdin.take().expect("a pipe");
    for line in BufReader::new(script.0.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        match line.strip_prefix("ask ") {
            Some(asked) => {
                let asked = serde_json::from_str(asked).expect("JSON");
                // A script that has failed meanwhile reads no more: its exit tells.
                let _ = writeln!(answers, "{}", answer(world, &asked));
            }
            None => println!("{name}: {line}"),
        }
    }
    let ended = script.0.wait().expect("it ends");
    assert!(
        ended.success(),
        "the scene {name} failed; its last screenshot is in target/browser\n{}",
        world.place.log()
    );
}

/// All that the script needs to know.
fn stage(world: &mut World, name: &str, pictures: &Path) -> Value {
    let listen = world.agent().status()["remote"]["listen"].as_str().expect("it listens").to_owned();
    json!({
        "scene": name,
        "origin": format!("https://{listen}"),
        "pictures": pictures,
        "seen": world.place.dir.path().join("seen"),
        "host": format!("localhost:{}", world.api.addr().port()),
        "soc": format!("localhost:{}", world.soc.addr().port()),
        "ca": world.authority.ca_pem(),
        "key": world::KEY,
        "nextKey": world::NEXT_KEY,
        "wrongKey": world::WRONG_KEY,
        "password": world::PASSWORD,
    })
}

fn answer(world: &mut World, asked: &Value) -> Value {
    match asked["what"].as_str().unwrap_or_default() {
        "claim" => {
            let said = world.place.verb(&["claim"]);
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            json!(String::from_utf8_lossy(&said.stdout).lines().next())
        }
        "vendor takes" => {
            world.api.set_token(asked["key"].as_str().expect("a key"));
            Value::Null
        }
        // A poll asks for the first page of two lists, without a number: of what came, and of what was remediated.
        "polls" => {
            let all = world.api.requests();
            let polls = all.iter().filter(|seen| seen.path == "/v1/threats" && seen.query.contains("receivedTime"));
            let polls = polls.filter(|seen| !seen.query.contains("pageNumber"));
            json!(polls.count())
        }
        "status" => world.agent().status(),
        other => panic!("the script asks for {other:?}"),
    }
}
