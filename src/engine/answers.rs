//! 403 is one code for three causes: the address, the key, a permission or a feature of one stream. The answers to the
//! streams of one integration, held side by side, tell some of them apart.
//!
//! Promise: a sentence names what the comparison leaves and never more; a stream that alone is refused makes its whole
//! integration no refused one.

use std::collections::BTreeMap;

use crate::fault::{Fault, FaultKind};

/// How the vendor last answered a stream, as far as it says something about key and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It let us in: an answer, or 402.
    Admitted,
    /// 403.
    Forbidden,
    /// 401.
    Unknown,
    /// Nothing that says something.
    Otherwise,
}

impl Answered {
    /// What a fault says about key and address.
    pub fn of(fault: &Fault) -> Answered {
        match (fault.kind, fault.status) {
            (FaultKind::Unlicensed, _) => Answered::Admitted,
            (FaultKind::Refused, Some(401)) => Answered::Unknown,
            (FaultKind::Refused, Some(403)) => Answered::Forbidden,
            (
                FaultKind::Misconfigured
                | FaultKind::Keyless
                | FaultKind::Refused
                | FaultKind::Throttled
                | FaultKind::Unavailable
                | FaultKind::OutOfRetention
                | FaultKind::Unreadable
                | FaultKind::Rejected
                | FaultKind::Full
                | FaultKind::Corrupt,
                _,
            ) => Answered::Otherwise,
        }
    }
}

/// The last answers to the streams of one integration, with one key.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    turn: u64,
    streams: BTreeMap<String, Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    answered: Answered,
    /// When it was last let in, in turns.
    admitted: Option<u64>,
}

/// What a comparison leaves of the three causes of a stream's 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no other stream to compare with: all three.
    Alone,
    /// Others were let in after this one last was: its own permission, or its feature.
    ThisStream { others: Vec<String> },
    /// All others that tell something are refused too: the address, or the key.
    Every,
    /// The others have not answered since this one was refused, or say nothing: all three, for now.
    Unsettled,
}

impl Cause {
    /// Is the integration refused as a whole, as far as is known?
    pub fn is_the_integrations(&self) -> bool {
        match self {
            Cause::Alone | Cause::Every => true,
            Cause::ThisStream { .. } | Cause::Unsettled => false,
        }
    }

    /// The sentence of a stream's 403; `egress` is the hint about the address.
    pub fn sentence(&self, stream: &str, egress: &str) -> String {
        match self {
            Cause::Alone => format!(
                "the vendor refused us (403): our address is not in the portal's IP Safelist, or the API key lacks the \
                 permission for {stream}, or the feature is off; {egress}"
            ),
            Cause::Every => format!(
                "the vendor refuses every stream (403): our address is not in the portal's IP Safelist, or the API key \
                 lacks the permissions; {egress}"
            ),
            Cause::Unsettled => format!(
                "the vendor refuses {stream} (403), and whether it refuses the other streams too is not known yet: our \
                 address is not in the portal's IP Safelist, or the API key lacks the permission, or the feature is off; \
                 {egress}"
            ),
            Cause::ThisStream { others } => format!(
                "the vendor refuses {stream} (403), and lets the same key in from the same address for {}: the key lacks \
                 the permission for {stream}, or the feature is off at the vendor",
                others.join(", ")
            ),
        }
    }
}

impl Answers {
    /// One more answer.
    pub fn note(&mut self, stream: &str, answered: Answered) {
        self.turn += 1;
        let turn = self.turn;
        let last = self.streams.entry(stream.to_owned()).or_insert(Last { answered, admitted: None });
        last.answered = answered;
        match answered {
            Answered::Admitted => last.admitted = Some(turn),
            Answered::Forbidden | Answered::Unknown | Answered::Otherwise => {}
        }
    }

    /// The key is another: what was answered to the old one says nothing about it.
    pub fn forget(&mut self) {
        self.streams.clear();
    }

    /// Has any stream been let in?
    pub fn any_admitted(&self) -> bool {
        self.streams.values().any(|last| last.admitted.is_some())
    }

    /// How many streams the vendor last answered that it does not know the key.
    pub fn key_unknown(&self) -> bool {
        self.streams.values().any(|last| last.answered == Answered::Unknown)
    }

    /// Those that were last answered 403.
    pub fn forbidden(&self) -> Vec<String> {
        let forbidden = |(_, last): &(&String, &Last)| last.answered == Answered::Forbidden;
        self.streams.iter().filter(forbidden).map(|(stream, _)| stream.clone()).collect()
    }

    /// What a stream's 403 can mean. `streams`: all that the integration has.
    pub fn cause(&self, stream: &str, streams: &[String]) -> Cause {
        let mut others = streams.iter().filter(|other| *other != stream).peekable();
        if others.peek().is_none() {
            return Cause::Alone;
        }
        let own = self.streams.get(stream).and_then(|last| last.admitted);
        let (mut admitted, mut refused, mut open) = (Vec::new(), 0, 0);
        for other in others {
            match self.streams.get(other).map(|last| (last.answered, last.admitted)) {
                // What came before our own last success says nothing about what has changed since.
                Some((Answered::Admitted, at)) if at > own => admitted.push(other.clone()),
                Some((Answered::Admitted, _)) | None => open += 1,
                Some((Answered::Forbidden, _)) => refused += 1,
                // A key that is not known there is a cause of its own: this stream has not been asked since.
                Some((Answered::Unknown, _)) => open += 1,
                Some((Answered::Otherwise, _)) => {}
            }
        }
        match (admitted.is_empty(), refused, open) {
            (false, _, _) => Cause::ThisStream { others: admitted },
            (true, 1.., 0) => Cause::Every,
            (true, _, _) => Cause::Unsettled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answered::{Admitted, Forbidden, Otherwise, Unknown};

    const ALL: [&str; 3] = ["threats", "cases", "audit-logs"];

    fn cause(answers: &[(&str, Answered)], streams: &[&str]) -> Cause {
        let mut held = Answers::default();
        answers.iter().for_each(|(stream, answered)| held.note(stream, *answered));
        held.cause("cases", &streams.iter().map(|stream| (*stream).to_owned()).collect::<Vec<_>>())
    }

    fn this_stream(others: &[&str]) -> Cause {
        Cause::ThisStream { others: others.iter().map(|one| (*one).to_owned()).collect() }
    }

    #[test]
    fn a_403_is_what_the_answers_to_the_other_streams_leave_of_it() {
        type Row<'a> = (&'a str, &'a [(&'a str, Answered)], Cause);
        let table: [Row<'_>; 10] = [
            (
                "others work",
                &[("threats", Admitted), ("audit-logs", Admitted), ("cases", Forbidden)],
                this_stream(&["threats", "audit-logs"]),
            ),
            (
                "one works",
                &[("audit-logs", Forbidden), ("threats", Admitted), ("cases", Forbidden)],
                this_stream(&["threats"]),
            ),
            (
                "all are refused",
                &[("threats", Forbidden), ("audit-logs", Forbidden), ("cases", Forbidden)],
                Cause::Every,
            ),
            (
                "refused, or tell nothing",
                &[("threats", Forbidden), ("audit-logs", Otherwise), ("cases", Forbidden)],
                Cause::Every,
            ),
            // It is the key, and the Safelist has nothing to do with it.
            (
                "the key died meanwhile",
                &[("threats", Unknown), ("audit-logs", Unknown), ("cases", Forbidden)],
                Cause::Unsettled,
            ),
            ("nobody else has answered", &[("cases", Forbidden)], Cause::Unsettled),
            ("not all have answered", &[("threats", Forbidden), ("cases", Forbidden)], Cause::Unsettled),
            (
                "others tell nothing",
                &[("threats", Otherwise), ("audit-logs", Otherwise), ("cases", Forbidden)],
                Cause::Unsettled,
            ),
            // The address may have left the Safelist between the two.
            (
                "it worked later than they did",
                &[("threats", Admitted), ("audit-logs", Admitted), ("cases", Admitted), ("cases", Forbidden)],
                Cause::Unsettled,
            ),
            (
                "and one has worked since",
                &[("threats", Admitted), ("cases", Admitted), ("cases", Forbidden), ("threats", Admitted)],
                this_stream(&["threats"]),
            ),
        ];
        for (what, answers, expected) in table {
            assert_eq!(cause(answers, &ALL), expected, "{what}");
        }
        assert_eq!(cause(&[("cases", Forbidden)], &["cases"]), Cause::Alone);
    }

    #[test]
    fn a_stream_that_worked_before_an_address_was_shut_out_is_no_proof_that_it_is_let_in() {
        let answers = [
            ("cases", Admitted),
            ("threats", Admitted),
            ("cases", Forbidden),
            ("threats", Forbidden),
            ("audit-logs", Forbidden),
        ];
        assert_eq!(cause(&answers, &ALL), Cause::Every);
    }

    #[test]
    fn the_answers_to_an_old_key_say_nothing_about_a_new_one() {
        let mut held = Answers::default();
        held.note("threats", Admitted);
        held.forget();
        held.note("cases", Forbidden);
        let streams = ["threats".to_owned(), "cases".to_owned()];
        assert_eq!((held.cause("cases", &streams), held.any_admitted()), (Cause::Unsettled, false));
    }

    #[test]
    fn a_sentence_names_what_the_comparison_leaves_and_nothing_else() {
        let said = |cause: &Cause| cause.sentence("cases", "egress IP 203.0.113.9");
        let one = said(&this_stream(&["threats"]));
        assert!(one.contains("cases") && one.contains("threats") && one.contains("permission for cases"), "{one}");
        assert!(!one.contains("Safelist") && !one.contains("203.0.113.9"), "the address is let in: {one}");
        let every = said(&Cause::Every);
        assert!(every.contains("Safelist") && every.contains("203.0.113.9") && !every.contains("feature"), "{every}");
        for open in [said(&Cause::Alone), said(&Cause::Unsettled)] {
            assert!(
                ["Safelist", "permission", "feature", "203.0.113.9"].iter().all(|word| open.contains(word)),
                "{open}"
            );
        }
        assert!(Cause::Every.is_the_integrations() && !this_stream(&["threats"]).is_the_integrations());
    }
}
