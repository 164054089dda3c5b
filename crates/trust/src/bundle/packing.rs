//! Packing changes into a bundle.

use std::collections::HashMap;

use commonplace_model::{Actor, ChangeHash, DocKind};

use super::{FORM, Known, UNKEPT, Writer, flag, stroke};
use crate::{
    chunk::{self, ChunkError, Composer, Frame, Head, Header, MAX_OP_COUNTER, MAX_OPS, write_signed, write_unsigned},
    deed::{Act, Deed, OpId},
};

/// The streams of a bundle: what is of one kind stands together.
#[derive(Debug, Default)]
struct Streams {
    /// A byte for each change, see [`flag`].
    flags: Vec<u8>,
    /// Numbers of changes that are not as expected.
    numbers: Vec<u8>,
    /// A byte for each operation, see [`stroke`].
    strokes: Vec<u8>,
    /// Where operations are that are not where their actor is.
    places: Vec<u8>,
    /// Characters that are inserted.
    text: Vec<u8>,
    /// Changes that are kept as they are.
    whole: Vec<u8>,
}

impl Streams {
    fn all(&self) -> [&[u8]; 6] {
        [&self.flags, &self.numbers, &self.strokes, &self.places, &self.text, &self.whole]
    }
}

/// Packs changes of a document of this kind, raw, each after those it builds on.
///
/// # Errors
/// When bytes are no change, or the checksum in them is wrong.
pub fn pack<'a>(kind: DocKind, changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, ChunkError> {
    let mut packer = Packer::new(kind);
    changes.into_iter().try_for_each(|change| packer.add(change))?;
    Ok(packer.finish())
}

/// Packs change after change.
#[derive(Debug)]
struct Packer {
    kind: DocKind,
    known: Known,
    streams: Streams,
    /// Places of changes and of actors.
    changes: HashMap<ChangeHash, usize>,
    writers: HashMap<Actor, usize>,
    /// Changes that are built on and are not here.
    outside: Vec<ChangeHash>,
    outside_places: HashMap<ChangeHash, usize>,
    composer: Composer,
    composed: Vec<u8>,
}

impl Packer {
    fn new(kind: DocKind) -> Self {
        Self {
            kind,
            known: Known::default(),
            streams: Streams::default(),
            changes: HashMap::new(),
            writers: HashMap::new(),
            outside: Vec::new(),
            outside_places: HashMap::new(),
            composer: Composer::default(),
            composed: Vec::new(),
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), ChunkError> {
        let frame = Frame::read(bytes)?;
        let hash = chunk::hash(bytes)?;
        let header = frame.header;
        let writer = self.writer(header.actor);
        match self.strokes(bytes, &header) {
            Some(acts) => {
                self.write_header(&header, writer, acts.len());
                self.write_acts(&header, writer, &acts);
            }
            None => {
                self.streams.flags.push(flag::WHOLE);
                let kept = bytes.get(UNKEPT..).unwrap_or_default();
                write_unsigned(kept.len() as u64, &mut self.streams.whole);
                self.streams.whole.extend_from_slice(kept);
            }
        }
        self.changes.insert(hash, self.known.changes.len());
        self.known.take(hash, &header, writer);
        Ok(())
    }

    /// The acts of a change that can be composed again from them.
    fn strokes(&mut self, bytes: &[u8], header: &Header) -> Option<Vec<Act>> {
        if self.kind != DocKind::Page || header.start_op > MAX_OP_COUNTER - MAX_OPS {
            return None;
        }
        let acts = Deed::read(bytes, self.kind).ok()?.acts;
        let head = Head { deps: &header.deps, actor: header.actor, seq: header.seq, start_op: header.start_op };
        self.composed.clear();
        let is_written = self.composer.write(&head, &acts, &mut self.composed);
        (is_written && bytes.get(UNKEPT..) == Some(&self.composed[..])).then_some(acts)
    }

    fn writer(&mut self, actor: Actor) -> usize {
        let writers = &mut self.known.writers;
        *self.writers.entry(actor).or_insert_with(|| {
            writers.push(Writer::new(actor));
            writers.len() - 1
        })
    }

    fn write_header(&mut self, header: &Header, writer: usize, operations: usize) {
        let mut flags = 0;
        let numbers = &mut self.streams.numbers;
        if self.known.last != Some(writer) {
            flags |= flag::ACTOR;
            write_unsigned(writer as u64, numbers);
        }
        let newest = self.known.writers.get(writer).map_or(0, |writer| writer.seq);
        if newest == 0 || header.seq != newest + 1 {
            flags |= flag::SEQ;
            write_unsigned(header.seq, numbers);
        }
        let before = self.known.changes.last().map(|(hash, _)| *hash);
        if before.is_none_or(|before| header.deps != [before]) {
            flags |= flag::DEPS;
            write_unsigned(header.deps.len() as u64, numbers);
            for dep in &header.deps {
                if let Some(place) = self.changes.get(dep) {
                    write_unsigned((self.known.changes.len() - place) as u64, numbers);
                } else {
                    let outside = &mut self.outside;
                    let place = *self.outside_places.entry(*dep).or_insert_with(|| {
                        outside.push(*dep);
                        outside.len() - 1
                    });
                    numbers.push(0);
                    write_unsigned(place as u64, numbers);
                }
            }
        }
        let counter = |dep: &ChangeHash| Some(self.known.changes.get(*self.changes.get(dep)?)?.1);
        let highest = header.deps.iter().map(counter).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        if highest.map(|highest| highest + 1) != Some(header.start_op) {
            flags |= flag::START;
            write_unsigned(header.start_op, numbers);
        }
        if operations != 1 {
            flags |= flag::MANY;
            write_unsigned(operations as u64, numbers);
        }
        self.streams.flags.push(flags);
    }

    fn write_acts(&mut self, header: &Header, writer: usize, acts: &[Act]) {
        for (id, act) in (header.start_op..).zip(acts) {
            let Some(here) = self.known.writers.get(writer).copied() else { continue };
            let (place, insert) = match act {
                Act::Insert { after, character } => {
                    self.streams.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    (*after, true)
                }
                Act::Delete { element } => (Some(*element), false),
                Act::Put { .. } | Act::Take { .. } => continue,
            };
            let next = here.at.map(|at| OpId { counter: at.counter.saturating_add(2), ..at });
            let kind = match place {
                None => stroke::INSERT_FIRST,
                Some(_) if place == here.at => {
                    if insert {
                        stroke::INSERT_HERE
                    } else {
                        stroke::DELETE_HERE
                    }
                }
                Some(_) if place == next && !insert => stroke::DELETE_NEXT,
                Some(id) => {
                    let difference = id.counter.wrapping_sub(here.counter()).cast_signed();
                    write_signed(difference, &mut self.streams.places);
                    let mut kind = if insert { stroke::INSERT_AT } else { stroke::DELETE_AT };
                    if id.actor != here.whose() {
                        kind |= stroke::OTHER;
                        let other = self.writer(id.actor);
                        write_unsigned(other as u64, &mut self.streams.places);
                    }
                    kind
                }
            };
            self.streams.strokes.push(kind);
            if let Some(writer) = self.known.writers.get_mut(writer) {
                writer.follow(act, id);
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        let mut out = vec![FORM];
        write_unsigned(self.known.writers.len() as u64, &mut out);
        self.known.writers.iter().for_each(|writer| out.extend_from_slice(writer.actor.as_bytes()));
        write_unsigned(self.outside.len() as u64, &mut out);
        self.outside.iter().for_each(|hash| out.extend_from_slice(hash.as_bytes()));
        for stream in self.streams.all() {
            write_unsigned(stream.len() as u64, &mut out);
            out.extend_from_slice(stream);
        }
        out
    }
}
