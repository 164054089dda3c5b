//! Writing the changes of a bundle again.

use std::collections::{HashMap, hash_map::Entry};

use commonplace_model::{Actor, ChangeHash};

use super::{BundleError, FORM, Known, MAGIC, Most, UNKEPT, Unbundled, Writer, flag, stroke};
use crate::{
    chunk::{self, Bytes, Composer, Head, Header, MAX_CHANGE_BYTES, MAX_DEPS, MAX_OP_COUNTER, MAX_OPS},
    deed::{Act, OpId},
};

/// The changes of a bundle, as they were packed.
///
/// # Errors
/// When the bytes are no bundle, or one of more than `most`.
pub fn unpack(bundle: &[u8], most: Most) -> Result<Vec<Unbundled>, BundleError> {
    let mut unpacker = Unpacker::read(bundle)?;
    if unpacker.flags.len() > most.changes {
        return Err(BundleError::TooMuch);
    }
    let mut changes = Vec::with_capacity(unpacker.flags.len());
    let mut room = most.bytes;
    while let Some(change) = unpacker.next()? {
        room = room.checked_sub(change.bytes.len()).ok_or(BundleError::TooMuch)?;
        changes.push(change);
    }
    unpacker.done()?;
    Ok(changes)
}

/// What a change begins with, and zeros in the place of the checksum until its hash is known.
fn begun(room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(UNKEPT + room);
    bytes.extend_from_slice(&MAGIC);
    bytes.resize(UNKEPT, 0);
    bytes
}

/// Unpacks change after change.
pub(super) struct Unpacker<'a> {
    pub(super) known: Known,
    /// Places of actors.
    writers: HashMap<Actor, usize>,
    /// Whether anything was by each of them, or at a place of theirs; and whether anything built on each of those outside.
    is_named: Vec<bool>,
    outside: Vec<ChangeHash>,
    is_built_on: Vec<bool>,
    pub(super) flags: Bytes<'a>,
    numbers: Bytes<'a>,
    pub(super) strokes: Bytes<'a>,
    places: Bytes<'a>,
    text: std::str::Chars<'a>,
    whole: Bytes<'a>,
    composer: Composer,
    acts: Vec<Act>,
}

impl<'a> Unpacker<'a> {
    pub(super) fn read(bundle: &'a [u8]) -> Result<Self, BundleError> {
        let mut rest = Bytes::new(bundle);
        if rest.array::<1>()? != [FORM] {
            return Err(BundleError::Form);
        }
        let (mut known, mut writers) = (Known::default(), HashMap::new());
        for place in 0..rest.length()? {
            let actor = Actor::new(rest.array()?);
            // One that were there twice would be another one to whoever looks by places.
            let Entry::Vacant(entry) = writers.entry(actor) else { return Err(BundleError::Malformed) };
            entry.insert(place);
            known.writers.push(Writer::new(actor));
        }
        let mut outside = Vec::new();
        for _ in 0..rest.unsigned()? {
            outside.push(ChangeHash::new(rest.array()?));
        }
        let mut stream = || rest.string();
        let [flags, numbers, strokes, places] = [stream()?, stream()?, stream()?, stream()?].map(Bytes::new);
        let text = std::str::from_utf8(stream()?).map_err(|_| BundleError::Malformed)?.chars();
        let whole = Bytes::new(stream()?);
        if !rest.is_empty() {
            return Err(BundleError::Malformed);
        }
        let (composer, acts) = (Composer::default(), Vec::new());
        let (is_named, is_built_on) = (vec![false; known.writers.len()], vec![false; outside.len()]);
        Ok(Self {
            known,
            writers,
            is_named,
            outside,
            is_built_on,
            flags,
            numbers,
            strokes,
            places,
            text,
            whole,
            composer,
            acts,
        })
    }

    /// How the next change differs from what is expected.
    pub(super) fn flags(&mut self) -> Result<Option<u8>, BundleError> {
        if self.flags.is_empty() {
            return Ok(None);
        }
        let [flags] = self.flags.array()?;
        Ok(Some(flags))
    }

    /// The next change of those that are kept as they are, but for its checksum.
    pub(super) fn whole(&mut self) -> Result<Vec<u8>, BundleError> {
        let kept = self.whole.string()?;
        let mut bytes = begun(kept.len());
        bytes.extend_from_slice(kept);
        Ok(bytes)
    }

    fn next(&mut self) -> Result<Option<Unbundled>, BundleError> {
        let Some(flags) = self.flags()? else { return Ok(None) };
        let (by, header, mut bytes) = if flags == flag::WHOLE {
            let bytes = self.whole()?;
            let header = chunk::read(&bytes)?;
            (self.writer(header.actor)?, header, bytes)
        } else {
            let mut bytes = begun(192);
            let (by, header) = self.compose(flags, &mut bytes)?;
            (by, header, bytes)
        };
        let hash = chunk::seal(&mut bytes)?;
        self.known.take(hash, &header, by);
        Ok(Some(Unbundled { hash, header, bytes }))
    }

    pub(super) fn writer(&mut self, actor: Actor) -> Result<usize, BundleError> {
        let place = *self.writers.get(&actor).ok_or(BundleError::Malformed)?;
        self.named(place)?;
        Ok(place)
    }

    /// Notes that something has to do with an actor; gives it.
    fn named(&mut self, place: usize) -> Result<Writer, BundleError> {
        *self.is_named.get_mut(place).ok_or(BundleError::Malformed)? = true;
        self.known.writers.get(place).copied().ok_or(BundleError::Malformed)
    }

    /// The bytes of the next change, and its actor's place.
    fn compose(&mut self, flags: u8, bytes: &mut Vec<u8>) -> Result<(usize, Header), BundleError> {
        let (by, header) = self.header(flags)?;
        self.read_acts(by, header.start_op, header.ops)?;
        let head = Head { deps: &header.deps, actor: header.actor, seq: header.seq, start_op: header.start_op };
        let fits = self.composer.write(&head, &self.acts, bytes);
        if !fits || bytes.len() > MAX_CHANGE_BYTES { Err(BundleError::Malformed) } else { Ok((by, header)) }
    }

    /// What the next change says of itself, and the place of its actor.
    pub(super) fn header(&mut self, flags: u8) -> Result<(usize, Header), BundleError> {
        let number = |numbers: &mut Bytes<'a>| numbers.length().map_err(BundleError::from);
        let by = if flags & flag::ACTOR == 0 {
            self.known.last.ok_or(BundleError::Malformed)?
        } else {
            number(&mut self.numbers)?
        };
        let writer = self.named(by)?;
        let seq = if flags & flag::SEQ == 0 { writer.seq + 1 } else { self.numbers.unsigned()? };
        let (mut deps, mut highest) = (Vec::with_capacity(1), Some(0));
        if flags & flag::DEPS == 0 {
            let (hash, counter) = *self.known.changes.last().ok_or(BundleError::Malformed)?;
            deps.push(hash);
            highest = Some(counter);
        } else {
            let count = self.numbers.unsigned()?;
            if count > MAX_DEPS {
                return Err(BundleError::Malformed);
            }
            for _ in 0..count {
                let back = number(&mut self.numbers)?;
                if back == 0 {
                    let place = number(&mut self.numbers)?;
                    deps.push(*self.outside.get(place).ok_or(BundleError::Malformed)?);
                    *self.is_built_on.get_mut(place).ok_or(BundleError::Malformed)? = true;
                    highest = None;
                } else {
                    let place = self.known.changes.len().checked_sub(back).ok_or(BundleError::Malformed)?;
                    let (hash, counter) = *self.known.changes.get(place).ok_or(BundleError::Malformed)?;
                    deps.push(hash);
                    highest = highest.map(|highest| highest.max(counter));
                }
            }
        }
        let start_op = if flags & flag::START == 0 {
            highest.filter(|_| !deps.is_empty()).ok_or(BundleError::Malformed)? + 1
        } else {
            self.numbers.unsigned()?
        };
        let ops = if flags & flag::MANY == 0 { 1 } else { self.numbers.unsigned()? };
        // As for any change; and nothing that is counted on from these is too large a number then.
        if seq > MAX_OP_COUNTER || ops == 0 || ops > MAX_OPS || start_op > MAX_OP_COUNTER - MAX_OPS {
            return Err(BundleError::Malformed);
        }
        Ok((by, Header { deps, actor: writer.actor, seq, start_op, ops }))
    }

    /// The acts of a change, of which there are at most as many as there are bytes.
    fn read_acts(&mut self, by: usize, start_op: u64, operations: u64) -> Result<(), BundleError> {
        self.acts.clear();
        if operations > self.strokes.len() as u64 {
            return Err(BundleError::Malformed);
        }
        for id in (start_op..).take(usize::try_from(operations).unwrap_or(0)) {
            let [kind] = self.strokes.array()?;
            let here = self.known.writers.get(by).ok_or(BundleError::Malformed)?;
            let at = || here.at.ok_or(BundleError::Malformed);
            let (insert, place) = match kind & !stroke::OTHER {
                stroke::INSERT_HERE => (true, Some(at()?)),
                stroke::DELETE_HERE => (false, Some(at()?)),
                stroke::DELETE_NEXT => {
                    let at = at()?;
                    (false, Some(OpId { counter: at.counter.saturating_add(2), ..at }))
                }
                stroke::INSERT_FIRST => (true, None),
                kind @ (stroke::INSERT_AT | stroke::DELETE_AT) => {
                    let counter = here.counter().wrapping_add_signed(self.places.signed()?);
                    (kind == stroke::INSERT_AT, Some(OpId { counter, actor: here.whose() }))
                }
                _ => return Err(BundleError::Malformed),
            };
            let place = match place {
                Some(at) if kind & stroke::OTHER != 0 => {
                    let other = self.places.length()?;
                    let actor = self.named(other)?.actor;
                    Some(OpId { actor, ..at })
                }
                place => place,
            };
            let act = match (insert, place) {
                (true, after) => Act::Insert { after, character: self.text.next().ok_or(BundleError::Malformed)? },
                (false, Some(element)) => Act::Delete { element },
                (false, None) => return Err(BundleError::Malformed),
            };
            if let Some(writer) = self.known.writers.get_mut(by) {
                writer.follow(&act, id);
            }
            self.acts.push(act);
        }
        Ok(())
    }

    /// Whether all was needed.
    fn done(&self) -> Result<(), BundleError> {
        let streams = [self.numbers, self.strokes, self.places, self.whole];
        let empty = streams.iter().all(Bytes::is_empty) && self.text.as_str().is_empty();
        let named = self.is_named.iter().chain(&self.is_built_on).all(|is_needed| *is_needed);
        if empty && named { Ok(()) } else { Err(BundleError::Malformed) }
    }
}
