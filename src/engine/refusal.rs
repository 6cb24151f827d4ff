//! What is told of streams that the vendor refuses with 403, as the answers to all streams of the integration stand.
//!
//! Promise: an answer to one stream sets right at once what was told of the others.

use jiff::Timestamp;
use tokio::sync::watch;

use super::answers::{Answered, Answers};
use crate::egress::{self, Observation};
use crate::fault::Fault;
use crate::status::{Board, Code};
use crate::values::{IpRange, Name};

/// Shared by the streams of one integration.
pub struct Refusals {
    pub board: Board,
    pub integration: Name,
    /// All of them.
    pub streams: Vec<String>,
    pub allowlisted: Vec<IpRange>,
    /// The last look at our egress IP.
    pub egress: watch::Receiver<Option<Observation>>,
    pub answers: watch::Sender<Answers>,
}

/// The sentence of a part that is refused while the rest of its item came: the same key got that from the same address,
/// so neither can be the cause.
pub fn of_a_part(fault: &Fault) -> String {
    let why = match fault.status {
        Some(402) => "this customer is not licensed for it (402)".to_owned(),
        Some(403) => "the key lacks the permission for it, or the feature is off (403)".to_owned(),
        Some(_) | None => fault.chain(),
    };
    format!(
        "attachments, links or analyses of the last items did not come: {why}; the rest is collected, and what was passed \
         over is not fetched later"
    )
}

impl Refusals {
    /// One more answer to a stream; what was told of the others is told anew.
    pub fn note(&self, stream: &str, answered: Answered) {
        self.answers.send_modify(|answers| answers.note(stream, answered));
        let forbidden = self.answers.borrow().forbidden();
        for other in forbidden.iter().filter(|other| *other != stream) {
            self.tell_again(other);
        }
    }

    /// The key is another: nothing is known of how the vendor takes it.
    pub fn forget(&self) {
        self.answers.send_modify(Answers::forget);
    }

    /// Under which condition a stream's 403 stands, and its sentence.
    pub fn judge(&self, stream: &str) -> (Code, String) {
        let cause = self.answers.borrow().cause(stream, &self.streams);
        let seen = self.egress.borrow().clone().unwrap_or_else(|| Observation {
            address: None,
            by: "nobody yet".into(),
            source_address: None,
            checked: Timestamp::now(),
            fault: None,
        });
        let sentence = cause.sentence(stream, &egress::hint_403(&self.allowlisted, &seen));
        (if cause.is_the_integrations() { Code::IntegrationRefused } else { Code::StreamRefused }, sentence)
    }

    /// Sets right what stands about a stream that has been told already.
    fn tell_again(&self, stream: &str) {
        let subject = format!("{}/{stream}", self.integration);
        let stands = |code| self.board.stands(code, &subject);
        if !stands(Code::IntegrationRefused) && !stands(Code::StreamRefused) {
            return;
        }
        let (code, sentence) = self.judge(stream);
        self.board.stream(&self.integration, stream, |record| {
            if let Some(fault) = &mut record.fault {
                fault.text.clone_from(&sentence);
            }
        });
        self.only(code, &subject);
        if self.board.raise(code, &subject, &sentence, Timestamp::now()) {
            tracing::warn!(integration = %self.integration, stream, "{sentence}");
        }
    }

    /// A refusal stands under one condition, never under both.
    pub fn only(&self, code: Code, subject: &str) {
        for other in [Code::IntegrationRefused, Code::StreamRefused] {
            if other != code {
                self.board.clear(other, subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultKind};
    use crate::status::Standing;

    fn refusals() -> Refusals {
        let (_, egress) = watch::channel(None);
        Refusals {
            board: Board::new("test", Timestamp::UNIX_EPOCH),
            integration: "acme".parse().expect("a name"),
            streams: ["threats", "cases"].map(str::to_owned).into(),
            allowlisted: Vec::new(),
            egress,
            answers: watch::Sender::new(Answers::default()),
        }
    }

    /// What the stream's own task does when it is refused.
    fn refuse(refusals: &Refusals, stream: &str) -> Code {
        refusals.note(stream, Answered::Forbidden);
        let (code, sentence) = refusals.judge(stream);
        let subject = format!("acme/{stream}");
        refusals.only(code, &subject);
        refusals.board.raise(code, &subject, &sentence, Timestamp::UNIX_EPOCH);
        let fault = Fault::new(FaultKind::Refused, sentence);
        refusals.board.stream(&refusals.integration, stream, |record| {
            record.failed(Standing::Parked, &fault, Timestamp::UNIX_EPOCH);
        });
        code
    }

    #[test]
    fn a_refusal_of_one_stream_becomes_the_integrations_when_the_other_is_refused_too_and_its_own_when_that_works() {
        let refusals = refusals();
        let codes = |stream: &str| {
            [Code::StreamRefused, Code::IntegrationRefused]
                .map(|code| refusals.board.stands(code, &format!("acme/{stream}")))
        };
        assert_eq!(refuse(&refusals, "cases"), Code::StreamRefused);
        assert_eq!(refuse(&refusals, "threats"), Code::IntegrationRefused);
        assert_eq!((codes("cases"), codes("threats")), ([false, true], [false, true]));
        refusals.note("threats", Answered::Admitted);
        assert_eq!(codes("cases"), [true, false]);
        let snapshot = refusals.board.snapshot(Timestamp::UNIX_EPOCH);
        let cases = snapshot.integrations[0].streams.iter().find(|stream| stream.name == "cases").expect("cases");
        let told = &cases.fault.as_ref().expect("a fault").text;
        assert!(told.contains("for threats") && !told.contains("Safelist"), "{told}");
    }

    #[test]
    fn a_refused_part_blames_nothing_that_the_rest_of_its_item_disproves() {
        let fault = |status| Fault::new(FaultKind::Refused, "the IP Safelist, perhaps").with_status(status);
        for (status, words) in [(402, "not licensed"), (403, "lacks the permission"), (418, "perhaps")] {
            assert!(of_a_part(&fault(status)).contains(words), "{status}");
        }
        assert!(!of_a_part(&fault(403)).contains("Safelist"));
    }
}
