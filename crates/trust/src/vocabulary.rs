//! What changes of our documents may do, and the reading of a change's operations by that measure.
//!
//! After its genesis a page's change puts scalars under short keys of the root or deletes such, inserts characters into
//! the body, and deletes them; a ledger's puts statements under their keys and takes them back. Keys of a page that this
//! version does not know pass, so that a later one may write them. Anything else is refused, whatever Automerge would
//! make of it: no objects, no lists, no marks, no counters, no writing over what the genesis made.
//!
//! The answer depends on the bytes alone. What the operations refer to is only collected here, each with what it has to
//! be ([`Reference`]); references to operations of the same change are settled at once. `ancestry` looks up the others.
//!
//! Deliberately absent: whether a value makes sense. A statement that no version reads, and a title of control
//! characters, are kept; `commonplace-model` reads them leniently.

use commonplace_model::{DocKind, Folder, Page, Statement, StatementKey, Title, document::BODY};

use crate::{
    chunk::{Frame, Key, LocalId, Row, Rows, Scalar},
    gate::Refusal,
    outline::{DELETE, Kind, Outline, PUT},
};

/// What an operation of an earlier change must be, so that this one may refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need<'a> {
    /// An element of the body.
    Element,
    /// Something put under this key.
    Put(&'a str),
}

impl Need<'_> {
    pub(crate) fn is_met_by(self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::Element, Kind::Insert) => true,
            (Self::Put(needed), Kind::Put(key)) => **key == *needed,
            _ => false,
        }
    }
}

/// An operation of an earlier change that a change refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference<'a> {
    pub(crate) id: LocalId,
    pub(crate) need: Need<'a>,
}

/// What the operations of a change are, and what they refer to.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    pub(crate) outline: Outline,
    /// Sorted, each once: those to one change stand together.
    pub(crate) references: Vec<Reference<'a>>,
}

/// Reads the operations of a change of a document of this kind.
///
/// # Errors
/// When they are not well formed, are none of the kind's, or refer to ones that this change should have and has not.
pub(crate) fn read<'a>(frame: &Frame<'a>, kind: DocKind) -> Result<Script<'a>, Refusal> {
    let mut rows = Rows::new(frame)?;
    let mut reading = Reading { frame, kind, outline: Outline::new(frame.header.start_op), references: Vec::new() };
    for _ in 0..frame.header.ops {
        let row = rows.next()?;
        let kind = match kind {
            DocKind::Page => reading.page(&row),
            DocKind::Ledger => reading.ledger(&row),
        }?;
        reading.outline.push(kind, 1);
    }
    rows.done()?;
    let Reading { outline, mut references, .. } = reading;
    references.sort_unstable_by_key(|r| (r.id.actor, r.id.counter, r.need));
    references.dedup();
    Ok(Script { outline, references })
}

struct Reading<'f, 'a> {
    frame: &'f Frame<'a>,
    kind: DocKind,
    /// Of the operations read so far.
    outline: Outline,
    references: Vec<Reference<'a>>,
}

impl<'a> Reading<'_, 'a> {
    fn page(&mut self, row: &Row<'a, '_>) -> Result<Kind, Refusal> {
        match row.object {
            None => self.property(row),
            Some(object) if self.is_body(object) => self.character(row),
            Some(_) => Err(Refusal::Vocabulary),
        }
    }

    fn is_body(&self, object: LocalId) -> bool {
        object.counter == self.kind.genesis_max_op()
            && self.frame.actors.get(object.actor) == Some(&self.kind.genesis_actor())
    }

    fn property(&mut self, row: &Row<'a, '_>) -> Result<Kind, Refusal> {
        let Key::Name(key) = row.key else {
            return Err(Refusal::Vocabulary);
        };
        if row.insert || !is_property(key) {
            return Err(Refusal::Vocabulary);
        }
        match row.action {
            PUT if fits(key, &row.value) => self.put(key, row),
            // Putting what concurrent writers' values already show is written as deleting the hidden ones.
            DELETE => self.delete(key, row),
            _ => Err(Refusal::Vocabulary),
        }
    }

    fn character(&mut self, row: &Row<'a, '_>) -> Result<Kind, Refusal> {
        match (row.insert, row.action, row.key, row.value) {
            (true, PUT, Key::Head, Scalar::Text(text)) if is_character(text) && row.preds.is_empty() => {
                Ok(Kind::Insert)
            }
            (true, PUT, Key::Element(after), Scalar::Text(text)) if is_character(text) && row.preds.is_empty() => {
                self.refer(after, Need::Element)?;
                Ok(Kind::Insert)
            }
            // An element has one operation besides those that delete it: the one that inserted it, whose id it bears.
            (false, DELETE, Key::Element(element), Scalar::Null) if row.preds == [element] => {
                self.refer(element, Need::Element)?;
                Ok(Kind::Delete)
            }
            _ => Err(Refusal::Vocabulary),
        }
    }

    fn ledger(&mut self, row: &Row<'a, '_>) -> Result<Kind, Refusal> {
        let Key::Name(key) = row.key else {
            return Err(Refusal::Vocabulary);
        };
        if row.object.is_some() || row.insert || StatementKey::from_ledger(key).is_none() {
            return Err(Refusal::Vocabulary);
        }
        match (row.action, row.value) {
            (PUT, Scalar::Bytes(bytes)) if bytes.len() <= Statement::MAX_BYTES => self.put(key, row),
            (DELETE, _) => self.delete(key, row),
            _ => Err(Refusal::Vocabulary),
        }
    }

    /// Nothing is deleted that was not put.
    fn delete(&mut self, key: &'a str, row: &Row<'a, '_>) -> Result<Kind, Refusal> {
        if row.value != Scalar::Null || row.preds.is_empty() {
            return Err(Refusal::Vocabulary);
        }
        self.put(key, row)?;
        Ok(Kind::Delete)
    }

    /// An operation under a key takes the place of what was put under that key before.
    fn put(&mut self, key: &'a str, row: &Row<'a, '_>) -> Result<Kind, Refusal> {
        for pred in row.preds {
            self.refer(*pred, Need::Put(key))?;
        }
        Ok(Kind::Put(key.into()))
    }

    /// Notes a reference, or settles it when it is to an earlier operation of this change.
    fn refer(&mut self, id: LocalId, need: Need<'a>) -> Result<(), Refusal> {
        // The change's own actor is the first one named; of this change are its counters from the first one on.
        if id.actor == 0 && id.counter >= self.outline.start_op() {
            let met = self.outline.at(id.counter).is_some_and(|kind| need.is_met_by(kind));
            return if met { Ok(()) } else { Err(Refusal::Reference) };
        }
        self.references.push(Reference { id, need });
        Ok(())
    }
}

fn is_character(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some() && characters.next().is_none()
}

/// Whether this is the key of a property, and not of what the genesis made.
fn is_property(key: &str) -> bool {
    !matches!(key, "" | BODY | "commonplace") && key.len() <= Page::MAX_KEY_BYTES
}

/// Whether a property may have this value.
fn fits(key: &str, value: &Scalar<'_>) -> bool {
    match (key, value) {
        (Page::TITLE, Scalar::Text(text)) => text.len() <= Title::MAX_BYTES,
        (Page::FOLDER, Scalar::Text(text)) => text.len() <= Folder::MAX_BYTES,
        (Page::DELETED, value) => matches!(value, Scalar::Bool(_)),
        (Page::TITLE | Page::FOLDER, _) => false,
        (_, Scalar::Text(text)) => text.len() <= Page::MAX_PROPERTY_BYTES,
        (_, Scalar::Bytes(bytes)) => bytes.len() <= Page::MAX_PROPERTY_BYTES,
        (_, Scalar::Float(number)) => number.is_finite(),
        (_, Scalar::Null | Scalar::Bool(_) | Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Time(_)) => true,
    }
}
