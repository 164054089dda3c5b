//! A ledger: the statements of one member, who alone writes in it.

use std::collections::BTreeMap;

use automerge::{ActorId, ObjId, PatchAction, ROOT, ReadDoc, ScalarValue, Value, transaction::Transactable};

use crate::{
    document::{DocKind, Document, LocalChange},
    page::EditError,
    portion::{Bounds, Work},
    statement::{Statement, StatementKey},
};

/// A ledger.
#[derive(Debug)]
pub struct Ledger(Document);

impl Default for Ledger {
    fn default() -> Self {
        Self(Document::new(DocKind::Ledger))
    }
}

impl Ledger {
    /// The ledger in a document, if it is one of that kind.
    pub fn from_document(document: Document) -> Option<Self> {
        (document.kind() == DocKind::Ledger).then_some(Self(document))
    }

    /// The document it is.
    pub fn document(&self) -> &Document {
        &self.0
    }

    /// The document it is, to be changed.
    pub fn document_mut(&mut self) -> &mut Document {
        &mut self.0
    }

    /// All statements that this version knows, the oldest first.
    pub fn statements(&self) -> Vec<(StatementKey, Statement)> {
        let keys: Vec<String> = self.0.doc.keys(ROOT).collect();
        let mut all: Vec<_> = keys.iter().filter_map(|key| Some((self.said(key)?, self.statement(key)?))).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.into_iter().map(|(_, statement)| statement).collect()
    }

    /// When something was said, relative to what else was.
    fn said(&self, key: &str) -> Option<(u64, ActorId)> {
        match self.0.doc.get(ROOT, key).ok()?? {
            (_, ObjId::Id(counter, actor, _)) => Some((counter, actor)),
            _ => None,
        }
    }

    fn statement(&self, key: &str) -> Option<(StatementKey, Statement)> {
        let key = StatementKey::from_ledger(key)?;
        let (value, _) = self.0.doc.get(ROOT, key.as_str()).ok()??;
        let statement = Statement::decode(value.as_bytes()?)?;
        // Under another key it would be said twice.
        (statement.key() == key).then_some((key, statement))
    }

    /// Says these things and takes those back, in one change; `None` when that changes nothing.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn state(
        &mut self,
        say: &[Statement],
        unsay: &[StatementKey],
    ) -> Result<Option<LocalChange>, automerge::AutomergeError> {
        let puts = self.puts(say, unsay);
        self.0.change(|tx| {
            for (key, value) in puts {
                match value {
                    Some(value) => tx.put(ROOT, key, value)?,
                    None => tx.delete(ROOT, key)?,
                }
            }
            Ok(())
        })
    }

    /// The same for any number of things, in as few changes as the bounds allow: to be kept together or not at all.
    ///
    /// # Errors
    /// When the document refuses; it is then to be dropped.
    pub fn make(
        &mut self,
        say: &[Statement],
        unsay: &[StatementKey],
        bounds: &Bounds,
    ) -> Result<Vec<LocalChange>, EditError> {
        let work = Work { puts: self.puts(say, unsay), ..Work::default() };
        self.0.make(&work, bounds, &mut |_| Vec::new())
    }

    /// What saying and taking back puts under which keys, what changes nothing left out.
    fn puts(&self, say: &[Statement], unsay: &[StatementKey]) -> Vec<(String, Option<ScalarValue>)> {
        // Of several with one key the last is meant.
        let said: BTreeMap<_, _> = say.iter().map(|s| (s.key(), s)).collect();
        let new = said
            .into_iter()
            .filter(|(key, s)| self.statement(key.as_str()).as_ref().map(|(_, old)| old) != Some(*s))
            .map(|(key, s)| (key.as_str().to_owned(), Some(ScalarValue::Bytes(s.encode()))));
        let is_there = |key: &&StatementKey| matches!(self.0.doc.get(ROOT, key.as_str()), Ok(Some(_)));
        let gone = unsay.iter().filter(is_there).map(|key| (key.as_str().to_owned(), None));
        new.chain(gone).collect()
    }

    /// What patches of a ledger's document say and take back.
    pub fn read_patches(patches: &[automerge::Patch]) -> Vec<(StatementKey, Option<Statement>)> {
        patches
            .iter()
            .filter_map(|patch| match &patch.action {
                PatchAction::PutMap { key, value: (Value::Scalar(value), _), .. } => {
                    let key = StatementKey::from_ledger(key)?;
                    let said = match value.as_ref() {
                        ScalarValue::Bytes(bytes) => Statement::decode(bytes).filter(|s| s.key() == key),
                        _ => None,
                    };
                    Some((key, said))
                }
                PatchAction::DeleteMap { key } => Some((StatementKey::from_ledger(key)?, None)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Actor, PageId};

    fn tag(word: &str) -> Statement {
        Statement::Tag { page: PageId::new([1; 16]), tag: word.parse().expect("a tag") }
    }

    #[test]
    fn what_is_said_can_be_taken_back() {
        let mut ledger = Ledger::default();
        ledger.document_mut().set_actor(Actor::new([3; 16]));
        assert!(ledger.state(&[tag("a"), tag("b")], &[]).expect("says").is_some());
        assert!(ledger.state(&[tag("a")], &[]).expect("said before").is_none());
        assert!(ledger.state(&[], &[tag("a").key()]).expect("takes back").is_some());
        assert!(ledger.state(&[], &[tag("a").key()]).expect("was taken back").is_none());
        let left: Vec<_> = ledger.statements().into_iter().map(|(_, s)| s).collect();
        assert_eq!(left, vec![tag("b")]);
    }

    #[test]
    fn of_what_is_said_twice_at_once_the_last_counts() {
        let mut ledger = Ledger::default();
        ledger.document_mut().set_actor(Actor::new([3; 16]));
        let named = |name: &str| Statement::Profile { name: name.to_owned(), ink: 1 };
        assert!(ledger.state(&[named("a")], &[]).expect("says").is_some());
        assert!(ledger.state(&[named("b"), named("a")], &[]).expect("said before").is_none());
        assert!(ledger.state(&[named("a"), named("b")], &[]).expect("says").is_some());
        let left: Vec<_> = ledger.statements().into_iter().map(|(_, s)| s).collect();
        assert_eq!(left, vec![named("b")]);
    }
}
