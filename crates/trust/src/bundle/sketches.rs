//! What the changes of a bundle are to those that refer to them.

use std::collections::BTreeMap;

use commonplace_model::{Actor, ChangeHash};

use super::{BundleError, Most, flag, stroke, unpacking::Unpacker};
use crate::{
    chunk::Frame,
    outline::{Kind, Outline, Sketch},
};

/// What the changes of a bundle are to those that refer to them, without any of them being composed.
#[derive(Debug, Default)]
pub struct Sketches {
    actors: Vec<Actor>,
    /// By the place of its actor and its first counter.
    changes: BTreeMap<(usize, u64), Drawn>,
    /// Of each operation of those that are not kept as they are, whether it inserts.
    inserts: Vec<bool>,
}

/// A change of them.
#[derive(Debug)]
struct Drawn {
    seq: u64,
    operations: Operations,
}

#[derive(Debug)]
enum Operations {
    /// These of [`Sketches::inserts`].
    Strokes {
        first: u32,
        count: u32,
    },
    Whole(Box<Outline>),
}

impl Sketches {
    /// Reads them from a bundle.
    ///
    /// # Errors
    /// As [`unpack`].
    pub fn read(bundle: &[u8], most: Most) -> Result<Self, BundleError> {
        let mut unpacker = Unpacker::read(bundle)?;
        if unpacker.flags.len() > most.changes {
            return Err(BundleError::TooMuch);
        }
        let actors = unpacker.known.writers.iter().map(|writer| writer.actor).collect();
        let mut sketches = Self { actors, ..Self::default() };
        while let Some(flags) = unpacker.flags()? {
            let (by, header, operations) = if flags == flag::WHOLE {
                let bytes = unpacker.whole()?;
                let frame = Frame::read(&bytes)?;
                let outline = Outline::of(&frame)?;
                (unpacker.writer(frame.header.actor)?, frame.header, Operations::Whole(Box::new(outline)))
            } else {
                let (by, header) = unpacker.header(flags)?;
                let first = u32::try_from(sketches.inserts.len()).map_err(|_| BundleError::TooMuch)?;
                let count = u32::try_from(header.ops).map_err(|_| BundleError::TooMuch)?;
                let kinds = unpacker.strokes.take(count as usize)?;
                sketches.inserts.extend(kinds.iter().map(|kind| stroke::inserts(*kind)));
                (by, header, Operations::Strokes { first, count })
            };
            sketches.changes.insert((by, header.start_op), Drawn { seq: header.seq, operations });
            // Hashes are not needed for this.
            unpacker.known.take(ChangeHash::new([0; ChangeHash::LEN]), &header, by);
        }
        Ok(sketches)
    }

    /// That of the change of an actor that has the operation with this counter.
    pub fn reaching(&self, actor: &Actor, counter: u64) -> Option<Sketch> {
        let by = self.actors.iter().position(|other| other == actor)?;
        let ((_, start_op), Drawn { seq, operations }) = self.changes.range((by, 0)..=(by, counter)).next_back()?;
        let outline = match operations {
            Operations::Whole(outline) => (**outline).clone(),
            Operations::Strokes { first, count } => {
                let mut outline = Outline::new(*start_op);
                for inserts in self.inserts.iter().skip(*first as usize).take(*count as usize) {
                    outline.push(if *inserts { Kind::Insert } else { Kind::Delete }, 1);
                }
                outline
            }
        };
        let sketch = Sketch { actor: *actor, seq: *seq, outline };
        sketch.has(counter).then_some(sketch)
    }

    /// Bytes that they take in memory, about.
    pub fn size(&self) -> usize {
        self.changes.len() * 2 * size_of::<((usize, u64), Drawn)>() + self.inserts.len()
    }
}
