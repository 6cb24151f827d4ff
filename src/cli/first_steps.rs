//! What stands below `conductor --help`, and at the end of its manual page: where a newcomer begins.
//!
//! Promise: every verb that it names is one.

/// The first verbs that somebody needs, the exit codes, and where to read on.
pub const FIRST_STEPS: &str = "\
First steps:
  conductor claim                  Where the pages are, and a code for their first admin
  conductor check                  Is all there that the agent needs? Each line that is not well says what to do
  conductor integration test NAME  Step by step, what stands between this box and the vendor
  conductor destination test NAME  One marked event to a receiver, and how far it got
  conductor status                 How the running agent is

Most verbs need the rights of the agent's user or of root (sudo). JSON goes to stdout, messages to stderr.

Exit codes: 0 all went well; 64 the command line is wrong; 69 a peer or the agent can't be reached, or refuses; 70 a bug of ours;
74 the disk; 77 a file may not be read or written; 78 the settings are wrong. `status`: 0 healthy, 1 degraded, 2 down.

Read on: operators-guide.md and troubleshooting.md, in /usr/share/doc/conductor.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_of_the_first_steps_is_one() {
        let said = FIRST_STEPS.lines().filter_map(|line| line.strip_prefix("  conductor "));
        let mut looked_at = 0;
        for line in said {
            let mut at = super::super::grammar();
            let words = line.split("  ").next().unwrap_or(line).split(' ').filter(|word| *word != "NAME");
            for word in words {
                at = at.find_subcommand(word).unwrap_or_else(|| panic!("no verb {word}: {line}")).clone();
            }
            looked_at += 1;
        }
        assert_eq!(looked_at, 5);
    }
}
