//! The operations of a change, one after the other, from its columns.

use super::{
    ChunkError, Column, Frame, MAX_OPS,
    column::{Booleans, Differences, Runs, Value},
    number::Bytes,
};

/// An operation's id as a change has it: counter, and place of the actor among those that the change names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalId {
    pub(crate) counter: u64,
    pub(crate) actor: usize,
}

/// Where in its object an operation acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    /// Under a name.
    Name(&'a str),
    /// At the beginning.
    Head,
    /// At, or after, an element.
    Element(LocalId),
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Time(i64),
}

/// An operation.
#[derive(Debug)]
pub(crate) struct Row<'a, 'r> {
    /// The object, or nothing for the root.
    pub(crate) object: Option<LocalId>,
    pub(crate) key: Key<'a>,
    pub(crate) insert: bool,
    pub(crate) action: u64,
    pub(crate) value: Scalar<'a>,
    /// In order, each once.
    pub(crate) preds: &'r [LocalId],
}

/// The operations of a change. Every one must be asked for, and then [`Rows::done`].
#[derive(Debug)]
pub(crate) struct Rows<'f, 'a> {
    frame: &'f Frame<'a>,
    object_actor: Option<Runs<'a, u64>>,
    object_counter: Option<Runs<'a, u64>>,
    key_actor: Option<Runs<'a, u64>>,
    key_counter: Option<Differences<'a>>,
    key_string: Option<Runs<'a, &'a str>>,
    insert: Booleans<'a>,
    action: Runs<'a, u64>,
    value_meta: Runs<'a, u64>,
    values: Bytes<'a>,
    pred_count: Runs<'a, u64>,
    pred_actor: Option<Runs<'a, u64>>,
    pred_counter: Option<Differences<'a>>,
    preds: Vec<LocalId>,
    preds_left: u64,
    named: Vec<bool>,
}

impl<'f, 'a> Rows<'f, 'a> {
    pub(crate) fn new(frame: &'f Frame<'a>) -> Result<Self, ChunkError> {
        let differences = |column| {
            let data = frame.column(column);
            (!data.is_empty()).then(|| Differences::new(data))
        };
        let mut named = vec![false; frame.actors.len()];
        // A change need not refer to its own actor.
        if let Some(own) = named.first_mut() {
            *own = true;
        }
        Ok(Self {
            frame,
            object_actor: frame.runs(Column::ObjectActor),
            object_counter: frame.runs(Column::ObjectCounter),
            key_actor: frame.runs(Column::KeyActor),
            key_counter: differences(Column::KeyCounter),
            key_string: frame.runs(Column::KeyString),
            insert: frame.inserts(),
            action: frame.runs(Column::Action).ok_or(ChunkError::Malformed)?,
            value_meta: frame.runs(Column::ValueMeta).ok_or(ChunkError::Malformed)?,
            values: Bytes::new(frame.column(Column::Value)),
            pred_count: frame.runs(Column::PredCount).ok_or(ChunkError::Malformed)?,
            pred_actor: frame.runs(Column::PredActor),
            pred_counter: differences(Column::PredCounter),
            preds: Vec::new(),
            preds_left: MAX_OPS,
            named,
        })
    }

    /// The next operation.
    pub(crate) fn next(&mut self) -> Result<Row<'a, '_>, ChunkError> {
        let object = match (next(self.object_actor.as_mut())?, next(self.object_counter.as_mut())?) {
            (None, None) => None,
            (Some(actor), Some(counter)) => Some(self.id(actor, counter)?),
            _ => return Err(ChunkError::Malformed),
        };
        let counter = self.key_counter.as_mut().map_or(Ok(None), Differences::next)?;
        let key = match (next(self.key_string.as_mut())?, next(self.key_actor.as_mut())?, counter) {
            (Some(name), None, None) => Key::Name(name),
            (None, None, Some(0)) => Key::Head,
            (None, Some(actor), Some(counter)) => Key::Element(self.id(actor, counter)?),
            _ => return Err(ChunkError::Malformed),
        };
        let insert = self.insert.next()?;
        let action = self.action.some()?;
        let meta = self.value_meta.some()?;
        let value = scalar(meta, &mut self.values)?;
        self.read_preds()?;
        Ok(Row { object, key, insert, action, value, preds: &self.preds })
    }

    fn read_preds(&mut self) -> Result<(), ChunkError> {
        let count = self.pred_count.some()?;
        self.preds_left = self.preds_left.checked_sub(count).ok_or(ChunkError::TooManyOps)?;
        self.preds.clear();
        for _ in 0..count {
            let (Some(actors), Some(counters)) = (&mut self.pred_actor, &mut self.pred_counter) else {
                return Err(ChunkError::Malformed);
            };
            let (actor, counter) = (actors.some()?, counters.next()?.ok_or(ChunkError::Malformed)?);
            let id = self.id(actor, counter)?;
            // In the order of counters, then of the actors' bytes.
            if let Some(last) = self.preds.last() {
                let place = |id: &LocalId| (id.counter, self.frame.actors.get(id.actor));
                if place(last) >= place(&id) {
                    return Err(ChunkError::Canonical);
                }
            }
            self.preds.push(id);
        }
        Ok(())
    }

    fn id(&mut self, actor: u64, counter: u64) -> Result<LocalId, ChunkError> {
        let actor = usize::try_from(actor).map_err(|_| ChunkError::Malformed)?;
        *self.named.get_mut(actor).ok_or(ChunkError::Malformed)? = true;
        if counter == 0 {
            return Err(ChunkError::Malformed);
        }
        Ok(LocalId { counter, actor })
    }

    /// Whether every column was read to its end, and every actor named for a reason.
    pub(crate) fn done(&self) -> Result<(), ChunkError> {
        for column in [&self.object_actor, &self.object_counter, &self.key_actor, &self.pred_actor] {
            column.as_ref().map_or(Ok(()), Runs::done)?;
        }
        for column in [&self.key_counter, &self.pred_counter] {
            column.as_ref().map_or(Ok(()), Differences::done)?;
        }
        for column in [&self.action, &self.value_meta, &self.pred_count] {
            column.done()?;
        }
        self.key_string.as_ref().map_or(Ok(()), Runs::done)?;
        self.insert.done()?;
        if !self.values.is_empty() {
            return Err(ChunkError::Malformed);
        }
        if self.named.iter().all(|named| *named) { Ok(()) } else { Err(ChunkError::Canonical) }
    }
}

fn next<'a, V: Value<'a>>(column: Option<&mut Runs<'a, V>>) -> Result<Option<V>, ChunkError> {
    column.map_or(Ok(None), Runs::next)
}

/// The value of this kind and length, in the one form it can be written in.
fn scalar<'a>(meta: u64, values: &mut Bytes<'a>) -> Result<Scalar<'a>, ChunkError> {
    let len = usize::try_from(meta >> 4).map_err(|_| ChunkError::Malformed)?;
    let bytes = values.take(len)?;
    let whole = |read: fn(&mut Bytes<'a>) -> Result<Scalar<'a>, ChunkError>| {
        let mut rest = Bytes::new(bytes);
        let value = read(&mut rest)?;
        if rest.is_empty() { Ok(value) } else { Err(ChunkError::Canonical) }
    };
    match meta & 0xf {
        0..=2 if len > 0 => Err(ChunkError::Canonical),
        0 => Ok(Scalar::Null),
        1 => Ok(Scalar::Bool(false)),
        2 => Ok(Scalar::Bool(true)),
        3 => whole(|rest| rest.unsigned().map(Scalar::Unsigned)),
        4 => whole(|rest| rest.signed().map(Scalar::Signed)),
        5 => whole(|rest| rest.array().map(|bytes| Scalar::Float(f64::from_le_bytes(bytes)))),
        6 => std::str::from_utf8(bytes).map(Scalar::Text).map_err(|_| ChunkError::Malformed),
        7 => Ok(Scalar::Bytes(bytes)),
        9 => whole(|rest| rest.signed().map(Scalar::Time)),
        // Counters, and kinds that this format does not know.
        _ => Err(ChunkError::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: u64, bytes: &[u8]) -> Result<Scalar<'_>, ChunkError> {
        scalar((bytes.len() as u64) << 4 | kind, &mut Bytes::new(bytes))
    }

    #[test]
    fn a_value_reads_in_its_one_form_only() {
        for (kind, bytes, value) in [
            (0, &[][..], Scalar::Null),
            (1, &[], Scalar::Bool(false)),
            (2, &[], Scalar::Bool(true)),
            (3, &[0x80, 1], Scalar::Unsigned(128)),
            (4, &[0x7f], Scalar::Signed(-1)),
            (5, &1.5_f64.to_le_bytes(), Scalar::Float(1.5)),
            (6, "é".as_bytes(), Scalar::Text("é")),
            (7, &[1, 2], Scalar::Bytes(&[1, 2])),
            (9, &[3], Scalar::Time(3)),
        ] {
            assert_eq!(read(kind, bytes), Ok(value));
        }
        // None of these has bytes, and of these not one too many.
        for (kind, bytes) in [(0, &[0][..]), (1, &[0]), (2, &[0]), (3, &[1, 1]), (4, &[1, 1]), (9, &[1, 1])] {
            assert_eq!(read(kind, bytes), Err(ChunkError::Canonical), "{kind}");
        }
        for kind in [8, 10, 15] {
            assert_eq!(read(kind, &[1]), Err(ChunkError::Foreign));
        }
    }
}
