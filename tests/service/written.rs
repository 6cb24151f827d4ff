//! As written: exposure, limits, and a sample that is true.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use conductor::config;

fn ours(name: &str) -> String {
    fs::read_to_string(Path::new("systemd").join(name)).unwrap_or_else(|e| panic!("systemd/{name}: {e}"))
}

/// The value of each line that begins with `key=`.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_unit_is_as_closed_as_we_say_by_systemds_own_count() {
    let counted = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=15", "systemd/conductor.service"])
        .output();
    let Ok(counted) = counted else {
        let _ = writeln!(std::io::stderr(), "NOT RUN: there is no systemd-analyze: cargo xtask setup");
        return;
    };
    let said = format!("{}{}", String::from_utf8_lossy(&counted.stdout), String::from_utf8_lossy(&counted.stderr));
    if said.contains("unrecognized option") {
        let _ =
            writeln!(std::io::stderr(), "NOT RUN: this systemd-analyze is older than 250 and reads no unit offline");
        return;
    }
    let line = said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{said}"));
    let level: f64 = line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    assert!(level <= 1.5 && counted.status.success(), "{line}\n{said}");
}

#[test]
fn the_unit_gives_a_stop_more_time_than_the_agent_takes_and_a_start_more_than_a_queue_takes() {
    let unit = ours("conductor.service");
    assert_eq!(values(&unit, "Type"), ["notify"]);
    assert_eq!(values(&unit, "TimeoutStopSec"), ["25s"]);
    assert_eq!(values(&unit, "TimeoutStartSec"), ["1h"]);
    assert_eq!(values(&unit, "WatchdogSec"), ["2min"]);
    assert_eq!(values(&unit, "Restart"), ["always"]);
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["78"]);
    assert_eq!(values(&unit, "MemoryMax").len(), 1);
}

/// Every line that is commented out is a setting or a sentence; with all settings in force it is a whole file.
#[test]
fn the_sample_settings_load_as_they_are_and_with_every_line_in_force() {
    let sample = ours("conductor.toml");
    let folder = tempfile::tempdir().expect("a folder");
    let load = |text: &str| {
        let path = folder.path().join("conductor.toml");
        fs::write(&path, text).expect("written");
        config::load(&path, &|name| (name == "STATE_DIRECTORY").then(|| folder.path().display().to_string()))
    };
    let plain = load(&sample).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(plain.settings.integrations.is_empty() && plain.settings.destinations.is_empty());
    let in_force: String = sample
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        // Either one or the other.
        .filter(|line| !line.starts_with("interface ="))
        .collect();
    // Files that only a real site has.
    for name in in_force.split("\"/etc/conductor/").skip(1).filter_map(|rest| rest.split_once(".pem\"")) {
        let made = rcgen::generate_simple_self_signed(["siem.acme.example".to_owned()]).expect("a certificate");
        fs::write(folder.path().join(format!("{}.pem", name.0)), made.cert.pem()).expect("written");
    }
    let in_force = in_force.replace("/etc/conductor/", &format!("{}/", folder.path().display()));
    let whole = load(&in_force).unwrap_or_else(|mistakes| panic!("{mistakes}\n{in_force}"));
    assert!(whole.settings.integrations.keys().any(|name| name.as_str() == "acme"));
    assert!(whole.settings.destinations.keys().any(|name| name.as_str() == "soc"));
}

#[test]
fn every_path_that_the_socket_and_the_folders_name_is_one_that_the_unit_knows() {
    assert_eq!(values(&ours("conductor.socket"), "ListenStream"), ["443"]);
    let unit = ours("conductor.service");
    for folder in ["/etc/credstore", "/etc/credstore.encrypted"] {
        assert!(ours("conductor.tmpfiles").contains(&format!("d {folder} 0700 root root")), "{folder}");
    }
    assert!(
        unit.contains("/etc/credstore.encrypted/conductor-key") && !values(&unit, "LoadCredentialEncrypted").is_empty()
    );
}
