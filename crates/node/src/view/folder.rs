//! Folders of Markdown: what taking one in and writing one did.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

views! {
    /// A file that was not taken in, and why.
    pub struct Skipped {
        /// Its place in the folder.
        path: String,
        /// Why, in plain words.
        reason: String,
    }

    /// What an import did.
    pub struct ImportReport {
        /// Pages made.
        made: u64,
        /// Pages that were there already and got the file's text.
        changed: u64,
        /// Pages that were there already with the same text.
        same: u64,
        /// Files and folders left out, those first that somebody may miss; a thousand at most.
        skipped: Vec<Skipped>,
        /// How many were left out in all.
        skipped_total: u64,
    }

    /// What an export did.
    pub struct ExportReport {
        /// Files written.
        written: u64,
        /// Files that were there already with the same bytes.
        same: u64,
        /// Pages whose file got another name than their title, and why.
        renamed: Vec<Skipped>,
        /// Files that were kept, for they hold something other than what an export wrote; a thousand at most.
        kept: Vec<String>,
        /// How many were kept in all.
        kept_total: u64,
        /// Pages that are damaged and could not be read, by the file they would be or their id, and why; a thousand at most.
        unread: Vec<Skipped>,
        /// How many could not be read in all.
        unread_total: u64,
    }
}
