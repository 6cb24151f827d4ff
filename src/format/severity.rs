//! Our severities as the numbers of each schema.
//!
//! Promise: a number stands in its schema's range, and one that the operator set counts before ours.

use std::ops::RangeInclusive;

use crate::event::Severity;

/// A number for each of our severities, in one schema. `None`: the schema's field is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severities([Option<u8>; 6]);

/// What the numbers of a schema may be.
pub type Scale = RangeInclusive<u8>;

impl Severities {
    /// 0 to 3 low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high (ArcSight, "Implementing CEF"). What nobody has
    /// judged is not mild: unknown stands in the middle.
    pub const CEF: Severities = Severities([Some(5), Some(1), Some(3), Some(5), Some(8), Some(10)]);
    pub const CEF_SCALE: Scale = 0..=10;

    /// 1 to 10, as CEF.
    pub const LEEF: Severities = Severities::CEF;
    pub const LEEF_SCALE: Scale = 1..=10;

    /// `severity_id`: 0 unknown, 1 informational, 2 low, 3 medium, 4 high, 5 critical, 6 fatal.
    pub const OCSF: Severities = Severities([Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)]);
    pub const OCSF_SCALE: Scale = 0..=6;

    /// `event.severity` has no scale of its own; these are the risk scores by which Elastic Security sorts its alerts:
    /// 21 low, 47 medium, 73 high, 99 critical. Unknown has none.
    pub const ECS: Severities = Severities([None, Some(1), Some(21), Some(47), Some(73), Some(99)]);
    pub const ECS_SCALE: Scale = 0..=100;

    /// The same with another number for one of ours.
    pub fn with(mut self, of: Severity, number: u8) -> Severities {
        self.0[of as usize] = Some(number);
        self
    }

    /// The number of one of ours.
    pub fn number(&self, of: Severity) -> Option<u8> {
        self.0[of as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_a_schema_stands_on_its_scale_and_a_graver_event_never_has_a_lower_one() {
        let all = [
            (Severities::CEF, Severities::CEF_SCALE),
            (Severities::LEEF, Severities::LEEF_SCALE),
            (Severities::OCSF, Severities::OCSF_SCALE),
            (Severities::ECS, Severities::ECS_SCALE),
        ];
        for (table, scale) in all {
            let known: Vec<u8> = Severity::ALL[1..].iter().filter_map(|of| table.number(*of)).collect();
            assert!(known.len() == 5 && known.is_sorted_by(|a, b| a < b), "{table:?}");
            assert!(Severity::ALL.iter().filter_map(|of| table.number(*of)).all(|number| scale.contains(&number)));
        }
    }

    #[test]
    fn a_number_that_the_operator_set_counts_and_the_others_stay() {
        let table = Severities::CEF.with(Severity::Unknown, 7);
        assert_eq!(table.number(Severity::Unknown), Some(7));
        assert_eq!(table.number(Severity::Low), Some(3));
    }
}
