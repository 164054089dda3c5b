//! The doctor: looks at the profile and its surroundings, and says what it finds. What it could not look at is not well.

use std::{cell::OnceCell, collections::HashMap, fs, path::Path};

use commonplace_governance::Roll;
use commonplace_model::{Actor, ChangeHash, CommonsId, DocId, Document, Page};
use commonplace_store::Reader;
use commonplace_trust::{Standing, VerifiedAttestation, gate};

use crate::{
    core::Core,
    documents::project,
    network::{ELSEWHERE, ELSEWHERE_ADVICE},
    timekeeping::looked_at,
    view::Finding,
};

/// Bytes free on the profile's disk below which it is told of: the database may need as much again as it has to be put in order.
const FREE: u128 = 100_000_000;
/// Checks by what the database says of itself, which say nothing when it has faults.
const BY_THE_DATABASE: [&str; 2] = ["commons", "index"];
/// Damaged pages that are named.
const NAMED: usize = 5;

fn finding(check: &str, ok: bool, detail: impl Into<String>, advice: impl Into<String>) -> Finding {
    let advice = if ok { String::new() } else { advice.into() };
    Finding { check: check.to_owned(), ok, detail: detail.into(), advice }
}

/// That something could not be looked at.
fn not_checked(check: &str, why: impl std::fmt::Display) -> Finding {
    finding(
        check,
        false,
        format!("Not checked: {why}"),
        "Copy the profile’s folder somewhere safe, and see to the database first.",
    )
}

impl Core {
    pub(crate) fn doctor(&mut self) -> Vec<Finding> {
        let mut findings = vec![
            self.check_name(),
            self.check_key(),
            check_disk(&self.home),
            self.check_rolls(),
            self.check_index(),
            self.check_clock(),
            self.check_network(),
        ];
        findings.extend(self.check_twins());
        findings
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
        let stored = match self.store.commons() {
            Ok(all) => all.len(),
            Err(error) => return not_checked("commons", error),
        };
        let folded = self.commons.len();
        finding(
            "commons",
            stored == folded,
            format!("{folded} of {stored} commons are in order."),
            "The roll of a commons is incomplete; meeting another device of it mends that.",
        )
    }

    /// Devices that wrote in two ways; nothing when there are none.
    fn check_twins(&self) -> Option<Finding> {
        let caught = self.commons.iter().flat_map(|(id, held)| held.roll.caught().map(|(_, caught)| (*id, caught)));
        let words: Vec<_> = caught.map(|(id, caught)| self.caught_in_words(id, caught)).collect();
        let said = "Such a device writes here no longer. Where it is shown where its two ways part, what it wrote from there on is taken \
             out, and what others wrote on top of that comes back from their devices. Elsewhere nothing is taken out, and the page \
             may look different on other devices.";
        (!words.is_empty()).then(|| finding("devices", true, format!("{} {said}", words.join(" ")), ""))
    }

    fn check_index(&self) -> Finding {
        let counts = self.commons.keys().map(|id| self.store.counts(*id)).collect::<Result<Vec<_>, _>>();
        let waiting: u64 = match counts {
            Ok(counts) => counts.iter().map(|c| c.unindexed).sum(),
            Err(error) => return not_checked("index", error),
        };
        let detail = match waiting {
            0 => "Every page is in the lists and in the search.".to_owned(),
            n => format!("{n} documents wait to be put into the lists and the search; that goes on by itself."),
        };
        finding("index", true, detail, "")
    }

    fn check_clock(&self) -> Finding {
        let (day, right) = looked_at((self.clock)());
        let detail = if right {
            format!("The computer’s clock says {day}.")
        } else {
            format!("The computer’s clock says {day}, which cannot be.")
        };
        finding(
            "clock",
            right,
            detail,
            "Set the computer’s date and time: by this clock tickets would be over or never end, and other devices may not be \
             reached.",
        )
    }

    fn check_network(&self) -> Finding {
        if !self.options.online {
            return finding("network", true, "Not listening: this command does not need the network.", "");
        }
        if self.network.elsewhere {
            return finding("network", false, ELSEWHERE, ELSEWHERE_ADVICE);
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

/// Looks through all that is stored: the database's own order, and whether every document is what its writers signed and
/// what is shown of it.
pub(crate) fn look_through(reader: &Reader, home: &Path, findings: &mut Vec<Finding>) {
    let database = check_database(reader, home);
    if !database.ok {
        for doubtful in findings.iter_mut().filter(|f| f.ok && BY_THE_DATABASE.contains(&f.check.as_str())) {
            *doubtful = not_checked(&doubtful.check, "the database has faults, so what it says of this may not be so.");
        }
    }
    findings.extend([database, check_documents(reader, home)]);
}

#[cfg(unix)]
fn check_disk(home: &Path) -> Finding {
    match nix::sys::statvfs::statvfs(home) {
        Ok(disk) => disk_finding(u128::from(disk.blocks_available()) * u128::from(disk.fragment_size())),
        Err(error) => finding(
            "disk",
            false,
            format!("Not checked: the profile’s disk cannot be asked ({error})."),
            "See whether the profile’s folder is there and the disk is connected.",
        ),
    }
}

#[cfg(not(unix))]
fn check_disk(_: &Path) -> Finding {
    finding("disk", true, "How much is free on the profile’s disk is not looked at on this system.", "")
}

/// What to do about a full disk.
const FULL_ADVICE: &str = "Free some space: on a full disk nothing that is written or comes from others can be kept.";

fn disk_finding(free: u128) -> Finding {
    let detail = format!("{} MB are free on the profile’s disk.", free / 1_000_000);
    finding("disk", free >= FREE, detail, FULL_ADVICE)
}

fn check_database(reader: &Reader, home: &Path) -> Finding {
    let place = home.display();
    match reader.integrity() {
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

fn check_documents(reader: &Reader, home: &Path) -> Finding {
    let (mut looked_at, mut damaged, mut unlisted) = (0_u64, Vec::new(), None);
    let all = reader.commons().unwrap_or_else(|error| {
        unlisted = Some(error);
        Vec::new()
    });
    for commons in all {
        let documents = reader.digests(commons).unwrap_or_else(|error| {
            unlisted = Some(error);
            Vec::new()
        });
        for (doc, _) in documents {
            looked_at += 1;
            let fault = match reader.at_once(|reader| fault_of(reader, commons, doc)) {
                Ok(fault) => fault,
                Err(error) => Some(error.to_string()),
            };
            damaged.extend(fault.map(|fault| format!("{} ({fault})", called(reader, commons, doc))));
        }
    }
    let count = damaged.len();
    let mut detail = if count == 0 && unlisted.is_some() {
        format!("{looked_at} documents could be looked at; each is what its writers signed.")
    } else if count == 0 {
        format!("Every document is what its writers signed ({looked_at}).")
    } else {
        damaged.truncate(NAMED);
        let more = if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
        format!("{count} of {looked_at} documents are not as they were stored: {}{more}.", damaged.join(", "))
    };
    if let Some(error) = &unlisted {
        detail.push_str(&format!(" Not all were checked: {error}"));
    }
    let advice = if count == 0 {
        format!("Copy {} somewhere safe, and see to the database first.", home.display())
    } else {
        format!(
            "The disk or another program changed them. Copy {} somewhere safe first. Other devices of your commons may still have \
             them as they were: join from one of those with a new profile.",
            home.display()
        )
    };
    finding("documents", count == 0 && unlisted.is_none(), detail, advice)
}

/// What a person calls a document.
fn called(reader: &Reader, commons: CommonsId, doc: DocId) -> String {
    match doc {
        DocId::Page(page) => match reader.page(commons, page) {
            Ok(Some(row)) => format!("the page “{}”", row.title),
            _ => format!("a page without a name, {page}"),
        },
        DocId::Ledger(member) => format!("the tags of {member}"),
    }
}

/// Why a document is not what its writers signed, or is not shown as it is.
fn fault_of(reader: &Reader, commons: CommonsId, doc: DocId) -> Option<String> {
    let (changes, frontier) = match (reader.changes(commons, doc, None), reader.frontier(commons, doc)) {
        (Ok(changes), Ok(frontier)) => (changes, frontier),
        (Err(error), _) | (_, Err(error)) => return Some(error.to_string()),
    };
    // Asked only where something is not signed as usual.
    let folded = OnceCell::new();
    let roll = || {
        let fold = || reader.records(commons).ok().and_then(|records| Roll::fold(commons, &records).ok());
        folded.get_or_init(fold).as_ref()
    };
    let known: HashMap<ChangeHash, (Actor, u64)> = changes.iter().map(|c| (c.hash(), (c.actor(), c.seq()))).collect();
    let mut unsigned: HashMap<Actor, u64> = HashMap::new();
    for change in &changes {
        let newest = unsigned.entry(change.actor()).or_default();
        *newest = change.seq().max(*newest);
    }
    for said in frontier {
        // A device that provably wrote in two ways vouched for what is common to both by the proof.
        let proven = || {
            let fork = roll()?.forked(&doc, &said.actor(commons, doc))?;
            VerifiedAttestation::proven(said.device, said.nonce, &fork, commons, doc).filter(|word| *word.get() == said)
        };
        let signed = VerifiedAttestation::verify(said, commons, doc)
            .or_else(proven)
            .filter(|verified| known.get(&verified.get().hash) == Some(&(verified.actor(), verified.get().seq)));
        let Some(signed) = signed else {
            return Some("a signature does not fit what it is on".to_owned());
        };
        if unsigned.get(&signed.actor()) == Some(&signed.get().seq) {
            unsigned.remove(&signed.actor());
        }
    }
    // Of what ended devices wrote, that counts which others built on; what vouched for it may not have come yet.
    if !unsigned.is_empty() && roll().is_none_or(|roll| roll.ended().next().is_none()) {
        return Some("a change is signed by nobody".to_owned());
    }
    let mut document = Document::new(doc.into());
    if let Err(error) = gate::apply(&mut document, changes) {
        return Some(error.to_string());
    }
    let DocId::Page(id) = doc else { return None };
    // What was just written is shown from memory and listed a moment later.
    if reader.is_unindexed(commons, doc).unwrap_or(false) {
        return None;
    }
    let is = project(&Page::from_document(document)?);
    match (reader.page(commons, id), reader.page_text(commons, id)) {
        (Ok(Some(row)), Ok(text))
            if (&row.title, &row.folder, row.deleted, &text) == (&is.title, &is.folder, is.deleted, &is.text) =>
        {
            None
        }
        (Ok(_), Ok(_)) => Some("the text in the lists is another one than it has".to_owned()),
        (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_told_of() {
        assert!(disk_finding(FREE).ok);
        for free in [0, FREE - 1] {
            let full = disk_finding(free);
            assert!(!full.ok && full.advice == FULL_ADVICE, "{full:?}");
        }
    }
}
