//! The log of a page that is open for writing: the authority that `@codemirror/collab` expects.
//!
//! All windows on one page are clients of one log. Its text runs ahead of the document by what was typed and is not yet
//! committed ([`PageLog::take_typed`]), for at most a moment.

use std::collections::VecDeque;

use commonplace_model::{Page, Splice};

use crate::{
    changeset::{ChangesError, from_splice, splice_units, to_splices},
    view::{EditorUpdate, EditorUpdates},
};

/// Client id of updates that the engine brings in: from other devices, or from commands.
pub(crate) const ENGINE: &str = "engine";

/// Why a push was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PushError {
    /// It does not fit the text.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// The page would be larger than a page may be.
    #[error("a page can hold 5 MB of text")]
    TooLarge,
}

/// The log of one page.
#[derive(Debug)]
pub(crate) struct PageLog {
    /// Version of the first update that is still kept.
    base: u32,
    updates: VecDeque<EditorUpdate>,
    text: Vec<u16>,
    bytes: usize,
    typed: Vec<Splice>,
}

impl PageLog {
    /// Updates kept for windows that missed events; one that missed more opens the page anew.
    const KEPT: usize = 10_000;

    /// The log of a page with this text.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            base: 0,
            updates: VecDeque::new(),
            text: text.encode_utf16().collect(),
            bytes: text.len(),
            typed: Vec::new(),
        }
    }

    /// Version now: the number of updates so far.
    pub(crate) fn version(&self) -> u32 {
        self.base + u32::try_from(self.updates.len()).unwrap_or(u32::MAX)
    }

    /// The text now.
    pub(crate) fn text(&self) -> String {
        String::from_utf16_lossy(&self.text)
    }

    /// Takes a window's updates, made on the version now: all of them or none.
    pub(crate) fn push(&mut self, updates: Vec<EditorUpdate>) -> Result<(), PushError> {
        let typed = self.typed.len();
        let (mut undo, mut bytes) = (Vec::new(), self.bytes);
        for update in &updates {
            let taken = to_splices(&update.changes, &self.text).map_err(PushError::from).and_then(|splices| {
                for splice in splices {
                    bytes = bytes + splice.insert.len() - utf8_len(&self.text, &splice);
                    undo.push(inverse(&self.text, &splice));
                    splice_units(&mut self.text, &splice);
                    self.typed.push(splice);
                }
                if bytes > Page::MAX_BODY_BYTES { Err(PushError::TooLarge) } else { Ok(()) }
            });
            if let Err(error) = taken {
                for (at, delete, units) in undo.into_iter().rev() {
                    self.text.splice(at..at + delete, units);
                }
                self.typed.truncate(typed);
                return Err(error);
            }
        }
        self.bytes = bytes;
        for update in updates {
            self.append(update);
        }
        Ok(())
    }

    fn append(&mut self, update: EditorUpdate) {
        self.updates.push_back(update);
        if self.updates.len() > Self::KEPT {
            self.updates.pop_front();
            self.base += 1;
        }
    }

    /// Brings in what the document took from elsewhere. Nothing typed may be waiting then.
    pub(crate) fn bring(&mut self, splices: &[Splice]) {
        debug_assert!(self.typed.is_empty(), "typed text is committed before anything else changes the document");
        for splice in splices {
            let changes = from_splice(splice, self.text.len());
            self.bytes = self.bytes + splice.insert.len() - utf8_len(&self.text, splice);
            if splice_units(&mut self.text, splice) {
                self.append(EditorUpdate { client_id: ENGINE.to_owned(), changes });
            }
        }
    }

    /// What was typed and is not yet in the document.
    pub(crate) fn typed(&self) -> &[Splice] {
        &self.typed
    }

    /// Notes that all that was typed is in the document and durable.
    pub(crate) fn committed(&mut self) {
        self.typed.clear();
    }

    /// The updates from a version on; nothing when they are no longer kept, or were never made.
    pub(crate) fn since(&self, version: u32) -> Option<EditorUpdates> {
        let skip = usize::try_from(version.checked_sub(self.base)?).ok()?;
        if skip > self.updates.len() {
            return None;
        }
        Some(EditorUpdates { from: version, updates: self.updates.iter().skip(skip).cloned().collect() })
    }
}

/// What undoes a splice in this text: where, how much to delete, and the units to put back.
fn inverse(text: &[u16], splice: &Splice) -> (usize, usize, Vec<u16>) {
    let at = splice.at as usize;
    (at, splice.insert.encode_utf16().count(), text[at..at + splice.delete as usize].to_vec())
}

/// UTF-8 bytes of what a splice deletes.
fn utf8_len(text: &[u16], splice: &Splice) -> usize {
    let at = splice.at as usize;
    let gone = text.get(at..at + splice.delete as usize).unwrap_or_default();
    char::decode_utf16(gone.iter().copied()).map(|c| c.map_or(3, char::len_utf8)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::serde_json_changes::Changes;

    fn update(json: &str) -> EditorUpdate {
        let changes: Changes = serde_json::from_str(json).expect("JSON");
        EditorUpdate { client_id: "window".to_owned(), changes }
    }

    #[test]
    fn a_push_is_taken_whole_or_not_at_all() {
        let mut log = PageLog::new("abc");
        assert!(log.push(vec![update(r#"[1,[1,"B"],1]"#), update(r#"[99]"#)]).is_err());
        assert_eq!((log.text().as_str(), log.version(), log.typed().len()), ("abc", 0, 0));
        log.push(vec![update(r#"[1,[1,"B"],1]"#), update(r#"[3,[0,"","d"]]"#)]).expect("fits");
        assert_eq!((log.text().as_str(), log.version(), log.typed().len()), ("aBc\nd", 2, 2));
    }

    #[test]
    fn a_page_cannot_outgrow_its_limit() {
        let mut log = PageLog::new(&"x".repeat(Page::MAX_BODY_BYTES - 1));
        let len = Page::MAX_BODY_BYTES - 1;
        assert_eq!(log.push(vec![update(&format!(r#"[{len},[0,"ü"]]"#))]), Err(PushError::TooLarge));
        assert_eq!(log.push(vec![update(&format!(r#"[{len},[0,"y"]]"#))]), Ok(()));
    }

    #[test]
    fn a_window_that_missed_updates_gets_them() {
        let mut log = PageLog::new("");
        log.bring(&[Splice { at: 0, delete: 0, insert: "a".to_owned() }]);
        log.push(vec![update(r#"[1,[0,"b"]]"#)]).expect("fits");
        assert_eq!(log.since(1).expect("kept").updates, vec![update(r#"[1,[0,"b"]]"#)]);
        assert_eq!(log.since(2).expect("kept").updates, vec![]);
        assert_eq!(log.since(3), None);
    }
}
