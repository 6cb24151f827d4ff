//! Account takeover cases: the record, and its JSON in the list, in the detail and in the analysis.
//!
//! Promise: the names differ between list and detail as they do at the vendor, and no detail tells when the case was
//! last modified.

use jiff::Timestamp;

use super::filter::Key;
use super::json::{array, object, plain, texts};
use super::lists::Item;
use super::moment::Moment;

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub id: u64,
    /// How the list writes the id.
    pub id_in_list: IdForm,
    /// How the detail writes it: real ones have been seen to differ.
    pub id_in_detail: IdForm,
    pub description: String,
    /// `severity_level`: NONE, LOW, MEDIUM, HIGH.
    pub severity: String,
    /// LOW, MEDIUM, HIGH.
    pub confidence: String,
    pub created: Moment,
    pub last_modified: Moment,
    pub first_observed: Moment,
    pub customer_visible: Moment,
    /// `case_status`, such as `Action Required`.
    pub status: String,
    /// `remediation_status`, such as `Not remediated`.
    pub remediation: String,
    /// Where it was seen, such as `SIGN_IN`.
    pub analysis: String,
    pub employee: String,
    pub threats: Vec<String>,
    pub summary: Vec<String>,
    /// Signal and description.
    pub insights: Vec<(String, String)>,
    pub timeline: Vec<CaseEvent>,
    /// Name and JSON of further fields of list and detail.
    pub extra: Vec<(String, String)>,
}

/// A text or a number: both occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    Text,
    Number,
}

/// One entry of `eventTimeline`; what it carries beside these depends on its category.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseEvent {
    pub at: Moment,
    /// Such as `Mail Rule` or `Sign In`.
    pub category: String,
    pub title: String,
    /// Name and JSON of the fields of this category.
    pub fields: Vec<(String, String)>,
}

impl IdForm {
    fn json(self, id: u64) -> String {
        match self {
            IdForm::Text => format!("\"{id}\""),
            IdForm::Number => id.to_string(),
        }
    }
}

impl Item for Case {
    const LIST: &'static str = "cases";
    const KEYS: &'static [Key] = &[Key::LastModifiedTime, Key::CreatedTime, Key::CustomerVisibleTime];

    fn listed(&self) -> String {
        let mut fields = vec![
            ("caseId", self.id_in_list.json(self.id)),
            ("description", plain(&self.description)),
            ("severity_level", plain(&self.severity)),
            ("confidence", plain(&self.confidence)),
            ("created", plain(&self.created.text())),
            ("last_modified", plain(&self.last_modified.text())),
            ("first_observed", plain(&self.first_observed.text())),
        ];
        fields.extend(self.extra.iter().map(|(name, json)| (name.as_str(), json.clone())));
        object(&fields)
    }

    fn times(&self, key: Key) -> Vec<Timestamp> {
        let moment = match key {
            Key::LastModifiedTime => self.last_modified,
            Key::CreatedTime => self.created,
            Key::CustomerVisibleTime => self.customer_visible,
            Key::ReceivedTime
            | Key::LatestTimeRemediated
            | Key::LastReportedTime
            | Key::FirstObservedTime
            | Key::Timestamp => return Vec::new(),
        };
        vec![moment.at]
    }
}

impl Case {
    /// The object at `/v1/cases/{id}` (specification: `AbnormalCaseDetails`).
    pub fn detail(&self) -> String {
        let mut fields = vec![
            ("caseId", self.id_in_detail.json(self.id)),
            ("case_status", plain(&self.status)),
            ("severity", plain(&self.description)),
            ("severity_level", plain(&self.severity)),
            ("confidence", plain(&self.confidence)),
            ("affectedEmployee", plain(&self.employee)),
            ("customerVisibleTime", plain(&self.customer_visible.with_offset(0))),
            ("firstObserved", plain(&self.first_observed.with_offset(0))),
            ("threatIds", texts(&self.threats)),
            ("analysis", plain(&self.analysis)),
            ("remediation_status", plain(&self.remediation)),
            ("genai_summary", texts(&self.summary)),
        ];
        fields.extend(self.extra.iter().map(|(name, json)| (name.as_str(), json.clone())));
        object(&fields)
    }

    /// The object at `/v1/cases/{id}/analysis`.
    pub fn analysed(&self) -> String {
        let insight = |(signal, description): &(String, String)| {
            object(&[("signal", plain(signal)), ("description", plain(description))])
        };
        object(&[
            ("insights", array(self.insights.iter().map(insight))),
            ("eventTimeline", array(self.timeline.iter().map(CaseEvent::json))),
        ])
    }
}

impl CaseEvent {
    fn json(&self) -> String {
        let mut fields = vec![
            ("event_timestamp", plain(&self.at.text())),
            ("category", plain(&self.category)),
            ("title", plain(&self.title)),
        ];
        fields.extend(self.fields.iter().map(|(name, json)| (name.as_str(), json.clone())));
        object(&fields)
    }
}
