//! What the system tells of this box's network: its own addresses and its DNS servers.
//!
//! Promise: it only reads; what can't be read is left out and never guessed.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

/// Where DNS servers stand (resolv.conf(5)), and where systemd-resolved tells those behind its own stub.
const RESOLV_CONF: &str = "/etc/resolv.conf";
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";
/// systemd-resolved itself.
const STUB: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 54))];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Interfaces with their addresses, without loopback, sorted.
    pub addresses: Vec<(String, IpAddr)>,
    pub dns: Vec<IpAddr>,
}

/// Reads what there is; for a blocking thread.
pub(super) fn look() -> Surroundings {
    let read = |path| servers(&std::fs::read_to_string(path).unwrap_or_default());
    let mut dns = read(RESOLV_CONF);
    if !dns.is_empty() && dns.iter().all(|server| STUB.contains(server)) {
        let behind = read(BEHIND_THE_STUB);
        dns = if behind.is_empty() { dns } else { behind };
    }
    let mut addresses: Vec<(String, IpAddr)> = getifaddrs().map_or_else(
        |_| Vec::new(),
        |all| {
            let address = |one: &nix::ifaddrs::InterfaceAddress| {
                let address = one.address?;
                let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
                v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
            };
            all.filter_map(|one| Some((one.interface_name.clone(), address(&one)?))).collect()
        },
    );
    addresses.retain(|(_, address)| !address.is_loopback());
    addresses.sort();
    addresses.dedup();
    Surroundings { addresses, dns }
}

/// The servers that a resolv.conf names, in its order. Pure.
fn servers(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let named = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        // fe80::1%eth0 names an interface too.
        named.split('%').next()?.parse().ok()
    };
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_their_order_and_other_lines_are_passed_over() {
        let text = "# nameserver 192.0.2.1\nsearch acme.example\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 \n\
                    nameserver fe80::1%eth0\nnameserver nonsense\nnameserver\noptions edns0\n";
        let expected: [IpAddr; 3] =
            ["192.0.2.53", "2001:db8::53", "fe80::1"].map(|address| address.parse().expect("an address"));
        assert_eq!(servers(text), expected);
        assert!(servers("").is_empty());
    }
}
