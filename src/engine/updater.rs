//! Looks for newer versions of an appliance at the URL that the operator set, and hands one to the system in the window.
//!
//! Promise: without a URL it asks nobody; a version that failed here, or that is not what its index says, is not fetched again and
//! again; what comes in is what the index announced, and the system judges it by its signature all the same.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::stop::Stop;
use super::{Facilities, off_thread, way_out};
use crate::appliance::update::{
    self, Blame, Decision, Facts, Index, LARGEST, LARGEST_INDEX, Last, NotTaken, Taking, Told, Tried, VERSION_FILE,
};
use crate::config::{Egress, Settings, Update};
use crate::fault::{Fault, FaultKind};
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::net::tls::TlsOptions;
use crate::status;

/// After a look that failed, and while a version is with the system, at the latest.
const SOONER: Duration = Duration::from_secs(15 * 60);
/// For all of a bundle.
const WHOLE: Duration = Duration::from_secs(2 * 3600);

pub async fn run(facilities: Facilities, mut settings: watch::Receiver<Option<Arc<Settings>>>, mut stop: Stop) {
    let state_dir = facilities.secrets.state_dir.clone();
    // What a cut left behind takes room that the queue may need.
    match off_thread(move || update::clean(&state_dir)).await {
        Ok(true) => tracing::info!("an update that was cut off while it came in is removed"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "the folder of updates can't be looked at"),
    }
    let mut tried = Tried::default();
    loop {
        tokio::select! {
            () = stop.stopped() => return,
            () = facilities.clock.wait_until_set() => {}
        }
        let set = settings.borrow_and_update().as_ref().map(|set| (set.update.clone(), set.egress.clone()));
        let running = off_thread(|| update::appliance(Path::new(VERSION_FILE))).await;
        let wait = match (&set, running) {
            (Some((Update { url: Some(url), .. }, _)), None) => {
                let text = format!("{url} is not asked: {}", update::packages());
                facilities.board.update(Some(status::Update { text, ..status::Update::default() }));
                None
            }
            (Some((wanted @ Update { url: Some(url), .. }, egress)), Some(running)) => {
                let looked = tokio::select! {
                    () = stop.stopped() => return,
                    changed = settings.changed() => if changed.is_err() { return } else { continue },
                    looked = look(&facilities, wanted, url, egress, &running, &mut tried) => looked,
                };
                Some(looked)
            }
            (Some((Update { url: None, .. }, _)) | None, _) => {
                facilities.board.update(None);
                None
            }
        };
        let rest = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.stopped() => return,
            () = rest => {}
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}

/// Looks once, acts, tells; says when to look again.
async fn look(
    facilities: &Facilities,
    wanted: &Update,
    url: &str,
    egress: &Egress,
    running: &str,
    tried: &mut Tried,
) -> Duration {
    let mut told =
        status::Update { window: wanted.window.as_ref().map(ToString::to_string), ..status::Update::default() };
    let looked = ask(facilities, wanted, url, egress).await;
    let now = Timestamp::now();
    let (wait, text) = match looked {
        Err(fault) => (wanted.interval.min(SOONER), format!("the URL of updates gave no answer: {}", fault.chain())),
        Ok((client, index)) => {
            told.checked = Some(now);
            told.offered = Some(index.version.clone());
            let state_dir = facilities.secrets.state_dir.clone();
            let system = off_thread(move || Told::read(&state_dir)).await.map(|told| tried.hear(told));
            let facts = Facts {
                now,
                window: wanted.window.as_ref(),
                running,
                told: system.as_ref().ok(),
                offered: &index,
                tried,
            };
            let version = &index.version;
            let sooner = wanted.interval.min(SOONER);
            match update::decide(facts) {
                Decision::Current => (wanted.interval, format!("{running} runs, and nothing newer is offered")),
                Decision::Untold => {
                    let why = system.err().map_or_else(String::new, |error| untold(&error));
                    (sooner, format!("{version} is offered, and is not taken now: {why}"))
                }
                Decision::UnderWay => (sooner, format!("{version} is with the system")),
                Decision::Failed => {
                    let last = system.ok().and_then(|system| system.last);
                    let last = last.map_or_else(String::new, |last| last.sentence());
                    (wanted.interval, format!("{version} is offered, and is not fetched again now: {last}"))
                }
                Decision::Unfit(why) => {
                    (wanted.interval, format!("{version} is offered, and is not fetched again within a day: {why}"))
                }
                Decision::Later(opens) => {
                    let until = opens.map(|opens| opens.duration_since(now).unsigned_abs());
                    let when = opens.map_or_else(String::new, |opens| format!(", from {opens:.0} on"));
                    let wait = until.map_or(wanted.interval, |until| until.min(wanted.interval));
                    (
                        wait.max(Duration::from_secs(1)),
                        format!("{version} is offered, and is taken in the window{when}"),
                    )
                }
                Decision::Take => match fetch(facilities, &client, &index).await {
                    Ok(before) => {
                        tried.hand_over(version, before);
                        (sooner, format!("{version} is with the system, which judges it"))
                    }
                    Err(Unfetched::Cut(fault)) => (sooner, format!("{version} was not taken: {}", fault.chain())),
                    Err(Unfetched::NotTaken(why)) => {
                        let text = format!("{version} was not taken: {why}");
                        match why.blame() {
                            Blame::Content => {
                                tried.was_unfit(&index, why.to_string(), now);
                                (wanted.interval, text)
                            }
                            Blame::Moment => (sooner, text),
                        }
                    }
                },
            }
        }
    };
    told.text = text;
    if facilities.board.update(Some(told.clone())) {
        tracing::info!("updates: {}", told.text);
    }
    wait
}

async fn ask(facilities: &Facilities, wanted: &Update, url: &str, egress: &Egress) -> Result<(Client, Index), Fault> {
    let client = Client::new(ClientOptions {
        tls: TlsOptions { ca: wanted.ca.clone(), ..TlsOptions::default() },
        path: way_out::path(egress),
        limits: Limits { body: LARGEST_INDEX, ..Limits::default() },
        shared: facilities.shared.clone(),
    })?;
    let answer = client.get(url, &[], None).await?;
    let unfit = |rest: String| Fault::new(FaultKind::Unreadable, format!("what is at {url} {rest}"));
    if answer.status != 200 {
        return Err(unfit(format!("was answered with {}: is the URL right?", answer.status)));
    }
    let index = Index::read(&answer.body, url).map_err(unfit)?;
    Ok((client, index))
}

/// Why an offer did not come in.
enum Unfetched {
    /// The way there, or what the system tells.
    Cut(Fault),
    NotTaken(NotTaken),
}

impl From<Fault> for Unfetched {
    fn from(fault: Fault) -> Unfetched {
        Unfetched::Cut(fault)
    }
}

impl From<NotTaken> for Unfetched {
    fn from(why: NotTaken) -> Unfetched {
        Unfetched::NotTaken(why)
    }
}

fn untold(error: &io::Error) -> String {
    format!("what the system tells of updates can't be read: {error}")
}

/// Fetches it and hands it over; what the system told last before that.
async fn fetch(facilities: &Facilities, client: &Client, index: &Index) -> Result<Option<Last>, Unfetched> {
    let mut download = client.download(&index.url, WHOLE).await?;
    let name = format!("conductor-{}.raucb", index.version);
    let state_dir = facilities.secrets.state_dir.clone();
    let most = LARGEST.min(index.size);
    let mut taking = Taking::begin(state_dir.clone(), name, Some(index.size), most).await?;
    while let Some(bytes) = download.next().await? {
        taking.put(bytes).await?;
    }
    // Before the hand-over: the system may judge it at once.
    let before = off_thread(move || Told::read(&state_dir)).await;
    let before = before.map_err(|error| Fault::new(FaultKind::Unreadable, untold(&error)))?.last;
    let arrived = taking.end(Some(index.sha256.clone())).await?;
    tracing::warn!(
        version = index.version,
        sha256 = arrived.sha256,
        "an update was fetched and is with the system; if it is signed for this box, the box restarts into it"
    );
    Ok(before)
}
