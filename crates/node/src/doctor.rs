//! The doctor: looks at the profile and its surroundings, and says what it finds.

use std::fs;

use crate::{core::Core, view::Finding};

fn finding(check: &str, ok: bool, detail: impl Into<String>, advice: impl Into<String>) -> Finding {
    let advice = if ok { String::new() } else { advice.into() };
    Finding { check: check.to_owned(), ok, detail: detail.into(), advice }
}

impl Core {
    pub(crate) fn doctor(&mut self) -> Vec<Finding> {
        vec![
            self.check_name(),
            self.check_store(),
            self.check_key(),
            self.check_rolls(),
            self.check_index(),
            self.check_network(),
        ]
    }

    fn check_name(&self) -> Finding {
        match &self.owner {
            Some(owner) => {
                finding("name", true, format!("This device is {}’s, called {}.", owner.name, owner.device_name), "")
            }
            None => {
                finding("name", false, "Nobody has given this device a name yet.", "Run: commonplace init --name NAME")
            }
        }
    }

    fn check_store(&self) -> Finding {
        let place = self.home.display();
        match self.store.integrity() {
            Ok(faults) if faults.is_empty() => finding("store", true, format!("The database in {place} is sound."), ""),
            Ok(faults) => finding(
                "store",
                false,
                format!("The database in {place} has faults: {}.", faults.join("; ")),
                "Copy the folder somewhere safe first. Then join your commons from another device of theirs with a new profile.",
            ),
            Err(error) => finding("store", false, error.to_string(), "Copy the folder somewhere safe and try again."),
        }
    }

    #[cfg(unix)]
    fn check_key(&self) -> Finding {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home.join("device.key");
        match fs::metadata(&path) {
            Ok(meta) if meta.permissions().mode() & 0o077 == 0 => {
                finding("key", true, format!("The device’s key can be read by you alone ({}).", self.device()), "")
            }
            Ok(_) => finding(
                "key",
                false,
                "Other users of this computer can read the device’s key, and so write in your name.",
                format!("Run: chmod 600 '{}'", path.display()),
            ),
            Err(error) => finding(
                "key",
                false,
                format!("The device’s key cannot be looked at ({error})."),
                "Check the folder’s rights.",
            ),
        }
    }

    #[cfg(not(unix))]
    fn check_key(&self) -> Finding {
        finding("key", true, format!("The device’s key is there ({}).", self.device()), "")
    }

    fn check_rolls(&self) -> Finding {
        let stored = self.store.commons().map(|all| all.len()).unwrap_or_default();
        let folded = self.commons.len();
        finding(
            "commons",
            stored == folded,
            format!("{folded} of {stored} commons are in order."),
            "The roll of a commons is incomplete; meeting another device of it mends that.",
        )
    }

    fn check_index(&self) -> Finding {
        let waiting: u64 = self.commons.keys().filter_map(|id| self.store.counts(*id).ok()).map(|c| c.unindexed).sum();
        let detail = match waiting {
            0 => "Every page is in the lists and in the search.".to_owned(),
            n => format!("{n} documents wait to be put into the lists and the search; that goes on by itself."),
        };
        finding("index", true, detail, "")
    }

    fn check_network(&self) -> Finding {
        if !self.options.online {
            return finding("network", true, "Not listening: this command does not need the network.", "");
        }
        let addresses = self.network.addresses();
        let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        finding(
            "network",
            !addresses.is_empty(),
            if list.is_empty() {
                "No network interface is up.".to_owned()
            } else {
                format!("Listening at {}.", list.join(", "))
            },
            "Join a network, or connect the two computers by a cable, and try again.",
        )
    }
}
