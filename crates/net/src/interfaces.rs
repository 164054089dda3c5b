//! Addresses of this device's interfaces.

use std::net::{IpAddr, SocketAddr};

/// Addresses told to others, at most.
const MAX: usize = 16;

/// Where a device that listens on `sockets` may be dialled: the addresses of its interfaces, with their ports.
///
/// Link-local IPv6 is left out, as it cannot be dialled. Loopback is
/// given when there is nothing else: then two profiles on this one device can still meet.
pub(crate) fn addresses(sockets: &[SocketAddr]) -> Vec<SocketAddr> {
    let everywhere = |wanted: &dyn Fn(&IpAddr) -> bool| {
        let mut all: Vec<SocketAddr> = Vec::new();
        for socket in sockets {
            if !socket.ip().is_unspecified() {
                all.push(*socket);
                continue;
            }
            let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            let here = interfaces.iter().map(if_addrs::Interface::ip);
            let same_family = here.filter(|ip| ip.is_ipv4() == socket.is_ipv4() && wanted(ip));
            all.extend(same_family.map(|ip| SocketAddr::new(ip, socket.port())));
        }
        all.sort_by_key(|address| (usable_by_few(&address.ip()), *address));
        all.dedup();
        all.truncate(MAX);
        all
    };
    let outside = everywhere(&|ip| !ip.is_loopback() && !is_link_local_v6(ip));
    if outside.is_empty() { everywhere(&IpAddr::is_loopback) } else { outside }
}

/// Whether `address` can be dialled at all. Link-local IPv6 cannot: iroh 1.4 loses the interface that such an address is of.
pub(crate) fn is_dialable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast && !is_link_local_v6(&ip)
}

/// Whether the address is of a local network or of this very device.
pub(crate) fn is_local(ip: &IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

fn is_link_local_v6(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Sorts addresses that were given by a router before those that a device gave itself.
fn usable_by_few(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_address_is_told_as_it_is() {
        let socket: SocketAddr = ([127, 0, 0, 1], 4000).into();
        assert_eq!(addresses(&[socket]), [socket]);
    }

    #[test]
    fn an_unspecified_address_is_told_as_those_of_the_interfaces() {
        let told = addresses(&[([0, 0, 0, 0], 4000).into()]);
        assert!(!told.is_empty(), "there is at least the loopback interface");
        assert!(told.iter().all(|a| a.port() == 4000 && is_dialable(a)), "{told:?}");
    }

    #[test]
    fn what_cannot_be_dialled_is_known_as_such() {
        let dialable = |text: &str| text.parse().is_ok_and(|address| is_dialable(&address));
        assert!(dialable("10.0.0.1:5"));
        assert!(dialable("[fd00::1]:5"));
        for no in [
            "0.0.0.0:5",
            "10.0.0.1:0",
            "224.0.0.251:5353",
            "255.255.255.255:9",
            "[fe80::1]:5",
            "[fe80::1%3]:5",
            "[ff02::fb]:5353",
        ] {
            assert!(!dialable(no), "{no}");
        }
    }
}
