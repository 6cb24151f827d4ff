//! What the simulated SOC has read, judged as it comes.

use std::time::Duration;

use conductor_sim::soc::{KeyUpdates, Soc, SocOptions};

use super::{Judge, Trust, Truth};

/// A SOC that answers as OpenSSL does, and its judge.
pub struct AtSoc {
    pub soc: Soc,
    pub judge: Judge,
    judged: usize,
}

impl AtSoc {
    pub fn start(trust: &Trust) -> AtSoc {
        AtSoc::named("soc", trust)
    }

    pub fn named(name: &'static str, trust: &Trust) -> AtSoc {
        let tls = trust.paths.server().expect("a certificate");
        let client_ca = Some(trust.authority.ca_pem());
        let key_updates = KeyUpdates::AllButFirst;
        let soc = Soc::start(SocOptions { client_ca, key_updates, ..SocOptions::new(tls) }).expect("it listens");
        AtSoc::of(soc, Judge::new(name))
    }

    /// One that was started otherwise.
    pub fn of(soc: Soc, judge: Judge) -> AtSoc {
        AtSoc { soc, judge, judged: 0 }
    }

    /// Judges what came since the last look. Returns how many different events have come.
    pub fn look(&mut self, truth: &Truth) -> usize {
        if self.soc.count() > self.judged as u64 {
            let messages = self.soc.messages();
            for message in &messages[self.judged..] {
                let text = std::str::from_utf8(message).expect("UTF-8");
                // MSG stands behind the structured data, in which quotes and brackets of values are escaped.
                let msg = text.split_once("\"] ").map(|(_, msg)| msg.strip_prefix('\u{feff}').unwrap_or(msg));
                let msg = msg.unwrap_or_else(|| panic!("no header, structured data and MSG: {text}"));
                self.judge.take(truth, msg, message.len() as u64);
            }
            self.judged = messages.len();
        }
        self.judge.events()
    }

    /// Waits for one message more than there were; false after `limit`.
    pub fn wait_for_more(&self, more: u64, limit: Duration) -> bool {
        self.soc.wait_for(self.soc.count() + more, limit)
    }
}
