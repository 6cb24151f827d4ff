//! `conductor integration set-key NAME`: a new API key into the file that the settings name.
//!
//! Promise: the key comes from stdin or an unseen prompt and never from the command line, where every user of the
//! machine could read it; the file holds the old key or the new one, whole, at every moment.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::cli::{Exit, Failure};
use crate::config::{Integration, Settings};
use crate::secrets;
use crate::values::{Name, Secret, SecretRef};

/// What Ctrl-C sends while it raises no signal.
const INTERRUPT: u8 = 3;
/// A terminal hands over so much of a line, and drops the rest without a word (termios(3)).
const LONGEST_TYPED: usize = 4095;

pub fn run(settings: &Settings, name: &str, stdout: &mut impl Write) -> Result<u8, Failure> {
    let found = name.parse().ok().and_then(|name: Name| settings.integrations.get(&name));
    let Some(integration) = found else {
        let text = format!("no integration is called {name:?}: see `conductor integration list`");
        return Err(Failure::new(Exit::Usage, text));
    };
    let path = file_of(integration)?;
    let key = asked(name)?;
    let shown = path.display();
    let sources = secrets::SecretSources::default();
    if secrets::resolve_token(&integration.api_key, &sources).is_ok_and(|old| old == key) {
        writeln!(stdout, "{shown} holds this key already")?;
        return Ok(0);
    }
    let new = !path.exists();
    secrets::replace(path, &key).map_err(|error| {
        let exit = if crate::cli::is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
        let text = format!(
            "{shown} can't be replaced: {error}; say it as a user who may write into its folder (root, say); the old key \
             is as it was"
        );
        Failure::new(exit, text)
    })?;
    writeln!(stdout, "{shown} holds the new key")?;
    if new {
        writeln!(stdout, "the file is new and for its owner alone: let the agent's user read it")?;
    }
    writeln!(
        stdout,
        "a running agent sees it within seconds and tries it; the old key stays in use until the new one has worked: \
         see `conductor status`, then revoke the old one in the vendor's portal"
    )?;
    Ok(0)
}

/// The file that holds the key, where it is a file.
fn file_of(integration: &Integration) -> Result<&Path, Failure> {
    let name = &integration.name;
    match &integration.api_key {
        SecretRef::File(path) => Ok(path),
        SecretRef::Credential(credential) => Err(Failure::new(
            Exit::Usage,
            format!(
                "the key of {name} is the systemd credential {credential}, which only systemd hands over: replace the file \
                 that LoadCredential={credential}: names in the unit, then `systemctl restart conductor`"
            ),
        )),
        SecretRef::Sealed(sealed) => Err(Failure::new(
            Exit::Usage,
            format!(
                "the key of {name} is the sealed secret {sealed}, and this build has no sealed store yet: write \
                 api-key = {{ file = \"...\" }} into the settings"
            ),
        )),
    }
}

/// The key from stdin: to its end from a pipe, one unseen line from a terminal.
fn asked(name: &str) -> Result<Secret, Failure> {
    let held = if io::stdin().is_terminal() { prompted(name)? } else { piped()? };
    let usage = |rest: &str| Failure::new(Exit::Usage, format!("what was given {rest}; nothing was changed"));
    if held.is_empty() {
        return Err(usage("is empty: give the key on stdin, as in `conductor integration set-key NAME < FILE`"));
    }
    if held.len() > secrets::LARGEST {
        return Err(usage("is larger than 64 KiB: give the key alone"));
    }
    let text = std::str::from_utf8(&held).map_err(|_| usage("is not text"))?;
    secrets::token(text).map(|token| token.secret).map_err(usage)
}

fn piped() -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut held = Zeroizing::new(Vec::with_capacity(secrets::LARGEST + 2));
    io::stdin().lock().take(secrets::LARGEST as u64 + 1).read_to_end(&mut held)?;
    Ok(held)
}

/// One line that the terminal does not show.
fn prompted(name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut unseen = before.clone();
    // Without signals, so that Ctrl-C can't leave a terminal behind that shows nothing.
    unseen.local_flags &= !(LocalFlags::ECHO | LocalFlags::ISIG);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &unseen).map_err(io::Error::from)?;
    // On stderr: stdout may be a file.
    eprint!("the new API key of {name} (it is not shown): ");
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
