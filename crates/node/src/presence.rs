//! Presence: who is on which page, with their carets, as long as they say so. Never stored, never in a document.
//!
//! What a device says is signed, for gossip brings it by way of others. A caret travels as an anchor that stays with its
//! words, so it is right on a replica that is a moment ahead or behind.

use std::{
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, DeviceId, DocId, PageId};
use commonplace_trust::{DeviceKey, Domain, Signature};
use serde::{Deserialize, Serialize};

use crate::{
    core::Core,
    profile,
    view::{Caret, Event},
};

/// Seconds after which a word is said again though nothing changed: the first where few are here, and up to the last the more are.
const AGAIN: RangeInclusive<u8> = 4..=60;
/// Words a second that all who are here say together in rest, as far as the longest time of [`AGAIN`] allows.
const TOGETHER: usize = 4;
/// Believed, though not said again, for twice the time until it should be, and so long more.
const GRACE: Duration = Duration::from_secs(3);
/// Looked at no more often than this whether there is something to say.
const PACE: Duration = Duration::from_millis(40);
/// Somebody who typed less than this ago is writing.
const WRITING: Duration = Duration::from_secs(3);
/// A device that says something more often than twice as often as [`PACE`] allows is not listened to until it has calmed
/// down, but for so many words in a row.
const LISTENING: Duration = PACE.checked_div(2).expect("two is not zero");
const IN_A_ROW: u32 = 64;
/// Bytes that a word of presence may have.
const MAX_BYTES: usize = 1_024;

/// What a device says of itself; one that was heard has been checked to be its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Word {
    device: DeviceId,
    /// Its number, in milliseconds since 1970 or more: it grows with every word, so that an old one cannot be played again.
    at: u64,
    page: Option<PageId>,
    anchor: Option<String>,
    head: Option<String>,
    writing: bool,
    /// It is said again within so many seconds.
    again: u8,
}

/// What is believed of a device.
pub(crate) struct Presence {
    pub(crate) page: Option<PageId>,
    pub(crate) writing: bool,
    anchor: Option<String>,
    head: Option<String>,
    /// How long it is believed.
    until: Instant,
}

/// Presence in one commons.
#[derive(Default)]
pub(crate) struct Presences {
    heard: HashMap<DeviceId, Presence>,
    /// The last word that was heard of each device, whether or not it is believed any more.
    newest: HashMap<DeviceId, u64>,
    patience: HashMap<DeviceId, Patience>,
    /// When it was last looked whether there is something to say, and when that is next.
    looked: Option<Instant>,
    due: Option<Instant>,
    /// What was last said, and when. None once somebody has come who did not hear it.
    said: Option<(Word, Instant)>,
    /// Number of the last word.
    last: u64,
}

/// How much longer a device is listened to that talks without a pause.
struct Patience {
    left: Duration,
    at: Instant,
}

impl Patience {
    const WHOLE: Duration = LISTENING.saturating_mul(IN_A_ROW);

    fn new(now: Instant) -> Self {
        Self { left: Self::WHOLE, at: now }
    }

    /// Whether one more word is listened to.
    fn hears(&mut self, now: Instant) -> bool {
        self.left = (self.left + now.duration_since(self.at)).min(Self::WHOLE);
        self.at = now;
        match self.left.checked_sub(LISTENING) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl Word {
    /// Whether it says the same as another one. An anchor moves along with what is typed before it, so whoever types on says
    /// nothing new.
    fn says_as(&self, other: &Self) -> bool {
        let said = |word: &Self| Self { at: 0, again: 0, ..word.clone() };
        said(self) == said(other)
    }

    /// After how long it is said again. What it says itself is held to [`AGAIN`]: nobody is believed for as long as they like.
    fn next_after(&self) -> Duration {
        Duration::from_secs(self.again.clamp(*AGAIN.start(), *AGAIN.end()).into())
    }

    /// For how long it is believed.
    fn holds(&self) -> Duration {
        2 * self.next_after() + GRACE
    }

    /// Whether it is this device's.
    #[cfg(test)]
    pub(crate) fn is_of(&self, device: &DeviceId) -> bool {
        self.device == *device
    }
}

impl Presences {
    /// Whether a word is news, and from somebody who says no more than there is to say.
    fn listens(&mut self, word: &Word, now: Instant) -> bool {
        // Old words, which anybody can say again, cost the one whose they are nothing.
        if self.newest.get(&word.device).is_some_and(|newest| *newest >= word.at) {
            return false;
        }
        self.patience.entry(word.device).or_insert_with(|| Patience::new(now)).hears(now)
    }

    /// Seconds until a word is said again, so that all who are here say no more than [`TOGETHER`] a second.
    fn again(&self) -> u8 {
        let fair = (self.heard.len() + 1).div_ceil(TOGETHER);
        u8::try_from(fair).unwrap_or(u8::MAX).clamp(*AGAIN.start(), *AGAIN.end())
    }

    /// The number of the next word: `now`, in milliseconds since 1970, or one more than the last where the clock was set back.
    fn number(&mut self, now: u64) -> u64 {
        self.last = now.max(self.last + 1);
        self.last
    }

    /// Devices that are on one of these pages.
    pub(crate) fn on(&self, pages: &BTreeSet<PageId>) -> BTreeSet<DeviceId> {
        let there = self.heard.iter().filter(|(_, presence)| presence.page.is_some_and(|page| pages.contains(&page)));
        there.map(|(device, _)| *device).collect()
    }

    /// What is believed of a device.
    pub(crate) fn of(&self, device: &DeviceId) -> Option<&Presence> {
        self.heard.get(device)
    }
}

fn message(commons: CommonsId, word: &[u8]) -> Vec<u8> {
    [&commons.as_bytes()[..], word].concat()
}

fn encode(commons: CommonsId, word: &Word, key: &DeviceKey) -> Vec<u8> {
    let mut bytes = postcard::to_allocvec(word).unwrap_or_default();
    let signature = key.sign(Domain::Presence, &message(commons, &bytes));
    bytes.extend_from_slice(signature.as_bytes());
    bytes
}

/// The word in a message that gossip brought, if it is one and its device's own. It is checked outside the engine's thread,
/// which has better things to do than to find out who did not say something.
pub(crate) fn decode(commons: CommonsId, bytes: &[u8]) -> Option<Word> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let (payload, signature) = bytes.split_last_chunk::<64>()?;
    let word: Word = postcard::from_bytes(payload).ok()?;
    Signature::new(*signature).verify(&word.device, Domain::Presence, &message(commons, payload)).then_some(word)
}

impl Core {
    /// Sees to it that others hear where this person is now, if they have not.
    pub(crate) fn show_presence(&mut self, commons: CommonsId) {
        if let Some(held) = self.commons.get_mut(&commons) {
            let at = held.presences.looked.map_or_else(Instant::now, |looked| looked + PACE);
            held.presences.due = Some(held.presences.due.map_or(at, |due| due.min(at)));
            self.wake_at(at);
        }
    }

    /// Says where this person is once more, to somebody who came.
    pub(crate) fn show_presence_anew(&mut self, commons: CommonsId) {
        if let Some(held) = self.commons.get_mut(&commons) {
            held.presences.said = None;
            self.show_presence(commons);
        }
    }

    /// Says what is due, and forgets who has not been heard for long.
    pub(crate) fn tick_presence(&mut self, now: Instant) {
        let ids: Vec<_> = self.commons.keys().copied().collect();
        for id in ids {
            self.forget_silent(id, now);
            let has_topic = self.has_topic(id);
            let Some(held) = self.commons.get_mut(&id) else { continue };
            let Some(due) = held.presences.due else { continue };
            if due > now {
                self.wake_at(due);
                continue;
            }
            if !has_topic {
                held.presences.due = None;
                continue;
            }
            held.presences.looked = Some(now);
            let word = self.word(id, now);
            let due = self.say_if_news(id, word, now);
            if let Some(held) = self.commons.get_mut(&id) {
                held.presences.due = Some(due);
            }
            self.wake_at(due);
        }
    }

    /// Says where this person is, unless others know it. Gives when it is looked at again.
    fn say_if_news(&mut self, id: CommonsId, mut word: Word, now: Instant) -> Instant {
        let Some(held) = self.commons.get(&id) else { return now };
        let before = held.presences.said.as_ref();
        if word.writing || before.is_some_and(|(said, _)| said.writing) {
            // Were the word lost that they stopped, they would be shown as writing until the next one.
            word.again = *AGAIN.start();
        }
        let stands = before.filter(|(said, at)| word.says_as(said) && *at + said.next_after() > now);
        let mut due = stands.map_or(now + word.next_after(), |(said, at)| *at + said.next_after());
        if word.writing {
            // When it stops, others are to see that soon.
            due = due.min(now + WRITING);
        }
        if stands.is_none() {
            let went = self.say(id, encode(id, &word, &self.key));
            if !went {
                due = now + Duration::from_secs((*AGAIN.start()).into());
            }
            if let Some(held) = self.commons.get_mut(&id) {
                held.presences.said = went.then_some((word, now));
            }
        }
        due
    }

    fn forget_silent(&mut self, id: CommonsId, now: Instant) {
        let Some(held) = self.commons.get(&id) else { return };
        let heard = held.presences.heard.iter();
        let (silent, others): (Vec<_>, Vec<_>) = heard.partition(|(_, presence)| presence.until <= now);
        let next = others.into_iter().map(|(_, presence)| presence.until).min();
        let silent: Vec<_> = silent.into_iter().map(|(device, _)| *device).collect();
        for device in silent {
            self.forget_presence(id, device);
        }
        if let Some(next) = next {
            self.wake_at(next);
        }
    }

    /// Forgets where a device is, for it has gone.
    pub(crate) fn forget_presence(&mut self, id: CommonsId, device: DeviceId) {
        let Some(held) = self.commons.get_mut(&id) else { return };
        if let Some(presence) = held.presences.heard.remove(&device) {
            self.tell(Event::People { commons: id.to_string() });
            if let Some(page) = presence.page {
                self.tell_carets(id, page);
            }
        }
    }

    fn word(&mut self, commons: CommonsId, now: Instant) -> Word {
        let window = self
            .editors
            .windows
            .values()
            .filter(|w| w.commons == commons)
            .max_by_key(|w| (w.caret.is_some(), w.typed_at))
            .copied();
        let (at, device) = (profile::now(), self.device());
        let presences = self.commons.get_mut(&commons).map(|held| &mut held.presences);
        let (at, again) = presences.map_or((at, *AGAIN.start()), |presences| (presences.number(at), presences.again()));
        let mut word = Word { device, at, page: None, anchor: None, head: None, writing: false, again };
        if let Some(window) = window {
            word.page = Some(window.page);
            word.writing = window.typed_at.is_some_and(|at| now.duration_since(at) < WRITING);
            // Anchors are places in the document, so what was typed goes there first.
            let flushed = self.flush_page(commons, window.page).is_ok();
            if let Some((anchor, head)) = window.caret.filter(|_| flushed) {
                let anchors = self.read_shown(commons, window.page, |page| (page.anchor(anchor), page.anchor(head)));
                (word.anchor, word.head) = anchors.unwrap_or_default();
            }
        }
        word
    }

    /// Hears a word of presence that gossip brought.
    pub(crate) fn hear(&mut self, commons: CommonsId, word: Word) {
        if word.device == self.device() {
            return;
        }
        let Some(held) = self.commons.get_mut(&commons) else { return };
        if held.roll.member_of(&word.device).is_none() {
            return;
        }
        let now = Instant::now();
        if !held.presences.listens(&word, now) {
            return;
        }
        let before = held.presences.heard.get(&word.device);
        let old_page = before.and_then(|before| before.page);
        let new = before.is_none();
        let changed = before.is_none_or(|b| b.page != word.page || b.writing != word.writing);
        let until = now + word.holds();
        let presence = Presence { page: word.page, writing: word.writing, anchor: word.anchor, head: word.head, until };
        held.presences.newest.insert(word.device, word.at);
        held.presences.heard.insert(word.device, presence);
        self.wake_at(until);
        if new {
            // Whoever comes learns where we are.
            self.show_presence_anew(commons);
        }
        if changed {
            self.tell(Event::People { commons: commons.to_string() });
        }
        for page in [old_page.filter(|old| Some(*old) != word.page), word.page].into_iter().flatten() {
            self.tell_carets(commons, page);
        }
        if old_page != word.page && word.page.is_some_and(|page| self.editors.is_open(commons, DocId::Page(page))) {
            self.review_meetings(commons);
        }
    }

    /// Whether somebody else is on a page now.
    pub(crate) fn is_watched(&self, commons: CommonsId, page: PageId) -> bool {
        self.commons.get(&commons).is_some_and(|c| c.presences.heard.values().any(|p| p.page == Some(page)))
    }

    /// Carets of others on a page.
    pub(crate) fn carets_on(&mut self, commons: CommonsId, page: PageId) -> Vec<Caret> {
        let Some(held) = self.commons.get(&commons) else { return Vec::new() };
        let loaded = self.documents.is_loaded(commons, DocId::Page(page));
        let mut carets = Vec::new();
        for (device, presence) in held.presences.heard.iter().filter(|(_, p)| p.page == Some(page)) {
            let Some(person) = self.person_of(held, device) else { continue };
            let member = held.roll.member_of(device).map(|m| m.id);
            if member.is_some_and(|member| held.muted.contains(&member)) {
                continue;
            }
            let member = member.map(|member| member.to_string()).unwrap_or_default();
            let caret = Caret {
                device: device.to_string(),
                member,
                name: person.name,
                ink: profile::ink(person.ink),
                anchor: None,
                head: None,
                writing: presence.writing,
            };
            carets.push((caret, presence.anchor.clone(), presence.head.clone()));
        }
        carets.sort_by(|(a, ..), (b, ..)| a.device.cmp(&b.device));
        if !loaded {
            return carets.into_iter().map(|(caret, ..)| caret).collect();
        }
        let resolve = |page: &commonplace_model::Page| {
            carets
                .into_iter()
                .map(|(caret, anchor, head)| {
                    let place = |anchor: Option<String>| anchor.and_then(|a| page.resolve(&a));
                    Caret { anchor: place(anchor), head: place(head), ..caret }
                })
                .collect()
        };
        self.read_shown(commons, page, resolve).unwrap_or_default()
    }

    /// Tells the windows on a page where others are in it.
    pub(crate) fn tell_carets(&mut self, commons: CommonsId, page: PageId) {
        let sessions = self.editors.sessions(commons, page);
        if sessions.is_empty() {
            return;
        }
        let carets = self.carets_on(commons, page);
        for session in sessions {
            self.tell(Event::Carets { session, carets: carets.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_talks_without_a_pause_is_not_listened_to() {
        let mut now = Instant::now();
        let mut patience = Patience::new(now);
        let heard = (0..1_000).filter(|_| patience.hears(now)).count();
        assert_eq!(heard, IN_A_ROW as usize);
        now += PACE;
        assert!(patience.hears(now) && patience.hears(now) && !patience.hears(now));
        // Who keeps the pace is always heard.
        assert!((0..1_000).all(|_| {
            now += PACE;
            patience.hears(now)
        }));
    }

    #[test]
    fn old_words_said_again_hide_nobody() {
        let now = Instant::now();
        let device = DeviceKey::from_seed(&[1; 32]).id();
        let word = |at| Word { device, at, page: None, anchor: None, head: None, writing: false, again: 4 };
        let mut presences = Presences::default();
        assert!(presences.listens(&word(9), now));
        presences.newest.insert(device, 9);
        for at in 0..1_000 {
            assert!(!presences.listens(&word(at % 10), now), "{at}");
        }
        assert!(presences.listens(&word(10), now));
    }

    #[test]
    fn a_word_that_does_not_say_when_it_is_said_again_is_none() {
        let (key, commons) = (DeviceKey::from_seed(&[1; 32]), CommonsId::new([2; 32]));
        let first_version = (key.id(), 1_u64, None::<PageId>, None::<String>, None::<String>, true);
        let mut bytes = postcard::to_allocvec(&first_version).expect("encodes");
        let signature = key.sign(Domain::Presence, &message(commons, &bytes));
        bytes.extend_from_slice(signature.as_bytes());
        assert_eq!(decode(commons, &bytes), None);
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nobody() {
        let mut presences = Presences::default();
        assert_eq!([500, 500, 20, 600].map(|now| presences.number(now)), [500, 501, 502, 600]);
    }

    #[test]
    fn where_many_are_here_each_says_less_and_is_believed_for_longer() {
        let now = Instant::now();
        let mut presences = Presences::default();
        let mut of_so_many = |devices: usize| {
            while presences.heard.len() + 1 < devices {
                let device = DeviceKey::from_seed(blake3::hash(&presences.heard.len().to_le_bytes()).as_bytes()).id();
                let heard = Presence { page: None, writing: false, anchor: None, head: None, until: now };
                presences.heard.insert(device, heard);
            }
            presences.again()
        };
        let seconds: Vec<_> = [1, 2, 16, 17, 100, 240, 300].into_iter().map(&mut of_so_many).collect();
        assert_eq!(seconds, [4, 4, 4, 5, 25, 60, 60]);
        let device = DeviceKey::from_seed(&[1; 32]).id();
        let holds = |again| {
            let word = Word { device, at: 1, page: None, anchor: None, head: None, writing: false, again };
            word.holds().as_secs()
        };
        assert_eq!([0, 4, 25, 60, 255].map(holds), [11, 11, 53, 123, 123]);
    }

    #[test]
    fn a_word_is_as_long_as_it_may_be_and_not_longer() {
        let (key, commons) = (DeviceKey::from_seed(&[1; 32]), CommonsId::new([2; 32]));
        let said = |anchor: usize| {
            let word = Word {
                device: key.id(),
                at: 1,
                page: None,
                anchor: Some("a".repeat(anchor)),
                head: None,
                writing: false,
                again: 4,
            };
            encode(commons, &word, &key)
        };
        let spare = MAX_BYTES - said(800).len();
        assert_eq!(said(800 + spare).len(), MAX_BYTES);
        assert!(decode(commons, &said(800 + spare)).is_some());
        assert_eq!(decode(commons, &said(801 + spare)), None);
    }

    #[test]
    fn a_word_counts_for_its_device_and_commons_only() {
        let key = DeviceKey::from_seed(&[1; 32]);
        let commons = CommonsId::new([2; 32]);
        let anchor = Some("1@ab".to_owned());
        let word = Word { device: key.id(), at: 1, page: None, anchor, head: None, writing: true, again: 4 };
        let bytes = encode(commons, &word, &key);
        assert_eq!(decode(commons, &bytes), Some(word.clone()));
        assert_eq!(decode(CommonsId::new([3; 32]), &bytes), None);
        let forged = encode(commons, &word, &DeviceKey::from_seed(&[9; 32]));
        assert_eq!(decode(commons, &forged), None);
        assert_eq!(decode(commons, &vec![0; MAX_BYTES + 1]), None);
    }
}
