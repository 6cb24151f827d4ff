//! What an operator should know: a closed list of conditions, each with a word that never changes, a
//! severity, what it means and what to do. The operators' guide lists the same table.
//!
//! Promise: nothing is raised that is not in [`Code::ALL`], and every code tells what to do about it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How grave a condition is. `Warning` and `Error` make the agent degraded; `Info` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    /// The word in JSON, metrics and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that stands until it is cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    pub code: Code,
    /// Whom it concerns: an integration, `integration/stream`, a destination; empty: the agent itself.
    pub subject: String,
    pub severity: Severity,
    /// One sentence about this very case. May hold anything that a peer can send; never a secret.
    pub text: String,
    /// When it was first raised; it keeps this while it stands.
    pub since: Timestamp,
}

/// The closed list. The words are part of the outside: alerts are written against them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    QueueFull,
    QueuePaused,
    QueueCorrupt,
    QueueDamaged,
    DiskError,
    IntegrationRefused,
    IntegrationKeyless,
    IntegrationFailing,
    StreamUnlicensed,
    PartRefused,
    StreamRefused,
    ItemsDeferred,
    CollectionGap,
    ApiKeyExpiring,
    ApiKeyOld,
    ApiKeyNotTaken,
    EgressMismatch,
    EgressUnknown,
    ClockSkew,
    ClockUnset,
    DestinationDown,
    DestinationRefused,
    DestinationKeyless,
    DestinationStalled,
    DestinationWeakReceipt,
    DestinationInsecure,
    CertificateExpiring,
    CertificateNotTaken,
    EventsQuarantined,
    EventsDropped,
    RemoteDown,
    RemoteNotTaken,
    RemoteExpiring,
    TaskRestarted,
    SettingsRefused,
    NoDestination,
    AuditBroken,
}

/// One row of the table: word, severity, what it means, what to do.
struct Row(&'static str, Severity, &'static str, &'static str);

impl Code {
    /// All codes, in the order of the guide.
    pub const ALL: [Code; 37] = [
        Code::QueueFull,
        Code::QueuePaused,
        Code::QueueCorrupt,
        Code::QueueDamaged,
        Code::DiskError,
        Code::IntegrationRefused,
        Code::IntegrationKeyless,
        Code::IntegrationFailing,
        Code::StreamUnlicensed,
        Code::PartRefused,
        Code::StreamRefused,
        Code::ItemsDeferred,
        Code::CollectionGap,
        Code::ApiKeyExpiring,
        Code::ApiKeyOld,
        Code::ApiKeyNotTaken,
        Code::EgressMismatch,
        Code::EgressUnknown,
        Code::ClockSkew,
        Code::ClockUnset,
        Code::DestinationDown,
        Code::DestinationRefused,
        Code::DestinationKeyless,
        Code::DestinationStalled,
        Code::DestinationWeakReceipt,
        Code::DestinationInsecure,
        Code::CertificateExpiring,
        Code::CertificateNotTaken,
        Code::EventsQuarantined,
        Code::EventsDropped,
        Code::RemoteDown,
        Code::RemoteNotTaken,
        Code::RemoteExpiring,
        Code::TaskRestarted,
        Code::SettingsRefused,
        Code::NoDestination,
        Code::AuditBroken,
    ];

    /// The word in JSON, metrics, logs and the guide.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The severity that this code is raised with.
    pub fn severity(self) -> Severity {
        self.row().1
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        self.row().2
    }

    /// What to do, in a sentence.
    pub fn advice(self) -> &'static str {
        self.row().3
    }

    fn row(self) -> Row {
        use Severity::{Error, Info, Warning};
        match self {
            Code::QueueFull => Row(
                "queue-full",
                Warning,
                "The queue has reached its max-size, or its disk has no space left.",
                "Bring the slowest destination back, or raise [queue] max-size, or free space on the disk.",
            ),
            Code::QueuePaused => Row(
                "queue-paused",
                Warning,
                "Polling is paused because the queue has no room; the vendor keeps the history, so nothing is lost yet.",
                "Bring the slowest destination back; polling resumes by itself from where it stopped.",
            ),
            Code::QueueCorrupt => Row(
                "queue-corrupt",
                Error,
                "The queue's book-keeping failed and is mended by itself; events may come twice, none is lost.",
                "Nothing at once. If it stays, check the disk (dmesg) and the space under the state folder.",
            ),
            Code::QueueDamaged => Row(
                "queue-damaged",
                Warning,
                "A record failed its checksum; it was set aside and its stream is fetched again from before it.",
                "Check the disk (`smartctl`, `dmesg`); what was set aside lies in the state folder under queue/damaged.",
            ),
            Code::DiskError => Row(
                "disk-error",
                Error,
                "The disk refused a write or a flush, so nothing new can be kept.",
                "Check the disk and the file system (dmesg), and the owner and mode of the state folder.",
            ),
            Code::IntegrationRefused => Row(
                "integration-refused",
                Error,
                "The vendor refuses this integration (401 or 403), or a proxy does (407), or a certificate was refused.",
                "Do what its sentence says: a 401 is the key, a 403 the IP Safelist or a permission, a 407 the proxy's password, a \
                 certificate `host` or `ca`.",
            ),
            Code::IntegrationKeyless => Row(
                "integration-keyless",
                Error,
                "The API key of this integration can't be read; it is parked, the others go on.",
                "Check the file or credential that api-key names, and who may read it. A change is seen within seconds.",
            ),
            Code::IntegrationFailing => Row(
                "integration-failing",
                Warning,
                "The vendor's API has not answered for more than a minute, or what answers is not its API; it is tried again by itself.",
                "Run `conductor check`: it tests DNS, proxy, TLS and one request, and says which of them fails.",
            ),
            Code::StreamUnlicensed => Row(
                "stream-unlicensed",
                Info,
                "The vendor's contract does not hold what this stream asks for; it is asked again once a day.",
                "Take the stream out of `streams`, or have the vendor enable the product.",
            ),
            Code::PartRefused => Row(
                "part-refused",
                Info,
                "A part of what a stream collects (attachments, links, a case's analysis) is refused to this key; the rest comes.",
                "Give the key the permission in the vendor's portal, or set `enrich = false`.",
            ),
            Code::StreamRefused => Row(
                "stream-refused",
                Warning,
                "The vendor refuses this one stream (403); it is parked, the others go on.",
                "Do what its sentence says: give the key the permission for it, have the feature enabled, or take it out of `streams`.",
            ),
            Code::ItemsDeferred => Row(
                "items-deferred",
                Warning,
                "Single items could not be fetched; they are tried again after 1, 5 and 30 minutes, then daily.",
                "Nothing at once. If one stays for days, give its id to the vendor's support.",
            ),
            Code::CollectionGap => Row(
                "collection-gap",
                Warning,
                "A range of time is older than the vendor keeps, and was not collected.",
                "Ask the vendor for an export of the range named here; then look for what kept the agent away.",
            ),
            Code::ApiKeyExpiring => Row(
                "api-key-expiring",
                Warning,
                "The API key of this integration ends within 30 days, or has ended: info from 30 days, warning from 14, error from the last day on.",
                "Make a new key in the vendor's portal and set it: `conductor integration set-key NAME` (of a systemd credential: replace its file, restart). Correct api-key-expires, where it is set.",
            ),
            Code::ApiKeyOld => Row(
                "api-key-old",
                Info,
                "The API key of this integration is older than api-key-max-age.",
                "Make a new key in the vendor's portal and set it, as for api-key-expiring; then revoke the old one.",
            ),
            Code::ApiKeyNotTaken => Row(
                "api-key-not-taken",
                Warning,
                "A changed API key is not in use: the vendor refuses it, or it can't be read. The old one stays in use.",
                "Do what its sentence says. The new key is tried again by itself, and at once when its file changes or the old one fails.",
            ),
            Code::EgressMismatch => Row(
                "egress-mismatch",
                Warning,
                "The address that we are seen from is not among the allowlisted ones.",
                "Add the observed address to the vendor's IP Safelist and to [egress] allowlisted, or mend the route.",
            ),
            Code::EgressUnknown => Row(
                "egress-unknown",
                Info,
                "The address that the vendor sees could not be observed.",
                "Set [egress] probe to a URL that answers with the caller's address, and see that it can be reached.",
            ),
            Code::ClockSkew => Row(
                "clock-skew",
                Warning,
                "Our clock and the vendor's differ; windows end at the earlier of the two.",
                "Check time synchronisation (`timedatectl`, `chronyc tracking`).",
            ),
            Code::ClockUnset => Row(
                "clock-unset",
                Error,
                "This box's clock stands before this version was made; no vendor is asked until it is set.",
                "Set the clock (`timedatectl set-ntp true`, or let chrony reach its servers); everything then goes on by itself.",
            ),
            Code::DestinationDown => Row(
                "destination-down",
                Error,
                "The destination can't be reached; its events wait in the queue.",
                "Check that the receiver listens and that the network lets us through; it is tried again by itself.",
            ),
            Code::DestinationRefused => Row(
                "destination-refused",
                Error,
                "The destination refuses us, or its certificate was refused.",
                "Do what its sentence says; else check the CA, the name in its certificate, and the certificate or token that we show it.",
            ),
            Code::DestinationKeyless => Row(
                "destination-keyless",
                Error,
                "The key or token of this destination can't be read; it is parked, the others go on.",
                "Check the file or credential that its settings name, and who may read it.",
            ),
            Code::DestinationStalled => Row(
                "destination-stalled",
                Warning,
                "The destination is connected but has confirmed nothing for a while, though events wait.",
                "Look at the receiver: its disk, its own queue, its load.",
            ),
            Code::DestinationWeakReceipt => Row(
                "destination-weak-receipt",
                Info,
                "This peer confirms by TCP alone, or not at all (UDP): nobody can tell whether the receiving process has read the events.",
                "Have the receiver speak TLS 1.3 and answer key updates (rsyslog: driver ossl).",
            ),
            Code::DestinationInsecure => Row(
                "destination-insecure",
                Warning,
                "Events leave this machine without TLS, as insecure = true allows: whoever is on the way can read and change them.",
                "Have the receiver speak TLS, and take insecure and transport out of its settings.",
            ),
            Code::CertificateExpiring => Row(
                "certificate-expiring",
                Warning,
                "A certificate of this destination (ours, its CA's or the receiver's own) ends within 30 days, or has ended: info from 30 days, warning from 14, error from the last day on.",
                "Have it renewed and put the new one into its file; it is taken into use by itself within seconds.",
            ),
            Code::CertificateNotTaken => Row(
                "certificate-not-taken",
                Warning,
                "Changed files of this destination (CA, revocation list, certificate, key or token) can't be used. What was read before stays in use.",
                "Do what its sentence says. The files are looked at again when one of them changes, and at a reload.",
            ),
            Code::EventsQuarantined => Row(
                "events-quarantined",
                Warning,
                "The destination will never take certain events; they were set aside and the others go on.",
                "Look at them with `conductor queue quarantine` and mend the cause at the receiver.",
            ),
            Code::EventsDropped => Row(
                "events-dropped",
                Error,
                "Events left the queue before every destination took them, by the rule when-full = \"drop-oldest\".",
                "Raise [queue] max-size, or set when-full to \"pause\".",
            ),
            Code::RemoteDown => Row(
                "remote-down",
                Error,
                "The remote listener does not listen: its address can't be had, or its certificate or another of its files can't be used.",
                "Do what its sentence says. It is tried again by itself within seconds; collecting and delivering go on.",
            ),
            Code::RemoteNotTaken => Row(
                "remote-not-taken",
                Warning,
                "Changed files of the remote listener (certificate, key, CA, revocation list or token) can't be used. What was read before stays in use.",
                "Do what its sentence says. The files are looked at again within seconds.",
            ),
            Code::RemoteExpiring => Row(
                "remote-expiring",
                Warning,
                "The certificate of the remote listener ends within 30 days, or has ended.",
                "Have it renewed and put the new one into the file of [remote] cert; it is taken into use by itself within seconds.",
            ),
            Code::TaskRestarted => Row(
                "task-restarted",
                Warning,
                "A task of the agent ended unexpectedly and was started again.",
                "This is a bug of ours: please report it with the log around that time.",
            ),
            Code::SettingsRefused => Row(
                "settings-refused",
                Warning,
                "The changed settings hold mistakes; the agent goes on with the old ones.",
                "Run `conductor check`: it lists every mistake with file and line.",
            ),
            Code::NoDestination => Row(
                "no-destination",
                Warning,
                "No destination is set or enabled; everything is kept in the queue until there is one.",
                "Without a name: add [destinations.NAME], with start = \"oldest\" if it is to get what was kept so far, and reload. \
                 With a name: do what its sentence says.",
            ),
            Code::AuditBroken => Row(
                "audit-broken",
                Error,
                "The audit log can't be written or read, or no longer holds an entry that was forwarded.",
                "Run `conductor audit verify`, and compare with what your SOC received; check the disk and who may write there.",
            ),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
