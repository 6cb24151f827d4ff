//! `conductor run`: the agent in the foreground.
//!
//! Promise: ready is said only when the queue is open; SIGHUP reads the settings again and keeps the old ones
//! when the new are wrong; SIGTERM ends within 20 s and loses nothing.

mod pages;
mod service;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::logging::{self, LogFormat};
use super::{Exit, Failure, recording, settings};
use crate::appliance::storage;
use crate::audit::{Act, Audit, ITSELF, Outcome};
use crate::config::{self, Loaded, Settings};
use crate::engine::clock::Clock;
use crate::engine::{self, Engine};
use crate::files::whole::{self, Lasting};
use crate::queue::{Queue, QueueError};
use crate::status::{Board, Code, QueueState};
use crate::web::remote;
use crate::{control, web};

/// Where the bound address of the local listener is written, for `listen = "127.0.0.1:0"`.
pub const LOCAL_ADDRESS: &str = "local-address";

#[derive(Debug, Args)]
pub struct Arguments {
    /// How the log on stderr is written.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

pub fn run(config: &Path, verbose: u8, arguments: &Arguments) -> Result<u8, Failure> {
    logging::begin(arguments.log_format, verbose);
    let loaded = settings::load(config)?;
    // While there is one thread: the variables that tell of it are taken out of the environment.
    let socket = remote::handed_over().unwrap_or_else(|error| {
        tracing::error!("{}", remote::none_handed_over(&error));
        None
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Software, format!("the runtime can't start: {e}")))?;
    let outcome = runtime.block_on(serve(config.to_owned(), loaded, socket));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome.map(|()| 0)
}

async fn serve(config: PathBuf, loaded: Loaded, handed: Option<std::net::TcpListener>) -> Result<(), Failure> {
    let settings = loaded.settings;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let state_dir = settings.agent.state_dir.clone();
    service::starting("opening the queue");
    let queue = open_queue(&state_dir, &settings.queue)?;
    let board = Board::new(settings.agent.name.clone(), Timestamp::now());
    board.queue(|record| record.state = QueueState::Open);
    board.appliance(storage::told(&state_dir));

    let listener = TcpListener::bind(settings.local.listen).await.map_err(|e| {
        let text =
            format!("the local listener can't have {}: {e}; set local.listen to a free port", settings.local.listen);
        Failure::new(Exit::Unavailable, text)
    })?;
    let local = listener.local_addr()?;
    let address_file = state_dir.join(LOCAL_ADDRESS);
    let written = whole::replace(&address_file, local.to_string().as_bytes(), 0o600, Lasting::Unsynced);
    written.map_err(|e| unwritable(&address_file, &e))?;

    // Without it the command line could do nothing while the agent runs, so there is no going on without it.
    let socket = control::bind(&state_dir).map_err(|e| unwritable(&state_dir.join(control::SOCKET), &e))?;

    // Handlers stand before ready is said, to systemd and by /readyz: a reload or a stop that comes at once must find them.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let (stopping, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let (closing, closed) = watch::channel(false);
    let web = tokio::spawn(web::serve(listener, board.clone(), Timestamp::now, until(closed.clone())));

    let secrets = settings::secret_sources(&state_dir);
    let engine = Engine::start(Arc::clone(&queue), board.clone(), secrets.clone(), Clock::system()).await;
    tracing::info!(version = crate::VERSION, local = %local, state_dir = %state_dir.display(), "conductor runs");
    let audit = Recorder::open(&state_dir, &board).await;
    let (bell, mut reloads) = web::admin::reload_bell();
    let pages = pages::pages(&config, &state_dir, &engine, &board, &secrets, audit.log.clone(), bell);
    let (remote, remote_settings) = watch::channel(settings.remote.clone());
    let post = remote::Post {
        board: board.clone(),
        clock: Arc::new(Timestamp::now),
        secrets: secrets.clone(),
        state_dir: state_dir.clone(),
        pages,
        socket: handed,
    };
    let from_afar = tokio::spawn(remote::run(post, remote_settings, until(closed)));
    let mut current = settings.clone();
    engine.reconcile(settings).await;
    // Who has connected meanwhile waits: an import that came before the destinations are known to the queue would pass by
    // those that begin with what comes from now on.
    let control = tokio::spawn({
        let (state_dir, queue, stop) = (state_dir.clone(), Arc::clone(&queue), until(stopped));
        async move { control::serve(socket, &state_dir, queue, stop).await }
    });
    // Once the destinations are known to the queue: also one that begins with what comes from now on gets the entries.
    if let Some(log) = &audit.log {
        engine.forward_audit(log.clone()).await;
    }
    service::ready();
    let following = tokio::spawn(service::follow(engine.rounds(), board.clone()));

    loop {
        // By a signal, or by a page that waits for the outcome.
        let asked = tokio::select! {
            _ = hangup.recv() => None,
            Some(page) = reloads.recv() => Some(page),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        // A reload waits for tasks to end; a stop that comes meanwhile goes first.
        let outcome = tokio::select! {
            outcome = reload(&config, &engine, &board, &audit, &remote, &mut current) => outcome,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        if let Some(page) = asked {
            // Who no longer waits sees it on the next page.
            let _ = page.send(outcome);
        }
    }
    following.abort();
    service::stopping();
    tracing::info!("stopping");
    // Side by side: a receiver that stalls and a command that does not read must not add up past the promise.
    stopping.send_replace(true);
    let ((), _) = tokio::join!(engine.stop(), control);
    closing.send_replace(true);
    let _ = tokio::join!(web, from_afar);
    queue.close();
    tracing::info!("stopped");
    Ok(())
}

/// The agent's own entries in the audit log. What can't be recorded is a condition, and delivery goes on.
struct Recorder {
    log: Option<Audit>,
    board: Board,
}

impl Recorder {
    async fn open(state_dir: &Path, board: &Board) -> Recorder {
        let folder = recording::folder(state_dir);
        let opened = tokio::task::spawn_blocking(move || Audit::open(&folder)).await;
        let mut recorder = Recorder { log: None, board: board.clone() };
        match opened.map_err(std::io::Error::from).and_then(|opened| opened) {
            Ok(log) => recorder.log = Some(log),
            Err(error) => recorder.tell(&error),
        }
        recorder
    }

    async fn record(&self, act: &'static str, about: String, outcome: Outcome) {
        let Some(log) = self.log.clone() else { return };
        let act = Act { who: ITSELF.into(), from: None, act, about, outcome };
        let recorded = tokio::task::spawn_blocking(move || log.record(&act, Timestamp::now())).await;
        match recorded.map_err(std::io::Error::from).and_then(|recorded| recorded) {
            Ok(_) => {
                self.board.clear(Code::AuditBroken, "agent");
            }
            Err(error) => self.tell(&error),
        }
    }

    fn tell(&self, error: &std::io::Error) {
        let text = format!("the audit log can't be written: {error}");
        tracing::error!("{text}");
        self.board.raise(Code::AuditBroken, "agent", text, Timestamp::now());
    }
}

/// Nobody else may write into the state folder: what lies there is trusted.
fn keep_others_out(state_dir: &Path) -> std::io::Result<()> {
    let meta = fs::metadata(state_dir)?;
    if meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let dir = state_dir.display();
    if meta.uid() == nix::unistd::geteuid().as_raw() {
        tracing::warn!("others could write into {dir}: it is closed to them now");
        return fs::set_permissions(state_dir, fs::Permissions::from_mode(0o700));
    }
    tracing::warn!("others can write into {dir}, which belongs to somebody else: give it to the agent's user alone");
    Ok(())
}

fn open_queue(state_dir: &Path, options: &crate::config::Queue) -> Result<Arc<Queue>, Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
    made.map_err(|e| {
        let exit = if super::is_forbidden(&e) { Exit::Permission } else { Exit::Disk };
        Failure::new(exit, format!("the state folder {} can't be made: {e}; set agent.state-dir", state_dir.display()))
    })?;
    keep_others_out(state_dir).map_err(|e| unwritable(state_dir, &e))?;
    let opened = engine::open_queue(&state_dir.join("queue"), options);
    let (queue, report) = opened.map_err(|error| match &error {
        QueueError::Disk { path, source, .. } if super::is_forbidden(source) => unwritable(path, source),
        _ => Failure::from(error),
    })?;
    if report.torn_bytes > 0 {
        tracing::info!(bytes = report.torn_bytes, "the end of the queue was torn and is cut: it was never confirmed");
    }
    if report.book_rebuilt {
        tracing::warn!(
            "the queue's book could not be opened: it was set aside and rebuilt; repeats may follow, no loss; a replay that was under \
             way ends with it: ask for it again"
        );
    }
    tracing::info!(head = queue.head_now().0, frames_read = report.frames_read, "the queue is open");
    Ok(Arc::new(queue))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let exit = if super::is_forbidden(error) { Exit::Permission } else { Exit::Disk };
    let text = format!(
        "{} can't be written: {error}; let the agent's user own the state folder, on a file system that can be \
         written, or set agent.state-dir",
        path.display()
    );
    Failure::new(exit, text)
}

/// Reads the settings again; the error says why the old ones stay. What only a restart can change is told and left as it is.
async fn reload(
    config: &Path,
    engine: &Engine,
    board: &Board,
    audit: &Recorder,
    remote: &watch::Sender<Option<config::Remote>>,
    current: &mut Settings,
) -> Result<(), String> {
    service::reloading();
    let now = Timestamp::now();
    let outcome = match settings::load(config) {
        Ok(mut loaded) => {
            board.clear(Code::SettingsRefused, "");
            loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            let (fixed, new) = (&*current, &mut loaded.settings);
            if (&new.agent.state_dir, &new.local.listen) != (&fixed.agent.state_dir, &fixed.local.listen) {
                tracing::warn!("agent.state-dir and local.listen take effect at the next restart");
            }
            new.agent.state_dir.clone_from(&fixed.agent.state_dir);
            new.local.listen = fixed.local.listen;
            let changed = config::changes(fixed, new).join(", ");
            current.clone_from(new);
            // Before it takes effect: whoever changed it may have changed where this goes.
            if !changed.is_empty() {
                audit.record("settings reload", changed, Outcome::Done).await;
            }
            remote.send_replace(loaded.settings.remote.clone());
            engine.reconcile(loaded.settings).await;
            board.agent(|agent| agent.reloads += 1);
            tracing::info!("the settings were read again");
            Ok(())
        }
        Err(failure) => {
            tracing::error!("the old settings stay in force: {}", failure.text);
            let text = format!("the new settings are wrong and the old ones stay in force: {}", failure.text);
            board.raise(Code::SettingsRefused, "", text, now);
            audit.record("settings reload", "refused: the old settings stay in force".into(), Outcome::Failed).await;
            Err(failure.text)
        }
    };
    service::ready();
    outcome
}
