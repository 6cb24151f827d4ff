//! Receivers as a SOC writes them itself: a hundred lines of Java (JSSE) or of Node.js (its tls module).
//!
//! Neither knows anything of receipts: what they answer, their TLS libraries answer. Both ask for a certificate always.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use super::process::{Certs, Plan, Receiver};

/// The language that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Java,
    Node,
}

/// A running receiver; it does all that a [`Receiver`] does.
#[derive(Debug)]
pub struct Homemade(Receiver);

impl Homemade {
    /// Starts one that keeps its messages in `dir`.
    pub fn start(dir: &Path, certs: &Certs, port: u16, written: Written) -> Homemade {
        assert!(certs.verify_client, "these ask for a certificate always");
        fs::create_dir_all(dir).expect("the receiver's folder can be made");
        let source = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/receivers").join(name);
        let (program, before, source) = match written {
            // It reads for as long as it lives: a machine of two slow cores has no use for a second compiler in it.
            Written::Java => ("java", &["-Xmx128m", "-XX:TieredStopAtLevel=1"][..], source("Receiver.java")),
            Written::Node => ("node", &[][..], source("receiver.js")),
        };
        let files = [&source, &certs.ca, &certs.cert, &certs.key].map(|path| path.display().to_string());
        let [source, ca, cert, key] = files;
        let words = [source, port.to_string(), ca, cert, key];
        let arguments = before.iter().map(|word| (*word).to_owned()).chain(words).collect();
        Homemade(Receiver::start(Plan { program, arguments, dir: dir.to_owned(), port }))
    }
}

impl Deref for Homemade {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        &self.0
    }
}

impl DerefMut for Homemade {
    fn deref_mut(&mut self) -> &mut Receiver {
        &mut self.0
    }
}
