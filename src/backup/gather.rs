//! What goes into a backup, and what does not.
//!
//! Promise: each secret that the settings refer to is searched for in every file before it goes in plain; a file that
//! holds one is refused, or sealed whole. A secret that could not be searched for is named to whoever asked: root may make
//! a backup where only the agent is handed the credentials, and is better off with one and a warning than without.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::OFlag;

use super::document::{Document, FORMAT, Kept, LARGEST, Whose, is_certificates};
use super::passphrase::{self, Opened, Unopened};
use crate::bundle::secrets::{Known, known};
use crate::config::{self, Environment, Mistakes, NamedSecret, Place, Settings};
use crate::fault::Fault;
use crate::secrets::{SecretSources, resolve_text};
use crate::values::{Secret, SecretRef};

/// Bytes of a file of certificates, at the most.
const LARGEST_CERTIFICATES: u64 = 256 << 10;

/// Where all of it comes from.
pub struct Sources<'a> {
    /// The main settings file.
    pub config: &'a Path,
    pub env: Environment<'a>,
    pub secrets: &'a SecretSources,
}

/// How much of it.
#[derive(Debug)]
pub enum Wanted {
    /// No secret.
    Settings,
    /// The sealed secrets too, under this passphrase.
    WithSecrets(Secret),
}

/// A backup, and what its maker must know.
#[derive(Debug)]
pub struct Gathered {
    pub document: Document,
    /// Secrets that were not searched for: the setting, where it lies, and why.
    pub unsearched: Vec<String>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum NotGathered {
    #[error("the settings hold mistakes: mend them first\n{0}")]
    Mistakes(Mistakes),
    #[error(
        "{0} holds a secret that the settings refer to, perhaps in a comment: take it out, or make a backup with secrets, \
         which seals that file whole"
    )]
    Holds(String),
    #[error(
        "the backup would have {0} bytes, and one of more than {most} is not restored: take certificates that nothing uses out \
         of the folder of conductor.toml", most = LARGEST
    )]
    TooLarge(usize),
    #[error("{}", .0.chain())]
    Keyless(Fault),
    #[error("{0}")]
    Unsealed(Unopened),
    #[error("{path} can't be read: {source}")]
    Disk { path: PathBuf, source: io::Error },
}

/// The backup's name without its end: `conductor-backup-BOX-20261121T083000Z`.
pub fn name(agent: &str, now: Timestamp) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
    let agent: String = agent.chars().take(40).map(plain).collect();
    format!("conductor-backup-{agent}-{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// Gathers all of it. Blocks for files, and with secrets for as long as a key takes to make.
///
/// # Errors
/// See [`NotGathered`].
pub fn gather(sources: &Sources<'_>, wanted: &Wanted, now: Timestamp) -> Result<Gathered, NotGathered> {
    let settings = config::load(sources.config, sources.env).map_err(NotGathered::Mistakes)?.settings;
    let files = config::settings_files(sources.config, sources.env).map_err(NotGathered::Mistakes)?;
    let sealing = matches!(wanted, Wanted::WithSecrets(_));
    let logins = logins(&settings);
    let known = known(&settings, sources.secrets);
    let (mut kept, mut sealed, mut left_out) = (Vec::new(), Opened::default(), Vec::new());
    for file in files {
        let (of, name) = match file.place {
            Place::Main => (Whose::Settings, "conductor.toml".to_owned()),
            Place::Beside(name) => (Whose::Settings, format!("conductor.d/{name}")),
            Place::State(name) => (Whose::State, format!("conductor.d/{name}")),
        };
        let plain = logins.iter().fold(file.text.clone(), |text, login| text.replace(login.reveal(), ""));
        let holds = known.any_in(plain.as_bytes());
        if holds && !sealing {
            return Err(NotGathered::Holds(name));
        }
        if sealing && plain != file.text || holds {
            sealed.files.push(Kept::of_text(of, name.clone(), &file.text));
        } else if plain != file.text {
            left_out.push(format!("{name}: the user and password of a proxy"));
        }
        if !holds {
            kept.push(Kept::of_text(of, name, &plain));
        }
    }
    let beside = sources.config.parent().unwrap_or(Path::new(""));
    kept.extend(certificates(beside, Whose::Settings, "", &known)?);
    kept.extend(certificates(&sources.secrets.state_dir.join("certificates"), Whose::State, "certificates/", &known)?);
    secrets(&settings, sources.secrets, sealing, &mut sealed, &mut left_out)?;
    let mut document = Document {
        format: FORMAT,
        agent: settings.agent.name,
        version: crate::VERSION.to_owned(),
        made: now,
        files: kept,
        left_out,
        sealed: None,
    };
    if let Wanted::WithSecrets(passphrase) = wanted {
        document.sealed = Some(passphrase::seal(&document, &sealed, passphrase).map_err(NotGathered::Unsealed)?);
    }
    let bytes = document.to_json().map_or(0, |json| json.len());
    if bytes > LARGEST {
        return Err(NotGathered::TooLarge(bytes));
    }
    Ok(Gathered { document, unsearched: known.unsearched })
}

/// `user:password@` of each proxy.
pub fn logins(settings: &Settings) -> Vec<Secret> {
    let login = |url: &Secret| {
        let (before, _) = url.reveal().rsplit_once('@')?;
        let (_, login) = before.split_once("://")?;
        Some(Secret::new(format!("{login}@")))
    };
    settings.proxies().into_iter().filter_map(|(_, url)| login(url)).collect()
}

/// Files of certificates right in this folder; one that is not there holds none.
fn certificates(folder: &Path, of: Whose, prefix: &str, known: &Known) -> Result<Vec<Kept>, NotGathered> {
    let at = |source: io::Error| NotGathered::Disk { path: folder.to_owned(), source };
    let folder_of = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = match fs::read_dir(folder_of) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(at)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kept = Kept { of, name: format!("{prefix}{name}"), lines: Vec::new() };
        let fits = kept.what().is_some() && name != "conductor.toml";
        if !fits {
            continue;
        }
        // One that may not be read is no certificate that the agent uses.
        let Ok(Some(text)) = read_certificates(&entry.path()) else { continue };
        if is_certificates(&text) && !known.any_in(text.as_bytes()) {
            found.push(Kept::of_text(of, kept.name, &text));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// A regular file of this size, through no link; `None`: it is none. The agent's user writes one of the folders, and what is
/// looked at must be what is read.
fn read_certificates(path: &Path) -> io::Result<Option<String>> {
    // Opening a pipe would wait for its writer.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > LARGEST_CERTIFICATES {
        return Ok(None);
    }
    let mut text = String::new();
    file.take(LARGEST_CERTIFICATES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// The sealed secrets that the settings refer to; the others are named, with where they lie.
fn secrets(
    settings: &Settings,
    sources: &SecretSources,
    sealing: bool,
    sealed: &mut Opened,
    left_out: &mut Vec<String>,
) -> Result<(), NotGathered> {
    for NamedSecret { setting, secret, .. } in settings.secrets() {
        match secret {
            SecretRef::File(path) => left_out.push(format!("{setting}: the secret file {}", path.display())),
            SecretRef::Credential(name) => left_out.push(format!("{setting}: the credential {name}")),
            SecretRef::Sealed(name) if sealing => {
                if !sealed.secrets.iter().any(|(other, _)| other == name) {
                    let text = resolve_text(secret, sources).map_err(NotGathered::Keyless)?;
                    sealed.secrets.push((name.clone(), text));
                }
            }
            SecretRef::Sealed(name) => left_out.push(format!("{setting}: the sealed secret {name}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn a_link_a_pipe_and_a_flood_among_the_certificates_are_left_out_and_hold_nobody_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        let text = "-----BEGIN CERTIFICATE-----\n";
        fs::write(at("real.pem"), text).expect("written");
        fs::write(at("large.pem"), text.repeat(10_000)).expect("written");
        std::os::unix::fs::symlink(at("real.pem"), at("link.pem")).expect("a link");
        nix::unistd::mkfifo(&at("pipe.pem"), Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");
        assert_eq!(read_certificates(&at("real.pem")).expect("read").as_deref(), Some(text));
        assert!(read_certificates(&at("link.pem")).is_err());
        assert_eq!(read_certificates(&at("large.pem")).expect("read"), None);
        assert_eq!(read_certificates(&at("pipe.pem")).expect("looked at"), None);
    }
}
