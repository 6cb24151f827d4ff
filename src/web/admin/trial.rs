//! A test that somebody asked for: its lines as they are known for a script, or all of them on the page at its end.
//!
//! Promise: a test ends with who asked for it, and within [`LONGEST`]; there are few at one time; nothing is changed and
//! nothing is queued by one.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::Desk;
use super::changing::Lent;
use crate::config::{Destination, Integration, Settings};
use crate::diagnosis::connection;
use crate::diagnosis::delivery;
use crate::diagnosis::finding::{Finding, Outcome};
use crate::engine::delivery_trial;
use crate::values::Secret;

/// Each step has its own limit; this is that of all of them.
const LONGEST: Duration = Duration::from_secs(150);
/// On a page without a script: it must be there within its listener's ten seconds.
const PATIENCE: Duration = Duration::from_secs(7);

/// One line, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub tone: &'static str,
    pub word: &'static str,
    pub label: String,
    pub text: String,
    pub advice: String,
}

/// All that is known at the end.
pub(super) struct Trial {
    pub lines: Vec<Line>,
    /// The last sentence.
    pub end: String,
}

/// A test under way: it is cut off when this is dropped.
pub(super) struct Running {
    lines: mpsc::UnboundedReceiver<Line>,
    task: JoinHandle<()>,
    end: Instant,
    failed: usize,
    /// Goes with it.
    lent: Option<Lent>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Does it want the lines as they come?
pub(super) fn wants_lines(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accept| accept.starts_with("text/event-stream"))
}

/// Tests the connection of an integration; `key`: in the place of the one that it has.
///
/// # Errors
/// Too many are under way.
pub(super) fn of_integration(
    desk: &Desk,
    settings: &Settings,
    integration: Integration,
    key: Option<Secret>,
) -> Result<Running, &'static str> {
    let (egress, secrets) = (settings.egress.clone(), desk.secrets.clone());
    run(desk, move |tell| async move {
        let regions = integration.connector.regions();
        let subject = connection::Subject {
            integration: &integration,
            egress: &egress,
            secrets: &secrets,
            key,
            regions: &regions,
            try_other_regions: false,
        };
        connection::test(&subject, Timestamp::now, &mut |finding| tell(line(&finding))).await;
    })
}

/// Sends a destination its test event.
///
/// # Errors
/// Too many are under way.
pub(super) fn of_destination(
    desk: &Desk,
    settings: &Settings,
    destination: Destination,
) -> Result<Running, &'static str> {
    let (agent_name, secrets) = (settings.agent.name.clone(), desk.secrets.clone());
    // Two tests are two events, also within one tick of the clock.
    let native = format!("{}-{:08x}", desk.now().as_millisecond(), fastrand::u32(..));
    run(desk, move |tell| async move {
        let event = delivery_trial::event(&agent_name, destination.name.as_str(), &native);
        let subject =
            delivery::Subject { destination: &destination, agent_name: &agent_name, secrets: &secrets, event };
        delivery::test(subject, Timestamp::now, &mut |finding| tell(line(&finding))).await;
    })
}

type Tell = Box<dyn Fn(Line) + Send + Sync>;

fn run<F>(desk: &Desk, test: impl FnOnce(Tell) -> F) -> Result<Running, &'static str>
where
    F: Future<Output = ()> + Send + 'static,
{
    let turn = desk.turns.test().ok_or("Several tests are under way. Try again when they have ended.")?;
    // A test has some twenty lines: nothing piles up here.
    let (tell, lines) = mpsc::unbounded_channel();
    let test = test(Box::new(move |line| drop(tell.send(line))));
    let task = tokio::spawn(async move {
        test.await;
        drop(turn);
    });
    Ok(Running { lines, task, end: Instant::now() + LONGEST, failed: 0, lent: None })
}

impl Running {
    /// The file is there as long as the test.
    pub(super) fn with(mut self, lent: Option<Lent>) -> Running {
        self.lent = lent;
        self
    }

    /// The next line; `None` at the end, and where it has taken too long.
    async fn next(&mut self) -> Option<Line> {
        let line = timeout_at(self.end, self.lines.recv()).await.ok().flatten()?;
        self.failed += usize::from(line.word == Outcome::Failed.as_str());
        Some(line)
    }

    fn last(&self) -> String {
        match (self.task.is_finished() || self.lines.is_closed(), self.failed) {
            (false, _) => "It has not ended in time, and was cut off here.".into(),
            (true, 0) => "It works.".into(),
            (true, 1) => "One step failed.".into(),
            (true, failed) => format!("{failed} steps failed."),
        }
    }

    /// All of it, as far as it comes within the time of a page.
    pub(super) async fn whole(mut self) -> Trial {
        self.end = self.end.min(Instant::now() + PATIENCE);
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        Trial { end: self.last(), lines }
    }

    /// Each line as it comes, and the last sentence as an event called `end`.
    pub(super) fn stream(self) -> Response {
        let lines = stream::unfold(Some(self), |running| async move {
            let mut running = running?;
            let (event, left) = match running.next().await {
                Some(line) => (Event::default().json_data(&line).unwrap_or_default(), Some(running)),
                None => (Event::default().event("end").data(running.last()), None),
            };
            Some((Ok::<_, Infallible>(event), left))
        });
        Sse::new(lines).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))).into_response()
    }
}

/// Where there is nothing to test: the sentences, as the end of a stream.
pub(super) fn nothing(sentences: &[String]) -> Response {
    let end = Event::default().event("end").data(sentences.join(" ").replace(['\r', '\n'], " "));
    Sse::new(stream::iter([Ok::<_, Infallible>(end)])).into_response()
}

fn line(finding: &Finding) -> Line {
    Line {
        tone: match finding.outcome {
            Outcome::Ok => "good",
            Outcome::Warning => "fair",
            Outcome::Failed => "bad",
            Outcome::Skipped => "plain",
        },
        word: finding.outcome.as_str(),
        label: finding.label(),
        // The marks are for a terminal.
        text: finding.text.replace('`', ""),
        advice: finding.advice.replace('`', ""),
    }
}
