//! A page while it is written in: sessions, their updates, and the carets of others.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Ink, PageRow};

views! {
    /// One update of a page's text, in the form of `@codemirror/collab`.
    pub struct EditorUpdate {
        /// Who made it: the client id of a window, or a name of the engine's for remote work.
        client_id: String,
        /// A CodeMirror `ChangeSet` as JSON.
        #[ts(type = "(number | (number | string)[])[]")]
        changes: serde_json_changes::Changes,
    }

    /// A page opened for writing.
    pub struct EditorOpened {
        /// Names this window's session in later calls.
        session: u32,
        /// Version of the session's log that `text` stands at.
        version: u32,
        /// The page's Markdown.
        text: String,
        /// The line of it.
        row: PageRow,
        /// Its tags.
        tags: Vec<String>,
        /// Others who are on this page.
        carets: Vec<Caret>,
    }

    /// Answer to a push.
    pub struct EditorPushed {
        /// Whether the updates were taken; if not, newer ones are on their way and the push is to be made again over them.
        accepted: bool,
        /// Version of the log now.
        version: u32,
    }

    /// Updates of a session's log.
    pub struct EditorUpdates {
        /// Version before the first of them.
        from: u32,
        /// The updates in order.
        updates: Vec<EditorUpdate>,
    }

    /// Somebody else's caret.
    pub struct Caret {
        /// Their device.
        device: String,
        /// Their member id.
        member: String,
        /// Their name.
        name: String,
        /// Their ink.
        ink: Ink,
        /// Where the selection began; nothing while they only look at the page.
        anchor: Option<u32>,
        /// Where the caret is.
        head: Option<u32>,
        /// Whether they typed in the last seconds.
        writing: bool,
    }
}

/// The form in which changes of text travel to and from the editor.
pub mod serde_json_changes {
    use serde::{Deserialize, Serialize};

    /// One section of a CodeMirror `ChangeSet`: so many units kept, or so many deleted and these lines put in.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    pub enum Section {
        /// Units kept.
        Keep(u32),
        /// Units deleted, then lines inserted.
        Change(Vec<Part>),
    }

    /// A part of a changing section.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    pub enum Part {
        /// Units deleted.
        Delete(u32),
        /// A line inserted.
        Line(String),
    }

    /// A whole `ChangeSet`.
    pub type Changes = Vec<Section>;
}
