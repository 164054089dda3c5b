//! What many devices that choose by this rule make together.

use super::*;

/// Devices that review until none wants anything more; a session is a pair with who opened it.
struct Many {
    devices: Vec<DeviceId>,
    choices: Vec<Neighbours>,
    preferred: Vec<BTreeSet<DeviceId>>,
    /// By the pair, smaller first: who opened it.
    sessions: BTreeMap<(usize, usize), usize>,
    opened: usize,
}

fn device(n: usize) -> DeviceId {
    let mut id = [0; 32];
    id[24..].copy_from_slice(&n.to_be_bytes());
    DeviceId::new(id)
}

impl Many {
    fn new(count: usize, bounds: Bounds, seed: u64) -> Self {
        Self {
            devices: (0..count).map(device).collect(),
            choices: (0..count).map(|n| Neighbours::new(bounds, seed * 1_000 + n as u64)).collect(),
            preferred: vec![BTreeSet::new(); count],
            sessions: BTreeMap::new(),
            opened: 0,
        }
    }

    fn met(&self, n: usize) -> Vec<Neighbour> {
        let mine = self.sessions.iter().filter(|((a, b), _)| *a == n || *b == n);
        mine.map(|((a, b), opener)| Neighbour {
            device: self.devices[a + b - n],
            ours: *opener == n,
            few: false,
            busy: false,
        })
        .collect()
    }

    /// Everybody who is of the same island reviews once. Gives whether that changed anything.
    fn review(&mut self, now: Millis, island: &impl Fn(usize) -> usize) -> bool {
        let mut changed = false;
        let count = self.devices.len();
        for n in 0..count {
            let reachable: Vec<_> =
                (0..count).filter(|m| *m != n && island(*m) == island(n)).map(|m| self.devices[m]).collect();
            let met = self.met(n);
            let review = self.choices[n].review(&reachable, &self.preferred[n], &met, now);
            assert!(review.again > now, "it asks to be looked at at once");
            changed |= !review.meet.is_empty() || !review.part.is_empty();
            let number = |device: &DeviceId| self.devices.iter().position(|other| other == device).expect("is there");
            for other in review.part.iter().map(number).collect::<Vec<_>>() {
                self.sessions.remove(&(n.min(other), n.max(other)));
                self.choices[other].parted(self.devices[n], now);
            }
            for other in review.meet.iter().map(number).collect::<Vec<_>>() {
                assert!(self.sessions.insert((n.min(other), n.max(other)), n).is_none(), "met twice");
                self.opened += 1;
            }
        }
        changed
    }

    fn settle(&mut self, now: Millis, island: impl Fn(usize) -> usize) {
        self.sessions.retain(|(a, b), _| island(*a) == island(*b));
        let rounds = (0..50).take_while(|_| self.review(now, &island)).count();
        assert!(rounds < 50, "they never come to rest");
    }

    /// How many can be reached from the first one, from neighbour to neighbour.
    fn connected(&self) -> usize {
        let (mut reached, mut next) = (BTreeSet::from([0]), vec![0]);
        while let Some(n) = next.pop() {
            let pairs = self.sessions.keys().filter(|(a, b)| *a == n || *b == n);
            next.extend(pairs.map(|(a, b)| a + b - n).filter(|other| reached.insert(*other)));
        }
        reached.len()
    }

    fn check(&self, bounds: Bounds) {
        let count = self.devices.len();
        assert_eq!(self.connected(), count, "an island");
        for n in 0..count {
            let met = self.met(n).len();
            assert!(met <= bounds.most, "{met} sessions");
            assert!(met >= bounds.own.min(count - 1), "{met} sessions");
        }
    }
}

fn together(_: usize) -> usize {
    0
}

#[test]
fn a_few_all_meet() {
    for count in 2..=13 {
        let mut many = Many::new(count, Bounds::default(), 1);
        many.settle(0, together);
        assert_eq!(many.sessions.len(), count * (count - 1) / 2);
        assert_eq!(many.opened, many.sessions.len());
    }
}

#[test]
fn many_are_connected_and_each_has_few_sessions() {
    let bounds = Bounds::default();
    for seed in 0..20 {
        for count in [14, 15, 17, 20, 40, 120] {
            let mut many = Many::new(count, bounds, seed);
            many.settle(0, together);
            many.check(bounds);
        }
    }
}

#[test]
fn nor_do_low_bounds_make_islands() {
    let bounds = Bounds { all: 2, own: 2, most: 4 };
    for seed in 0..50 {
        let mut many = Many::new(9, bounds, seed);
        many.settle(0, together);
        many.check(bounds);
    }
}

#[test]
fn those_on_different_pages_stay_connected() {
    let bounds = Bounds::default();
    for seed in 0..10 {
        let mut many = Many::new(60, bounds, seed);
        for n in 0..60 {
            many.preferred[n] = (0..60).filter(|m| *m != n && m % 3 == n % 3).map(device).collect();
        }
        many.settle(0, together);
        many.check(bounds);
        let same = many.sessions.keys().filter(|(a, b)| a % 3 == b % 3).count();
        assert!(2 * same > many.sessions.len(), "they are not preferred: {same} of {}", many.sessions.len());
    }
}

#[test]
fn halves_that_can_reach_each_other_again_are_one_at_once() {
    let bounds = Bounds::default();
    for seed in 0..20 {
        for count in [26, 60] {
            let mut many = Many::new(count, bounds, seed);
            many.settle(0, |n| n % 2);
            assert!(many.connected() <= count.div_ceil(2));
            // No turn of the timer is needed.
            many.settle(1, together);
            many.check(bounds);
        }
    }
}

#[test]
fn who_comes_makes_few_others_change_their_choice() {
    let mut many = Many::new(101, Bounds::default(), 3);
    many.settle(0, |n| n / 100);
    let before = many.opened;
    many.settle(1, together);
    let opened = many.opened - before;
    assert!((6..=40).contains(&opened), "{opened} sessions were opened for one that came");
}

#[test]
fn a_turn_of_the_timer_changes_one_choice() {
    let devices: Vec<_> = (0..500).map(device).collect();
    let mut choice = Neighbours::new(Bounds::default(), 5);
    let first = choice.review(&devices, &BTreeSet::new(), &[], 0);
    assert_eq!((first.meet.len(), first.part.len()), (6, 0));
    let mut met: BTreeSet<_> = first.meet.into_iter().collect();
    let (mut now, mut seen) = (first.again, met.clone());
    for _ in 0..6 {
        let all: Vec<_> =
            met.iter().map(|device| Neighbour { device: *device, ours: true, few: false, busy: false }).collect();
        assert_eq!(choice.review(&devices, &BTreeSet::new(), &all, now - 1).meet, vec![]);
        let review = choice.review(&devices, &BTreeSet::new(), &all, now);
        assert_eq!((review.meet.len(), review.part.len()), (1, 1));
        met.remove(&review.part[0]);
        met.insert(review.meet[0]);
        seen.insert(review.meet[0]);
        assert!((now + TURN / 2..now + 2 * TURN).contains(&review.again));
        now = review.again;
    }
    assert_eq!((met.len(), seen.len()), (6, 12), "after as many turns as there are choices all are others");
}

#[test]
fn nobody_takes_the_place_of_own_choices() {
    let devices: Vec<_> = (0..100).map(device).collect();
    let mut choice = Neighbours::new(Bounds::default(), 6);
    let chosen = choice.review(&devices, &BTreeSet::new(), &[], 0).meet;
    let ours = chosen.iter().map(|device| Neighbour { device: *device, ours: true, few: false, busy: false });
    let theirs = devices.iter().filter(|device| !chosen.contains(device));
    let met: Vec<_> =
        ours.chain(theirs.map(|device| Neighbour { device: *device, ours: false, few: false, busy: true })).collect();
    let review = choice.review(&devices, &BTreeSet::new(), &met, 1);
    assert_eq!((review.meet.len(), review.part.len()), (0, 100 - 16));
    assert!(chosen.iter().all(|device| !review.part.contains(device)));
}

#[test]
fn who_parted_is_left_alone_for_a_while() {
    let devices: Vec<_> = (0..100).map(device).collect();
    let mut choice = Neighbours::new(Bounds::default(), 7);
    let chosen = choice.review(&devices, &BTreeSet::new(), &[], 0).meet;
    choice.parted(chosen[0], 1_000);
    let again = |choice: &mut Neighbours, now| choice.review(&devices, &BTreeSet::new(), &[], now).meet;
    let others = again(&mut choice, 1_000);
    assert!(others.len() == 6 && !others.contains(&chosen[0]));
    assert_eq!(again(&mut choice, 100_000), others);
    choice.parted(others[1], 1_000);
    choice.returned(&others[1]);
    assert_eq!(again(&mut choice, 100_000), others, "it was away meanwhile, and may have room");
    // Where all meet all there is nobody else, and it is soon tried again.
    let few = &devices[..5];
    choice.parted(few[0], 200_000);
    let review = choice.review(few, &BTreeSet::new(), &[], 200_000);
    assert_eq!((review.meet.len(), review.again), (4, 200_000 + REST));
    assert_eq!(choice.review(few, &BTreeSet::new(), &[], review.again).meet.len(), 5);
}

#[test]
fn who_reaches_few_stays_beside_all_others() {
    let devices: Vec<_> = (0..400).map(device).collect();
    let mut choice = Neighbours::new(Bounds::default(), 8);
    let chosen = choice.review(&devices, &BTreeSet::new(), &[], 0).meet;
    let with = |device: &DeviceId, ours, few| Neighbour { device: *device, ours, few, busy: false };
    let theirs: Vec<_> = devices.iter().filter(|device| !chosen.contains(device)).collect();
    let (lonely, others) = theirs.split_at(theirs.len() - 30);
    let of = |lonely: &[&DeviceId]| -> Vec<Neighbour> {
        let ours = chosen.iter().map(|device| with(device, true, false));
        let few = lonely.iter().map(|device| with(device, false, true));
        ours.chain(few).chain(others.iter().map(|device| with(device, false, false))).collect()
    };
    // As many of them as there is room for and not one more, and as many others as if they were not there.
    let part = choice.review(&devices, &BTreeSet::new(), &of(&lonely[..MAX_FEW]), 1).part;
    assert_eq!(part.len(), 30 - 10);
    assert!(lonely.iter().all(|device| !part.contains(device)));
    let part = choice.review(&devices, &BTreeSet::new(), &of(&lonely[..=MAX_FEW]), 2).part;
    assert_eq!(part.len(), 30 - 10 + 1);
    assert_eq!(part.iter().filter(|device| lonely.contains(device)).count(), 1);
}

#[test]
fn who_was_left_out_says_so_where_there_is_nobody_else() {
    let mut choice = Neighbours::new(Bounds::default(), 9);
    assert!(!choice.is_left_out(&device(1), 1), "there was room as far as it knows");
    choice.parted(device(1), 0);
    assert!(
        choice.is_left_out(&device(1), 12) && !choice.is_left_out(&device(1), 13) && !choice.is_left_out(&device(2), 1)
    );
    choice.returned(&device(1));
    assert!(!choice.is_left_out(&device(1), 1));
}
