//! A ledger: the statements of one member, who alone writes in it.

use std::collections::BTreeMap;

use automerge::{ActorId, ObjId, PatchAction, ROOT, ReadDoc, ScalarValue, Value, transaction::Transactable};

use crate::{
    document::{DocKind, Document, LocalChange},
    page::EditError,
    portion::{ChangeBounds, Work},
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
        bounds: &ChangeBounds,
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

    /// A device of the member, with what it made of the patches it saw.
    struct Device {
        ledger: Ledger,
        told: BTreeMap<StatementKey, Statement>,
        /// Of the changes of each device, how many it has.
        has: [usize; 2],
    }

    impl Device {
        fn new(n: u8) -> Self {
            let mut ledger = Ledger::default();
            ledger.document_mut().set_actor(Actor::new([n; 16]));
            Self { ledger, told: BTreeMap::new(), has: [0; 2] }
        }

        #[expect(clippy::disallowed_methods, reason = "these changes were made here")]
        fn hears(&mut self, changes: &[automerge::Change]) {
            let patches = self.ledger.document_mut().apply_ungated(changes.to_vec()).expect("applies");
            for (key, statement) in Ledger::read_patches(&patches) {
                match statement {
                    Some(statement) => drop(self.told.insert(key, statement)),
                    None => drop(self.told.remove(&key)),
                }
            }
        }
    }

    proptest::proptest! {
        /// Two devices of one member say and take back a few things, and hear of each other now and then, some of it at once
        /// and some one by one: what the patches tell, one after the other, is what the whole ledger says.
        #[test]
        fn what_patches_tell_one_by_one_is_what_the_whole_ledger_says(
            steps in proptest::collection::vec((0..2_usize, 0..4_u8, 0..6_u32), 1..60),
        ) {
            let mut devices = [Device::new(1), Device::new(2)];
            let mut made: [Vec<automerge::Change>; 2] = [Vec::new(), Vec::new()];
            for (at, what, which) in steps {
                let named = Statement::Profile { name: which.to_string(), ink: 1 };
                let said = if which % 2 == 0 { tag(&format!("t{which}")) } else { named };
                let other = 1 - at;
                let device = &mut devices[at];
                let change = match what {
                    0 | 1 => device.ledger.state(std::slice::from_ref(&said), &[]).expect("says"),
                    2 => device.ledger.state(&[], &[said.key()]).expect("takes back"),
                    _ => {
                        let fresh = &made[other][device.has[other]..];
                        device.has[other] += fresh.len();
                        if which % 2 == 0 { device.hears(fresh) } else { fresh.chunks(1).for_each(|one| device.hears(one)) }
                        None
                    }
                };
                if let Some(local) = change {
                    // What somebody says here is told without patches.
                    match what {
                        2 => drop(device.told.remove(&said.key())),
                        _ => drop(device.told.insert(said.key(), said)),
                    }
                    made[at].push(local.change);
                }
            }
            for at in 0..2 {
                let device = &mut devices[at];
                device.hears(&made[1 - at][device.has[1 - at]..]);
                let whole: BTreeMap<_, _> = device.ledger.statements().into_iter().collect();
                proptest::prop_assert_eq!(&device.told, &whole);
            }
            proptest::prop_assert_eq!(&devices[0].told, &devices[1].told);
        }
    }
}
