//! One bad event is put aside; when every event is bad, it is rather the settings.
//!
//! Promise: a receiver that refuses whatever comes does not empty the queue into the quarantine, and yet no event
//! blocks the way for ever: past the first ones, each is put aside only after it has been tried once more.

use crate::event::Seq;
use crate::fault::{Fault, FaultKind};

/// So many in a row are believed.
const BELIEVED: u32 = 10;

/// What a receiver refused since it last took something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doubt {
    in_a_row: u32,
    parked_at: Option<Seq>,
}

impl Doubt {
    /// It took something: what it refuses is bad.
    pub fn settled(&mut self) {
        *self = Doubt::default();
    }

    /// It refused this event, by itself. Returns the fault to tell.
    pub fn rejected(&mut self, seq: Seq, fault: Fault) -> Fault {
        if self.in_a_row < BELIEVED || self.parked_at == Some(seq) {
            self.in_a_row += 1;
            self.parked_at = None;
            return fault;
        }
        self.parked_at = Some(seq);
        let text = format!(
            "the last {} events were refused one by one and none was taken: this looks like wrong settings (`url`, \
             `format`, the layout of the body) and not like bad events. The last word was: {}",
            self.in_a_row, fault.context
        );
        let mut doubtful = fault;
        (doubtful.kind, doubtful.context) = (FaultKind::Refused, text);
        doubtful
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad() -> Fault {
        Fault::new(FaultKind::Rejected, "no")
    }

    #[test]
    fn a_receiver_that_refuses_everything_parks_instead_of_emptying_the_queue() {
        let mut doubt = Doubt::default();
        let kinds: Vec<_> = (1..=12).map(|seq| doubt.rejected(Seq(seq), bad()).kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == FaultKind::Rejected).count(), 10);
        assert_eq!(kinds[10], FaultKind::Refused);
        assert_eq!(doubt.rejected(Seq(12), bad()).kind, FaultKind::Rejected, "tried once more, it goes");
        assert_eq!(doubt.rejected(Seq(13), bad()).kind, FaultKind::Refused);
        doubt.settled();
        assert_eq!(doubt.rejected(Seq(14), bad()).kind, FaultKind::Rejected);
    }
}
