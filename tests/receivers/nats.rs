//! A cluster of three nats-servers of Debian, as docs/receivers.md sets it up: TLS, a client certificate, a login.
//!
//! Each is a process of its own that can be killed, stopped and started again. Promise: the settings are those of the
//! document, with the paths, names and ports of the test in place of its own.

use std::fs;
use std::path::Path;

use super::process::{Plan, Receiver, free_port};

/// Below the receivers of a document: the block that follows this mark.
pub fn block_of(document: &str, mark: &str) -> String {
    let (_, rest) = document.split_once(&format!("<!-- {mark}")).unwrap_or_else(|| panic!("no {mark} in the document"));
    let (_, rest) = rest.split_once("```").expect("a block begins");
    let (_, rest) = rest.split_once('\n').expect("its language ends");
    rest.split_once("```").expect("it ends").0.to_owned()
}

/// docs/receivers.md.
pub fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/receivers.md")).expect("the document")
}

/// Three servers.
pub struct Nats {
    pub servers: Vec<Receiver>,
}

impl Nats {
    /// `edit` changes the settings of each server before it starts.
    pub fn start(dir: &Path, certs: &Path, count: usize, edit: impl Fn(String) -> String) -> Nats {
        let routes: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let servers = routes.iter().enumerate().map(|(n, route)| {
            let home = dir.join(format!("nats-{}", n + 1));
            fs::create_dir_all(&home).expect("a server's folder");
            let port = free_port();
            let mut text = block_of(&document(), "nats-server.conf")
                .replace("server_name: nats-1", &format!("server_name: nats-{}", n + 1))
                .replace("0.0.0.0:4222", &format!("127.0.0.1:{port}"))
                .replace("0.0.0.0:6222", &format!("127.0.0.1:{route}"))
                .replace("/etc/nats/", &format!("{}/", certs.display()))
                .replace("/var/lib/nats", &home.join("store").display().to_string());
            for (n, route) in routes.iter().enumerate() {
                text = text.replace(&format!("nats-{}.soc.example:6222", n + 1), &format!("127.0.0.1:{route}"));
            }
            if count == 1 {
                let (before, rest) = text.split_once("cluster {").expect("a cluster");
                let (_, after) = rest.split_once("\n}\n").expect("its end");
                text = format!("{before}{after}");
            }
            fs::write(home.join("nats.conf"), edit(text)).expect("its settings");
            let arguments = ["-c", "nats.conf"].map(str::to_owned).to_vec();
            Receiver::start(Plan { program: "nats-server", arguments, dir: home, port })
        });
        Nats { servers: servers.collect() }
    }

    /// `127.0.0.1:PORT` of each.
    pub fn addresses(&self) -> Vec<String> {
        self.servers.iter().map(Receiver::address).collect()
    }

    /// The server of that name: `nats-2` is the second.
    pub fn named(&mut self, name: &str) -> &mut Receiver {
        let at = name.strip_prefix("nats-").and_then(|n| n.parse::<usize>().ok()).expect("a server's name");
        &mut self.servers[at - 1]
    }

    /// Starts them again all at once: each alone would wait for the others.
    pub fn restart_all(&mut self) {
        self.servers.iter_mut().for_each(Receiver::restart);
    }

    /// What all of them said.
    pub fn log(&self) -> String {
        self.servers.iter().map(|server| format!("--- {}\n{}", server.port(), server.log())).collect()
    }
}
