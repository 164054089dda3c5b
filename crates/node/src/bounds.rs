//! How much of its own a member's devices may have this one keep, and with how many it meets. A test that is to see what happens at a bound sets a low one.
//!
//! Deliberately absent: bounds of one frame, change or record, which are what every device holds every other to and are constants
//! where those are read. `docs/bounds.md` has them all.

use commonplace_governance::Room;
use commonplace_sync::neighbours;
use commonplace_trust::room::MAX_ACTORS;

/// Records of a member. Six members at it still leave a newcomer able to take in all of them at the door.
const MAX_RECORDS: usize = 16_384;
/// Bytes of these.
const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;

/// Changes of its own, one by one, that a device may send within a minute in one document: more than a hundred in each
/// second. What came while two were apart comes together and is not counted.
const MAX_CHANGES_A_MINUTE: u32 = 8_192;

/// Bounds on what members' devices bring of their own, and on meetings with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Actors of a device in a document.
    pub actors: usize,
    /// Records of a member, and their bytes.
    pub records: Room,
    /// Changes of its own that a device sends one by one within a minute, in one document.
    pub changes_a_minute: u32,
    /// Meetings about a commons.
    pub meetings: neighbours::Bounds,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            actors: MAX_ACTORS,
            records: Room { records: MAX_RECORDS, bytes: MAX_RECORD_BYTES },
            changes_a_minute: MAX_CHANGES_A_MINUTE,
            meetings: neighbours::Bounds::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_that_are_written_down() {
        let records = Room { records: 16_384, bytes: 16 << 20 };
        let meetings = neighbours::Bounds { all: 12, own: 6, most: 16 };
        assert_eq!(Bounds::default(), Bounds { actors: 4_096, records, changes_a_minute: 8_192, meetings });
    }
}
