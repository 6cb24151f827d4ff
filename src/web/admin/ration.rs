//! How many entries somebody's acts of one kind may take in the audit log: the first ones, and then their number.
//!
//! The log is kept for so many files, queued for every destination and read by people: who could write to it without end
//! would drown what matters.
//!
//! Promise: pure, and of bounded memory; what is left out is counted, and the number is an entry of its own with whatever
//! is noted first once its time is over. A restart forgets numbers that were not noted yet: the last entry before them says
//! that there may be more.

use jiff::{SignedDuration, Timestamp};

use crate::audit::Act;

/// Of who does something again and again.
#[derive(Debug)]
pub(super) struct Ration {
    /// Entries of one kind of act.
    most: u32,
    /// In this time from the first on.
    within: SignedDuration,
    /// Kinds that are told apart; all others share one.
    kinds: usize,
    accounts: Vec<Account>,
}

#[derive(Debug)]
struct Account {
    /// What is the same in all of them; `about` has no details.
    kind: Act,
    began: Timestamp,
    noted: u32,
    more: u64,
}

/// What becomes of one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    Noted,
    /// Noted, and the last for now: what follows is counted.
    Last,
    Counted,
}

impl Ration {
    /// What is shown or handed out again and again: to a user, by kind.
    pub(super) fn of_looks() -> Ration {
        Ration::new(60, SignedDuration::from_hours(1), 64)
    }

    /// Who was kept out: by name and address, over all addresses.
    pub(super) fn of_refusals() -> Ration {
        Ration::new(1, SignedDuration::from_mins(1), 30)
    }

    fn new(most: u32, within: SignedDuration, kinds: usize) -> Ration {
        Ration { most, within, kinds, accounts: Vec::new() }
    }

    /// One more of `kind`; [`Ration::owed`] comes first.
    pub(super) fn take(&mut self, kind: &Act, now: Timestamp) -> Share {
        let known = self.accounts.iter().position(|account| account.kind == *kind);
        let at = known.unwrap_or_else(|| self.open(kind, now));
        let Some(account) = self.accounts.get_mut(at) else { return Share::Counted };
        if account.noted >= self.most {
            account.more += 1;
            return Share::Counted;
        }
        account.noted += 1;
        if account.noted == self.most { Share::Last } else { Share::Noted }
    }

    /// Where the account of a kind that has none is: its own, or that of all others.
    fn open(&mut self, kind: &Act, now: Timestamp) -> usize {
        let full = self.accounts.len() >= self.kinds;
        let kind = if full {
            Act { who: "others".into(), from: None, about: String::new(), ..kind.clone() }
        } else {
            kind.clone()
        };
        // The kinds of the others are as few as the words of acts and outcomes.
        self.accounts.iter().position(|account| account.kind == kind).unwrap_or_else(|| {
            self.accounts.push(Account { kind, began: now, noted: 0, more: 0 });
            self.accounts.len() - 1
        })
    }

    /// The numbers of what was left out in times that are over.
    pub(super) fn owed(&mut self, now: Timestamp) -> Vec<Act> {
        // A clock that was set back ends them too.
        let lasts = |account: &Account| account.began <= now && now < account.began + self.within;
        let (lasting, over): (Vec<_>, Vec<_>) = self.accounts.drain(..).partition(lasts);
        self.accounts = lasting;
        over.into_iter().filter(|account| account.more > 0).map(Account::number).collect()
    }
}

impl Account {
    fn number(self) -> Act {
        let subject = if self.kind.about.is_empty() { String::new() } else { format!("{}: ", self.kind.about) };
        Act { about: format!("{subject}and {} more since {:.0}", self.more, self.began), ..self.kind }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::audit::Outcome;
    use crate::status::samples;

    fn export(who: &str) -> Act {
        Act { who: who.into(), from: None, act: "event export", about: String::new(), outcome: Outcome::Done }
    }

    fn refused(address: u32) -> Act {
        let from = Some(IpAddr::from(address.to_be_bytes()));
        Act { who: "somebody".into(), from, act: "login", about: "as ada".into(), outcome: Outcome::Refused }
    }

    fn later(seconds: i64) -> Timestamp {
        samples::now() + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_viewer_who_looks_without_end_fills_sixty_entries_an_hour_and_one_with_the_number() {
        let mut ration = Ration::of_looks();
        let shares: Vec<_> = (0..500).map(|n| ration.take(&export("vic"), later(n))).collect();
        assert!(shares[..59].iter().all(|share| *share == Share::Noted) && shares[59] == Share::Last);
        assert!(shares[60..].iter().all(|share| *share == Share::Counted));
        assert_eq!(ration.take(&export("ada"), later(500)), Share::Noted, "another user has their own");
        assert_eq!(ration.owed(later(3599)), [], "the hour is not over");
        let owed = ration.owed(later(3600));
        assert_eq!(owed.len(), 1, "{owed:?}");
        assert!(owed[0].who == "vic" && owed[0].about.starts_with("and 440 more since "), "{owed:?}");
        assert_eq!(ration.take(&export("vic"), later(3600)), Share::Noted);
        assert_eq!(ration.owed(later(3601)), [], "once");
    }

    #[test]
    fn refused_logins_from_a_million_addresses_are_few_entries_and_little_memory() {
        let mut ration = Ration::of_refusals();
        let noted = (0..1_000_000).filter(|n| ration.take(&refused(*n), later(1)) != Share::Counted).count();
        assert_eq!((noted, ration.accounts.len()), (31, 31));
        let owed = ration.owed(later(61));
        assert_eq!(owed.len(), 1, "{owed:?}");
        assert!(owed[0].who == "others" && owed[0].about.contains("and 999969 more"), "{owed:?}");
        assert!(ration.accounts.is_empty());
    }

    #[test]
    fn one_name_from_one_address_is_one_entry_a_minute_with_its_number() {
        let mut ration = Ration::of_refusals();
        let shares = [0, 10, 59].map(|at| ration.take(&refused(7), later(at)));
        assert_eq!(shares, [Share::Last, Share::Counted, Share::Counted]);
        let owed = ration.owed(later(60));
        assert!(owed.len() == 1 && owed[0].about.starts_with("as ada: and 2 more since "), "{owed:?}");
        assert_eq!(owed[0].from, refused(7).from);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_out_of_the_log() {
        let mut ration = Ration::of_refusals();
        ration.take(&refused(7), later(0));
        assert_eq!((ration.owed(later(-9)).len(), ration.take(&refused(7), later(-9))), (0, Share::Last));
    }
}
