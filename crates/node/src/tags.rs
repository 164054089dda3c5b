//! Tags: statements that a member makes about a page in their own ledger.

use commonplace_model::{CommonsId, DocId, PageId, Statement, Tag, line};

use crate::{
    core::Core,
    error::{Error, Result},
    view::{Event, PageView, TagRow},
};

impl Core {
    pub(crate) fn tag(&mut self, commons: &str, page: &str, words: &[String], put: bool) -> Result<PageView> {
        let (commons, page) = self.find(commons, page)?;
        self.must_be_there(commons, page)?;
        let statements: Vec<Statement> = words
            .iter()
            .map(|word| {
                if put && let Err(error) = line::check(word.trim()) {
                    return Err(Error::bad(format!("“{word}” would mislead as a tag: {error}. Nothing was changed.")));
                }
                word.parse::<Tag>()
                    .map(|tag| Statement::Tag { page, tag })
                    .map_err(|e| Error::bad(format!("“{word}” cannot be a tag: {e}. Nothing was changed.")))
            })
            .collect::<Result<_>>()?;
        if statements.is_empty() {
            return Err(Error::bad("Name at least one tag."));
        }
        let ledger = DocId::Ledger(self.held_commons(commons)?.me);
        if put {
            self.change_ledger(commons, ledger, &statements, &[])?;
        } else {
            let keys: Vec<_> = statements.iter().map(Statement::key).collect();
            self.change_ledger(commons, ledger, &[], &keys)?;
        }
        self.tags_changed(commons, page)
    }

    fn tags_changed(&mut self, commons: CommonsId, page: PageId) -> Result<PageView> {
        let view = self.page_view(commons, page)?;
        self.tell_editor_page(commons, &view.row);
        self.tell(Event::Tags { commons: commons.to_string() });
        self.tell_commons(commons);
        Ok(view)
    }

    pub(crate) fn tags(&mut self, commons: &str) -> Result<Vec<TagRow>> {
        let id = self.find_commons(commons)?;
        let me = self.held_commons(id)?.me;
        let rows = self.store.tags(id, me)?;
        Ok(rows
            .into_iter()
            .map(|row| TagRow { tag: row.tag.into(), pages: row.pages, people: row.members, mine: row.mine })
            .collect())
    }
}
