//! Taking changes back: which, page by page, and what that did or could not do, in words.
//!
//! Each page is one job of its own on the engine's thread, so that keystrokes go before the next one. A page is changed by one
//! change of this member's, or by several where it would be larger than a change may be.

use std::{collections::BTreeMap, ops::Range};

use commonplace_model::{CommonsId, DocId, Folder, Page, PageEdit, PageId, Statement, StatementKey, Title};
use commonplace_store::RunQuery;
use commonplace_trust::{Chosen, Deed, KeyBack, Mark, Past, PastError, Reversal, Value, actor_of, chunk};

use super::{RunId, since};
use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    profile,
    sentence::count,
    view::{Event, FailedPage, NotReverted, PageRow, Reverted, RevertedPage},
};

/// Runs that are taken back at once, at most.
const MOST: usize = 20_000;

/// What is to be taken back.
pub(crate) struct Plan {
    commons: CommonsId,
    dry: bool,
    docs: Vec<(DocId, Vec<RunId>)>,
    done: Reverted,
}

impl Plan {
    /// The next document, until there is none.
    pub(crate) fn next(&mut self) -> Option<(CommonsId, DocId, Vec<RunId>, bool)> {
        self.docs.pop().map(|(doc, runs)| (self.commons, doc, runs, self.dry))
    }

    /// Notes what was done.
    pub(crate) fn note(&mut self, page: RevertedPage) {
        self.done.pages.push(page);
    }

    /// Notes that it failed.
    pub(crate) fn failed(&mut self, page: Option<PageRow>, runs: &[RunId], error: Error) {
        let changes = runs.iter().map(ToString::to_string).collect();
        self.done.failed.push(FailedPage { page, changes, reason: error.message });
    }

    /// What was done in all.
    pub(crate) fn finish(self) -> Reverted {
        self.done
    }
}

impl Core {
    /// Finds what is to be taken back: these changes, or all that a member wrote since some time.
    pub(crate) fn revert_begin(
        &mut self,
        commons: &str,
        changes: &[String],
        all_by: Option<&str>,
        since: Option<&str>,
        dry: bool,
    ) -> Result<Plan> {
        let id = self.find_commons(commons)?;
        if !dry {
            self.must_be_in(id)?;
        }
        self.flush_all();
        let me = DocId::Ledger(self.held_commons(id)?.me);
        let mut docs: BTreeMap<DocId, Vec<RunId>> = BTreeMap::new();
        let mut refused = Vec::new();
        let mut add = |run: RunId, doc: DocId| match doc {
            DocId::Ledger(_) if doc != me => {
                refused.push(NotReverted { change: run.to_string(), reason: ONE_WRITER.to_owned() });
            }
            _ => docs.entry(doc).or_default().push(run),
        };
        for change in changes {
            let (run, doc, _) = self.find_changes(id, change)?;
            add(run, doc);
        }
        match (all_by, since) {
            (Some(by), Some(since)) => {
                let devices = Some(self.devices_of(id, self.find_anybody(id, by)?)?);
                let since = Some(since::read(since, profile::now())?);
                let query = RunQuery { devices, since, limit: MOST + 1, ..RunQuery::default() };
                let runs = self.store.runs(id, &query)?;
                if runs.len() > MOST {
                    return Err(Error::new(
                        ErrorCode::TooLarge,
                        "That is more than can be taken back at once. Nothing was changed: name a later time.",
                    ));
                }
                for run in runs {
                    let span = commonplace_model::Span { actor: run.actor, first: run.first, last: run.last };
                    add(RunId(span), run.doc);
                }
            }
            (None, None) if changes.is_empty() => {
                return Err(Error::bad("Name the changes to take back, or a member and since when."));
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(Error::bad("Say since when: everything of a member’s is never meant by itself."));
            }
            (None, Some(_)) => return Err(Error::bad("Say whose changes since then are meant.")),
        }
        let docs = docs.into_iter().rev().collect();
        Ok(Plan { commons: id, dry, docs, done: Reverted { dry, pages: Vec::new(), failed: Vec::new(), refused } })
    }

    /// Takes changes of one document back, or looks at what that would do.
    pub(crate) fn revert_one(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        runs: &[RunId],
        dry: bool,
    ) -> Result<RevertedPage> {
        let mut chosen = Chosen::default();
        runs.iter().for_each(|RunId(span)| chosen.add(span.actor, span.first, span.last));
        if let DocId::Page(page) = doc {
            self.flush_page(commons, page)?;
        }
        let taken = runs.iter().map(ToString::to_string).collect();
        let reversal = match self.past(commons, doc)? {
            Ok(past) => past.reversal(&chosen),
            Err(PastError::Tangled) => return Err(Error::new(ErrorCode::TooLarge, TANGLED)),
            Err(error @ PastError::Incomplete) => return Err(Error::internal(error)),
        };
        match doc {
            DocId::Page(page) => self.revert_page(commons, page, &chosen, &reversal, taken, dry),
            DocId::Ledger(_) => self.revert_ledger(commons, doc, &reversal, taken, dry),
        }
    }

    fn past(&self, commons: CommonsId, doc: DocId) -> Result<Result<Past, PastError>> {
        let mut past = Past::default();
        let mut fault = None;
        self.store.each_change(commons, doc, |bytes| {
            match Deed::read(bytes, doc.into()) {
                Ok(deed) => fault = past.take(&deed).err().map(Ok),
                Err(error) => fault = Some(Err(Error::internal(error))),
            }
            fault.is_none()
        })?;
        match fault {
            None => Ok(Ok(past)),
            Some(Ok(error)) => Ok(Err(error)),
            Some(Err(error)) => Err(error),
        }
    }

    /// The page of a document, for saying where something failed.
    pub(crate) fn page_of(&self, commons: CommonsId, doc: DocId) -> Result<Option<PageRow>> {
        match doc {
            DocId::Page(page) => Ok(self.store.page(commons, page)?.map(crate::pages::row)),
            DocId::Ledger(_) => Ok(None),
        }
    }

    fn revert_page(
        &mut self,
        commons: CommonsId,
        page: PageId,
        chosen: &Chosen,
        reversal: &Reversal,
        taken: Vec<String>,
        dry: bool,
    ) -> Result<RevertedPage> {
        let (now, bytes) =
            self.read_page(commons, page, |page| ((page.title(), page.folder(), page.deleted()), page.body().len()))?;
        let grows: usize = reversal.splices.iter().map(|splice| splice.insert.len()).sum();
        if bytes + grows > Page::MAX_BODY_BYTES {
            return Err(Error::new(ErrorCode::TooLarge, TOO_LARGE));
        }
        let back = Properties::of(reversal, &now);
        let (done, left) = back.words(reversal);
        let mut shown = RevertedPage {
            page: self.store.page(commons, page)?.map(crate::pages::row),
            taken,
            out: reversal.out,
            back: reversal.back,
            out_text: reversal.out_excerpt.clone(),
            back_text: reversal.back_excerpt.clone(),
            done,
            left,
            ..nothing()
        };
        if dry || shown.done.is_empty() {
            return Ok(shown);
        }
        let doc = DocId::Page(page);
        let actor = actor_of(commons, doc, self.device(), self.nonce_in(commons, doc)?);
        let newest = |core: &Self| Ok::<u64, Error>(core.store.actor(commons, actor)?.map_or(0, |(_, _, seq)| seq));
        let before = newest(self)?;
        let edit = back.edit(reversal);
        // Of each of the changes that it takes: what they all take back, and which characters this one brings back.
        let marks = |range: Range<usize>| Mark::of(chosen, reversal.origins.get(range).unwrap_or_default());
        self.change_page(commons, page, true, |page| page.make(&edit, &chunk::OWN, marks).map_err(Error::internal))?;
        self.bring_into_log(commons, page, &edit.splices);
        let span = commonplace_model::Span { actor, first: before + 1, last: newest(self)? };
        shown.change = Some(RunId(span).to_string());
        shown.page = Some(self.page_changed(commons, page)?);
        Ok(shown)
    }

    fn revert_ledger(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        reversal: &Reversal,
        taken: Vec<String>,
        dry: bool,
    ) -> Result<RevertedPage> {
        let (mut say, mut unsay, mut since) = (Vec::new(), Vec::new(), 0);
        for (key, back) in &reversal.keys {
            let Some(key) = StatementKey::from_ledger(key) else { continue };
            match back {
                KeyBack::To(Some(Value::Bytes(bytes))) => {
                    // What this version does not know it cannot say again.
                    match Statement::decode(bytes).filter(|statement| statement.key() == key) {
                        Some(statement) => say.push(statement),
                        None => since += 1,
                    }
                }
                KeyBack::To(_) => unsay.push(key),
                KeyBack::Since => since += 1,
            }
        }
        let mut shown = RevertedPage { taken, ..nothing() };
        if !unsay.is_empty() {
            shown.done.push(format!("{} taken back", count(unsay.len(), "statement", "statements")));
        }
        if !say.is_empty() {
            shown.done.push(format!("{} said again", count(say.len(), "statement", "statements")));
        }
        if since > 0 {
            shown.left.push(format!("{} changed since, and left", count(since, "statement", "statements")));
        }
        if dry || shown.done.is_empty() {
            return Ok(shown);
        }
        self.change_ledger(commons, doc, &say, &unsay)?;
        for event in [
            Event::Tags { commons: commons.to_string() },
            Event::Flags { commons: commons.to_string() },
            Event::People { commons: commons.to_string() },
        ] {
            self.tell(event);
        }
        self.tell_commons(commons);
        Ok(shown)
    }
}

const ONE_WRITER: &str = "That was said in somebody’s own ledger (a tag, a flag, a name). A ledger has one writer, so only they \
    can take it back.";
const TANGLED: &str = "So many wrote at one place of this page at once that what was there before cannot be found again. \
    Nothing was changed in it; it can be mended by hand.";
const TOO_LARGE: &str = "With what would come back the page would be larger than the 5 MB that a page can hold. Nothing was changed \
    in it.";

fn nothing() -> RevertedPage {
    RevertedPage {
        page: None,
        change: None,
        taken: Vec::new(),
        out: 0,
        back: 0,
        out_text: String::new(),
        back_text: String::new(),
        done: Vec::new(),
        left: Vec::new(),
    }
}

/// What becomes of a page besides its text.
#[derive(Default)]
struct Properties {
    title: Option<Title>,
    folder: Option<Folder>,
    deleted: Option<bool>,
    since: Vec<&'static str>,
}

impl Properties {
    fn of(reversal: &Reversal, (title, folder, deleted): &(Title, Folder, bool)) -> Self {
        let mut back = Self::default();
        for (key, to) in &reversal.keys {
            match (key.as_str(), to) {
                // Whoever gave the first title began the page; it keeps that.
                (Page::TITLE, KeyBack::To(Some(Value::Text(text)))) => back.title = Some(Title::lenient(text)),
                (Page::FOLDER, KeyBack::To(Some(Value::Text(text)))) => back.folder = Some(Folder::lenient(text)),
                (Page::FOLDER, KeyBack::To(None)) => back.folder = Some(Folder::default()),
                (Page::DELETED, KeyBack::To(Some(Value::Bool(was)))) => back.deleted = Some(*was),
                (Page::DELETED, KeyBack::To(None)) => back.deleted = Some(false),
                (Page::TITLE, KeyBack::Since) => back.since.push("The title was changed since, and stays."),
                (Page::FOLDER, KeyBack::Since) => back.since.push("The page was moved since, and stays where it is."),
                (Page::DELETED, KeyBack::Since) => {
                    back.since.push("The page was deleted or restored since, and stays as it is.");
                }
                _ => {}
            }
        }
        if reversal.whole {
            // It goes as it is, and comes back as it is.
            back = Self { deleted: Some(true), ..Self::default() };
        }
        back.title = back.title.filter(|was| was != title);
        back.folder = back.folder.filter(|was| was != folder);
        back.deleted = back.deleted.filter(|was| was != deleted);
        back
    }

    /// What is done, and what cannot be.
    fn words(&self, reversal: &Reversal) -> (Vec<String>, Vec<String>) {
        let characters = |n| count(n, "character", "characters");
        let (mut done, mut left) = (Vec::new(), Vec::new());
        if reversal.out > 0 {
            done.push(format!("{} taken out", characters(reversal.out)));
        }
        if reversal.back > 0 {
            done.push(format!("{} brought back", characters(reversal.back)));
        }
        if let Some(title) = &self.title {
            done.push(format!("title is “{title}” again"));
        }
        match self.folder.as_ref().map(Folder::as_str) {
            Some("") => done.push("it is at the top again".to_owned()),
            Some(folder) => done.push(format!("it is in “{folder}” again")),
            None => {}
        }
        match self.deleted {
            Some(true) if reversal.whole => {
                done.push("the page is deleted, for nobody else wrote in it; it can be restored".to_owned());
            }
            Some(true) => done.push("the page is deleted again".to_owned()),
            Some(false) => done.push("the page is restored".to_owned()),
            None => {}
        }
        if reversal.gone > 0 {
            left.push(format!("Gone already: {} of what was written.", characters(reversal.gone)));
        }
        if reversal.others > 0 {
            left.push(format!("Deleted by somebody else, too, and left so: {}.", characters(reversal.others)));
        }
        if reversal.there > 0 {
            left.push(format!("Brought back already: {}.", characters(reversal.there)));
        }
        left.extend(self.since.iter().map(|words| (*words).to_owned()));
        (done, left)
    }

    /// The edit that does it.
    fn edit(&self, reversal: &Reversal) -> PageEdit {
        PageEdit {
            splices: reversal.splices.clone(),
            title: self.title.clone(),
            folder: self.folder.clone(),
            deleted: self.deleted,
            mark_keys: Mark::keys(),
        }
    }
}
