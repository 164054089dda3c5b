//! How far a device reaches: the local network and nothing else, or also by relays.
//!
//! Without relays nothing is asked of anybody beyond the addresses that are dialled: no relay, no name server. With them the device
//! keeps a connection to one relay, its home, by which others reach it from anywhere; packets go through it until a direct way is
//! found, and are sealed either way. Which relay another device is at home at comes from tickets and from before; besides, it is
//! looked for at this device's own relays.
//! Absent on purpose: a directory of who is where (DNS, pkarr).

use commonplace_model::Relay;
use iroh::{NetReportConfig, RelayConfig, RelayMode, RelayUrl, endpoint::Builder, tls::CaTlsConfig};

/// How far a device reaches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reach {
    /// The local network, and addresses given by hand.
    #[default]
    Lan,
    /// Also by the relays that the makers of iroh run for all.
    Public,
    /// Also by this relay.
    Own(Relay),
}

/// Whom to believe that a relay is the one that its address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Whom this system believes, so that a relay may have a certificate of an authority of one's own.
    System,
    /// A list of the usual authorities that the program brings along, where a system has none.
    Usual,
}

impl Reach {
    fn relays(&self) -> RelayMode {
        match self {
            Self::Lan => RelayMode::Disabled,
            Self::Public => RelayMode::Default,
            Self::Own(relay) => match url(relay) {
                Some(url) => {
                    let mut config = RelayConfig::from(url);
                    if relay.as_str().starts_with("http://") {
                        // Without a certificate it cannot tell a device its address by QUIC.
                        config.quic = None;
                    }
                    RelayMode::Custom(config.into())
                }
                None => RelayMode::Disabled,
            },
        }
    }

    /// The relays that this device itself may be at home at.
    pub(crate) fn own(&self) -> Vec<RelayUrl> {
        self.relays().relay_map().urls()
    }

    pub(crate) fn apply(&self, builder: Builder, roots: Roots) -> Builder {
        let mut report = NetReportConfig::minimal();
        // How a home is found where QUIC does not get through.
        report.https_probes = *self != Self::Lan;
        let builder = builder.relay_mode(self.relays()).net_report_config(report);
        match roots {
            Roots::System if *self != Self::Lan => builder.ca_tls_config(CaTlsConfig::system()),
            Roots::System | Roots::Usual => builder,
        }
    }
}

/// Whether a relay of this address can be used at all.
pub fn can_use(relay: &Relay) -> bool {
    url(relay).is_some()
}

/// A relay's address as iroh has it; none if it will not have it.
pub(crate) fn url(relay: &Relay) -> Option<RelayUrl> {
    relay.as_str().parse().ok()
}

/// A relay's address as we have it.
pub(crate) fn relay(url: &RelayUrl) -> Option<Relay> {
    url.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_network_is_all_unless_somebody_says_otherwise() {
        assert_eq!(Reach::default(), Reach::Lan);
        assert!(Reach::Lan.own().is_empty());
        assert!(!Reach::Public.own().is_empty());
    }

    #[test]
    fn addresses_of_relays_are_the_same_here_and_there() {
        let own: Relay = "https://relay.example.org:8443".parse().expect("an address");
        let there = Reach::Own(own.clone()).own();
        assert_eq!(there.iter().filter_map(relay).collect::<Vec<_>>(), [own]);
        // The public ones can be named in a ticket.
        assert!(Reach::Public.own().iter().all(|url| relay(url).as_ref().and_then(super::url).as_ref() == Some(url)));
    }
}
