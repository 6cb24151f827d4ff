//! `[update]`: where newer versions of an appliance are looked for, and when it may restart into one.
//!
//! Promise: nothing is looked for unless a URL is written.

use super::document::{Findings, Table};
use super::files::Files;
use super::grammar::{Wrong, probe_url, said};
use super::reader::TableReader;
use super::settings::Update;

pub fn update(table: Table<'_>, findings: &mut Findings<'_>, files: &mut Files) -> Option<Update> {
    let mut reader = TableReader::new(table, findings);
    let url = reader.text("url", |text| match probe_url(text) {
        Ok(url) if url.starts_with("https://") => Ok(url),
        Ok(_) => said("must be an https URL", "a bundle is signed, but who is on the way must not offer old ones"),
        Err(wrong) => Err(wrong),
    });
    let ca = files.path(&mut reader, "ca");
    let window =
        reader.text("window", |text| text.parse().map_err(|why: String| Wrong::Said(why, "times are UTC".into())));
    let interval = reader.duration("interval");
    for name in ["window", "ca"] {
        if reader.has(name) && !reader.has("url") {
            reader.warn(name, "has no effect without url beside it");
        }
    }
    Some(Update { url, ca, window, interval: interval? })
}
