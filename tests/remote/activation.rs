//! A socket that systemd hands over.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use super::scene::Scene;

#[test]
fn a_socket_that_was_handed_over_is_used_in_the_place_of_listen() {
    let scene = Scene::new();
    // Nobody could have port 1 of that address: what listens is the socket.
    scene.place.write_settings(&scene.usual().replace("127.0.0.1:0", "192.0.2.1:1"));
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = socket.local_addr().expect("bound");
    // As systemd does it: descriptor 3, and the variables that tell of it.
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=remote exec \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_conductor"), "run", "--config"])
        .arg(scene.place.config())
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // The kernel keeps who comes before anybody accepts: this waits for the answer, however late.
    let answer = scene.stranger().with_token(to, "/status");
    let status: serde_json::Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(status["remote"]["listen"], to.to_string());
    child.kill().expect("killed");
    child.wait().expect("reaped");
}
