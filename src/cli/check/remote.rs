//! The files of the remote listener: can a listener be made of them?
//!
//! Promise: nothing listens and nothing is written.

use jiff::Timestamp;

use super::Subject;
use crate::diagnosis::finding::Finding;
use crate::web::remote::try_out;

const ID: &str = "remote";

pub fn look(subject: &Subject) -> Vec<Finding> {
    let settings = &subject.settings;
    let Some(remote) = &settings.remote else { return Vec::new() };
    vec![match try_out(remote, &subject.secrets, &settings.agent.state_dir, Timestamp::now()) {
        Ok(()) => Finding::ok(ID, "", format!("the listener of {} can use its files", remote.listen)),
        Err(fault) => Finding::fault(ID, "", &fault, "correct it; a running agent looks again within seconds"),
    }]
}
