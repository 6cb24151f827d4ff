//! What callgrind wrote, read: the instructions of one program's own code.
//!
//! Promise: pure text in, a number out. What the C library does is left out: its copying and its allocator differ from one
//! distribution to the next, ours do not.

use std::collections::HashMap;

/// Sums up the instructions of the program whose path ends with `program`, its linked libraries among them. Objects are
/// named once and numbered then: `ob=(3) path`, later `ob=(3)`. (`calls=` is no number to go by: it is of the whole run, not of
/// what was collected.)
pub fn instructions(profile: &str, program: &str) -> u64 {
    let mut objects: HashMap<&str, bool> = HashMap::new();
    let (mut sum, mut ours, mut in_call) = (0, false, false);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            ours = is_ours(&mut objects, object, program);
        } else if let Some(object) = line.strip_prefix("cob=") {
            // Of the one that is called; it may be named here for the first time.
            is_ours(&mut objects, object, program);
        } else if line.starts_with("calls=") {
            in_call = true;
        } else if line.starts_with(['+', '-', '*']) || line.starts_with(|first: char| first.is_ascii_digit()) {
            // The line after `calls=` is what the callee spent: it stands with the callee, too.
            if ours && !in_call {
                sum += line.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            }
            in_call = false;
        }
    }
    sum
}

fn is_ours<'p>(objects: &mut HashMap<&'p str, bool>, told: &'p str, program: &str) -> bool {
    match told.split_once(' ') {
        Some((number, path)) => {
            let ours = path.ends_with(program);
            objects.insert(number, ours);
            ours
        }
        None => objects.get(told).copied().unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
version: 1
positions: line
events: Ir
summary: 1000

ob=(1) /somewhere/deps/counts-0123
fl=(1) ???
fn=(1) counts::counted
0 10
+3 5
cob=(2) /lib/libc.so.6
cfn=(2) malloc
calls=3 0
0 600
cfn=(3) conductor::encode
calls=1 0
* 300

ob=(2)
fn=(2)
0 600

ob=(1)
fn=(3)
12 200
cob=(2)
cfn=(2)
calls=4 0
0 70

totals: 1000
";

    #[test]
    fn the_programs_own_instructions_are_added_up_and_neither_callees_nor_the_c_library_are() {
        assert_eq!(instructions(PROFILE, "counts-0123"), 215);
        assert_eq!(instructions(PROFILE, "libc.so.6"), 600);
        assert_eq!(instructions(PROFILE, "another"), 0);
    }
}
