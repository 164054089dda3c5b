//! With whom to meet: for each commons `commonplace_sync::neighbours` chooses among the devices that are connected.
//!
//! Changes and records go on from neighbour to neighbour. Who is here, and where, is known by connections and gossip, whether or not
//! there is a meeting; who holds this person's changes is known of those alone with whom there was one.
//!
//! Deliberately absent: a bound on connections below that of the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, DeviceId, MemberId};
use commonplace_sync::{Millis, Neighbour, Neighbours};

use super::Meetings;
use crate::{core::Core, profile};

/// Now, as choices and sessions count it: with a clock that is set back, what is due would wait for as long.
pub(super) fn elapsed() -> Millis {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Devices of a member that may say that they reach few others. It cannot be checked, and gets them a place of their own.
const MAX_FEW_OF_MEMBER: usize = 8;

/// Believes so many devices of each member that they reach few others.
fn believe_some(met: &mut [Neighbour], member_of: impl Fn(&DeviceId) -> Option<MemberId>) {
    let mut believed: BTreeMap<MemberId, usize> = BTreeMap::new();
    for neighbour in met.iter_mut().filter(|neighbour| neighbour.few) {
        let Some(member) = member_of(&neighbour.device) else { continue };
        let count = believed.entry(member).or_default();
        *count += 1;
        neighbour.few = *count <= MAX_FEW_OF_MEMBER;
    }
}

impl Meetings {
    /// With whom there is a meeting about a commons, or one is being opened.
    fn met(&self, commons: CommonsId) -> Vec<Neighbour> {
        let met = self.all.values().filter(|m| m.commons == commons).map(|m| Neighbour {
            device: m.device,
            ours: m.ours,
            few: m.few,
            busy: !m.session.is_caught_up(),
        });
        let opening = self.opening.keys().filter(|(device, of)| *of == commons && self.with(*device, *of).is_none());
        met.chain(opening.map(|(device, _)| Neighbour { device: *device, ours: true, few: false, busy: true }))
            .collect()
    }

    /// A device did not want a meeting, or ended it.
    pub(super) fn parted(&mut self, device: DeviceId, commons: CommonsId) {
        if let Some(choice) = self.choices.get_mut(&commons) {
            choice.parted(device, elapsed());
        }
    }

    /// A device is connected anew: that it parted before says nothing any more.
    pub(crate) fn returned(&mut self, device: &DeviceId) {
        self.choices.values_mut().for_each(|choice| choice.returned(device));
    }
}

impl Core {
    /// Meets those whom the choice of neighbours names, and parts from those for whom there is no room.
    pub(crate) fn review_meetings(&mut self, commons: CommonsId) {
        if !self.network.is_open() {
            return;
        }
        let now = Instant::now();
        let (reachable, forgiven) = self.reachable(commons, now);
        let preferred = self.waited_for(commons);
        let bounds = self.bounds.meetings;
        let mut met = self.network.meetings.met(commons);
        let held = self.commons.get(&commons);
        believe_some(&mut met, |device| held?.roll.member_of(device).map(|member| member.id));
        let meetings = &mut self.network.meetings;
        let choice = meetings.choices.entry(commons).or_insert_with(|| {
            let seed = profile::random::<8>().map_or_else(|_| profile::now(), u64::from_le_bytes);
            Neighbours::new(bounds, seed)
        });
        let review = choice.review(&reachable, &preferred, &met, elapsed());
        for device in review.part {
            self.network.meetings.opening.remove(&(device, commons));
            if let Some(id) = self.network.meetings.with(device, commons) {
                self.remove_meeting(id);
                self.tell_sync(commons, device, 0, 0, true);
            }
        }
        for device in review.meet {
            self.meet(device, commons);
        }
        let again = now + Duration::from_millis(review.again.saturating_sub(elapsed()));
        let again = forgiven.map_or(again, |at| at.min(again));
        self.network.meetings.reviews.insert(commons, again);
        self.wake_at(again);
    }

    /// Who can be met now, and when the first of those is forgiven who are left alone.
    fn reachable(&self, commons: CommonsId, now: Instant) -> (Vec<DeviceId>, Option<Instant>) {
        let here = self.here(commons);
        let alone =
            |device: &DeviceId| self.network.meetings.offences.left_alone_until(device).filter(|until| *until > now);
        let forgiven = here.iter().filter_map(alone).min();
        (here.into_iter().filter(|device| alone(device).is_none()).collect(), forgiven)
    }

    /// Whether to tell a device, when a meeting with it is opened, that this one reaches few others.
    pub(super) fn is_left_out(&self, device: &DeviceId, commons: CommonsId) -> bool {
        let (reachable, _) = self.reachable(commons, Instant::now());
        self.network.meetings.choices.get(&commons).is_some_and(|choice| choice.is_left_out(device, reachable.len()))
    }

    /// Whose changes are waited for most: devices of people who are on a page that is open here, and other devices of one's own.
    fn waited_for(&self, commons: CommonsId) -> BTreeSet<DeviceId> {
        let Some(held) = self.commons.get(&commons) else { return BTreeSet::new() };
        let open: BTreeSet<_> =
            self.editors.open.keys().filter(|(of, _)| *of == commons).map(|(_, page)| *page).collect();
        let own = held.roll.member(&held.me).into_iter().flat_map(|me| me.devices.iter().copied());
        held.presences.on(&open).into_iter().chain(own).collect()
    }

    /// Reviews what it is time to review.
    pub(super) fn tick_reviews(&mut self, now: Instant) {
        let due: Vec<_> = self.network.meetings.reviews.extract_if(|_, at| *at <= now).map(|(id, _)| id).collect();
        due.into_iter().for_each(|id| self.review_meetings(id));
        if let Some(next) = self.network.meetings.reviews.values().min() {
            self.wake_at(*next);
        }
    }

    /// The devices with which there is a meeting about a commons.
    pub(crate) fn met(&self, commons: CommonsId) -> Vec<DeviceId> {
        self.network.meetings.about(commons, |_| true).into_iter().map(|(_, device)| device).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_devices_of_a_member_are_believed_and_not_one_more() {
        let met = |few| move |n: u8| Neighbour { device: DeviceId::new([n; 32]), ours: false, few, busy: false };
        let member_of = |device: &DeviceId| Some(MemberId::new([device.as_bytes()[0] / 100; 32]));
        // Of one member nine, of another one, and one that says nothing.
        let mut all: Vec<_> = (1..=9).chain([100]).map(met(true)).chain([met(false)(101)]).collect();
        believe_some(&mut all, member_of);
        let believed: Vec<_> = all.iter().map(|neighbour| neighbour.few).collect();
        assert_eq!(believed, [vec![true; 8], vec![false, true, false]].concat());
    }
}
