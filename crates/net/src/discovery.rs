//! Finding devices on the local network: mDNS on every interface, with or without a default route.
//!
//! A device is announced as an instance named by its id, with the addresses of each interface on that interface.
//! Interfaces that come and go are followed. What arrives is checked for its form and believed no further.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use commonplace_model::DeviceId;
use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    Announcement,
    announcement::{Start, read, write},
    book::MAX_ADDRESSES,
    interfaces::is_dialable,
    shared::Shared,
    sightings::Sighting,
};

const SERVICE: &str = "_commonplace._udp.local.";
/// Seconds between looks at the interfaces.
const INTERFACES: u32 = 1;
/// How long to wait before beginning anew, when the system does not let us.
const AGAIN: Duration = Duration::from_secs(3);
/// How long a device that fell silent may take to say that it is there.
const VERIFY: Duration = Duration::from_secs(3);
/// How long another start of this device may take to say that it is still there, when what is known under our name is gone.
const DOUBT: Duration = Duration::from_secs(2);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// What others want of discovery.
#[derive(Debug)]
pub(crate) enum Request {
    /// Look whether a device that fell silent is still there.
    Verify(DeviceId),
}

/// Announces this device, and looks for others.
#[derive(Debug)]
pub(crate) struct Finder {
    pub(crate) announcement: watch::Receiver<Option<Announcement>>,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) start: Start,
    pub(crate) port: u16,
    pub(crate) port_v6: Option<u16>,
}

impl Finder {
    /// Runs until the network is closed.
    pub(crate) async fn run(mut self, shared: Arc<Shared>) {
        loop {
            let ended = match ServiceDaemon::new() {
                Ok(daemon) => self.find(&shared, &daemon).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "devices on the local network are not found; trying again"),
            }
            for device in shared.sightings.devices() {
                lose(&shared, device);
            }
            if shared.while_open(sleep(AGAIN)).await.is_none() {
                return;
            }
        }
    }

    async fn find(&mut self, shared: &Arc<Shared>, daemon: &ServiceDaemon) -> mdns_sd::Result<()> {
        daemon.set_ip_check_interval(INTERFACES)?;
        let mut found = daemon.browse(SERVICE)?;
        let mut announced = self.announce(shared.me, daemon).is_ok();
        // Of another start of this device it is known by when it must have been heard of, or it is gone.
        let mut doubt: Option<Instant> = None;
        loop {
            tokio::select! {
                () = shared.closed() => {
                    self.say_goodbye(shared.me, daemon).await;
                    return Ok(());
                }
                event = found.recv_async() => match event {
                    Ok(event) => match hear(shared, self.start, event) {
                        Heard::Others => {}
                        Heard::Copy => doubt = None,
                        Heard::OwnNameGone => {
                            // Two that use one name flush each other's records out of everybody's memory; what is
                            // left of the other's is told when asked for anew, and only then.
                            found = daemon.browse(SERVICE)?;
                            doubt = doubt.or_else(|| Some(Instant::now() + DOUBT));
                        }
                    },
                    Err(_) => {
                        // More came at once than could wait: what is there is told anew.
                        sleep(AGAIN).await;
                        found = daemon.browse(SERVICE)?;
                    }
                },
                changed = self.announcement.changed() => {
                    if changed.is_ok() {
                        announced = self.announce(shared.me, daemon).is_ok();
                    } else {
                        sleep(AGAIN).await;
                    }
                }
                () = sleep_until(doubt.unwrap_or_else(Instant::now)), if doubt.is_some() => {
                    doubt = None;
                    lose(shared, shared.me);
                }
                () = sleep(AGAIN), if !announced => announced = self.announce(shared.me, daemon).is_ok(),
                Some(Request::Verify(device)) = self.requests.recv() => {
                    if let Err(error) = daemon.verify(full_name(device), VERIFY) {
                        tracing::debug!(%error, "a device is not looked for");
                    }
                }
            }
        }
    }

    fn announce(&mut self, me: DeviceId, daemon: &ServiceDaemon) -> mdns_sd::Result<()> {
        let said = self.announcement.borrow_and_update().clone();
        let Some(said) = said else { return daemon.unregister(&full_name(me)).map(drop) };
        let host = format!("commonplace-{}.local.", me.short());
        let properties = write(me, self.start, self.port_v6, &said);
        let mut info = ServiceInfo::new(SERVICE, &me.to_string(), &host, "", self.port, properties)?.enable_addr_auto();
        // The name is a key: nobody else has it by accident, and by intent nobody shall make us change it.
        info.set_requires_probe(false);
        daemon.register(info)
    }

    async fn say_goodbye(&self, me: DeviceId, daemon: &ServiceDaemon) {
        // All of it is a courtesy to others, who find out otherwise.
        if let Ok(done) = daemon.unregister(&full_name(me)) {
            let _ = timeout(GOODBYE, done.recv_async()).await;
        }
        if let Ok(done) = daemon.shutdown() {
            let _ = timeout(GOODBYE, done.recv_async()).await;
        }
    }
}

fn full_name(device: DeviceId) -> String {
    format!("{device}.{SERVICE}")
}

/// The device that an instance is named after.
fn device_of(full_name: &str) -> Option<DeviceId> {
    full_name.split('.').next()?.parse().ok()
}

/// Whom a word of the network was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Others, or nobody.
    Others,
    /// Another start of this device.
    Copy,
    /// Something that used the name of this device is gone; it may have been this very start.
    OwnNameGone,
}

fn hear(shared: &Arc<Shared>, start: Start, event: ServiceEvent) -> Heard {
    match event {
        ServiceEvent::ServiceResolved(service) => see(shared, start, &service),
        ServiceEvent::ServiceRemoved(_, full_name) => match device_of(&full_name) {
            Some(device) if device == shared.me => Heard::OwnNameGone,
            Some(device) => {
                lose(shared, device);
                Heard::Others
            }
            None => Heard::Others,
        },
        _ => Heard::Others,
    }
}

fn see(shared: &Arc<Shared>, start: Start, service: &ResolvedService) -> Heard {
    let Some(record) = read(|key| service.get_property_val_str(key)) else { return Heard::Others };
    let device = record.device;
    let is_this = device == shared.me && record.start == Some(start);
    if is_this || device_of(service.get_fullname()) != Some(device) {
        return Heard::Others;
    }
    let addresses = addresses(service, record.port_v6);
    if addresses.is_empty() {
        // Heard over link-local IPv6 only, so far.
        return Heard::Others;
    }
    let sighting = Sighting { announcement: record.announcement, addresses: addresses.clone() };
    if !shared.sightings.see(device, shared.door.is_member(&device), sighting) {
        tracing::debug!(device = %device.short(), "too many devices are announced; one is not taken notice of");
        return Heard::Others;
    }
    if device == shared.me {
        return Heard::Copy;
    }
    if shared.book.see(device, &addresses) {
        shared.said_to_be_at(device, &addresses);
    }
    Heard::Others
}

fn lose(shared: &Shared, device: DeviceId) {
    shared.sightings.lose(device);
    shared.book.see(device, &[]);
}

/// Where an announced device may be dialled.
fn addresses(service: &ResolvedService, port_v6: Option<u16>) -> Vec<SocketAddr> {
    let address = |ip: &ScopedIp| match ip {
        ScopedIp::V4(v4) => Some(SocketAddr::new(IpAddr::V4(*v4.addr()), service.get_port())),
        ScopedIp::V6(v6) => Some(SocketAddr::new(IpAddr::V6(*v6.addr()), port_v6?)),
        _ => None,
    };
    let all: BTreeSet<_> = service.get_addresses().iter().filter_map(address).filter(is_dialable).collect();
    all.into_iter().take(MAX_ADDRESSES).collect()
}
