//! What stands below `conductor --help`, and at the end of its manual page: where a newcomer begins.
//!
//! Promise: every verb that it names is one.

/// The first verbs that somebody needs, the exit codes, and where to read on.
pub const FIRST_STEPS: &str = "\
First steps:
  conductor claim                  a code for the first admin of the pages
  conductor check                  is all there that the agent needs?
  conductor integration test NAME  what stands between this box and the vendor
  conductor destination test NAME  how far a marked event gets
  conductor status                 how the running agent is

Most verbs need the rights of the agent's user or of root (sudo).
JSON goes to stdout, messages to stderr.

Exit codes:
  0   all went well                    74  the disk, or what is on it
  64  the command line is wrong        77  a file may not be read or written
  69  a peer is away, or refuses us    78  the settings are wrong
  70  a bug of ours                    status: 0 healthy, 1 degraded, 2 down

Read on: operators-guide.md and troubleshooting.md in /usr/share/doc/conductor";

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
