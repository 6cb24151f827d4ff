//! Vendor cases: a supplier whose mailbox looks taken over. The record, and its JSON.
//!
//! Promise: ids are numbers, in the list as in the detail.

use jiff::Timestamp;

use super::filter::Key;
use super::json::{array, object, plain};
use super::lists::Item;
use super::moment::Moment;

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct VendorCase {
    pub id: u64,
    pub domain: String,
    pub first_observed: Moment,
    pub last_modified: Moment,
    /// Highlight and description.
    pub insights: Vec<(String, String)>,
    pub timeline: Vec<VendorEvent>,
}

/// One message in a vendor case.
#[derive(Clone, Debug, PartialEq)]
pub struct VendorEvent {
    pub at: Moment,
    pub sender: String,
    pub recipient: String,
    pub subject: String,
    /// `markedAs`, such as `Malicious`.
    pub marked_as: String,
    /// `threatId` as JSON: a text, and a number has been seen.
    pub threat: String,
}

impl Item for VendorCase {
    const LIST: &'static str = "vendorCases";
    const KEYS: &'static [Key] = &[Key::LastModifiedTime, Key::FirstObservedTime];

    fn listed(&self) -> String {
        object(&[("vendorCaseId", self.id.to_string())])
    }

    fn times(&self, key: Key) -> Vec<Timestamp> {
        vec![if key == Key::FirstObservedTime { self.first_observed.at } else { self.last_modified.at }]
    }
}

impl VendorCase {
    /// The object at `/v1/vendor-cases/{id}`.
    pub fn detail(&self) -> String {
        let insight = |(highlight, description): &(String, String)| {
            object(&[("highlight", plain(highlight)), ("description", plain(description))])
        };
        object(&[
            ("vendorCaseId", self.id.to_string()),
            ("vendorDomain", plain(&self.domain)),
            ("firstObservedTime", plain(&self.first_observed.text())),
            ("lastModifiedTime", plain(&self.last_modified.text())),
            ("insights", array(self.insights.iter().map(insight))),
            ("timeline", array(self.timeline.iter().map(VendorEvent::json))),
        ])
    }
}

impl VendorEvent {
    fn json(&self) -> String {
        object(&[
            ("eventTimestamp", plain(&self.at.text())),
            ("senderAddress", plain(&self.sender)),
            ("recipientAddress", plain(&self.recipient)),
            ("subject", plain(&self.subject)),
            ("markedAs", plain(&self.marked_as)),
            ("threatId", self.threat.clone()),
        ])
    }
}
