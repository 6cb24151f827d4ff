//! Audit logs of the vendor's portal: the entry, and its JSON.
//!
//! Promise: an entry carries no id of any kind; two that say the same are the same to a reader.

use jiff::Timestamp;

use super::filter::Key;
use super::json::{object, plain};
use super::lists::Item;
use super::moment::Moment;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    pub at: Moment,
    pub time_form: TimeForm,
    /// Such as `view_message_content`; absent when `None`.
    pub action: Option<String>,
    /// `actionDetails`; absent when `None`.
    pub details: Option<AuditDetails>,
    pub category: String,
    pub source_ip: String,
    pub status: AuditStatus,
    /// May be empty.
    pub tenant: String,
    pub user: String,
}

/// How `timestamp` is written: both have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// `2026-11-19 09:12:44.031000+00:00`, which is not RFC 3339.
    Space,
    /// `2026-11-19T09:12:44Z`
    Zulu,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditStatus {
    Success,
    Failure,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDetails {
    pub message_id: i64,
    /// `providedReason`: may be the text `null`.
    pub reason: String,
    pub request_url: String,
}

impl Item for AuditEntry {
    const LIST: &'static str = "auditLogs";
    const KEYS: &'static [Key] = &[Key::Timestamp];

    fn listed(&self) -> String {
        let mut fields = Vec::new();
        if let Some(action) = &self.action {
            fields.push(("action", plain(action)));
        }
        if let Some(AuditDetails { message_id, reason, request_url }) = &self.details {
            let details = object(&[
                ("messageId", format!("\"{message_id}\"")),
                ("providedReason", plain(reason)),
                ("requestUrl", plain(request_url)),
            ]);
            fields.push(("actionDetails", details));
        }
        let time = match self.time_form {
            TimeForm::Space => self.at.with_space(),
            TimeForm::Zulu => self.at.text(),
        };
        let status = match self.status {
            AuditStatus::Success => "SUCCESS",
            AuditStatus::Failure => "FAILURE",
        };
        fields.extend([
            ("category", plain(&self.category)),
            ("sourceIp", plain(&self.source_ip)),
            ("status", plain(status)),
            ("tenantName", plain(&self.tenant)),
            ("timestamp", plain(&time)),
            ("user", object(&[("email", plain(&self.user))])),
        ]);
        object(&fields)
    }

    fn times(&self, _: Key) -> Vec<Timestamp> {
        vec![self.at.at]
    }
}
