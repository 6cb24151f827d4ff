//! The rules for what may be asked: which addresses a box can have, which gateways it can reach from them.
//!
//! Promise: pure, and every mistake is told at once, each with its key; what does not parse is never repeated.

use std::net::IpAddr;

use super::{Address, Asked, Typed, Way, Wrong};

/// Of each kind; a box has few, and a file has an end.
const MOST: usize = 8;

impl Typed {
    /// Checks all of it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check(&self) -> Result<Asked, Vec<Wrong>> {
        let mut wrong = Vec::new();
        for (key, list) in
            [("addresses", &self.addresses), ("gateways", &self.gateways), ("dns", &self.dns), ("ntp", &self.ntp)]
        {
            if list.len() > MOST {
                tell(&mut wrong, key, format!("there are more than {MOST}: name fewer."));
            }
        }
        let way = match self.mode.as_str() {
            "dhcp" => {
                for (key, list) in [("addresses", &self.addresses), ("gateways", &self.gateways)] {
                    if !list.is_empty() {
                        tell(&mut wrong, key, "DHCP gives them: take them out, or choose static.");
                    }
                }
                Some(Way::Dhcp)
            }
            "static" => Some(self.fixed(&mut wrong)),
            _ => {
                tell(&mut wrong, "mode", "it is \"dhcp\" or \"static\".");
                None
            }
        };
        let dns = each(&self.dns, "dns", &mut wrong, |text| {
            let address: IpAddr = text.parse().map_err(|_| "is not an address, as in 192.0.2.53.".to_owned())?;
            unicast(address).map(|()| address)
        });
        let ntp = each(&self.ntp, "ntp", &mut wrong, time_server);
        let domain = optional(&self.domain, "domain", &mut wrong, |text| {
            is_name(text).then(|| text.to_owned()).ok_or("it is not a domain, as in acme.example.")
        });
        let interface = optional(&self.interface, "interface", &mut wrong, |text| {
            is_interface(text).then(|| text.to_owned()).ok_or("it is not the name of a network card, as in eth0.")
        });
        match way {
            Some(way) if wrong.is_empty() => Ok(Asked { way, dns, ntp, domain, interface }),
            Some(_) | None => Err(wrong),
        }
    }

    /// Static addresses, and a gateway that each family of them can reach.
    fn fixed(&self, wrong: &mut Vec<Wrong>) -> Way {
        let addresses = each(&self.addresses, "addresses", wrong, own_address);
        if self.addresses.is_empty() {
            tell(wrong, "addresses", "static needs an address with its prefix length, as in 192.0.2.20/24.");
        }
        for (at, address) in addresses.iter().enumerate() {
            if addresses.iter().take(at).any(|before| before.ip == address.ip) {
                tell(wrong, "addresses", format!("{} stands there twice.", address.ip));
            }
        }
        // What is wrong with the addresses must not be told of the gateway again.
        let sound = addresses.len() == self.addresses.len();
        let gateways = each(&self.gateways, "gateways", wrong, |text| {
            let gateway: IpAddr = text.parse().map_err(|_| "is not an address, as in 192.0.2.1.".to_owned())?;
            if sound { reached(gateway, &addresses) } else { unicast(gateway) }.map(|()| gateway)
        });
        if self.gateways.is_empty() {
            tell(wrong, "gateways", "static needs a gateway, as in 192.0.2.1: it is how the box knows that it holds.");
        }
        for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
            if gateways.iter().filter(|gateway| family(gateway)).count() > 1 {
                tell(wrong, "gateways", "there is one for IPv4 and one for IPv6 at the most.");
            }
        }
        Way::Static { addresses, gateways }
    }
}

fn tell(wrong: &mut Vec<Wrong>, key: &'static str, sentence: impl Into<String>) {
    wrong.push(Wrong { key, sentence: sentence.into() });
}

/// Those that hold; of the others it is told which one it is.
fn each<T>(
    list: &[String],
    key: &'static str,
    wrong: &mut Vec<Wrong>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut held = Vec::new();
    for (at, text) in list.iter().enumerate() {
        match read(text) {
            Ok(one) => held.push(one),
            Err(why) if list.len() == 1 => tell(wrong, key, format!("it {why}")),
            Err(why) => tell(wrong, key, format!("number {} {why}", at + 1)),
        }
    }
    held
}

fn optional(
    text: &str,
    key: &'static str,
    wrong: &mut Vec<Wrong>,
    read: impl Fn(&str) -> Result<String, &'static str>,
) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    read(text).map_err(|why| tell(wrong, key, why)).ok()
}

/// `ADDRESS/PREFIX` of one machine.
fn own_address(text: &str) -> Result<Address, String> {
    let form = || "is not an address with its prefix length, as in 192.0.2.20/24.".to_owned();
    let (ip, prefix) = text.split_once('/').ok_or_else(form)?;
    let ip: IpAddr = ip.parse().map_err(|_| form())?;
    let digits = prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = prefix.parse().ok().filter(|_| digits).ok_or_else(form)?;
    let address = Address { ip, prefix };
    if prefix == 0 || prefix > address.width() {
        return Err(format!("has a prefix length that can't be one: from 1 to {}.", address.width()));
    }
    unicast(ip)?;
    if link_local(ip) {
        return Err(format!("is {ip}, which holds on its own cable alone: no gateway hands it on."));
    }
    address.not_the_networks_own()?;
    Ok(address)
}

/// May one machine have it, or be asked at it?
fn unicast(ip: IpAddr) -> Result<(), String> {
    let no = match ip {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => "nobody's address",
        IpAddr::V4(v4) if v4.is_multicast() => "an address of many (multicast)",
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => "a reserved address",
        IpAddr::V6(v6) if v6.is_unspecified() => "nobody's address",
        IpAddr::V6(v6) if v6.is_multicast() => "an address of many (multicast)",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => "an IPv4 address in IPv6 clothes: write it as IPv4",
        IpAddr::V4(_) | IpAddr::V6(_) if ip.is_loopback() => "the box itself (loopback)",
        IpAddr::V4(_) | IpAddr::V6(_) => return Ok(()),
    };
    Err(format!("is {ip}, {no}."))
}

fn link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Can a box with these addresses hand it what is for others?
fn reached(gateway: IpAddr, addresses: &[Address]) -> Result<(), String> {
    unicast(gateway)?;
    if addresses.iter().any(|address| address.ip == gateway) {
        return Err(format!("is {gateway}, the box's own address."));
    }
    // A router of IPv6 may be named by the address that it has on every cable.
    if gateway.is_ipv6() && link_local(gateway) && addresses.iter().any(|address| address.ip.is_ipv6()) {
        return Ok(());
    }
    let Some(network) = addresses.iter().find(|address| address.holds(gateway)) else {
        return Err(format!("is {gateway}, which is in the network of none of the addresses: see the prefix length."));
    };
    Address { ip: gateway, prefix: network.prefix }.not_the_networks_own()
}

impl Address {
    fn width(self) -> u8 {
        if self.ip.is_ipv4() { 32 } else { 128 }
    }

    /// The part that tells machines of one network apart, and all ones in its place.
    fn host_part(self) -> (u128, u128) {
        let bits = match self.ip {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        let ones = 1_u128.checked_shl(u32::from(self.width() - self.prefix)).map_or(u128::MAX, |above| above - 1);
        (bits & ones, ones)
    }

    /// Networks of two machines have neither (RFC 3021, RFC 6164).
    fn not_the_networks_own(self) -> Result<(), String> {
        if self.width() - self.prefix < 2 {
            return Ok(());
        }
        match self.host_part() {
            (0, _) => Err(format!("is {self}, the address of the network itself: no machine has it.")),
            (host, ones) if host == ones && self.ip.is_ipv4() => {
                Err(format!("is {self}, by which all of its network are called (broadcast): no machine has it."))
            }
            (_, _) => Ok(()),
        }
    }

    /// Is the other one in our network?
    fn holds(self, other: IpAddr) -> bool {
        let network = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => u32::from(v4).checked_shr(u32::from(32 - self.prefix.min(32))).map(u128::from),
            IpAddr::V6(v6) => u128::from(v6).checked_shr(u32::from(128 - self.prefix)),
        };
        self.ip.is_ipv4() == other.is_ipv4() && network(self.ip) == network(other)
    }
}

/// A name or an address that may be asked for the time.
fn time_server(text: &str) -> Result<String, String> {
    match text.parse::<IpAddr>() {
        Ok(address) => unicast(address).map(|()| address.to_string()),
        // 192.0.2 and 999.0.2.1 are names by their letters, and meant as addresses.
        Err(_) if is_name(text) && text.bytes().any(|byte| byte.is_ascii_alphabetic()) => Ok(text.to_owned()),
        Err(_) => Err("is neither a name nor an address, as in ntp.acme.example.".into()),
    }
}

/// A name of DNS (RFC 1123), without a dot at its end.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Narrower than Linux: systemd reads `*`, `?`, `[` and `!` in its place as patterns.
fn is_interface(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=15).contains(&text.len()) && text.bytes().all(sound) && !matches!(text, "lo" | "." | "..")
}
