//! What changes did, in plain words. Pure.

use std::collections::HashMap;

use commonplace_model::{PageId, Statement};
use commonplace_trust::Summary;

use crate::{
    sentence::{count, listed},
    view::PageRow,
};

fn characters(n: u64) -> String {
    count(n, "character", "characters")
}

/// What a run did to a page.
pub(super) fn of_page(summary: &Summary, page: Option<&PageRow>) -> String {
    let mut parts = Vec::new();
    if !summary.took_back.is_empty() {
        parts.push(format!(
            "took back {}",
            count(
                summary.took_back.len() as u64 + summary.took_back_more,
                "stretch of changes",
                "stretches of changes"
            )
        ));
    }
    match &summary.title {
        Some(title) if summary.began && page.is_some_and(|page| page.title == *title) => {
            parts.push("began the page".to_owned());
        }
        Some(title) if summary.began => parts.push(format!("began the page as “{title}”")),
        Some(title) => parts.push(format!("renamed it to “{title}”")),
        None => {}
    }
    match summary.folder.as_deref().filter(|_| !summary.began) {
        Some("") => parts.push("moved it to the top".to_owned()),
        Some(folder) => parts.push(format!("moved it to “{folder}”")),
        None => {}
    }
    if summary.inserted > 0 {
        parts.push(format!("wrote {}", characters(summary.inserted)));
    }
    if summary.deleted > 0 {
        parts.push(format!("deleted {}", characters(summary.deleted)));
    }
    match summary.page_deleted {
        Some(true) => parts.push("deleted the page".to_owned()),
        Some(false) => parts.push("restored the page".to_owned()),
        None => {}
    }
    if parts.is_empty() {
        return "changed nothing that is left".to_owned();
    }
    listed(&parts)
}

/// Something said in a ledger, or taken back.
pub(super) enum Said {
    /// It was said.
    This(Statement),
    /// It was said, and this version does not know it.
    Unknown,
    /// It was taken back; what it was, where that is known.
    TakenBack(Option<Statement>),
}

impl Said {
    /// What it was about, if it is known.
    pub(super) fn statement(&self) -> Option<&Statement> {
        match self {
            Self::This(statement) => Some(statement),
            Self::TakenBack(statement) => statement.as_ref(),
            Self::Unknown => None,
        }
    }
}

/// What a run said in a ledger, and so many things more.
pub(super) fn of_ledger(said: &[Said], more: u64, titles: &HashMap<PageId, String>) -> String {
    let title = |page: &PageId| titles.get(page).map_or("a page", String::as_str);
    let mut parts = Vec::new();
    for said in said {
        let part = match said {
            Said::This(Statement::Tag { page, tag }) => format!("tagged “{}” #{tag}", title(page)),
            Said::This(Statement::Profile { name, .. }) => format!("took the name {name}"),
            Said::This(Statement::Flag { page, span: Some(_), .. }) => format!("flagged changes of “{}”", title(page)),
            Said::This(Statement::Flag { page, .. }) => format!("flagged “{}”", title(page)),
            Said::TakenBack(Some(Statement::Tag { page, tag })) => format!("took #{tag} off “{}”", title(page)),
            Said::TakenBack(Some(Statement::Flag { page, .. })) => format!("took a flag off “{}”", title(page)),
            Said::TakenBack(_) => "took something back".to_owned(),
            Said::Unknown => "said what this version does not know".to_owned(),
        };
        parts.push(part);
    }
    if more > 0 {
        parts.push(count(more, "thing more", "things more"));
    }
    listed(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_in_a_sentence() {
        let told = |summary: Summary| of_page(&summary, None);
        assert_eq!(
            told(Summary { inserted: 1, deleted: 2, ..Summary::default() }),
            "wrote 1 character and deleted 2 characters"
        );
        let renamed = Summary { title: Some("New".to_owned()), folder: Some(String::new()), ..Summary::default() };
        assert_eq!(told(renamed), "renamed it to “New” and moved it to the top");
        let began =
            Summary { title: Some("New".to_owned()), began: true, page_deleted: Some(true), ..Summary::default() };
        assert_eq!(told(began), "began the page as “New” and deleted the page");
        assert_eq!(told(Summary::default()), "changed nothing that is left");
    }
}
