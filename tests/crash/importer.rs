//! `conductor queue import` as a child that outlives the agent: lines go in, it says in the end that all are durable.

use std::io::{PipeWriter, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::campaign::PATIENCE;
use crate::agent::{Agent, Place};

pub struct Importer {
    child: Child,
    log: PathBuf,
    lines: Option<Sender<String>>,
    feeding: Option<JoinHandle<()>>,
}

impl Importer {
    /// It waits for an agent by itself. `name`: no other has it.
    pub fn start(place: &Place, name: &str) -> Importer {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let log = place.dir.path().join(format!("{name}.log"));
        let said = std::fs::File::create(&log).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_conductor"))
            .args(["queue", "import", "-", "--config"])
            .arg(place.config())
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("the verb starts");
        let (lines, given) = channel::<String>();
        let feed = move |mut writer: PipeWriter| {
            // An error here is an importer that ended: its exit code tells.
            while let Ok(line) = given.recv() {
                if writer.write_all(line.as_bytes()).and_then(|()| writer.write_all(b"\n")).is_err() {
                    return;
                }
            }
        };
        let feeding = std::thread::spawn(move || feed(writer));
        Importer { child, log, lines: Some(lines), feeding: Some(feeding) }
    }

    /// Never waits: what the importer does not take yet stands in line.
    pub fn give(&self, line: String) {
        let _ = self.lines.as_ref().expect("it was not ended").send(line);
    }

    /// Has it said that every line which it was given is durable? Asked once it was given none but those.
    pub fn has_ended(&mut self) -> bool {
        drop(self.lines.take());
        let ended = self.child.try_wait().expect("asked");
        assert!(ended.is_none_or(|exit| exit.success()), "{ended:?}: {}", self.said());
        ended.is_some()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// No more lines: waits until it says that every one is durable.
    pub fn end(mut self, agent: &mut Agent) {
        drop(self.lines.take());
        let child = &mut self.child;
        agent.wait_within(PATIENCE, "the import has ended", |_| child.try_wait().expect("asked").is_some());
        let exit = self.child.wait().expect("reaped");
        let said = self.said();
        assert!(exit.success() && said.contains("each of them durable"), "{exit}: {said}");
        if let Some(feeding) = self.feeding.take() {
            feeding.join().expect("the feeder is well");
        }
    }
}

impl Drop for Importer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
