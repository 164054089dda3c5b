//! What a device tells of itself on the local network, and how that is written into an mDNS record.
//!
//! `v` version, `id` device, `s` which start of the program, `6` port for IPv6 (the record itself has the one for IPv4); when the person
//! allows it `n` name, `i` number of the ink, `d` name of the device. Nothing of which commons.

use std::collections::HashMap;

use commonplace_model::DeviceId;

/// Bytes of a name in an announcement.
pub const MAX_NAME: usize = 40;

const VERSION: &str = "1";

/// What others on the local network may know of this device and its person. Nothing in it is proved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announcement {
    /// The person's name, cut to [`MAX_NAME`] bytes; empty: not told.
    pub name: String,
    /// Number of the person's ink.
    pub ink: u8,
    /// The device's name, cut to [`MAX_NAME`] bytes; empty: not told.
    pub device_name: String,
}

/// A start of the program, told from all others by a number drawn for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start(u64);

impl Start {
    /// One that no other has, unless the system has no random numbers: then a copy goes unnoticed.
    pub(crate) fn new() -> Self {
        Self(getrandom::u64().unwrap_or_default())
    }
}

/// A record as it arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) device: DeviceId,
    /// Which start of the program announces it: two at one time under one id have the same key.
    pub(crate) start: Option<Start>,
    /// Port for IPv6, if it listens there.
    pub(crate) port_v6: Option<u16>,
    pub(crate) announcement: Option<Announcement>,
}

/// The properties of a record.
pub(crate) fn write(
    device: DeviceId,
    start: Start,
    port_v6: Option<u16>,
    said: &Announcement,
) -> HashMap<String, String> {
    let mut properties = HashMap::from([
        ("v".to_owned(), VERSION.to_owned()),
        ("id".to_owned(), device.to_string()),
        ("s".to_owned(), format!("{:016x}", start.0)),
    ]);
    if let Some(port) = port_v6 {
        properties.insert("6".to_owned(), port.to_string());
    }
    let (name, device_name) = (tidy(&said.name), tidy(&said.device_name));
    if !name.is_empty() {
        properties.insert("n".to_owned(), name);
        properties.insert("i".to_owned(), said.ink.to_string());
    }
    if !device_name.is_empty() {
        properties.insert("d".to_owned(), device_name);
    }
    properties
}

/// Reads the properties of a record. None when it is of another version, or names no device.
pub(crate) fn read<'a>(property: impl Fn(&str) -> Option<&'a str>) -> Option<Record> {
    if property("v")? != VERSION {
        return None;
    }
    let device = property("id")?.parse().ok()?;
    let start = property("s").and_then(|start| u64::from_str_radix(start, 16).ok()).map(Start);
    let port_v6 = property("6").and_then(|port| port.parse().ok()).filter(|port| *port != 0);
    let said = Announcement {
        name: property("n").map(tidy).unwrap_or_default(),
        ink: property("i").and_then(|ink| ink.parse().ok()).unwrap_or_default(),
        device_name: property("d").map(tidy).unwrap_or_default(),
    };
    let announcement = (said != Announcement::default()).then_some(said);
    Some(Record { device, start, port_v6, announcement })
}

/// One line without control characters, also not those that turn the direction of writing, and of at most [`MAX_NAME`] bytes.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    let plain = text.chars().filter(|c| {
        !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    });
    for c in plain {
        if tidy.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        tidy.push(c);
    }
    tidy.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(said: &Announcement) -> Option<Record> {
        let properties = write(DeviceId::new([7; 32]), Start(11), Some(9), said);
        read(|key| properties.get(key).map(String::as_str))
    }

    #[test]
    fn what_is_announced_is_what_arrives() {
        let said = Announcement { name: "Ada".into(), ink: 11, device_name: "Ada's laptop".into() };
        let record = Record {
            device: DeviceId::new([7; 32]),
            start: Some(Start(11)),
            port_v6: Some(9),
            announcement: Some(said.clone()),
        };
        assert_eq!(through(&said), Some(record));
    }

    #[test]
    fn a_person_who_tells_nothing_is_told_nothing_of() {
        assert_eq!(through(&Announcement { ink: 3, ..Announcement::default() }).and_then(|r| r.announcement), None);
    }

    #[test]
    fn names_are_cut_between_characters_and_lose_what_deceives() {
        let name = format!("\u{202e}{}\n", "é".repeat(30));
        let heard = through(&Announcement { name, ..Announcement::default() }).and_then(|r| r.announcement);
        assert_eq!(heard.map(|a| a.name), Some("é".repeat(20)));
    }

    #[test]
    fn whatever_is_announced_is_read_or_is_not() {
        let seconds = std::env::var("COMMONPLACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        let time = std::time::Duration::from_secs(seconds.unwrap_or(5));
        let said = Announcement { name: "Ada".into(), ink: 11, device_name: "Ada's laptop".into() };
        let real = write(DeviceId::new([7; 32]), Start(11), Some(9), &said);
        let keys: Vec<_> = real.keys().cloned().collect();
        // Some of the properties are others, or are not there.
        bolero::check!().with_test_time(time).with_type::<Vec<(u8, u8, Option<String>)>>().for_each(|changes| {
            let mut properties = real.clone();
            for (key, at, value) in changes {
                let key = &keys[usize::from(*key) % keys.len()];
                match value {
                    None => drop(properties.remove(key)),
                    Some(value) => {
                        let before: String = real[key].chars().take(usize::from(*at) % 80).collect();
                        properties.insert(key.clone(), before + value);
                    }
                }
            }
            let heard = read(|key| properties.get(key).map(String::as_str));
            if let Some(heard) = heard.and_then(|record| record.announcement) {
                assert!(heard.name.len() <= MAX_NAME && heard.device_name.len() <= MAX_NAME);
                assert!(!heard.name.chars().any(char::is_control));
            }
        });
    }

    #[test]
    fn another_version_or_a_bad_id_is_not_read() {
        assert_eq!(read(|key| (key == "v").then_some("2")), None);
        assert_eq!(read(|key| if key == "v" { Some("1") } else { Some("nonsense") }), None);
    }
}
