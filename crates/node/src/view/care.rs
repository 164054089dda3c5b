//! Changes to look over, what taking them back did, and flags.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Named, PageRow};

views! {
    /// A stretch of the changes of a commons, the last ones first.
    pub struct ChangeList {
        /// The runs.
        runs: Vec<ChangeRun>,
        /// Where the next stretch begins; nothing at the end.
        next: Option<String>,
    }

    /// What somebody wrote in one page without a long pause.
    pub struct ChangeRun {
        /// Its id, for `revert` and `flag`: the same on every device.
        id: String,
        /// Who wrote it; nothing while that is not known here.
        who: Option<Named>,
        /// What their device is called; empty where that is not known.
        device: String,
        /// The page; nothing when it was said in a ledger.
        page: Option<PageRow>,
        /// When the first of it came to this device.
        began_at: u64,
        /// When the last of it came to this device. Changes bear no time of their own.
        at: u64,
        /// How many changes it is.
        changes: u64,
        /// How many of them were not looked at, being too large or too many: `within` lists them piece by piece.
        unread: u64,
        /// What it did, in words.
        summary: String,
        /// Characters that came.
        inserted: u64,
        /// Characters that went.
        deleted: u64,
        /// How what came begins.
        inserted_text: String,
        /// How what went begins.
        deleted_text: String,
        /// Runs that it takes back: the first ones.
        takes_back: Vec<String>,
        /// How many more.
        takes_back_more: u64,
        /// Whether it can be taken back from here: what others say in their ledgers cannot.
        revertible: bool,
        /// Flags on just these changes: one's own, and the oldest.
        flags: Vec<FlagView>,
        /// How many more.
        more_flags: u64,
    }

    /// What taking changes back did, or would do.
    pub struct Reverted {
        /// Whether it was only looked at.
        dry: bool,
        /// Page by page.
        pages: Vec<RevertedPage>,
        /// Pages in which it failed, or would. Those before and after them are done.
        failed: Vec<FailedPage>,
        /// Changes that cannot be taken back at all.
        refused: Vec<NotReverted>,
    }

    /// A page in which changes could not be taken back, and why. Nothing was changed in it.
    pub struct FailedPage {
        /// The page; nothing where it is this member's own ledger, or not known.
        page: Option<PageRow>,
        /// The runs that were to be taken back.
        changes: Vec<String>,
        /// Why.
        reason: String,
    }

    /// What taking changes back did, or would do, to one page.
    pub struct RevertedPage {
        /// The page; nothing where it was this member's own ledger.
        page: Option<PageRow>,
        /// The change that takes them back; nothing when nothing was to be done, or was done.
        change: Option<String>,
        /// The runs taken back.
        taken: Vec<String>,
        /// Characters taken out.
        out: u64,
        /// Characters brought back.
        back: u64,
        /// How what goes begins.
        out_text: String,
        /// How what comes back begins.
        back_text: String,
        /// What is done, in words.
        done: Vec<String>,
        /// What cannot be done, and why, in words.
        left: Vec<String>,
    }

    /// Changes that cannot be taken back, and why.
    pub struct NotReverted {
        /// The changes.
        change: String,
        /// Why.
        reason: String,
    }

    /// Flags: of each member the newest, or a stretch of one member's.
    pub struct FlagList {
        /// The flags.
        flags: Vec<FlagView>,
        /// Who put more than these, and how many more.
        more: Vec<MoreFlags>,
        /// Where the next stretch of one member's flags begins; nothing at the end.
        next: Option<String>,
    }

    /// Somebody who put more flags than are listed.
    pub struct MoreFlags {
        /// Who.
        who: Named,
        /// How many more.
        count: u64,
    }

    /// A flag: somebody finds that a page, or changes of it, should be looked at.
    pub struct FlagView {
        /// Who.
        who: Named,
        /// The page.
        page: PageRow,
        /// The changes; nothing when the page itself is meant.
        change: Option<String>,
        /// Why, in their words; may be empty.
        reason: String,
    }
}

/// Which changes to list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
#[ts(optional_fields = nullable)]
pub struct ChangeQuery {
    /// Only a member's, or a former member's.
    pub by: Option<String>,
    /// Only those of a page.
    pub page: Option<String>,
    /// Only what came to this device since: a day (`2026-11-25`), a minute of it (`2026-11-25T14:00`, UTC), or how long ago
    /// (`90m`, `2h`, `3d`).
    pub since: Option<String>,
    /// Only what comes after a stretch: its `next`.
    pub before: Option<String>,
    /// The most to answer with; 50 by default, 500 at most.
    pub limit: Option<u32>,
    /// Only these changes, piece by piece, the first ones first: for those that are too large to be looked at in one entry. Of the
    /// other fields only `before` and `limit` count then.
    pub within: Option<String>,
}

/// Which flags to list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
#[ts(optional_fields = nullable)]
pub struct FlagQuery {
    /// Only those on a page.
    pub page: Option<String>,
    /// All of one member's, stretch by stretch, the newest first. Without it, of each member the newest are listed.
    pub by: Option<String>,
    /// Only what comes after a stretch of one member's flags: its `next`.
    pub before: Option<String>,
    /// The most of one member's flags to answer with; 50 by default, 500 at most.
    pub limit: Option<u32>,
}
