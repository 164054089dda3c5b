//! The profile: where it lies, the key of its device, and who uses it.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use bip39::{Language, Mnemonic};
use commonplace_model::DeviceId;
use commonplace_store::{Store, StoreError};
use commonplace_trust::DeviceKey;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorCode, Result},
    view::Ink,
};

/// Names the profile's folder, unless the caller does.
pub const HOME_VARIABLE: &str = "COMMONPLACE_HOME";
/// File with the seed of the device's key, readable by its owner alone.
const KEY_FILE: &str = "device.key";
/// Setting with the device whose key was made for this profile.
const DEVICE: &str = "device";

/// The profile's folder: the one given, else that of `COMMONPLACE_HOME`, else the platform's place for such data.
///
/// # Errors
/// When the platform names no such place, or one that depends on the current folder.
pub fn home_dir(given: Option<PathBuf>) -> Result<PathBuf> {
    let named = given.or_else(|| std::env::var_os(HOME_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from));
    if let Some(named) = named {
        return Ok(named);
    }
    let place = directories::ProjectDirs::from("org", "Commonplace", "commonplace").map(|d| d.data_dir().to_owned());
    let place = place.ok_or_else(|| {
        Error::bad(format!(
            "This system names no home folder, so there is no place to keep anything. Set {HOME_VARIABLE}."
        ))
    })?;
    // One that depends on the current folder would be another profile wherever a command is given.
    if place.is_relative() {
        return Err(Error::bad(format!(
            "HOME does not begin at the root of the disk, so there is no place to keep anything. Nothing was made: mend HOME, or \
             set {HOME_VARIABLE}."
        )));
    }
    Ok(place)
}

/// Who uses this installation, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Their name.
    pub(crate) name: String,
    /// Their ink.
    pub(crate) ink: u8,
    /// What the device is called.
    pub(crate) device_name: String,
}

/// Opens the profile in a folder: its database and the key of its device, both made at the first start. From then on neither
/// is made again, for then all that the profile holds would seem to be gone, or would be nobody's.
pub(crate) fn open(home: &Path) -> Result<(Store, DeviceKey)> {
    let path = home.join(KEY_FILE);
    // The key is made after the database.
    let begun = path.symlink_metadata().is_ok();
    let mut store = Store::open_begun(home, begun)?;
    let before = match store.setting(DEVICE)? {
        Some(bytes) => Some(DeviceId::from_slice(&bytes).map_err(StoreError::from)?),
        None => None,
    };
    let key = match read_key(&path)? {
        Some(key) => key,
        None if before.is_none() && store.commons()?.is_empty() => make_key(&path)?,
        None => return Err(key_trouble(&path, "is gone")),
    };
    match before {
        Some(before) if before != key.id() => return Err(key_trouble(&path, "is not the one of this profile")),
        Some(_) => {}
        None => store.set_setting(DEVICE, key.id().as_bytes())?,
    }
    Ok((store, key))
}

/// The recovery phrase of a key: its seed as 24 words of the English list of BIP 39, the last of them with a checksum.
pub(crate) fn phrase(key: &DeviceKey) -> Result<String> {
    let words = Mnemonic::from_entropy_in(Language::English, &key.seed()).map_err(Error::internal)?;
    Ok(words.to_string())
}

/// The seed that a recovery phrase stands for.
fn seed_of(phrase: &str) -> Result<[u8; 32]> {
    let words = phrase.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
    let seed: Option<[u8; 32]> = Mnemonic::parse_in_normalized(Language::English, &words)
        .ok()
        .and_then(|words| words.to_entropy().try_into().ok());
    seed.ok_or_else(|| {
        Error::bad(
            "These are not the 24 words of a recovery phrase: one is missing, mistyped or in another place. Nothing was changed.",
        )
    })
}

/// Whether words are a recovery phrase.
///
/// # Errors
/// When they are not.
pub fn check_phrase(phrase: &str) -> Result<()> {
    seed_of(phrase).map(drop)
}

/// Why a recovery phrase does not take the place of a key.
pub fn is_used(home: &Path) -> Error {
    Error::new(
        ErrorCode::Exists,
        format!(
            "The profile in {} is in a commons already, and keeps the key that it has. Nothing was changed: choose another folder \
             with --home.",
            home.display()
        ),
    )
}

/// Gives the key of a recovery phrase to a profile that is in no commons yet, or to a new one; see [`home_dir`] for where.
///
/// Without a commons a profile's key has signed nothing, so nothing is lost with it. The name that it has stays.
///
/// # Errors
/// When the words are no such phrase, the profile is in a commons or open, or it cannot be written.
pub fn restore(home: Option<PathBuf>, phrase: &str) -> Result<()> {
    let key = DeviceKey::from_seed(&seed_of(phrase)?);
    let home = home_dir(home)?;
    let path = home.join(KEY_FILE);
    let begun = path.symlink_metadata().is_ok();
    let mut store = Store::open_begun(&home, begun)?;
    if !store.commons()?.is_empty() {
        return Err(is_used(&home));
    }
    // Without this setting, whichever key is there is the profile's: a power cut between these steps leaves a whole profile.
    store.remove_setting(DEVICE)?;
    keep_key(&path, &key)?;
    Ok(store.set_setting(DEVICE, key.id().as_bytes())?)
}

/// The key in a file, if there is one.
fn read_key(path: &Path) -> Result<Option<DeviceKey>> {
    match fs::File::open(path) {
        Ok(file) => {
            let mut seed = Vec::new();
            file.take(64).read_to_end(&mut seed).map_err(|e| unreadable(path, &e))?;
            let seed: [u8; 32] = seed.try_into().map_err(|_| key_trouble(path, "is damaged"))?;
            Ok(Some(DeviceKey::from_seed(&seed)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn key_trouble(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorCode::ProfileDamaged,
        format!(
            "The key of this device, {}, {what}. Your pages are not touched, and nothing was changed. Put the file back from a \
             backup; without it this device can no longer write as the one it was: start with a new profile then, and join again.",
            path.display()
        ),
    )
}

fn make_key(path: &Path) -> Result<DeviceKey> {
    let key = DeviceKey::from_seed(&random()?);
    keep_key(path, &key)?;
    Ok(key)
}

/// Keeps a key, which is in its file whole or not at all.
fn keep_key(path: &Path, key: &DeviceKey) -> Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || -> std::io::Result<()> {
        let mut file = options.open(&unfinished)?;
        file.write_all(&key.seed())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    Ok(write().map_err(StoreError::from)?)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorCode::ProfileDamaged,
        format!(
            "The key of this device, {}, cannot be read ({error}). Nothing was changed. Check its rights, or put it back from a \
             backup.",
            path.display()
        ),
    )
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// Milliseconds since 1970 by this device's clock.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

const INKS: [Ink; 12] = [
    Ink::Madder,
    Ink::Rust,
    Ink::Ochre,
    Ink::Olive,
    Ink::Fern,
    Ink::Verdigris,
    Ink::Lagoon,
    Ink::Woad,
    Ink::Iris,
    Ink::Mauve,
    Ink::Rose,
    Ink::Umber,
];

/// The ink of a number, as records and announcements carry it.
pub(crate) fn ink(number: u8) -> Ink {
    INKS.get(usize::from(number)).copied().unwrap_or_default()
}

/// The number of an ink.
pub(crate) fn ink_number(ink: Ink) -> u8 {
    INKS.iter().position(|i| *i == ink).and_then(|i| u8::try_from(i).ok()).unwrap_or_default()
}

/// What to call this device when nobody says: its person's laptop or computer. Not the name that its network knows it by,
/// which says nothing to others, or too much.
pub(crate) fn default_device_name(owner: &str) -> String {
    // The kinds of housing that are carried about, by the numbers of the SMBIOS specification (section 7.4.1).
    const CARRIED: [&str; 7] = ["8", "9", "10", "14", "30", "31", "32"];
    let housing = fs::read_to_string("/sys/class/dmi/id/chassis_type").unwrap_or_default();
    let kind = if CARRIED.contains(&housing.trim()) { "laptop" } else { "computer" };
    format!("{owner}’s {kind}")
}
