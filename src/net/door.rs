//! Which addresses may be dialled for whom: the door for what came in over the network.
//!
//! Root writes the settings' files, and they may name any host. What a page wrote may have been written by somebody who
//! wants this box to talk to itself, to its neighbours on the link, or to the cloud's metadata service, which hands out
//! keys to whoever asks.
//!
//! Promise: pure; an address is judged as the bytes that are dialled, after DNS, whatever form it is wrapped in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who named the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The operator, in a file of their own: any address.
    #[default]
    Open,
    /// A page: none that is this machine, its link or a metadata service.
    Guarded,
}

/// Metadata services of clouds that lie outside of the link-local ranges: AWS, Google, Alibaba, Oracle, Azure's.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

impl Door {
    /// Why this address may not be dialled; `None`: it may. `own`: what this machine's interfaces are called by, where
    /// services listen that a firewall keeps from others.
    pub fn refuses(self, address: IpAddr, own: &[IpAddr]) -> Option<&'static str> {
        match self {
            Door::Open => None,
            Door::Guarded => match address {
                IpAddr::V4(address) => v4(address, own),
                IpAddr::V6(address) => v6(address, own),
            },
        }
    }
}

fn v4(address: Ipv4Addr, own: &[IpAddr]) -> Option<&'static str> {
    if METADATA_V4.contains(&address) {
        return Some("a cloud's metadata service");
    }
    if address.is_loopback() || own.contains(&IpAddr::V4(address)) {
        return Some("this machine itself");
    }
    // The kernel takes 0.0.0.0 for this machine; all of 0.0.0.0/8 is "this network" (RFC 1122).
    if address.octets()[0] == 0 {
        return Some("no address of a host");
    }
    if address.is_link_local() {
        return Some("a link-local address");
    }
    if address.is_multicast() || address.is_broadcast() {
        return Some("no address of one host");
    }
    None
}

fn v6(address: Ipv6Addr, own: &[IpAddr]) -> Option<&'static str> {
    if METADATA_V6.contains(&address) {
        return Some("a cloud's metadata service");
    }
    if address.is_loopback() || own.contains(&IpAddr::V6(address)) {
        return Some("this machine itself");
    }
    if address.is_unspecified() {
        return Some("no address of a host");
    }
    // fe80::/10, and fec0::/10, which it was before (RFC 3879).
    if address.segments()[0] & 0xff80 == 0xfe80 {
        return Some("a link-local address");
    }
    if address.is_multicast() {
        return Some("no address of one host");
    }
    carried(address).into_iter().find_map(|inside| v4(inside, own))
}

/// The IPv4 addresses that an IPv6 address leads to by a translator or a tunnel.
fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let segments = address.segments();
    let at = |i: usize| {
        let ([a, b], [c, d]) = (segments[i].to_be_bytes(), segments[i + 1].to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // IPv4-mapped ::ffff:a.b.c.d, the compatible ::a.b.c.d of old, and the translated ::ffff:0:a.b.c.d (SIIT).
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![at(6)],
        // NAT64 (RFC 6052), and its range for local use (RFC 8215), whose prefix may have 96 or 48 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![at(6)],
        [0x64, 0xff9b, 1, ..] => {
            let [_, _, _, _, _, _, a, b, _, c, d, ..] = address.octets();
            [at(6), Ipv4Addr::new(a, b, c, d)].into_iter().filter(|address| !address.is_unspecified()).collect()
        }
        // 6to4 (RFC 3056).
        [0x2002, ..] => vec![at(1)],
        // Teredo (RFC 4380): its server, and its client, inverted.
        [0x2001, 0, ..] => vec![at(2), Ipv4Addr::from_bits(!at(6).to_bits())],
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![at(6)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_named_leads_to_no_part_of_this_machine_its_link_or_a_metadata_service() {
        for bad in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2001:0:c000:202:0:0:5601:5601",
            "2001:db8::5efe:127.0.0.1",
            "2001:db8::200:5efe:169.254.169.254",
        ] {
            let address: IpAddr = bad.parse().expect(bad);
            assert!(Door::Guarded.refuses(address, &[]).is_some(), "{bad}");
            assert_eq!(Door::Open.refuses(address, &[address]), None, "{bad}: the operator's own file may");
        }
    }

    #[test]
    fn a_socs_private_addresses_and_the_worlds_are_fine() {
        for good in [
            "10.0.0.5",
            "172.16.9.9",
            "192.168.1.10",
            "100.64.0.1",
            "203.0.113.9",
            "198.51.100.1",
            "fd12:3456::1",
            "2a00:1450::1",
            "::ffff:10.0.0.5",
            "64:ff9b::198.51.100.1",
            "64:ff9b:1::198.51.100.1",
            "64:ff9b:1:c633:64:100::",
            "2002:cb00:7109::1",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(Door::Guarded.refuses(good.parse().expect(good), &[]), None, "{good}");
        }
    }

    #[test]
    fn a_host_that_leads_to_an_interface_of_this_machine_is_refused_in_every_form() {
        let own = ["192.0.2.2", "fd00::2"].map(|own| own.parse().expect(own));
        for bad in [
            "192.0.2.2",
            "fd00::2",
            "::ffff:192.0.2.2",
            "::192.0.2.2",
            "::ffff:0:192.0.2.2",
            "64:ff9b::192.0.2.2",
            "64:ff9b:1::192.0.2.2",
            "2002:c000:202::1",
            "2001:db8::5efe:192.0.2.2",
        ] {
            assert_eq!(Door::Guarded.refuses(bad.parse().expect(bad), &own), Some("this machine itself"), "{bad}");
        }
        for neighbour in ["192.0.2.3", "fd00::3", "::ffff:192.0.2.3"] {
            assert_eq!(Door::Guarded.refuses(neighbour.parse().expect(neighbour), &own), None, "{neighbour}");
        }
    }
}
