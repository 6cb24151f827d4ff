//! What chooses the slot: GRUB's configuration, its environment, and RAUC's view of the same.
//!
//! GRUB keeps for each slot `OK` (whole, may be tried), `TRY` (how often it was tried since it last was good) and `KEEP` (it
//! has passed the health gate once). RAUC sets `ORDER`, `OK` and `TRY`; the scripts in image/ set `KEEP`. A slot on trial is
//! tried once; one that has passed three times, so that a power cut while it boots brings no older version.
//!
//! Promise: pure; whatever the environment holds, nothing at all included, some slot is booted.

use std::fmt::Write;

use super::layout::Architecture;

/// How often a slot that has passed before is tried before the other is taken.
const TRIES: u32 = 3;

/// Built into GRUB: finds the partition that holds all else.
pub const EARLY: &str =
    "search --no-floppy --label ESP --set=root\nset prefix=($root)/grub\nconfigfile $prefix/grub.cfg\n";

/// GRUB's modules: what the configuration uses, and no more.
pub const MODULES: [&str; 18] = [
    "part_gpt",
    "fat",
    "squash4",
    "gzio",
    "xzio",
    "normal",
    "linux",
    "loadenv",
    "search",
    "search_label",
    "configfile",
    "echo",
    "test",
    "serial",
    "terminal",
    "regexp",
    "reboot",
    "sleep",
];

/// What the environment holds at the factory: slot A is good, B is empty.
pub const FACTORY: [&str; 7] = ["ORDER=A B", "A_OK=1", "A_TRY=0", "A_KEEP=1", "B_OK=0", "B_TRY=0", "B_KEEP=0"];

/// GRUB's configuration.
pub fn grub(architecture: Architecture) -> String {
    let mut choose = String::new();
    for (slot, index) in [("A", 0), ("B", 1)] {
        let mut steps = String::new();
        for tried in 0..TRIES {
            let word = if tried == 0 { "if" } else { "elif" };
            let _ =
                writeln!(steps, "      {word} [ \"${slot}_TRY\" = \"{tried}\" ]; then set {slot}_TRY={}", tried + 1);
        }
        let _ = write!(
            choose,
            "  if [ \"$slot\" = \"{slot}\" -a \"${slot}_OK\" = \"1\" -a -z \"$chosen\" ]; then
    if [ \"${slot}_TRY\" = \"0\" -o \"${slot}_KEEP\" = \"1\" -a \"${slot}_TRY\" != \"{TRIES}\" ]; then
      set chosen={slot}; set default={index}; set fallback={}
{steps}      fi
    fi
  fi\n",
            1 - index
        );
    }
    let serial = architecture.serial();
    let entries: String = [("A", 2), ("B", 3)].map(|(slot, partition)| entry(slot, partition, serial)).concat();
    format!(
        "# Written by `cargo xtask image`. Nobody may edit it at the screen: no user has a password.
set superusers=\"nobody\"
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
set gfxpayload=text
set esp=$root
regexp --set=1:disk '^(.*),gpt1$' $esp
set environment=($esp)/grub/grubenv
load_env --file $environment
# A cut while it was written leaves it empty: then the copy counts.
if [ -z \"$ORDER\" ]; then
  set environment=($esp)/grub/grubenv.old
  load_env --file $environment
fi
if [ -z \"$ORDER\" ]; then
  set ORDER=\"A B\"; set A_OK=1; set B_OK=1; set A_TRY=0; set B_TRY=0; set A_KEEP=1; set B_KEEP=1
fi
for slot in $ORDER; do
{choose}done
# Every slot was tried too often: begin anew with the first one that is whole, rather than stand still.
if [ -z \"$chosen\" ]; then
  set default=0; set fallback=1; set A_TRY=0; set B_TRY=0
  if [ \"$A_OK\" != \"1\" -a \"$B_OK\" = \"1\" ]; then set default=1; set fallback=0; fi
fi
save_env --file $environment ORDER A_OK A_TRY A_KEEP B_OK B_TRY B_KEEP
{entries}"
    )
}

/// `no_timer_check`: a virtual machine whose host is busy loses the timer's first ticks, and the kernel must not take that for a broken
/// board.
fn entry(slot: &str, partition: u32, serial: &str) -> String {
    let lower = slot.to_lowercase();
    format!(
        "menuentry \"{slot}\" --unrestricted {{
  linux ($disk,gpt{partition})/boot/vmlinuz root=PARTLABEL=root-{lower} rootfstype=squashfs ro rauc.slot={slot} \
         console=tty0 console={serial},115200 panic=10 no_timer_check quiet loglevel=4
  initrd ($disk,gpt{partition})/boot/initrd.img
}}
"
    )
}

/// RAUC's `system.conf`.
pub fn rauc(architecture: Architecture) -> String {
    format!(
        "[system]
compatible={}
bootloader=grub
grubenv=/efi/grub/grubenv
bundle-formats=verity
statusfile=/data/appliance/rauc.status
mountprefix=/run/rauc

[keyring]
path=/etc/rauc/keyring.pem
# A bundle was signed while the certificate was valid; that it has ended since makes no box unable to be updated.
use-bundle-signing-time=true

[slot.rootfs.0]
device=/dev/disk/by-partlabel/root-a
type=raw
bootname=A

[slot.rootfs.1]
device=/dev/disk/by-partlabel/root-b
type=raw
bootname=B
",
        architecture.compatible()
    )
}

/// The manifest of a bundle.
pub fn manifest(architecture: Architecture, version: &str) -> String {
    format!(
        "[update]\ncompatible={}\nversion={version}\n\n[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=root.img\n",
        architecture.compatible()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What GRUB would do: its configuration's choice, walked with the few words that it uses. Slot, and the environment after.
    fn choose(environment: &[(&str, &str)]) -> (String, std::collections::BTreeMap<String, String>) {
        let mut kept: std::collections::BTreeMap<String, String> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let text = grub(Architecture::Amd64);
        let body = text.split_once("load_env --file $environment\n").expect("it loads").1;
        let body = body.split_once("save_env").expect("it saves").0;
        // A shell has the same `if`, `elif`, `for` and `[`; `set NAME=VALUE` is its assignment.
        let script = body.replace("load_env", "# load_env").replace("set ", "").replace("($esp)", "esp");
        let names = ["ORDER", "A_OK", "A_TRY", "A_KEEP", "B_OK", "B_TRY", "B_KEEP", "default"];
        let told: String = names.iter().map(|name| format!("echo \"{name}=${name}\"\n")).collect();
        let given: String = kept.iter().map(|(name, value)| format!("{name}=\"{value}\"\n")).collect();
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("{given}{script}{told}")])
            .env_clear()
            .output()
            .expect("a shell");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (name, value) = line.split_once('=').expect("a value");
            kept.insert(name.to_owned(), value.to_owned());
        }
        let slot = if kept["default"] == "0" { "A" } else { "B" };
        (slot.to_owned(), kept)
    }

    fn environment(
        order: &'static str,
        a: [&'static str; 3],
        b: [&'static str; 3],
    ) -> Vec<(&'static str, &'static str)> {
        let of =
            |names: [&'static str; 3], values: [&'static str; 3]| names.into_iter().zip(values).collect::<Vec<_>>();
        let a = of(["A_OK", "A_TRY", "A_KEEP"], a);
        [vec![("ORDER", order)], a, of(["B_OK", "B_TRY", "B_KEEP"], b)].concat()
    }

    #[test]
    fn grub_takes_the_first_slot_that_is_whole_and_was_not_tried_too_often() {
        let cases = [
            ("the factory's", environment("A B", ["1", "0", "1"], ["0", "0", "0"]), "A"),
            ("installed, on trial", environment("B A", ["1", "0", "1"], ["1", "0", "0"]), "B"),
            ("tried once, no word", environment("B A", ["1", "0", "1"], ["1", "1", "0"]), "A"),
            ("half written", environment("A B", ["1", "0", "1"], ["0", "0", "0"]), "A"),
            ("kept, cut while it booted", environment("B A", ["1", "0", "1"], ["1", "1", "1"]), "B"),
            ("kept, cut again", environment("B A", ["1", "0", "1"], ["1", "2", "1"]), "B"),
            ("kept, and does not come up any more", environment("B A", ["1", "0", "1"], ["1", "3", "1"]), "A"),
            ("judged bad", environment("B A", ["1", "0", "1"], ["0", "1", "0"]), "A"),
            ("all tried out", environment("B A", ["1", "3", "1"], ["1", "3", "1"]), "A"),
            ("all tried out, one whole", environment("B A", ["0", "3", "1"], ["1", "3", "1"]), "B"),
            ("nothing is left of it", Vec::new(), "A"),
        ];
        for (what, environment, slot) in cases {
            assert_eq!(choose(&environment).0, slot, "{what}");
        }
    }

    #[test]
    fn a_slot_on_trial_is_tried_once_and_a_kept_one_three_times() {
        for (keep, tries) in [("0", 1), ("1", TRIES)] {
            let mut now = environment("B A", ["1", "0", "1"], ["1", "0", keep])
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<Vec<_>>();
            let mut times = 0;
            loop {
                let given: Vec<(&str, &str)> =
                    now.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let (slot, after) = choose(&given);
                if slot == "A" {
                    break;
                }
                times += 1;
                now = after.into_iter().filter(|(name, _)| name != "default").collect();
            }
            assert_eq!(times, tries, "KEEP={keep}");
        }
    }

    #[test]
    fn a_box_and_its_bundles_name_the_same_machine() {
        for architecture in [Architecture::Amd64, Architecture::Arm64] {
            let line = format!("compatible={}\n", architecture.compatible());
            assert!(rauc(architecture).contains(&line) && manifest(architecture, "1").contains(&line));
        }
    }
}
