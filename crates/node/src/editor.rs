//! Windows that write: sessions over the logs of open pages, and when what was typed becomes durable.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, DocId, Page, PageEdit, PageId, Splice, text::utf16_len};

use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    log::{PageLog, PushError},
    view::{EditorOpened, EditorPushed, EditorUpdate, EditorUpdates, Event, PageRow},
};

/// What is typed is durable within this, plus what the disk takes.
const GATHER: Duration = Duration::from_millis(150);
/// How long to wait before trying again to store what could not be.
const RETRY: Duration = Duration::from_secs(2);
/// Updates in one push at most.
const MAX_UPDATES: usize = 1_000;

/// An open page.
pub(crate) struct Open {
    pub(crate) log: PageLog,
    /// When what was typed is to be committed.
    due: Option<Instant>,
    windows: usize,
    failed: bool,
}

/// A window on a page.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) commons: CommonsId,
    pub(crate) page: PageId,
    /// Anchor and head of its selection, in UTF-16 code units of the log's text, while the caret is in the text.
    pub(crate) caret: Option<(u32, u32)>,
    pub(crate) typed_at: Option<Instant>,
}

/// All open pages and windows.
#[derive(Default)]
pub(crate) struct Editors {
    pub(crate) open: HashMap<(CommonsId, PageId), Open>,
    pub(crate) windows: HashMap<u32, Window>,
    last: u32,
}

impl Editors {
    /// Whether a window has this document open.
    pub(crate) fn is_open(&self, commons: CommonsId, doc: DocId) -> bool {
        matches!(doc, DocId::Page(page) if self.open.contains_key(&(commons, page)))
    }

    /// Sessions of the windows on a page.
    pub(crate) fn sessions(&self, commons: CommonsId, page: PageId) -> Vec<u32> {
        let on = |w: &Window| w.commons == commons && w.page == page;
        self.windows.iter().filter(|(_, w)| on(w)).map(|(session, _)| *session).collect()
    }
}

fn no_session() -> Error {
    Error::new(ErrorCode::NotFound, "That page is no longer open here; what was typed is stored. Open it again.")
}

/// Where a caret is after an edit, in UTF-16 code units: behind what is inserted at its place when its own window typed it (`own`),
/// and before it when others did.
fn moved(at: u32, splice: &Splice, own: bool) -> u32 {
    let inserted = utf16_len(&splice.insert);
    let end = splice.at.saturating_add(splice.delete);
    if at < splice.at || at == splice.at && !own {
        at
    } else if at >= end {
        (at - splice.delete).saturating_add(inserted)
    } else if own {
        splice.at.saturating_add(inserted)
    } else {
        splice.at
    }
}

impl Core {
    pub(crate) fn editor_open(&mut self, commons: &str, page: &str) -> Result<EditorOpened> {
        let (commons, page) = self.find(commons, page)?;
        if !self.editors.open.contains_key(&(commons, page)) {
            // The stored text is painted at once; the document is loaded when the answer is on its way.
            self.index_now(commons, DocId::Page(page))?;
            let text = self.store.page_text(commons, page)?.unwrap_or_default();
            let open = Open { log: PageLog::new(&text), due: None, windows: 0, failed: false };
            self.editors.open.insert((commons, page), open);
            let _ = self.mailbox.urgent(move |core| core.warm_document(commons, page));
        }
        let row = self.store.page(commons, page)?.map(crate::pages::row);
        let row = row.ok_or_else(|| Error::new(ErrorCode::NotFound, "That page is not on this device."))?;
        let tags = self.store.page_tags(commons, page)?.into_iter().map(String::from).collect();
        self.editors.last += 1;
        let session = self.editors.last;
        let carets = self.carets_on(commons, page);
        let Some(open) = self.editors.open.get_mut(&(commons, page)) else {
            return Err(no_session());
        };
        open.windows += 1;
        let opened = EditorOpened { session, version: open.log.version(), text: open.log.text(), row, tags, carets };
        self.editors.windows.insert(session, Window { commons, page, caret: None, typed_at: None });
        self.show_presence(commons);
        self.page_opened(commons, page);
        Ok(opened)
    }

    /// Loads the document of a page that was just opened, and sees to it that its log has the document's text.
    fn warm_document(&mut self, commons: CommonsId, page: PageId) {
        if !self.editors.is_open(commons, DocId::Page(page)) || self.documents.is_loaded(commons, DocId::Page(page)) {
            return;
        }
        match self.read_page(commons, page, Page::body) {
            Ok(body) => {
                let Some(open) = self.editors.open.get(&(commons, page)) else { return };
                if open.log.typed().is_empty() && open.log.text() != body {
                    // The projection was behind: the document is right.
                    let splices = commonplace_model::splices_between(&open.log.text(), &body);
                    self.bring_into_log(commons, page, &splices);
                }
            }
            Err(error) => self.trouble(&error),
        }
    }

    pub(crate) fn editor_push(
        &mut self,
        session: u32,
        version: u32,
        updates: Vec<EditorUpdate>,
    ) -> Result<EditorPushed> {
        if updates.len() > MAX_UPDATES {
            return Err(Error::bad("Too many updates at once; push them in smaller parts."));
        }
        let Window { commons, page, .. } = *self.editors.windows.get(&session).ok_or_else(no_session)?;
        let open = self.editors.open.get_mut(&(commons, page)).ok_or_else(no_session)?;
        let (now, typed) = (open.log.version(), open.log.typed().len());
        if version != now {
            return Ok(EditorPushed { accepted: false, version: now });
        }
        open.log.push(updates).map_err(|e| match e {
            PushError::Changes(e) => Error::bad(format!("The edit does not fit the page: {e}. The page is as it was.")),
            PushError::TooLarge => {
                Error::new(ErrorCode::TooLarge, "A page can hold 5 MB of text. The page is as it was.")
            }
        })?;
        let (updates, version) = (open.log.since(now), open.log.version());
        let typed = open.log.typed().get(typed..).unwrap_or_default().to_vec();
        if let Some(window) = self.editors.windows.get_mut(&session) {
            window.typed_at = Some(Instant::now());
        }
        self.carets_move(commons, page, &typed, Some(session));
        if let Some(updates) = updates {
            self.tell_updates(commons, page, &updates);
        }
        if self.is_watched(commons, page) {
            // Not stored is told as trouble and tried again; the window's text stays the page's text.
            let _ = self.flush_page(commons, page);
        } else if let Some(open) = self.editors.open.get_mut(&(commons, page)) {
            let due = *open.due.get_or_insert_with(|| Instant::now() + GATHER);
            self.wake_at(due);
        }
        Ok(EditorPushed { accepted: true, version })
    }

    fn tell_updates(&self, commons: CommonsId, page: PageId, updates: &EditorUpdates) {
        for session in self.editors.sessions(commons, page) {
            self.tell(Event::Editor { session, updates: updates.clone() });
        }
    }

    pub(crate) fn editor_pull(&mut self, session: u32, version: u32) -> Result<EditorUpdates> {
        let Window { commons, page, .. } = *self.editors.windows.get(&session).ok_or_else(no_session)?;
        let open = self.editors.open.get(&(commons, page)).ok_or_else(no_session)?;
        open.log.since(version).ok_or_else(no_session)
    }

    pub(crate) fn editor_caret(&mut self, session: u32, caret: Option<(u32, u32)>) -> Result<()> {
        let window = self.editors.windows.get_mut(&session).ok_or_else(no_session)?;
        window.caret = caret;
        let commons = window.commons;
        self.show_presence(commons);
        Ok(())
    }

    pub(crate) fn editor_close(&mut self, session: u32) -> Result<()> {
        let Window { commons, page, .. } = *self.editors.windows.get(&session).ok_or_else(no_session)?;
        self.flush_page(commons, page)?;
        // The page is closed whether or not the disk has all of it: it is written, and tried again.
        let on_disk = self.sync_now();
        if let Err(error) = self.catch_up(commons, DocId::Page(page)) {
            // All of it is stored, what was typed too; the lists say what is wrong with the page.
            self.trouble(&error);
        }
        self.editors.windows.remove(&session);
        let last = self.editors.open.get_mut(&(commons, page)).is_some_and(|open| {
            open.windows = open.windows.saturating_sub(1);
            open.windows == 0
        });
        if last {
            self.editors.open.remove(&(commons, page));
            self.documents.gathered.remove(&(commons, DocId::Page(page)));
            self.index_now(commons, DocId::Page(page))?;
            self.compact_when_quiet(commons, DocId::Page(page))?;
        }
        self.show_presence(commons);
        on_disk
    }

    /// Commits what was typed in a page: after this it is signed, written and on its way, though perhaps not on the disk.
    pub(crate) fn flush_page(&mut self, commons: CommonsId, page: PageId) -> Result<()> {
        let Some(open) = self.editors.open.get_mut(&(commons, page)) else {
            return Ok(());
        };
        open.due = None;
        if open.log.typed().is_empty() {
            return Ok(());
        }
        let typed = PageEdit { splices: open.log.typed().to_vec(), ..PageEdit::default() };
        let done = self.keep_typed(commons, page, &typed);
        let Some(open) = self.editors.open.get_mut(&(commons, page)) else {
            return done;
        };
        match &done {
            Ok(()) => {
                open.log.committed();
                open.failed = false;
                if !self.disk.lacks(commons, page) {
                    self.tell_held(commons, page);
                }
            }
            Err(error) => {
                let due = Instant::now() + RETRY;
                open.due = Some(due);
                let first = !std::mem::replace(&mut open.failed, true);
                self.wake_at(due);
                if first {
                    let message = format!(
                        "{} What you typed is safe while the page stays open, and is stored as soon as it can be.",
                        error.message
                    );
                    self.trouble(&Error::new(error.code, message));
                }
            }
        }
        done
    }

    pub(crate) fn flush_due(&mut self, now: Instant) {
        let due: Vec<_> =
            self.editors.open.iter().filter(|(_, o)| o.due.is_some_and(|at| at <= now)).map(|(key, _)| *key).collect();
        for (commons, page) in due {
            let _ = self.flush_page(commons, page);
        }
        if let Some(next) = self.editors.open.values().filter_map(|o| o.due).min() {
            self.wake_at(next);
        }
    }

    pub(crate) fn flush_all(&mut self) {
        let open: Vec<_> = self.editors.open.keys().copied().collect();
        for (commons, page) in open {
            if let Err(error) = self.flush_page(commons, page) {
                tracing::error!(%error, "not stored at the end");
            }
        }
    }

    /// Brings edits that the document already has into the windows that have it open.
    pub(crate) fn bring_into_log(&mut self, commons: CommonsId, page: PageId, splices: &[Splice]) {
        let Some(open) = self.editors.open.get_mut(&(commons, page)) else {
            return;
        };
        let from = open.log.version();
        open.log.bring(splices);
        if let Some(updates) = open.log.since(from).filter(|u| !u.updates.is_empty()) {
            self.tell_updates(commons, page, &updates);
        }
        self.carets_move(commons, page, splices, None);
    }

    /// Has the carets of windows go along with edits of their page, typed in the window `by` or, with none, made elsewhere. Where what
    /// a caret stands at was edited, its anchor may be another one, which no window reports: it is looked at anew.
    fn carets_move(&mut self, commons: CommonsId, page: PageId, splices: &[Splice], by: Option<u32>) {
        let mut touched = false;
        for (session, window) in &mut self.editors.windows {
            let Some(caret) = window.caret.as_mut().filter(|_| window.commons == commons && window.page == page) else {
                continue;
            };
            for splice in splices {
                let reach = splice.at..=splice.at.saturating_add(splice.delete);
                touched |= reach.contains(&caret.0) || reach.contains(&caret.1);
                let moved = |place| moved(place, splice, by == Some(*session));
                *caret = (moved(caret.0), moved(caret.1));
            }
        }
        if touched {
            self.show_presence(commons);
        }
    }

    /// Tells the windows on a page of its title, folder, tags and deletion.
    pub(crate) fn tell_editor_page(&self, commons: CommonsId, row: &PageRow) {
        let Ok(page) = row.id.parse::<PageId>() else { return };
        let sessions = self.editors.sessions(commons, page);
        if sessions.is_empty() {
            return;
        }
        let tags: Vec<String> =
            self.store.page_tags(commons, page).unwrap_or_default().into_iter().map(String::from).collect();
        for session in sessions {
            self.tell(Event::EditorPage { session, row: row.clone(), tags: tags.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_go_along_with_edits() {
        let edit = |at, delete, insert: &str| Splice { at, delete, insert: insert.to_owned() };
        let both = |caret, splice: &Splice| (moved(caret, splice, true), moved(caret, splice, false));
        // Before, at and behind what is inserted; in UTF-16 code units.
        let rose = edit(5, 0, "🌹");
        assert_eq!([4, 5, 6].map(|caret| both(caret, &rose)), [(4, 4), (7, 5), (8, 8)]);
        let gone = edit(5, 3, "");
        assert_eq!([4, 5, 6, 8, 9].map(|caret| both(caret, &gone)), [(4, 4), (5, 5), (5, 5), (5, 5), (6, 6)]);
        let other = edit(5, 3, "ab");
        assert_eq!([5, 6, 8, 9].map(|caret| both(caret, &other)), [(7, 5), (7, 5), (7, 7), (8, 8)]);
    }
}
