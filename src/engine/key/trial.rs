//! What becomes of a new key after it was tried: pure.
//!
//! Promise: a key that the vendor refuses takes the place of none, and one that it answers no worse than the old one
//! takes it.

use crate::engine::answers::Answered;
use crate::fault::Fault;

/// How the vendor takes a key, from one cheap question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// 401: it knows no such key.
    Unknown,
    /// 403: the key, the address or a permission, it does not say which.
    Forbidden,
    /// It knows the key.
    Works,
}

/// What one question said of the key; `None`: nothing (no answer, or one that has nothing to do with the key).
pub fn standing(answer: &Result<String, Fault>) -> Option<Standing> {
    match answer.as_ref().map_or_else(Answered::of, |_| Answered::Admitted) {
        // Whom it has not licensed, it knows.
        Answered::Admitted => Some(Standing::Works),
        Answered::Unknown => Some(Standing::Unknown),
        Answered::Forbidden => Some(Standing::Forbidden),
        // A certificate, a proxy: not the key.
        Answered::Otherwise => None,
    }
}

/// What to do with the new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the key from now on.
    Adopt,
    /// The old one stays; the new one is tried again later.
    Keep,
    /// Whether that is worse than the old one fares, only the old one can show: ask the same with it.
    Compare,
    /// Nothing was learned: the same question again.
    Again,
}

/// `old` is what the same question said with the old key, where it was asked.
pub fn verdict(new: Option<Standing>, old: Option<Standing>) -> Verdict {
    match (new, old) {
        (Some(Standing::Works), _) => Verdict::Adopt,
        (Some(Standing::Unknown), _) => Verdict::Keep,
        (Some(Standing::Forbidden), None) => Verdict::Compare,
        (Some(Standing::Forbidden), Some(Standing::Works)) => Verdict::Keep,
        // The address is not let in, or this question is for neither of them: the new one is no worse.
        (Some(Standing::Forbidden), Some(Standing::Forbidden | Standing::Unknown)) => Verdict::Adopt,
        (None, _) => Verdict::Again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn a_new_key_is_taken_when_it_works_or_is_answered_no_worse_than_the_old_one() {
        use Standing::{Forbidden, Unknown, Works};
        let table = [
            (Some(Works), None, Verdict::Adopt),
            (Some(Unknown), None, Verdict::Keep),
            (Some(Unknown), Some(Unknown), Verdict::Keep),
            (Some(Forbidden), None, Verdict::Compare),
            (Some(Forbidden), Some(Works), Verdict::Keep),
            (Some(Forbidden), Some(Forbidden), Verdict::Adopt),
            (Some(Forbidden), Some(Unknown), Verdict::Adopt),
            (None, None, Verdict::Again),
            (None, Some(Works), Verdict::Again),
        ];
        for (new, old, expected) in table {
            assert_eq!(verdict(new, old), expected, "{new:?} {old:?}");
        }
    }

    #[test]
    fn only_an_answer_about_the_key_says_something_of_the_key() {
        let fault = |kind, status: Option<u16>| {
            let fault = Fault::new(kind, "a fault");
            Err(status.map_or(fault.clone(), |status| fault.with_status(status)))
        };
        let table = [
            (Ok("answered".to_owned()), Some(Standing::Works)),
            (fault(FaultKind::Unlicensed, Some(402)), Some(Standing::Works)),
            (fault(FaultKind::Refused, Some(401)), Some(Standing::Unknown)),
            (fault(FaultKind::Refused, Some(403)), Some(Standing::Forbidden)),
            (fault(FaultKind::Refused, Some(407)), None),
            (fault(FaultKind::Refused, None), None),
            (fault(FaultKind::Unavailable, Some(500)), None),
            (fault(FaultKind::Unreadable, Some(404)), None),
        ];
        for (answer, expected) in table {
            assert_eq!(standing(&answer), expected, "{answer:?}");
        }
    }
}
