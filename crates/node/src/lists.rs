//! Lists of pages and searching, without the pages that a decision hid.
//!
//! The store knows nothing of decisions, so hidden pages are left out here. There are few of them: a stretch is read with as
//! many rows more, from the beginning of the list, and only where a commons hides something at all.

use std::collections::BTreeSet;

use commonplace_model::{CommonsId, PageId};

use crate::{
    core::Core,
    error::Result,
    pages::row,
    view::{PageList, PageOrder, PageQuery, SearchHit, SearchResult, SnippetPart},
};

const ROWS: u32 = 200;
const MAX_ROWS: u32 = 1_000;
const HITS: u32 = 30;
const MAX_HITS: u32 = 200;

impl Core {
    pub(crate) fn page_list(&mut self, commons: &str, query: &PageQuery) -> Result<PageList> {
        let id = self.find_commons(commons)?;
        let hidden = self.held_commons(id)?.roll.hidden();
        let (offset, limit) = (query.offset, query.limit.unwrap_or(ROWS).min(MAX_ROWS));
        let within = |rows: Vec<commonplace_store::PageRow>| {
            rows.into_iter().skip(offset as usize).take(limit as usize).map(row).collect()
        };
        if query.hidden {
            let rows = self.rows_of(id, hidden)?;
            return Ok(PageList { total: rows.len() as u64, rows: within(rows) });
        }
        let stretch = commonplace_store::PageQuery {
            tag: query.tag.as_ref().map(|tag| tag.trim_start_matches('#').to_lowercase()),
            folder: query.folder.clone(),
            filter: query.filter.clone().filter(|f| !f.trim().is_empty()),
            lately: query.order == PageOrder::Lately,
            deleted: query.deleted,
            offset,
            limit,
        };
        if hidden.is_empty() {
            let (total, rows) = self.store.page_list(id, &stretch)?;
            return Ok(PageList { total, rows: rows.into_iter().map(row).collect() });
        }
        // Which of the hidden pages such a list would have, only the whole of it tells where words are looked for.
        let most = match stretch.filter {
            Some(_) => u32::MAX,
            None => offset.saturating_add(limit).saturating_add(u32::try_from(hidden.len()).unwrap_or(u32::MAX)),
        };
        let (total, mut rows) =
            self.store.page_list(id, &commonplace_store::PageQuery { offset: 0, limit: most, ..stretch.clone() })?;
        let read = rows.len();
        rows.retain(|row| !hidden.contains(&row.id));
        let left_out = match stretch.filter {
            Some(_) => read - rows.len(),
            None => self.in_list(id, hidden, &stretch)?,
        };
        Ok(PageList { total: total.saturating_sub(left_out as u64), rows: within(rows) })
    }

    /// How many of these pages a list without a filter has.
    fn in_list(&self, id: CommonsId, pages: &BTreeSet<PageId>, query: &commonplace_store::PageQuery) -> Result<usize> {
        let mut all = self.rows_of(id, pages)?;
        if let Some(folder) = query.folder.as_ref().filter(|folder| !folder.is_empty()) {
            let below = format!("{folder}/");
            all.retain(|row| row.folder == *folder || row.folder.starts_with(&below));
        }
        let mut count = 0;
        for row in all.into_iter().filter(|row| row.deleted == query.deleted) {
            let has_tag = match &query.tag {
                Some(tag) => self.store.page_tags(id, row.id)?.into_iter().any(|t| String::from(t) == *tag),
                None => true,
            };
            count += usize::from(has_tag);
        }
        Ok(count)
    }

    /// The rows of those of these pages that are on this device, by name.
    fn rows_of(&self, id: CommonsId, pages: &BTreeSet<PageId>) -> Result<Vec<commonplace_store::PageRow>> {
        let mut rows = Vec::new();
        for page in pages {
            rows.extend(self.store.page(id, *page)?);
        }
        rows.sort_by(|a, b| (&a.folder, &a.title, a.id).cmp(&(&b.folder, &b.title, b.id)));
        Ok(rows)
    }

    /// Pages that a decision hid and that are not deleted besides.
    pub(crate) fn hidden_pages(&self, id: CommonsId) -> Result<u64> {
        let rows = self.rows_of(id, self.held_commons(id)?.roll.hidden())?;
        Ok(rows.iter().filter(|row| !row.deleted).count() as u64)
    }

    pub(crate) fn search(&mut self, commons: &str, query: &str, limit: Option<u32>) -> Result<SearchResult> {
        let id = self.find_commons(commons)?;
        let limit = limit.unwrap_or(HITS).min(MAX_HITS);
        let hidden = self.held_commons(id)?.roll.hidden();
        let most = limit.saturating_add(u32::try_from(hidden.len()).unwrap_or(u32::MAX));
        let hits = self.store.search(id, query, most)?;
        let hits = hits
            .into_iter()
            .filter(|hit| !hidden.contains(&hit.row.id))
            .take(limit as usize)
            .map(|hit| SearchHit {
                row: row(hit.row),
                snippet: hit.snippet.into_iter().map(|(text, hit)| SnippetPart { text, hit }).collect(),
            })
            .collect();
        let word = query.trim().trim_start_matches('#').to_lowercase();
        let matches = |text: &str| !word.is_empty() && text.to_lowercase().contains(&word);
        let tags = self.tags(commons)?.into_iter().filter(|t| matches(&t.tag)).take(10).collect();
        let people = self.people(commons)?.into_iter().filter(|p| matches(&p.name)).take(10).collect();
        Ok(SearchResult { hits, tags, people })
    }
}
