//! What the box's own scripts decide (image/root/usr/lib/appliance), without a box.
//!
//! Promise: the very file that goes into the image is asked.

use std::process::Command;

use crate::commands::root;

/// What that file's function says.
fn asked(file: &str, call: &str) -> String {
    let path = root().join("image/root/usr/lib/appliance").join(file);
    let output = Command::new("bash").args(["-u", "-c", &format!(". '{}'; {call}", path.display())]).output();
    let output = output.expect("bash");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn nothing_is_taken_that_is_older_than_what_runs_or_than_what_was_ever_good() {
    // A bundle, what runs, the newest that was good: of what the refusal speaks; nothing: it is taken.
    let cases = [
        ("1.1.0", "1.0.0", "1.0.0", ""),
        ("1.10.0", "1.9.0", "1.9.0", ""),
        ("1.0.0", "1.0.0", "1.0.0", "1.0.0 runs"),
        ("1.0.9", "1.1.0", "1.1.0", "1.1.0 runs"),
        // Slot B with 1.3.0 does not come up any more, and 1.1.0 in slot A runs.
        ("1.2.0", "1.1.0", "1.3.0", "1.3.0 was good on this box"),
        ("1.3.0", "1.1.0", "1.3.0", ""),
        ("1.4.0", "1.1.0", "1.3.0", ""),
        // GRUB's environment was spoilt.
        ("1.2.0", "1.1.0", "", ""),
    ];
    for (bundle, runs, floor, told) in cases {
        let said = asked("floor", &format!("too_old {bundle} {runs} '{floor}'"));
        assert!(said.starts_with(told) && said.is_empty() == told.is_empty(), "{bundle} on {runs}, {floor}: {said}");
    }
}
