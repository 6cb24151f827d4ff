//! `conductor check --nagios`, of this box and from afar.

use std::process::Command;

use super::scene::{Scene, TOKEN, address};

/// Its exit code and its first line.
fn plugin(scene: &Scene, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["check", "--nagios", "--config"])
        .arg(scene.place.config())
        .args(arguments)
        .current_dir(scene.place.dir.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains(TOKEN) && !String::from_utf8_lossy(&output.stderr).contains(TOKEN));
    (output.status.code().expect("it ended by itself"), text.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn it_tells_the_same_here_and_from_afar_and_says_what_keeps_it_from_asking() {
    let scene = Scene::new();
    let client = scene.soc.client(2);
    scene.write("soc.pem", &client.cert);
    scene.place.secret("soc.key", &client.key);
    scene.place.secret("wrong", "another-token-altogether");
    let agent = scene.start(&scene.usual());
    let url = format!("https://{}", address(&agent).expect("it listens"));
    let (code, line) = plugin(&scene, &[]);
    assert!(
        code == 1 && line.starts_with("CONDUCTOR WARNING - box: 1 condition (no-destination), "),
        "no destination is set: {line}"
    );
    assert!(line.contains(" | conditions=1;;;0 queue_events=0;;;0 "), "{line}");
    let afar: &[&str] = &["--url", &url, "--ca", "site-ca.pem"];
    for identity in [&["--token-file", "token"][..], &["--cert", "soc.pem", "--key", "soc.key"]] {
        let (code, said) = plugin(&scene, &[afar, identity].concat());
        assert_eq!((code, said.split(" | ").next()), (1, line.split(" | ").next()), "{identity:?}: {said}");
    }
    for (why, arguments) in [
        ("nothing is shown", afar.to_vec()),
        ("a wrong token", [afar, &["--token-file", "wrong"]].concat()),
        ("no such file", [afar, &["--token-file", "nowhere"]].concat()),
        ("the CA is not trusted", vec!["--url", &url, "--token-file", "token"]),
    ] {
        let (code, said) = plugin(&scene, &arguments);
        assert!(code == 3 && said.starts_with("CONDUCTOR UNKNOWN - "), "{why}: {code} {said}");
    }
    agent.stop();
    for arguments in [&[][..], &[afar, &["--token-file", "token"]].concat()] {
        let (code, said) = plugin(&scene, arguments);
        assert!(code == 2 && said.starts_with("CONDUCTOR CRITICAL - "), "{code} {said}");
    }
}

#[test]
fn check_looks_at_the_files_of_the_remote_listener() {
    let scene = Scene::new();
    scene.place.write_settings(&scene.usual());
    let said = |scene: &Scene| String::from_utf8_lossy(&scene.place.verb(&["check", "--offline"]).stdout).into_owned();
    let of_remote = |line: &&str| line.split_whitespace().nth(1) == Some("remote");
    let line = |text: String| text.lines().find(of_remote).unwrap_or_default().to_owned();
    assert!(line(said(&scene)).contains("can use its files"), "{}", said(&scene));
    scene.place.secret("box.key", "no key");
    assert!(said(&scene).contains("is not an unencrypted PEM private key"), "{}", said(&scene));
}
