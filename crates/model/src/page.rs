//! A page: title, folder and a Markdown body that any member writes in.

use std::ops::Range;

use automerge::{
    Cursor, CursorPosition, MoveCursor, ObjId, PatchAction, ROOT, ReadDoc, ScalarValue,
    transaction::{Transactable, Transaction},
};

use crate::{
    document::{BODY, DocKind, Document, LocalChange},
    name::{Folder, Title},
    portion::{ChangeBounds, Work},
    text::Splice,
};

/// What a page's local or remote change did, for those who show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageChange {
    /// Edits of the body, each to be made after those before it.
    pub splices: Vec<Splice>,
    /// Whether title, folder or deletion changed.
    pub properties: bool,
}

/// An edit of any size: what becomes of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageEdit {
    /// Edits of the body, each to be made after those before it.
    pub splices: Vec<Splice>,
    /// The title that it gets.
    pub title: Option<Title>,
    /// The folder that it is put in.
    pub folder: Option<Folder>,
    /// Whether it is deleted.
    pub deleted: Option<bool>,
    /// Keys under which the changes say something of themselves.
    pub mark_keys: Vec<String>,
}

/// An edit that does not fit the page.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It reaches beyond the end of the text.
    #[error("the edit reaches beyond the end of the text")]
    OutOfRange,
    /// The document refused it.
    #[error("the document refused the edit")]
    Document(#[from] automerge::AutomergeError),
}

/// A page.
#[derive(Debug)]
pub struct Page(Document);

impl Default for Page {
    fn default() -> Self {
        Self(Document::new(DocKind::Page))
    }
}

impl Page {
    /// Key of the title: a string of at most [`Title::MAX_BYTES`].
    pub const TITLE: &str = "title";
    /// Key of the folder: a string of at most [`Folder::MAX_BYTES`].
    pub const FOLDER: &str = "folder";
    /// Key of whether it is deleted: a boolean.
    pub const DELETED: &str = "deleted";
    /// Bytes that the key of a property may have, those of later versions included.
    pub const MAX_KEY_BYTES: usize = 64;
    /// Bytes that a property may have, those of later versions included.
    pub const MAX_PROPERTY_BYTES: usize = 4_096;
    /// Bytes of UTF-8 that a page's body may have.
    pub const MAX_BODY_BYTES: usize = 5_000_000;

    /// The page in a document, if it is one of that kind.
    pub fn from_document(document: Document) -> Option<Self> {
        (document.kind() == DocKind::Page).then_some(Self(document))
    }

    /// The document it is.
    pub fn document(&self) -> &Document {
        &self.0
    }

    /// The document it is, to be changed.
    pub fn document_mut(&mut self) -> &mut Document {
        &mut self.0
    }

    /// Its title.
    pub fn title(&self) -> Title {
        Title::lenient(&self.0.string(Self::TITLE).unwrap_or_default())
    }

    /// The folder it is in.
    pub fn folder(&self) -> Folder {
        Folder::lenient(&self.0.string(Self::FOLDER).unwrap_or_default())
    }

    /// Whether it is deleted. A deleted page keeps its text and can be restored.
    pub fn deleted(&self) -> bool {
        self.0.flag(Self::DELETED)
    }

    /// Its Markdown. Costs 2 ms for 100,000 characters.
    pub fn body(&self) -> String {
        self.0.doc.text(self.0.body_id()).unwrap_or_default()
    }

    /// UTF-16 code units in its body.
    pub fn body_len(&self) -> u32 {
        u32::try_from(self.0.doc.length(self.0.body_id())).unwrap_or(u32::MAX)
    }

    /// Gives it its first title, folder and text, in one change.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn begin(&mut self, title: &Title, folder: &Folder, body: &str) -> Result<Option<LocalChange>, EditError> {
        let id = self.0.body_id();
        self.0.change(|tx| {
            tx.put(ROOT, Self::TITLE, title.as_str())?;
            if !folder.as_str().is_empty() {
                tx.put(ROOT, Self::FOLDER, folder.as_str())?;
            }
            if !body.is_empty() {
                tx.splice_text(&id, 0, 0, body)?;
            }
            Ok(())
        })
    }

    /// Makes edits of the body, in order, as one change.
    ///
    /// # Errors
    /// When one reaches beyond the end of the text; nothing is then changed.
    pub fn edit(&mut self, splices: &[Splice]) -> Result<Option<LocalChange>, EditError> {
        let (id, len) = (self.0.body_id(), self.body_len());
        self.0.change(|tx| splice(tx, &id, len, splices))
    }

    /// Makes an edit of any size, in as few changes as the bounds allow: they are one edit, to be kept together or not at all.
    /// `marks` says what each change says of itself, by which of the inserted characters are in it, counted through them all.
    ///
    /// # Errors
    /// When an edit of the body reaches beyond the end of the text; nothing is then changed. When the document refuses; it is
    /// then to be dropped.
    pub fn make(
        &mut self,
        edit: &PageEdit,
        bounds: &ChangeBounds,
        mut marks: impl FnMut(Range<usize>) -> Vec<(String, Vec<u8>)>,
    ) -> Result<Vec<LocalChange>, EditError> {
        let text = |key: &str, text: &str| (key.to_owned(), Some(ScalarValue::Str(text.into())));
        let mut puts = Vec::new();
        // What is so already is not put again.
        let named = |to: &&Title| self.0.string(Self::TITLE).is_some() && self.title() == **to;
        puts.extend(edit.title.as_ref().filter(|to| !named(to)).map(|to| text(Self::TITLE, to.as_str())));
        puts.extend(edit.folder.as_ref().filter(|to| self.folder() != **to).map(|to| text(Self::FOLDER, to.as_str())));
        let deleted = edit.deleted.filter(|to| self.deleted() != *to);
        puts.extend(deleted.map(|to| (Self::DELETED.to_owned(), Some(ScalarValue::Boolean(to)))));
        let work = Work { puts, splices: &edit.splices, mark_keys: edit.mark_keys.clone() };
        self.0.make(&work, bounds, &mut marks)
    }

    /// Gives it another title and folder.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn rename(&mut self, title: &Title, folder: &Folder) -> Result<Option<LocalChange>, EditError> {
        let (same_title, same_folder) = (self.title() == *title, self.folder() == *folder);
        self.0.change(|tx| {
            if !same_title {
                tx.put(ROOT, Self::TITLE, title.as_str())?;
            }
            if !same_folder {
                tx.put(ROOT, Self::FOLDER, folder.as_str())?;
            }
            Ok(())
        })
    }

    /// Deletes or restores it.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn set_deleted(&mut self, deleted: bool) -> Result<Option<LocalChange>, EditError> {
        if self.deleted() == deleted {
            return Ok(None);
        }
        self.0.change(|tx| Ok(tx.put(ROOT, Self::DELETED, deleted)?))
    }

    /// What patches of this page's document mean.
    pub fn read_patches(patches: Vec<automerge::Patch>) -> PageChange {
        let mut change = PageChange::default();
        for patch in patches {
            let in_body =
                patch.path.last().is_some_and(|(_, prop)| matches!(prop, automerge::Prop::Map(k) if k == BODY));
            let at = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
            match patch.action {
                PatchAction::SpliceText { index, value, .. } if in_body => {
                    change.splices.push(Splice { at: at(index), delete: 0, insert: value.make_string() });
                }
                PatchAction::DeleteSeq { index, length } if in_body => {
                    change.splices.push(Splice { at: at(index), delete: at(length), insert: String::new() });
                }
                _ => change.properties = true,
            }
        }
        change
    }

    /// A place in the text that stays with its words while others edit; `None` beyond the end.
    pub fn anchor(&self, position: u32) -> Option<String> {
        let at =
            if position >= self.body_len() { CursorPosition::End } else { CursorPosition::Index(position as usize) };
        let cursor = self.0.doc.get_cursor_moving(self.0.body_id(), at, None, MoveCursor::Before).ok()?;
        Some(cursor.to_string())
    }

    /// Where a place made by [`Page::anchor`], here or on another device, is now; `None` if it is no place of this page.
    pub fn resolve(&self, anchor: &str) -> Option<u32> {
        // Automerge's reader panics on an empty text and on one that does not start with an ASCII character.
        if anchor.len() > 128 || !anchor.is_ascii() || anchor.is_empty() {
            return None;
        }
        let cursor = Cursor::try_from(anchor).ok()?;
        let at = self.0.doc.get_cursor_position(self.0.body_id(), &cursor, None).ok()?;
        u32::try_from(at).ok()
    }
}

fn splice(tx: &mut Transaction<'_>, id: &ObjId, len: u32, splices: &[Splice]) -> Result<(), EditError> {
    let mut len = u64::from(len);
    for splice in splices {
        if u64::from(splice.at) + u64::from(splice.delete) > len {
            return Err(EditError::OutOfRange);
        }
        let delete = isize::try_from(splice.delete).map_err(|_| EditError::OutOfRange)?;
        tx.splice_text(id, splice.at as usize, delete, &splice.insert)?;
        len = len - u64::from(splice.delete) + u64::from(crate::text::utf16_len(&splice.insert));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Actor;

    fn page(n: u8, text: &str) -> Page {
        let mut page = Page::default();
        page.document_mut().set_actor(Actor::new([n; 16]));
        page.begin(&"T".parse().expect("title"), &Folder::default(), text).expect("begins");
        page
    }

    #[test]
    fn positions_are_utf16() {
        let mut page = page(1, "a😀b");
        assert_eq!(page.body_len(), 4);
        page.edit(&[Splice { at: 3, delete: 1, insert: "ü".to_owned() }]).expect("fits");
        assert_eq!(page.body(), "a😀ü");
        assert!(matches!(page.edit(&[Splice { at: 4, delete: 1, insert: String::new() }]), Err(EditError::OutOfRange)));
        assert_eq!(page.body(), "a😀ü");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "these changes were made here")]
    fn what_two_change_in_one_paragraph_joins() {
        let base = "The kettle must be cleaned on Mondays by whoever opens the kitchen first.\n";
        let mut ours = page(1, base);
        let mut theirs = Page::from_document(Document::load(DocKind::Page, &ours.document().save()).expect("loads"))
            .expect("a page");
        theirs.document_mut().set_actor(Actor::new([2; 16]));
        let said = |page: &mut Page, new: &str| {
            let splices = crate::splices_between(&page.body(), new);
            page.edit(&splices).expect("fits").expect("changes something").change
        };
        let one = said(&mut ours, &base.replace("The", "Each").replace("first.", "first, please."));
        let other = said(&mut theirs, &base.replace("Mondays", "Tuesdays"));
        ours.document_mut().apply_ungated(vec![other]).expect("applies");
        theirs.document_mut().apply_ungated(vec![one]).expect("applies");
        let joined = "Each kettle must be cleaned on Tuesdays by whoever opens the kitchen first, please.\n";
        assert_eq!((ours.body().as_str(), theirs.body().as_str()), (joined, joined));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "these changes were made here")]
    fn as_many_heads_as_a_change_can_build_on_leave_no_room_for_ones_own() {
        const MOST: usize = 16;
        let mut ours = page(1, "ours");
        let saved = ours.document().save();
        for n in 0..MOST {
            let mut theirs =
                Page::from_document(Document::load(DocKind::Page, &saved).expect("loads")).expect("a page");
            theirs.document_mut().set_actor(Actor::new([100 + u8::try_from(n).expect("few"); 16]));
            let said =
                theirs.edit(&[Splice { at: 0, delete: 0, insert: "x".to_owned() }]).expect("fits").expect("a change");
            ours.document_mut().apply_ungated(vec![said.change]).expect("applies");
        }
        assert_eq!(ours.document().heads().len(), MOST);
        let wide = ChangeBounds { operations: 1_000, bytes: 1 << 20, actors: 1_000 };
        assert!(!ours.document_mut().join_heads(Actor::new([1; 16]), MOST, &wide).expect("joins").is_empty());
        let said = ours.edit(&[Splice { at: 0, delete: 0, insert: "y".to_owned() }]).expect("fits").expect("a change");
        assert!(said.change.deps().len() <= MOST, "{}", said.change.deps().len());
    }

    #[test]
    fn deleting_is_reversible() {
        let mut page = page(1, "kept");
        assert!(page.set_deleted(true).expect("deletes").is_some());
        assert!(page.deleted());
        assert!(page.set_deleted(true).expect("no change").is_none());
        page.set_deleted(false).expect("restores");
        assert_eq!((page.deleted(), page.body().as_str()), (false, "kept"));
    }

    #[test]
    fn an_anchor_stays_with_its_words() {
        let mut page = page(1, "one two");
        let anchor = page.anchor(4).expect("inside");
        let end = page.anchor(7).expect("at the end");
        page.edit(&[Splice { at: 0, delete: 0, insert: "zero ".to_owned() }]).expect("fits");
        assert_eq!(page.resolve(&anchor), Some(9));
        assert_eq!(page.resolve(&end), Some(12));
        let mut wide = self::page(2, "crumbs 😀 and dust");
        let anchor = wide.anchor(9).expect("inside");
        assert_eq!(wide.resolve(&anchor), Some(9));
        wide.edit(&[Splice { at: 0, delete: 0, insert: "😀".to_owned() }]).expect("fits");
        assert_eq!(wide.resolve(&anchor), Some(11));
        for hostile in ["", "é", "x", "99@zz", &"9".repeat(4000)] {
            assert_eq!(page.resolve(hostile), None, "{hostile:.20}");
        }
    }
}
