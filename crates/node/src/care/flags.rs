//! Flags: statements in this member's ledger that a page, or changes of it, should be looked at; and those of others.
//!
//! Invariant: a list costs the flags that it shows. Whoever puts very many hides none of the others', and is named.

use commonplace_model::{CommonsId, DocId, PageId, Span, Statement};
use commonplace_store::Flag;

use super::RunId;
use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    view::{Event, FlagList, FlagQuery, FlagView, MoreFlags, PageRow},
};

/// Flags of each member that are listed, of a commons and of one page: the newest. Members are as many as the roll has.
const EACH: usize = 20;
const EACH_ON_PAGE: usize = 5;
/// Flags listed on just some changes, on which each member has one at most.
const ON_CHANGES: usize = 20;
/// Flags of one member in a stretch, unless said, and at most.
const STRETCH: u32 = 50;
const MAX_STRETCH: u32 = 500;

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
        let key = Statement::Flag { page, span, reason: String::new() }.key();
        self.change_ledger(id, DocId::Ledger(me), &[Statement::Flag { page, span, reason }], &[])?;
        self.tell(Event::Flags { commons: id.to_string() });
        let flag = self.store.flag_of(id, me, &key)?.ok_or_else(|| Error::internal("a flag just put is not there"))?;
        self.flag_view(id, flag)
    }

    /// Takes this member's flag off; gives those that are left on the page.
    pub(crate) fn unflag(&mut self, commons: &str, what: &str) -> Result<FlagList> {
        let id = self.find_commons(commons)?;
        let (page, span) = self.find_flagged(id, what)?;
        let me = self.held_commons(id)?.me;
        let key = Statement::Flag { page, span, reason: String::new() }.key();
        if self.store.flag_of(id, me, &key)?.is_none() {
            return Err(Error::new(
                ErrorCode::NotFound,
                if self.flags_of(id, Some(page))?.flags.is_empty() {
                    "There is no flag of yours on that. Nothing was changed."
                } else {
                    "There is no flag of yours on that; a flag is taken off by whoever put it there. Nothing was changed."
                },
            ));
        }
        self.change_ledger(id, DocId::Ledger(me), &[], &[key])?;
        self.tell(Event::Flags { commons: id.to_string() });
        self.flags_of(id, Some(page))
    }

    /// The flags of a commons: of each member the newest; or all of one member's, stretch by stretch.
    pub(crate) fn flags(&mut self, commons: &str, query: &FlagQuery) -> Result<FlagList> {
        let id = self.find_commons(commons)?;
        let page = query.page.as_ref().map(|page| self.find_page(id, page)).transpose()?;
        let Some(by) = &query.by else {
            if query.before.is_some() {
                return Err(Error::bad("Say whose flags are meant: only one member’s are listed stretch by stretch."));
            }
            return self.flags_of(id, page);
        };
        let member = self.find_anybody(id, by)?;
        let before = query.before.as_ref().map(|before| before.parse::<u64>()).transpose();
        let before = before.map_err(|_| Error::bad("That is no place in a list of flags."))?;
        let limit = query.limit.unwrap_or(STRETCH).clamp(1, MAX_STRETCH) as usize;
        let mut found = self.store.flags_by(id, member, page, before, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(place, _)| place.to_string());
        let flags = found.into_iter().map(|(_, flag)| self.flag_view(id, flag)).collect::<Result<_>>()?;
        Ok(FlagList { flags, more: Vec::new(), next })
    }

    /// The flags of a commons, or of one page: of each member the newest, and who has more.
    pub(crate) fn flags_of(&self, commons: CommonsId, page: Option<PageId>) -> Result<FlagList> {
        let held = self.held_commons(commons)?;
        let each = if page.is_some() { EACH_ON_PAGE } else { EACH };
        let mut found = self.store.flags(commons, page, each)?;
        if let Some(page) = page {
            // One's own on the page itself is always shown, however many newer ones there are on changes of it.
            let key = Statement::Flag { page, span: None, reason: String::new() }.key();
            let own = self.store.flag_of(commons, held.me, &key)?.filter(|own| !found.flags.contains(own));
            found.more.iter_mut().filter(|(member, _)| own.is_some() && *member == held.me).for_each(|(_, n)| *n -= 1);
            found.more.retain(|(_, more)| *more > 0);
            found.flags.extend(own);
        }
        let mut flags: Vec<_> =
            found.flags.into_iter().map(|flag| self.flag_view(commons, flag)).collect::<Result<_>>()?;
        flags.sort_by_cached_key(|flag| {
            let page = (flag.page.title.to_lowercase(), flag.page.id.clone());
            (page, flag.who.name.to_lowercase(), flag.change.clone())
        });
        let more = found.more.into_iter().map(|(member, count)| MoreFlags { who: self.named(held, member), count });
        Ok(FlagList { flags, more: more.collect(), next: None })
    }

    /// The flags on just these changes, one's own first; and how many more there are.
    pub(super) fn flags_on(&self, commons: CommonsId, page: PageId, span: &Span) -> Result<(Vec<FlagView>, u64)> {
        let me = self.held_commons(commons)?.me;
        let mut found = self.store.flags_on(commons, page, span)?;
        found.sort_by_key(|flag| flag.member != me);
        let more = found.len().saturating_sub(ON_CHANGES) as u64;
        let shown = found.into_iter().take(ON_CHANGES).map(|flag| self.flag_view(commons, flag));
        Ok((shown.collect::<Result<_>>()?, more))
    }

    fn flag_view(&self, commons: CommonsId, flag: Flag) -> Result<FlagView> {
        let held = self.held_commons(commons)?;
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
        Ok(FlagView {
            who: self.named(held, flag.member),
            page,
            change: flag.span.map(|span| RunId(span).to_string()),
            reason: flag.reason,
        })
    }
}
