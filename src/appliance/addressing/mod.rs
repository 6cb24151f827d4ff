//! By which addresses an appliance is reached: what somebody asks for, checked; what the system makes of it; what came of it.
//!
//! ```text
//!   page, console ──► Typed ──► Asked ──► STATE/network/asked.toml ──► the system checks it again, tries it, ──► Told ──► page
//!                                                                      goes back where it does not hold
//! ```
//!
//! The agent may not change the system: it leaves a file, and a program of root's reads that file by this very code
//! (`conductor appliance network-files`), trusting nothing in it.
//!
//! Promise: what passes [`Typed::check`] is an address, a name or a word of which nothing can break out of the line that it
//! is written into.

mod asking;
mod checking;
mod rendering;
#[cfg(test)]
mod tests;
mod told;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use asking::{Answer, answer, ask, told};
pub use told::{Outcome, Told};

/// The folder in the state folder in which agent and system meet.
pub const FOLDER: &str = "network";
/// What is asked for, in that folder.
pub const ASKED: &str = "asked.toml";
/// The largest file of this kind, in bytes.
pub const LARGEST: usize = 16 << 10;

/// What was typed or written, unchecked: `asked.toml`, and the same shape in what the system tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Typed {
    /// `dhcp` or `static`.
    pub mode: String,
    /// Each with its prefix length: `192.0.2.20/24`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// One of each family at the most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Names or addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ntp: Vec<String>,
    /// In which short names are looked for; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Of the network card; empty: any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface: String,
}

/// What is asked for, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    way: Way,
    dns: Vec<IpAddr>,
    ntp: Vec<String>,
    domain: Option<String>,
    interface: Option<String>,
}

/// How the box comes by its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Dhcp,
    Static { addresses: Vec<Address>, gateways: Vec<IpAddr> },
}

/// An address of ours in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    ip: IpAddr,
    prefix: u8,
}

/// What is wrong with one key, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub key: &'static str,
    /// A whole sentence; of what was typed it holds addresses alone, as we print them.
    pub sentence: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.sentence)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl Asked {
    /// Whatever network it is in gives it an address.
    pub fn dhcp() -> Asked {
        Asked { way: Way::Dhcp, dns: Vec::new(), ntp: Vec::new(), domain: None, interface: None }
    }

    /// As it would be typed.
    pub fn typed(&self) -> Typed {
        let (mode, addresses, gateways) = match &self.way {
            Way::Dhcp => ("dhcp", Vec::new(), Vec::new()),
            Way::Static { addresses, gateways } => ("static", words(addresses), words(gateways)),
        };
        Typed {
            mode: mode.into(),
            addresses,
            gateways,
            dns: words(&self.dns),
            ntp: self.ntp.clone(),
            domain: self.domain.clone().unwrap_or_default(),
            interface: self.interface.clone().unwrap_or_default(),
        }
    }

    /// The addresses at which its pages are to be found; none where DHCP gives them.
    pub fn addresses(&self) -> Vec<IpAddr> {
        match &self.way {
            Way::Dhcp => Vec::new(),
            Way::Static { addresses, .. } => addresses.iter().map(|address| address.ip).collect(),
        }
    }
}

impl Typed {
    /// Reads a file of this kind.
    ///
    /// # Errors
    /// What is wrong, one sentence each: first that it is no such file, then every key.
    pub fn read(text: &str) -> Result<Typed, Vec<Wrong>> {
        toml::from_str(text).map_err(|error| {
            let sentence = format!("it is no file of network settings: {}.", error.message().replace('\n', " "));
            vec![Wrong { key: "file", sentence }]
        })
    }
}

fn words<T: fmt::Display>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
