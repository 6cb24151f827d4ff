//! Who judges the addresses that a host leads to: a door, and what is this machine at this moment.
//!
//! Promise: interfaces are looked at with each connection, for they come and go; where they can't be, nothing that a page
//! named is dialled.

use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

use super::door::Door;
use crate::fault::{Fault, FaultKind};

/// Good for the one connection that it was called for.
pub(super) struct Doorkeeper {
    door: Door,
    own: Vec<IpAddr>,
}

impl Doorkeeper {
    /// # Errors
    /// `Unavailable`: the interfaces' addresses can't be listed, and the door asks for them.
    pub(super) fn of(door: Door) -> Result<Doorkeeper, Fault> {
        let own = match door {
            Door::Open => Vec::new(),
            Door::Guarded => own_addresses()?,
        };
        Ok(Doorkeeper { door, own })
    }

    /// As [`Door::refuses`].
    pub(super) fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        self.door.refuses(address, &self.own)
    }
}

/// The addresses of all interfaces, up or down: the kernel answers by itself for each.
pub(super) fn own_addresses() -> Result<Vec<IpAddr>, Fault> {
    let all = getifaddrs().map_err(|error| {
        let text = "nothing that was set on a page is dialled: this machine's own addresses can't be listed; check that the \
                    service may use AF_NETLINK";
        Fault::new(FaultKind::Unavailable, text).caused_by(error)
    })?;
    let address = |one: InterfaceAddress| {
        let address = one.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    Ok(all.filter_map(address).collect())
}
