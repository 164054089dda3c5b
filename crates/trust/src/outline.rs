//! What each operation of a change is, in runs: all that later changes need to know of it.
//!
//! A page that was pasted in at once is one run, so that looking up one of its characters does not cost the page.

use commonplace_model::Actor;

use crate::chunk::{ChunkError, Column, Frame, Runs};

/// What an earlier change is to those that refer to its operations: whose, of which number, and what each of them is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    pub(crate) actor: Actor,
    pub(crate) seq: u64,
    pub(crate) outline: Outline,
}

impl Sketch {
    /// That of a change, from its bytes. Nothing when they are none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let frame = Frame::read(bytes).ok()?;
        let outline = Outline::of(&frame).ok()?;
        Some(Self { actor: frame.header.actor, seq: frame.header.seq, outline })
    }

    /// Whether the operation with this counter is one of the change's.
    pub fn has(&self, counter: u64) -> bool {
        self.outline.at(counter).is_some()
    }
}

/// What an operation is to those that refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It inserts into the body of a page: an element.
    Insert,
    /// It puts something under this key of the root.
    Put(Box<str>),
    /// It deletes: nothing ever refers to it.
    Delete,
}

/// The kinds of a change's operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    start_op: u64,
    /// Operations up to and with the run's last, and what they are.
    runs: Vec<(u64, Kind)>,
}

impl Outline {
    pub(crate) fn new(start_op: u64) -> Self {
        Self { start_op, runs: Vec::new() }
    }

    /// Operations in it.
    pub(crate) fn len(&self) -> u64 {
        self.runs.last().map_or(0, |(end, _)| *end)
    }

    /// Runs in it: what it costs to keep.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn start_op(&self) -> u64 {
        self.start_op
    }

    /// The counter of its last operation.
    pub(crate) fn max_op(&self) -> u64 {
        (self.start_op + self.len()).saturating_sub(1)
    }

    pub(crate) fn push(&mut self, kind: Kind, count: u64) {
        let end = self.len() + count;
        match self.runs.last_mut() {
            Some((last, same)) if *same == kind => *last = end,
            _ => self.runs.push((end, kind)),
        }
    }

    /// Whether something is put under a key that begins so.
    pub(crate) fn puts_under(&self, beginning: &str) -> bool {
        self.runs.iter().any(|(_, kind)| matches!(kind, Kind::Put(key) if key.starts_with(beginning)))
    }

    /// What the operation of this counter is, if it is one of this change.
    pub(crate) fn at(&self, counter: u64) -> Option<&Kind> {
        let place = counter.checked_sub(self.start_op)?;
        let run = self.runs.partition_point(|(end, _)| *end <= place);
        self.runs.get(run).map(|(_, kind)| kind)
    }

    /// The outline of a change that passed the gate before. Costs its runs, not its operations.
    pub(crate) fn of(frame: &Frame<'_>) -> Result<Self, ChunkError> {
        let mut outline = Self::new(frame.header.start_op);
        let mut inserts = frame.inserts();
        let mut actions = frame.runs::<u64>(Column::Action).ok_or(ChunkError::Malformed)?;
        let mut names = frame.runs::<&str>(Column::KeyString);
        while outline.len() < frame.header.ops {
            let (insert, most) = inserts.run()?;
            let (action, among) = actions.run()?;
            let (name, named) = names.as_mut().map_or(Ok((None, u64::MAX)), Runs::run)?;
            let count = most.min(among).min(named);
            let kind = match (insert, action, name) {
                (true, ..) => Kind::Insert,
                (false, Some(PUT), Some(name)) => Kind::Put(name.into()),
                _ => Kind::Delete,
            };
            outline.push(kind, count);
            inserts.pass(count);
            actions.pass(count);
            if let Some(names) = &mut names {
                names.pass(count);
            }
        }
        Ok(outline)
    }
}

/// The action that puts a value, and that inserts one.
pub(crate) const PUT: u64 = 1;
/// The action that deletes.
pub(crate) const DELETE: u64 = 3;
