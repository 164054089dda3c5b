//! On which way what a device writes comes here, so that it comes once.
//!
//! What somebody types goes from neighbour to neighbour. With a dozen neighbours it would come a dozen times: each of them pushes
//! what it did not have. Whoever gets it a second time says so, and the neighbour who brought it *mutes* that author: it pushes
//! nothing more by that device, and from time to time only names how far it is. What is left of the ways on which the first letter
//! came is a tree with the author at its root, the fastest one at that moment (as in Plumtree by Leitão, Pereira and Rodrigues,
//! 2007, with a tree for each author instead of one).
//!
//! Invariants:
//! - There is always one session that is not muted for an author of whom something came, as long as that session lives.
//! - Where a session ends, whoever came in it comes on all others again, until one of them is the way.
//! - Where the way brought nothing new for a second, the session that next brings something new becomes the way: a faster one that
//!   was begun since, or, where the tree is broken, the one in which what was named was asked for.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{CommonsId, DeviceId, DocId};
use commonplace_trust::{Attestation, VerifiedChange};

use crate::session::Millis;

/// Authors of whom it is remembered on which way they come. Those beyond them come on all.
const MAX_AUTHORS: usize = 1_024;

/// After so long in which the way of an author brought nothing new, another one that did takes over. What is named may be on its
/// way just then.
const LATE: Millis = 1_000;

/// How one author's changes come.
#[derive(Debug, Default)]
struct Route {
    /// The session that brings them.
    by: Option<u64>,
    /// When it last did.
    at: Millis,
    /// Sessions that were told to bring no more.
    muted: BTreeSet<u64>,
}

/// The devices that wrote these changes of a document, as far as what came with them says so.
pub fn writers(commons: CommonsId, doc: DocId, said: &[Attestation], changes: &[VerifiedChange]) -> BTreeSet<DeviceId> {
    let mut devices = BTreeSet::new();
    for said in said {
        let actor = said.actor(commons, doc);
        if changes.iter().any(|change| change.actor() == actor) {
            devices.insert(said.device);
        }
    }
    devices
}

/// On which way what each device writes comes here, in one commons.
#[derive(Debug, Default)]
pub struct Routes {
    authors: BTreeMap<DeviceId, Route>,
}

impl Routes {
    /// Notes that changes of an author came in a session, new ones or some that were all known. Gives whether that session is to
    /// be told to mute the author, or to push again; nothing where it is well as it is.
    pub fn came(&mut self, author: DeviceId, session: u64, new: bool, now: Millis) -> Option<bool> {
        if !self.authors.contains_key(&author) && self.authors.len() >= MAX_AUTHORS {
            return None;
        }
        let route = self.authors.entry(author).or_default();
        if new {
            let is_late = now.saturating_sub(route.at) >= LATE;
            if route.by.is_none() || is_late {
                route.by = Some(session);
            }
            if route.by != Some(session) {
                return None;
            }
            route.at = now;
            return route.muted.remove(&session).then_some(false);
        }
        let other = route.by.is_some_and(|by| by != session);
        (other && route.muted.insert(session)).then_some(true)
    }

    /// Notes that this device's own changes came back in a session: it is to be told to push none. Given once for each.
    pub fn came_back(&mut self, own: DeviceId, session: u64) -> Option<bool> {
        self.authors.entry(own).or_default().muted.insert(session).then_some(true)
    }

    /// Forgets a session that is over. Gives which others are to be told to push which authors again: those that came in it.
    pub fn ended(&mut self, session: u64) -> Vec<(u64, DeviceId)> {
        let mut again = Vec::new();
        self.authors.retain(|author, route| {
            route.muted.remove(&session);
            if route.by.take_if(|by| *by == session).is_some() {
                again.extend(std::mem::take(&mut route.muted).into_iter().map(|other| (other, *author)));
            }
            route.by.is_some() || !route.muted.is_empty()
        });
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHOR: DeviceId = DeviceId::new([1; 32]);

    #[test]
    fn the_first_way_stays_and_the_others_are_muted_once() {
        let mut routes = Routes::default();
        assert_eq!(routes.came(AUTHOR, 1, true, 0), None);
        assert_eq!((routes.came(AUTHOR, 2, false, 0), routes.came(AUTHOR, 2, false, 0)), (Some(true), None));
        // It is late for once.
        assert_eq!(routes.came(AUTHOR, 3, true, 0), None);
        assert_eq!(routes.came(AUTHOR, 1, false, 0), None);
        assert_eq!(routes.came(AUTHOR, 3, false, 0), Some(true));
        // Another author's ways are others.
        assert_eq!(routes.came(DeviceId::new([2; 32]), 3, true, 0), None);
    }

    #[test]
    fn a_muted_way_that_brings_something_new_takes_over() {
        let mut routes = Routes::default();
        routes.came(AUTHOR, 1, true, 0);
        routes.came(AUTHOR, 2, false, 0);
        // The other one is only a little late.
        assert_eq!(routes.came(AUTHOR, 2, true, LATE - 1), None);
        assert_eq!(routes.came(AUTHOR, 2, false, LATE - 1), None);
        assert_eq!(routes.came(AUTHOR, 1, true, LATE - 1), None);
        assert_eq!(routes.came(AUTHOR, 2, true, 2 * LATE - 2), None);
        assert_eq!(routes.came(AUTHOR, 2, true, 2 * LATE - 1), Some(false));
        assert_eq!(routes.came(AUTHOR, 1, false, 2 * LATE), Some(true));
    }

    #[test]
    fn a_way_that_is_new_takes_over_where_it_is_faster() {
        let mut routes = Routes::default();
        routes.came(AUTHOR, 1, true, 0);
        // A session begun since brings the next ones first, and was never muted.
        assert_eq!(routes.came(AUTHOR, 2, true, LATE), None);
        assert_eq!(routes.came(AUTHOR, 1, false, LATE), Some(true));
        assert_eq!(routes.came(AUTHOR, 2, true, LATE + 1), None);
        assert_eq!(routes.came(AUTHOR, 1, false, LATE + 1), None);
    }

    #[test]
    fn where_nothing_new_ever_came_nobody_is_muted() {
        let mut routes = Routes::default();
        assert_eq!((routes.came(AUTHOR, 1, false, 0), routes.came(AUTHOR, 2, false, 0)), (None, None));
    }

    #[test]
    fn a_way_that_ended_is_none() {
        let mut routes = Routes::default();
        routes.came(AUTHOR, 1, true, 0);
        routes.came(AUTHOR, 2, false, 0);
        routes.came(AUTHOR, 3, false, 0);
        assert_eq!(routes.ended(3), vec![]);
        assert_eq!(routes.ended(1), vec![(2, AUTHOR)]);
        assert!(routes.authors.is_empty());
        assert_eq!(routes.came(AUTHOR, 2, true, 0), None);
        assert_eq!(routes.came(AUTHOR, 4, false, 0), Some(true));
    }

    #[test]
    fn what_comes_back_is_not_wanted_from_anybody() {
        let mut routes = Routes::default();
        assert_eq!((routes.came_back(AUTHOR, 1), routes.came_back(AUTHOR, 1)), (Some(true), None));
        assert_eq!(routes.came_back(AUTHOR, 2), Some(true));
    }

    #[test]
    fn so_many_authors_are_remembered() {
        let mut routes = Routes::default();
        let author = |n: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_le_bytes());
            DeviceId::new(id)
        };
        for n in 0..=MAX_AUTHORS {
            routes.came(author(n), 1, true, 0);
        }
        assert_eq!(routes.came(author(MAX_AUTHORS - 1), 2, false, 0), Some(true));
        assert_eq!(routes.came(author(MAX_AUTHORS), 2, false, 0), None);
    }
}
