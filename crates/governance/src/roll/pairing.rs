//! How devices became a member's.

use commonplace_model::DeviceId;

use super::Roll;
use crate::dag::{Entry, Kind};

/// How a device became its member's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// What it was called then.
    pub device_name: String,
    /// The other device of the member that said so; nothing for the first, with which the member came.
    pub by: Option<DeviceId>,
}

impl Roll {
    /// How a device became its member's, also when its standing has ended since. Of several times the last.
    pub fn pairing(&self, device: &DeviceId) -> Option<Pairing> {
        let gives = |entry: &Entry| entry.gives().is_some_and(|(given, _)| given == *device);
        let last = self.dag.entries().map(|(_, entry)| entry).filter(|entry| gives(entry)).max_by_key(|e| e.rank())?;
        Some(match &last.kind {
            Kind::Certificate { device_name, .. } => {
                Pairing { device_name: device_name.clone(), by: Some(last.author) }
            }
            Kind::Admission(admitted) => Pairing { device_name: admitted.person.device_name.clone(), by: None },
            Kind::Genesis(person) => Pairing { device_name: person.device_name.clone(), by: None },
            _ => Pairing { device_name: self.device_name(device).unwrap_or_default().to_owned(), by: None },
        })
    }
}
