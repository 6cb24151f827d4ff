//! What was asked as systemd-networkd reads it (systemd.network(5)): one file for addresses, gateway, DNS, NTP and domain.
//!
//! One file is the whole of it, so that a trial is begun by one rename and ended by one: systemd-resolved and
//! systemd-timesyncd take the servers from the link.
//!
//! Promise: every value stands in a line of its own; the same asked gives the same bytes.

use super::{Asked, Way};

const HEAD: &str = "# Made of what was asked for on the page or the console; the next asked takes its place.\n";

/// Any cable, as the file for DHCP that is there from the beginning.
const ANY: &str = "en* eth*";

impl Asked {
    /// The text of a `.network` file.
    pub fn network_file(&self) -> String {
        let mut text = String::from(HEAD);
        let mut line = |key: &str, value: &str| {
            text.push_str(key);
            text.push_str(value);
            text.push('\n');
        };
        line("[Match]", "");
        line("Name=", self.interface.as_deref().unwrap_or(ANY));
        line("\n[Network]", "");
        line("IPv6PrivacyExtensions=", "no");
        match &self.way {
            Way::Dhcp => line("DHCP=", "yes"),
            Way::Static { addresses, gateways } => {
                line("DHCP=", "no");
                // What is static is told by nobody else.
                line("IPv6AcceptRA=", "no");
                for address in addresses {
                    line("Address=", &address.to_string());
                }
                for gateway in gateways {
                    line("Gateway=", &gateway.to_string());
                }
            }
        }
        for server in &self.dns {
            line("DNS=", &server.to_string());
        }
        for server in &self.ntp {
            line("NTP=", server);
        }
        if let Some(domain) = &self.domain {
            line("Domains=", domain);
        }
        match &self.way {
            Way::Dhcp => {
                // Servers that were asked for are the only ones.
                let (dns, ntp) = (self.dns.is_empty(), self.ntp.is_empty());
                let yes = |so: bool| if so { "yes" } else { "no" };
                for section in ["\n[DHCPv4]", "\n[DHCPv6]"] {
                    line(section, "");
                    line("UseDNS=", yes(dns));
                    line("UseNTP=", yes(ntp));
                    line("UseHostname=", "no");
                }
                line("\n[IPv6AcceptRA]", "");
                line("UseDNS=", yes(dns));
            }
            Way::Static { .. } => {}
        }
        text
    }

    /// The text of `asked.toml`.
    pub fn asked_file(&self) -> String {
        // Strings and lists of strings: there is no value in it that TOML can't write.
        toml::to_string(&self.typed()).unwrap_or_default()
    }

    /// The same for the system's own note, as one line of JSON.
    pub fn asked_json(&self) -> String {
        serde_json::to_string(&self.typed()).unwrap_or_default()
    }
}
