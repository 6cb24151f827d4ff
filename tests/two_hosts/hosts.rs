//! Two hosts on one machine: two network namespaces, each with a TUN device, and a wire of ours between the devices.
//!
//! Not veth and netem: many CI kernels have neither, all have TUN; and what our own wire loses it loses by count, the
//! same in each run. It needs root, or a kernel that gives its users namespaces of their own; where neither is so the
//! test fails and says what is missing.
//!
//! Promise: the caller's thread is on the near host, and nothing of the machine's own network is touched.

use std::any::type_name_of_val;
use std::fs::File;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use tappers::{Interface, Tun};

use super::wire::Wire;

/// The agent's host and the receivers'.
pub const NEAR: &str = "10.77.0.1";
pub const FAR: &str = "10.77.0.2";
/// Says that we run with namespaces of our own already.
const INSIDE: &str = "CONDUCTOR_TEST_INSIDE";

pub struct Hosts {
    near: File,
    far: File,
    pub wire: Wire,
}

/// Runs `test` on the near host of two. It gets a thread of its own, since a thread can't come back from a host.
pub fn between_two_hosts(test: impl FnOnce(&mut Hosts) + Send + 'static) {
    let may = thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET)).join().expect("it only asks");
    if may.is_ok() {
        let run = thread::spawn(move || test(&mut Hosts::new()));
        return run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
    let name = type_name_of_val(&test).trim_end_matches("::{{closure}}").split_once("::").expect("a path").1.to_owned();
    assert!(std::env::var_os(INSIDE).is_none(), "a user namespace without the right to make a network: {may:?}");
    let ourselves = std::env::current_exe().expect("our own path");
    let mut again = Command::new("unshare");
    again.arg("--map-root-user").arg(ourselves).args(["--exact", &name, "--nocapture"]).env(INSIDE, "1");
    let ended = again.status().expect("unshare, of util-linux");
    assert!(
        ended.success(),
        "{name} failed, or this machine has no room for two hosts: it takes root (sudo), or namespaces for users \
         (sysctl kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0), and \
         /dev/net/tun"
    );
}

impl Hosts {
    fn new() -> Hosts {
        let (far, far_end) = host(FAR, NEAR);
        let (near, near_end) = host(NEAR, FAR);
        Hosts { near, far, wire: Wire::between(near_end, far_end) }
    }

    /// Runs `what` on the far host: what it starts stays there.
    pub fn at_far<R>(&self, what: impl FnOnce() -> R) -> R {
        setns(&self.far, CloneFlags::CLONE_NEWNET).expect("the far host is there");
        let result = what();
        setns(&self.near, CloneFlags::CLONE_NEWNET).expect("and we come back");
        result
    }

    /// Another machine takes the far host's place, under its address: it knows nothing of the old one's connections.
    /// What runs on the old one can reach nobody any more.
    pub fn replace_far(&mut self) {
        let (far, end) = host(FAR, NEAR);
        self.wire.plug_far(end);
        self.far = far;
        setns(&self.near, CloneFlags::CLONE_NEWNET).expect("we come back");
    }
}

/// Takes this thread to a new host, with loopback and a device towards `peer`.
fn host(address: &str, peer: &str) -> (File, Tun) {
    unshare(CloneFlags::CLONE_NEWNET).expect("we may: that was tried");
    let namespace = File::open("/proc/thread-self/ns/net").expect("our own namespace");
    let device =
        Tun::new_named(Interface::new("wire0").expect("a name")).expect("/dev/net/tun: `modprobe tun`, or --device");
    ip(&["link", "set", "lo", "up"]);
    ip(&["address", "add", address, "peer", peer, "dev", "wire0"]);
    ip(&["link", "set", "wire0", "up"]);
    (namespace, device)
}

fn ip(words: &[&str]) {
    let done = Command::new("ip").args(words).output().expect("ip, of iproute2: `cargo xtask setup`");
    assert!(done.status.success(), "ip {words:?}: {}", String::from_utf8_lossy(&done.stderr));
}
