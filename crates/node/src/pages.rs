//! Pages: making, reading, writing, renaming and deleting them, and which one a person means.

use commonplace_model::{
    CommonsId, DocId, Folder, LocalChange, NameError, Page, PageEdit, PageId, Splice, Title, shown, splices_between,
    text::utf16_len,
};

use crate::{
    core::Core,
    documents::whole,
    error::{Error, ErrorCode, Result},
    profile,
    view::{Event, PageRow, PageView},
};

/// A row of the store as it is shown.
pub(crate) fn row(row: commonplace_store::PageRow) -> PageRow {
    let commonplace_store::PageRow { id, title, folder, changed_at, deleted } = row;
    PageRow { id: id.to_string(), title: shown(&title), path: shown(&folder), changed_at, deleted }
}

/// That a name leaves open which of these is meant.
fn several<'a>(what: &str, wanted: &str, rows: impl IntoIterator<Item = &'a commonplace_store::PageRow>) -> Error {
    let name =
        |row: &commonplace_store::PageRow| format!("{} ({})", full_name(&row.folder, &row.title), row.id.short());
    let names: Vec<_> = rows.into_iter().take(5).map(name).collect();
    let words =
        format!("Several {what} answer to “{wanted}”: {}. Name one by the beginning of its id.", names.join(", "));
    Error::new(ErrorCode::Ambiguous, words)
}

fn bad_name(error: &NameError) -> Error {
    Error::bad(format!("That name cannot be one: {error}. Nothing was changed."))
}

fn too_large(bytes: usize) -> Error {
    let mib = bytes / 1_000_000;
    Error::new(
        ErrorCode::TooLarge,
        format!("A page can hold 5 MB of text; this is {mib} MB. Nothing was changed: part it into several pages."),
    )
}

impl Core {
    /// The page that a person means: by id, by the beginning of one, by folder and title, or by title.
    pub(crate) fn find_page(&mut self, commons: CommonsId, reference: &str) -> Result<PageId> {
        let wanted = reference.trim();
        if let Ok(id) = wanted.parse::<PageId>()
            && (self.store.page(commons, id)?.is_some() || self.editors.is_open(commons, DocId::Page(id)))
        {
            return Ok(id);
        }
        let found = self.store.find_pages(commons, wanted.trim_matches('/'))?;
        let live: Vec<_> = found.iter().filter(|row| !row.deleted).collect();
        match (live.as_slice(), found.as_slice()) {
            ([one], _) => Ok(one.id),
            ([], [one]) => Ok(one.id),
            ([], []) => Err(Error::new(
                ErrorCode::NotFound,
                format!("There is no page called “{wanted}” here, and none whose id begins like that."),
            )),
            ([], all) => Err(several("pages", wanted, all)),
            (_, all) => Err(several("pages", wanted, all.iter().filter(|row| !row.deleted))),
        }
    }

    /// The deleted page that a person means, whatever else is called so.
    fn find_deleted(&mut self, commons: CommonsId, reference: &str) -> Result<PageId> {
        let wanted = reference.trim();
        let found = self.store.find_deleted(commons, wanted.trim_matches('/'))?;
        match found.as_slice() {
            [one] => Ok(one.id),
            [] => Err(match self.find_page(commons, wanted) {
                Err(error) if error.code == ErrorCode::NotFound => Error::new(
                    ErrorCode::NotFound,
                    format!("There is no deleted page called “{wanted}” here, and none whose id begins like that."),
                ),
                Err(error) if error.code != ErrorCode::Ambiguous => error,
                _ => Error::new(
                    ErrorCode::Exists,
                    format!("“{wanted}” is not deleted, so there is nothing to bring back. Nothing was changed."),
                ),
            }),
            all => Err(several("deleted pages", wanted, all)),
        }
    }

    /// Commons and page that a person means.
    pub(crate) fn find(&mut self, commons: &str, page: &str) -> Result<(CommonsId, PageId)> {
        let commons = self.find_commons(commons)?;
        Ok((commons, self.find_page(commons, page)?))
    }

    pub(crate) fn page_new(&mut self, commons: &str, name: &str, body: &str) -> Result<PageRow> {
        let id = self.find_commons(commons)?;
        let (folder, title) = Folder::split_name(name.trim()).map_err(|e| bad_name(&e))?;
        self.check_free(id, &folder, &title, None)?;
        let page = self.make_page(id, &title, &folder, body)?;
        self.page_changed(id, page)
    }

    /// Makes a page.
    pub(crate) fn make_page(
        &mut self,
        commons: CommonsId,
        title: &Title,
        folder: &Folder,
        body: &str,
    ) -> Result<PageId> {
        if body.len() > Page::MAX_BODY_BYTES {
            return Err(too_large(body.len()));
        }
        let page = PageId::new(profile::random()?);
        self.change_page(commons, page, false, |page| begin_page(page, title, folder, body))?;
        Ok(page)
    }

    fn check_free(&self, commons: CommonsId, folder: &Folder, title: &Title, own: Option<PageId>) -> Result<()> {
        let name = folder.name_of(title);
        let taken = self
            .store
            .find_pages(commons, &name)?
            .into_iter()
            .any(|r| !r.deleted && Some(r.id) != own && full_name(&r.folder, &r.title) == name);
        if taken {
            return Err(Error::new(
                ErrorCode::Exists,
                format!("There is a page called “{name}” already. Nothing was changed: choose another name."),
            ));
        }
        Ok(())
    }

    /// Tells that a page changed and gives its row.
    pub(crate) fn page_changed(&mut self, commons: CommonsId, page: PageId) -> Result<PageRow> {
        self.index_now(commons, DocId::Page(page))?;
        let shown = self
            .store
            .page(commons, page)?
            .map(row)
            .ok_or_else(|| Error::new(ErrorCode::NotFound, "That page is not on this device."))?;
        self.tell_pages(commons, vec![shown.clone()]);
        self.tell_commons(commons);
        Ok(shown)
    }

    /// Tells that these rows changed, in lists and in the windows that have the pages open.
    pub(crate) fn tell_pages(&self, commons: CommonsId, rows: Vec<PageRow>) {
        for row in &rows {
            self.tell_editor_page(commons, row);
        }
        // A list would show those that are hidden; without any row it asks again.
        let rows = rows.into_iter().filter(|row| row.id.parse().is_ok_and(|id| !self.is_hidden(commons, id))).collect();
        self.tell(Event::Pages { commons: commons.to_string(), rows });
    }

    pub(crate) fn page_show(&mut self, commons: &str, page: &str) -> Result<PageView> {
        let (commons, page) = self.find(commons, page)?;
        self.page_view(commons, page)
    }

    pub(crate) fn page_view(&mut self, commons: CommonsId, page: PageId) -> Result<PageView> {
        self.flush_page(commons, page)?;
        self.index_now(commons, DocId::Page(page))?;
        let shown = self.store.page(commons, page)?.map(row);
        let row = shown.ok_or_else(|| Error::new(ErrorCode::NotFound, "That page is not on this device."))?;
        let body = self.store.page_text(commons, page)?.unwrap_or_default();
        let tags = self.store.page_tags(commons, page)?.into_iter().map(String::from).collect();
        let anew = self.held_commons(commons)?.roll.anew(&page);
        let anew = anew.map(|page| self.store.page(commons, page)).transpose()?.flatten().map(self::row);
        let flags = self.flags_of(commons, Some(page))?;
        Ok(PageView { row, body, tags, hidden: self.is_hidden(commons, page), anew, flags })
    }

    /// Refuses what is meant for a page that somebody, perhaps on another device, has deleted: whoever says it does not know.
    pub(crate) fn must_be_there(&self, commons: CommonsId, page: PageId) -> Result<()> {
        match self.store.page(commons, page)? {
            Some(row) if row.deleted => Err(Error::new(
                ErrorCode::NotFound,
                format!("“{}” is deleted. Nothing was changed: restore it first.", full_name(&row.folder, &row.title)),
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn page_write(&mut self, commons: &str, page: &str, body: &str) -> Result<PageRow> {
        let (commons, page) = self.find(commons, page)?;
        self.must_be_there(commons, page)?;
        if body.len() > Page::MAX_BODY_BYTES {
            return Err(too_large(body.len()));
        }
        let old = self.body_of(commons, page)?;
        self.edit_page(commons, page, &splices_between(&old, body))?;
        self.page_changed(commons, page)
    }

    pub(crate) fn page_append(&mut self, commons: &str, page: &str, text: &str) -> Result<PageRow> {
        let (commons, page) = self.find(commons, page)?;
        self.must_be_there(commons, page)?;
        let old = self.body_of(commons, page)?;
        // What is added is a line of its own, also where nobody ended the last one.
        let ends_line = old.is_empty() || old.ends_with('\n') || text.is_empty() || text.starts_with(['\n', '\r']);
        let insert = if ends_line { text.to_owned() } else { format!("\n{text}") };
        if old.len() + insert.len() > Page::MAX_BODY_BYTES {
            return Err(too_large(old.len() + insert.len()));
        }
        let splice = Splice { at: utf16_len(&old), delete: 0, insert };
        self.edit_page(commons, page, &[splice])?;
        self.page_changed(commons, page)
    }

    /// The text of a page with all that was typed in it: as it is stored, where that is all there is. A document of megabytes
    /// takes seconds to build, and need not be for an edit that is then refused.
    fn body_of(&mut self, commons: CommonsId, page: PageId) -> Result<String> {
        self.flush_page(commons, page)?;
        let doc = DocId::Page(page);
        if !self.documents.is_loaded(commons, doc)
            && !self.store.is_unindexed(commons, doc)?
            && let Some(text) = self.store.page_text(commons, page)?
        {
            return Ok(text);
        }
        self.read_page(commons, page, Page::body)
    }

    /// Makes edits that a command asked for, in the document and in the windows that have it open.
    pub(crate) fn edit_page(&mut self, commons: CommonsId, page: PageId, splices: &[Splice]) -> Result<()> {
        let edit = PageEdit { splices: splices.to_vec(), ..PageEdit::default() };
        self.make_edit(commons, page, true, &edit)?;
        self.bring_into_log(commons, page, splices);
        Ok(())
    }

    pub(crate) fn page_rename(&mut self, commons: &str, page: &str, name: &str) -> Result<PageRow> {
        let (commons, page) = self.find(commons, page)?;
        self.must_be_there(commons, page)?;
        let (folder, title) = Folder::split_name(name.trim()).map_err(|e| bad_name(&e))?;
        self.check_free(commons, &folder, &title, Some(page))?;
        self.flush_page(commons, page)?;
        let edit = PageEdit { title: Some(title), folder: Some(folder), ..PageEdit::default() };
        self.make_edit(commons, page, false, &edit)?;
        self.page_changed(commons, page)
    }

    pub(crate) fn page_delete(&mut self, commons: &str, page: &str) -> Result<PageRow> {
        let (commons, page) = self.find(commons, page)?;
        self.must_be_there(commons, page)?;
        self.set_deleted(commons, page, true)
    }

    pub(crate) fn page_restore(&mut self, commons: &str, page: &str) -> Result<PageRow> {
        let commons = self.find_commons(commons)?;
        let page = self.find_deleted(commons, page)?;
        self.set_deleted(commons, page, false)
    }

    fn set_deleted(&mut self, commons: CommonsId, page: PageId, deleted: bool) -> Result<PageRow> {
        self.flush_page(commons, page)?;
        self.make_edit(commons, page, false, &PageEdit { deleted: Some(deleted), ..PageEdit::default() })?;
        self.page_changed(commons, page)
    }
}

/// Gives a new page its title, folder and text, in as few changes as every device's gate takes.
pub(crate) fn begin_page(page: &mut Page, title: &Title, folder: &Folder, body: &str) -> Result<Vec<LocalChange>> {
    let beginning = PageEdit {
        splices: vec![Splice { at: 0, delete: 0, insert: body.to_owned() }],
        title: Some(title.clone()),
        folder: Some(folder.clone()),
        ..PageEdit::default()
    };
    whole(page, &beginning)
}

/// Folder and title as one name.
pub(crate) fn full_name(folder: &str, title: &str) -> String {
    if folder.is_empty() { title.to_owned() } else { format!("{folder}/{title}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_page_begins_with_all_its_text() {
        let body = "a line of a long page 😀\n".repeat(20_000);
        let mut page = Page::default();
        page.document_mut().set_actor(commonplace_model::Actor::new([1; 16]));
        let title = "Long".parse().expect("a title");
        let made = begin_page(&mut page, &title, &Folder::default(), &body).expect("begins");
        assert!(made.len() > 3);
        assert_eq!(page.body(), body);
    }
}
