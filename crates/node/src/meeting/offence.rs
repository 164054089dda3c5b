//! What other devices did that no honest one does, and how long they are left alone for it.
//!
//! Only devices of members get as far as this, so their number bounds what is kept. Nothing is kept across starts: the device
//! may have been mended, and if not, its next offence is told again.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, DeviceId, DocId, MemberId};
use commonplace_sync::Reason;

/// How long a device is left alone after its first offence; doubled with each further one, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);
/// Meetings about one commons that a device may open within [`WINDOW`]: each costs a look at all its documents.
const MAX_OPENED: u32 = 32;
const WINDOW: Duration = Duration::from_secs(10);

/// Changes that no gate takes, which a device may bring within [`MINUTE`]: each costs to be judged.
const MAX_REFUSED: u32 = 1_024;
const MINUTE: Duration = Duration::from_secs(60);
/// Documents of a device in which its own changes are counted at a time.
const MAX_PACED: usize = 4_096;

/// What a device did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Offence {
    /// It sent what is no frame.
    #[error("sent something that cannot be read")]
    Garbage,
    /// It sent a frame, or in all, more than is allowed.
    #[error("sent more than is allowed")]
    TooMuch,
    /// It sent frames that have no place where they came.
    #[error("sent things out of order")]
    OutOfOrder,
    /// It asked for more than it took.
    #[error("asked for much and took nothing of it")]
    TakesNothing,
    /// It began to sync again and again.
    #[error("began to sync again and again")]
    TooOften,
    /// It brought more records of its own member's than there is room for.
    #[error("brought more records of its own than any member needs")]
    Records,
    /// It sent one by one, of what it wrote itself in one document, more than anybody types.
    #[error("sent thousands of changes within a minute, one by one")]
    Flood,
    /// It brought very much that the gate refused.
    #[error("brought very many changes that were not let in")]
    Refused,
}

impl Offence {
    /// The offence for which a session ended itself, if it was one.
    pub(super) fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::Malformed => Some(Self::Garbage),
            Reason::TooLarge | Reason::TooMuch(_) => Some(Self::TooMuch),
            Reason::Unexpected(_) => Some(Self::OutOfOrder),
            Reason::PeerTooNew(_) | Reason::PeerTooOld(_) | Reason::Silent | Reason::OursTooLarge => None,
        }
    }
}

/// Records of a member that are let in although there is no room for them, at first and then one each [`SPARE_EVERY`]: so that a
/// member who honestly wrote so many is heard all the same, if slowly.
const SPARE: u32 = 8;
const SPARE_EVERY: Duration = Duration::from_secs(600);

/// What is left of that.
struct Spare {
    left: u32,
    at: Instant,
}

impl Spare {
    /// Whether one more is let in.
    fn takes(&mut self, now: Instant) -> bool {
        while self.left < SPARE && now.duration_since(self.at) >= SPARE_EVERY {
            (self.left, self.at) = (self.left + 1, self.at + SPARE_EVERY);
        }
        if self.left == SPARE {
            self.at = now;
        }
        let any = self.left > 0;
        self.left = self.left.saturating_sub(1);
        any
    }
}

/// What a device brought since then.
struct Pace {
    since: Instant,
    refused: u32,
    own: HashMap<(CommonsId, DocId), u32>,
}

impl Pace {
    fn from(now: Instant) -> Self {
        Self { since: now, refused: 0, own: HashMap::new() }
    }
}

struct Noted {
    times: u32,
    until: Instant,
}

struct Opened {
    since: Instant,
    times: u32,
}

/// The offences of all devices since the start.
#[derive(Default)]
pub(super) struct Offences {
    noted: HashMap<DeviceId, Noted>,
    opened: HashMap<(DeviceId, CommonsId), Opened>,
    refused: HashSet<DeviceId>,
    beyond: HashSet<DeviceId>,
    spare: HashMap<(CommonsId, MemberId), Spare>,
    paces: HashMap<DeviceId, Pace>,
}

impl Offences {
    /// Until when a device is left alone; the time may have passed.
    pub(super) fn left_alone_until(&self, device: &DeviceId) -> Option<Instant> {
        self.noted.get(device).map(|noted| noted.until)
    }

    /// Notes an offence. True when it is the first one of this device.
    pub(super) fn note(&mut self, device: DeviceId, now: Instant) -> bool {
        let noted = self.noted.entry(device).or_insert(Noted { times: 0, until: now });
        noted.until = now + FIRST.saturating_mul(1 << noted.times.min(6)).min(LONGEST);
        noted.times = noted.times.saturating_add(1);
        noted.times == 1
    }

    /// Counts a meeting that a device opens. False when there were too many of late.
    pub(super) fn may_open(&mut self, device: DeviceId, commons: CommonsId, now: Instant) -> bool {
        let opened = self.opened.entry((device, commons)).or_insert(Opened { since: now, times: 0 });
        if now.duration_since(opened.since) > WINDOW {
            *opened = Opened { since: now, times: 0 };
        }
        opened.times += 1;
        opened.times <= MAX_OPENED
    }

    fn pace(&mut self, device: DeviceId, now: Instant) -> &mut Pace {
        let pace = self.paces.entry(device).or_insert_with(|| Pace::from(now));
        if now.duration_since(pace.since) > MINUTE {
            *pace = Pace::from(now);
        }
        pace
    }

    /// Counts a change that a device sent of its own by itself. False when those in one document were more than `most` of late.
    pub(super) fn may_write_on(&mut self, device: DeviceId, doc: (CommonsId, DocId), most: u32, now: Instant) -> bool {
        let own = &mut self.pace(device, now).own;
        if own.len() >= MAX_PACED && !own.contains_key(&doc) {
            return true;
        }
        let count = own.entry(doc).or_default();
        *count = count.saturating_add(1);
        *count <= most
    }

    /// Counts something that a device brought and the gate refused.
    pub(super) fn was_refused(&mut self, device: DeviceId, now: Instant) {
        let pace = self.pace(device, now);
        pace.refused = pace.refused.saturating_add(1);
    }

    /// Whether that was too much of late.
    pub(super) fn is_refused_too_often(&self, device: &DeviceId) -> bool {
        self.paces.get(device).is_some_and(|pace| pace.refused > MAX_REFUSED)
    }

    /// Whether a record of a member for which there is no room is let in all the same.
    pub(super) fn spares(&mut self, commons: CommonsId, member: MemberId, now: Instant) -> bool {
        self.spare.entry((commons, member)).or_insert(Spare { left: SPARE, at: now }).takes(now)
    }

    /// Whether nothing of what this device brought was refused before.
    pub(super) fn is_first_refusal(&mut self, device: DeviceId) -> bool {
        self.refused.insert(device)
    }

    /// Whether this device went beyond what there is room for for the first time.
    pub(super) fn is_first_beyond(&mut self, device: DeviceId) -> bool {
        self.beyond.insert(device)
    }
}

#[cfg(test)]
mod tests {
    use commonplace_model::PageId;

    use super::*;

    const DEVICE: DeviceId = DeviceId::new([1; 32]);

    #[test]
    fn whoever_offends_again_is_left_alone_for_longer_and_told_of_once() {
        let (mut offences, now) = (Offences::default(), Instant::now());
        assert_eq!(offences.left_alone_until(&DEVICE), None);
        assert!(offences.note(DEVICE, now));
        let rests: Vec<_> = (0..9)
            .map(|_| {
                let rest = offences.left_alone_until(&DEVICE).expect("noted") - now;
                assert!(!offences.note(DEVICE, now));
                rest.as_secs()
            })
            .collect();
        assert_eq!(rests, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
    }

    #[test]
    fn beyond_their_room_a_member_is_heard_slowly() {
        let (mut offences, mut now, commons) = (Offences::default(), Instant::now(), CommonsId::new([3; 32]));
        let (one, other) = (MemberId::new([1; 32]), MemberId::new([2; 32]));
        let heard =
            |offences: &mut Offences, member, now| (0..100).filter(|_| offences.spares(commons, member, now)).count();
        assert_eq!(heard(&mut offences, one, now), SPARE as usize);
        now += SPARE_EVERY - Duration::from_secs(1);
        assert_eq!((heard(&mut offences, one, now), heard(&mut offences, other, now)), (0, SPARE as usize));
        now += Duration::from_secs(1);
        assert_eq!(heard(&mut offences, one, now), 1);
        now += SPARE_EVERY * 1_000;
        assert_eq!(heard(&mut offences, one, now), SPARE as usize, "what was not used is not gathered");
    }

    #[test]
    fn meetings_opened_in_a_row_are_counted_and_old_ones_forgotten() {
        let (mut offences, now, commons) = (Offences::default(), Instant::now(), CommonsId::new([3; 32]));
        assert!((0..MAX_OPENED).all(|_| offences.may_open(DEVICE, commons, now)));
        assert!(!offences.may_open(DEVICE, commons, now));
        assert!(offences.may_open(DeviceId::new([2; 32]), commons, now));
        assert!(offences.may_open(DEVICE, CommonsId::new([4; 32]), now));
        assert!(offences.may_open(DEVICE, commons, now + WINDOW + Duration::from_millis(1)));
    }

    #[test]
    fn what_a_device_writes_in_one_document_within_a_minute_is_counted() {
        let (mut offences, now, commons) = (Offences::default(), Instant::now(), CommonsId::new([3; 32]));
        let doc = |n: u16| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&n.to_le_bytes());
            (commons, DocId::Page(PageId::new(id)))
        };
        assert!((0..5).all(|_| offences.may_write_on(DEVICE, doc(0), 5, now)));
        assert!(!offences.may_write_on(DEVICE, doc(0), 5, now));
        assert!(offences.may_write_on(DeviceId::new([2; 32]), doc(0), 5, now));
        // As many documents as are counted, and one more that is not.
        assert!((1..MAX_PACED).all(|n| offences.may_write_on(DEVICE, doc(u16::try_from(n).expect("few")), 5, now)));
        assert!((0..99).all(|_| offences.may_write_on(DEVICE, doc(9_999), 5, now)));
        assert!(!offences.may_write_on(DEVICE, doc(0), 5, now));
        assert!(offences.may_write_on(DEVICE, doc(0), 5, now + MINUTE + Duration::from_millis(1)));
    }

    #[test]
    fn so_much_is_refused_and_not_more() {
        let (mut offences, now) = (Offences::default(), Instant::now());
        let often = |offences: &mut Offences, now| {
            offences.was_refused(DEVICE, now);
            offences.is_refused_too_often(&DEVICE)
        };
        assert!((0..MAX_REFUSED).all(|_| !often(&mut offences, now)));
        assert!(often(&mut offences, now));
        assert!(!often(&mut offences, now + MINUTE + Duration::from_millis(1)));
    }
}
