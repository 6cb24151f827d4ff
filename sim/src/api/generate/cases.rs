//! Cases out of a seed.
//!
//! Promise: `last_modified` lies in the range; both forms of the id and an analysis of several categories occur.

use fastrand::Rng;
use jiff::Timestamp;

use super::super::case::{Case, CaseEvent, IdForm};
use super::super::moment::Moment;
use super::dice::{moment, one, shifted};

/// Cases that were last modified in `from..to`. Ids rise from 90,000 and a number of the seed's.
pub fn cases(seed: u64, count: usize, from: Timestamp, to: Timestamp) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    let first = 90_000 + rng.u64(..1_000_000) * 1_000;
    (first..).take(count).map(|id| case(&mut rng, id, from, to)).collect()
}

fn case(rng: &mut Rng, id: u64, from: Timestamp, to: Timestamp) -> Case {
    let last_modified = moment(rng, from, to);
    let created = Moment::seconds(shifted(last_modified.at, -rng.i64(0..7_200)));
    let first_observed = Moment { at: shifted(created.at, -170), digits: [0, 6][rng.usize(..2)] };
    let form = |rng: &mut Rng| if rng.bool() { IdForm::Number } else { IdForm::Text };
    Case {
        id,
        id_in_list: form(rng),
        id_in_detail: form(rng),
        description: one(rng, &["Potential Account Takeover", "Account Compromised \u{2013} bitte pr\u{fc}fen"])
            .to_owned(),
        severity: one(rng, &["LOW", "MEDIUM", "HIGH"]).to_owned(),
        confidence: one(rng, &["LOW", "MEDIUM", "HIGH"]).to_owned(),
        created,
        last_modified,
        first_observed,
        customer_visible: Moment { at: shifted(created.at, 60), digits: 6 },
        status: one(rng, &["Action Required", "Acknowledged (In progress)", "Acknowledged (Not an attack)"]).to_owned(),
        remediation: one(rng, &["Not remediated", "remediated", "Remediation attempted"]).to_owned(),
        analysis: one(rng, &["SIGN_IN", "MAIL_FILTER", "RISK_EVENT"]).to_owned(),
        employee: one(rng, &["Ivo Berg", "ana@harbor.example"]).to_owned(),
        threats: Vec::new(),
        summary: vec!["Sign-in from a new network".to_owned()],
        insights: vec![("Risky Location".to_owned(), "A sign-in from where nobody works".to_owned())],
        timeline: vec![
            event(
                first_observed,
                "Mail Rule",
                "Mail Rule Change",
                &[
                    ("rule_name", r#""tidy""#),
                    ("condition", r#""hasNoCondition""#),
                    ("flagging_detectors", r#""DELETE_ALL""#),
                ],
            ),
            // A location may lack its city and state.
            event(
                created,
                "Sign In",
                "Sign In",
                &[
                    ("ip_address", r#""203.0.113.24""#),
                    ("location", r#"{"country":"NZ"}"#),
                    ("field_labels", r#"{"ip_address":["Rare IP"]}"#),
                ],
            ),
        ],
        extra: if rng.u8(..3) == 0 { vec![("tenant".to_owned(), r#""harbor-eu""#.to_owned())] } else { Vec::new() },
    }
}

fn event(at: Moment, category: &str, title: &str, fields: &[(&str, &str)]) -> CaseEvent {
    let fields = fields.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect();
    CaseEvent { at, category: category.to_owned(), title: title.to_owned(), fields }
}
