//! A secret that a person or a script gives a command.
//!
//! Promise: it comes from stdin or an unseen prompt and never from the command line, where every user of the machine could
//! read it; all memory that held it is wiped.

use std::io::{self, BufRead, IsTerminal, Read};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{Exit, Failure};
use crate::secrets;
use crate::values::Secret;

/// What Ctrl-C sends while it raises no signal.
const INTERRUPT: u8 = 3;
/// A terminal hands over so much of a line, and drops the rest without a word (termios(3)).
const LONGEST_TYPED: usize = 4095;

/// The secret from stdin: to its end from a pipe, one unseen line from a terminal. `what` it is, for the prompt; `verb`,
/// for who gave nothing; `judged` says whether the text can be one.
pub fn asked(
    what: &str,
    verb: &str,
    judged: impl FnOnce(&str) -> Result<Secret, &'static str>,
) -> Result<Secret, Failure> {
    let held = if io::stdin().is_terminal() { prompted(what)? } else { piped()? };
    let usage = |rest: &str| Failure::new(Exit::Usage, format!("what was given {rest}; nothing was changed"));
    if held.is_empty() {
        return Err(usage(&format!("is empty: give it on stdin, as in `{verb} < FILE`")));
    }
    if held.len() > secrets::LARGEST {
        return Err(usage("is larger than 64 KiB: give the key alone"));
    }
    let text = std::str::from_utf8(&held).map_err(|_| usage("is not text"))?;
    judged(text).map_err(usage)
}

fn piped() -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut held = Zeroizing::new(Vec::with_capacity(secrets::LARGEST + 2));
    io::stdin().lock().take(secrets::LARGEST as u64 + 1).read_to_end(&mut held)?;
    Ok(held)
}

/// One line that the terminal does not show.
fn prompted(what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut unseen = before.clone();
    // Without signals, so that Ctrl-C can't leave a terminal behind that shows nothing.
    unseen.local_flags &= !(LocalFlags::ECHO | LocalFlags::ISIG);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &unseen).map_err(io::Error::from)?;
    // On stderr: stdout may be a file.
    eprint!("{what} (it is not shown): ");
    let mut line = Zeroizing::new(Vec::with_capacity(secrets::LARGEST + 2));
    let read = stdin.lock().take(secrets::LARGEST as u64 + 1).read_until(b'\n', &mut line);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before).map_err(io::Error::from)?;
    eprintln!();
    read?;
    if line.contains(&INTERRUPT) {
        return Err(Failure::new(Exit::Usage, "nothing was changed"));
    }
    if line.len() >= LONGEST_TYPED {
        let text = "the line is longer than a terminal takes; nothing was changed: give the key by `< FILE`";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(line)
}
