//! Flags: statements in this member's ledger that a page, or changes of it, should be looked at; and all that there are.

use commonplace_model::{CommonsId, DocId, PageId, Span, Statement};

use super::RunId;
use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    view::{Event, FlagView, PageRow},
};

/// Flags listed at most.
const MOST: usize = 1_000;

impl Core {
    /// What a person means: changes by their id, otherwise a page.
    fn find_flagged(&mut self, commons: CommonsId, what: &str) -> Result<(PageId, Option<Span>)> {
        match self.find_changes(commons, what) {
            Ok((RunId(span), DocId::Page(page), _)) => Ok((page, Some(span))),
            Ok((_, DocId::Ledger(_), _)) => Err(Error::bad(
                "Those changes are what a member says in their own ledger, of no page. Nothing was flagged.",
            )),
            Err(error) if error.code == ErrorCode::NotFound => Ok((self.find_page(commons, what)?, None)),
            Err(error) => Err(error),
        }
    }

    /// Flags a page or changes of it.
    pub(crate) fn flag(&mut self, commons: &str, what: &str, reason: Option<&str>) -> Result<FlagView> {
        let id = self.find_commons(commons)?;
        let (page, span) = self.find_flagged(id, what)?;
        let reason = reason.unwrap_or_default().trim().to_owned();
        if reason.len() > Statement::MAX_REASON {
            return Err(Error::bad(format!(
                "A reason can have at most {} bytes; this has {}. Nothing was flagged.",
                Statement::MAX_REASON,
                reason.len()
            )));
        }
        let me = self.held_commons(id)?.me;
        self.change_ledger(id, DocId::Ledger(me), &[Statement::Flag { page, span, reason }], &[])?;
        self.tell(Event::Flags { commons: id.to_string() });
        let change = span.map(|span| RunId(span).to_string());
        let flag = self.flags_of(id, Some(page))?.into_iter().find(|flag| flag.who.you && flag.change == change);
        flag.ok_or_else(|| Error::internal("a flag just put is not there"))
    }

    /// Takes this member's flag off; gives those that are left on the page.
    pub(crate) fn unflag(&mut self, commons: &str, what: &str) -> Result<Vec<FlagView>> {
        let id = self.find_commons(commons)?;
        let (page, span) = self.find_flagged(id, what)?;
        let change = span.map(|span| RunId(span).to_string());
        let flags = self.flags_of(id, Some(page))?;
        if !flags.iter().any(|flag| flag.who.you && flag.change == change) {
            return Err(Error::new(
                ErrorCode::NotFound,
                if flags.is_empty() {
                    "There is no flag of yours on that. Nothing was changed."
                } else {
                    "There is no flag of yours on that; a flag is taken off by whoever put it there. Nothing was changed."
                },
            ));
        }
        let me = self.held_commons(id)?.me;
        let key = Statement::Flag { page, span, reason: String::new() }.key();
        self.change_ledger(id, DocId::Ledger(me), &[], &[key])?;
        self.tell(Event::Flags { commons: id.to_string() });
        self.flags_of(id, Some(page))
    }

    /// All flags.
    pub(crate) fn flags(&mut self, commons: &str) -> Result<Vec<FlagView>> {
        let id = self.find_commons(commons)?;
        self.flags_of(id, None)
    }

    /// The flags of a commons, or of one page.
    pub(crate) fn flags_of(&self, commons: CommonsId, page: Option<PageId>) -> Result<Vec<FlagView>> {
        let held = self.held_commons(commons)?;
        let mut flags = Vec::new();
        for flag in self.store.flags(commons, page, MOST)? {
            // What is said of a page may come before the page.
            let page = self.store.page(commons, flag.page)?.map_or_else(
                || PageRow {
                    id: flag.page.to_string(),
                    title: "A page that is not here yet".to_owned(),
                    path: String::new(),
                    changed_at: 0,
                    deleted: false,
                },
                crate::pages::row,
            );
            flags.push(FlagView {
                who: self.named(held, flag.member),
                page,
                change: flag.span.map(|span| RunId(span).to_string()),
                reason: flag.reason,
            });
        }
        flags.sort_by(|a, b| {
            let key =
                |flag: &FlagView| (flag.page.title.to_lowercase(), flag.page.id.clone(), flag.who.name.to_lowercase());
            key(a).cmp(&key(b)).then_with(|| a.change.cmp(&b.change))
        });
        Ok(flags)
    }
}
