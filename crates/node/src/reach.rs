//! How far this device reaches, as its person chose, and the way to those who are connected.
//!
//! Invariants: without a choice, or with one that cannot be read, it is the local network only; nothing but the person changes it. It
//! counts from the next start on, so that what runs never changes beneath those who are connected.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use commonplace_model::{DeviceId, Relay};
use commonplace_net::{Connection, PathKind, Reach};

use crate::{
    core::Core,
    error::{Error, Result},
    view::{DevicePath, Event, ReachKind, ReachView},
};

/// Setting with what the person chose: a word, or the address of a relay.
const REACH: &str = "reach";
const LAN: &str = "lan";
const PUBLIC: &str = "public";
/// How often the time there and back is looked at.
const LOOK: Duration = Duration::from_secs(20);
/// Milliseconds by which it must differ to be told of anew, or a quarter of what it was.
const DIFFERS: f64 = 5.0;

/// What was last told of the ways to others.
#[derive(Default)]
pub(crate) struct Ways {
    told: HashMap<DeviceId, (PathKind, Option<f64>)>,
    look_at: Option<Instant>,
}

/// How long a packet takes there and back.
pub(crate) fn rtt_ms(connection: &Connection) -> Option<f64> {
    connection.rtt().map(|rtt| rtt.as_secs_f64() * 1_000.0)
}

pub(crate) fn path_of(connection: &Connection, device_name: String) -> DevicePath {
    DevicePath { device_name, path: connection.path().in_words().to_owned(), rtt_ms: rtt_ms(connection) }
}

fn differs(told: (PathKind, Option<f64>), now: (PathKind, Option<f64>)) -> bool {
    let rtt = match (told.1, now.1) {
        (Some(told), Some(now)) => (told - now).abs() > DIFFERS.max(told / 4.0),
        (told, now) => told.is_some() != now.is_some(),
    };
    told.0 != now.0 || rtt
}

fn read(chosen: Option<&[u8]>) -> Reach {
    match chosen.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
        Some(PUBLIC) => Reach::Public,
        Some(text) => text.parse().map_or(Reach::Lan, Reach::Own),
        None => Reach::Lan,
    }
}

impl Core {
    /// What the person chose.
    pub(crate) fn chosen_reach(&self) -> Reach {
        read(self.store.setting(REACH).ok().flatten().as_deref())
    }

    pub(crate) fn reach(&self) -> Result<ReachView> {
        let chosen = read(self.store.setting(REACH)?.as_deref());
        let net = self.network.net();
        Ok(ReachView {
            at_next_start: net.is_some_and(|net| *net.reach() != chosen),
            answers: net.and_then(commonplace_net::Net::relay_answers),
            kind: match chosen {
                Reach::Lan => ReachKind::Lan,
                Reach::Public => ReachKind::Public,
                Reach::Own(_) => ReachKind::Relay,
            },
            relay: match chosen {
                Reach::Own(relay) => Some(relay.to_string()),
                Reach::Lan | Reach::Public => None,
            },
        })
    }

    pub(crate) fn set_reach(&mut self, kind: ReachKind, relay: Option<&str>) -> Result<ReachView> {
        let chosen = match (kind, relay) {
            (ReachKind::Lan, None) => LAN.to_owned(),
            (ReachKind::Public, None) => PUBLIC.to_owned(),
            (ReachKind::Relay, Some(relay)) => {
                let relay: Relay = relay.parse().map_err(|e| Error::bad(format!("{e}. Nothing was changed.")))?;
                if !commonplace_net::can_use(&relay) {
                    return Err(Error::bad("That cannot be the address of a relay. Nothing was changed."));
                }
                relay.to_string()
            }
            (ReachKind::Relay, None) => {
                return Err(Error::bad("Which relay? Nothing was changed: give its address, https://…"));
            }
            (_, Some(_)) => return Err(Error::bad("Only a relay of one’s own has an address. Nothing was changed.")),
        };
        self.store.set_setting(REACH, chosen.as_bytes())?;
        self.reach()
    }

    /// The relays by which others reach this device, for tickets.
    pub(crate) fn own_relays(&self) -> Vec<Relay> {
        match (self.network.net(), self.chosen_reach()) {
            (Some(net), _) => net.relays(),
            (None, Reach::Lan) => Vec::new(),
            (None, Reach::Own(relay)) => vec![relay],
            // Made without a network: that at which this device was at home last is better than nothing.
            (None, Reach::Public) => {
                self.store.peer(self.device()).ok().flatten().map(|peer| peer.relays).unwrap_or_default()
            }
        }
    }

    /// The packets to a device go another way.
    pub(crate) fn rerouted(&mut self, device: DeviceId) {
        if let Some(connection) = self.network.connected.get(&device).cloned() {
            self.keep_reached(device, &connection);
            self.tell_way(device, &connection);
        }
    }

    /// Looks at the ways to others when it is time, and tells of those that are not as they were told.
    pub(crate) fn tick_ways(&mut self, now: Instant) {
        if self.network.connected.is_empty() {
            self.network.ways = Ways::default();
            return;
        }
        let at = *self.network.ways.look_at.get_or_insert(now + LOOK);
        if at > now {
            return self.wake_at(at);
        }
        self.network.ways.look_at = Some(now + LOOK);
        self.wake_in(LOOK);
        let connected = &self.network.connected;
        self.network.ways.told.retain(|device, _| connected.contains_key(device));
        let all: Vec<_> = connected.iter().map(|(device, connection)| (*device, connection.clone())).collect();
        for (device, connection) in all {
            self.tell_way(device, &connection);
        }
    }

    fn tell_way(&mut self, device: DeviceId, connection: &Connection) {
        let now = (connection.path(), rtt_ms(connection));
        if self.network.ways.told.get(&device).is_some_and(|told| !differs(*told, now)) {
            return;
        }
        self.network.ways.told.insert(device, now);
        for id in self.shared(&device) {
            self.tell(Event::People { commons: id.to_string() });
            self.tell_commons(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_or_with_one_of_another_version_it_is_the_local_network() {
        for chosen in [None, Some("lan"), Some("satellite"), Some("relay nonsense"), Some("")] {
            assert_eq!(read(chosen.map(str::as_bytes)), Reach::Lan, "{chosen:?}");
        }
        assert_eq!(read(Some(&[0xff])), Reach::Lan);
        assert_eq!(read(Some(b"public")), Reach::Public);
        let relay = "https://relay.example.org";
        assert_eq!(read(Some(relay.as_bytes())), Reach::Own(relay.parse().expect("an address")));
    }

    #[test]
    fn a_way_is_told_anew_when_it_differs_and_not_for_every_millisecond() {
        let lan = |rtt| (PathKind::Lan, rtt);
        assert!(!differs(lan(Some(1.0)), lan(Some(4.0))));
        assert!(differs(lan(Some(1.0)), lan(Some(9.0))));
        assert!(!differs(lan(Some(100.0)), lan(Some(120.0))));
        assert!(differs(lan(None), lan(Some(1.0))) && !differs(lan(None), lan(None)));
        assert!(differs((PathKind::Relay, Some(1.0)), lan(Some(1.0))));
    }
}
