//! What the engine tells of itself while it runs.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Caret, CommonsView, DecisionRow, EditorUpdates, Holding, Knock, NearbyDevice, PageRow, Paired, PairingView,
};

/// A piece of work that takes a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    /// Taking in a folder.
    Import,
    /// Writing a folder.
    Export,
    /// Catching up with another device.
    Sync,
}

/// What the engine tells whoever listens, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A commons is new or has changed in its figures.
    Commons {
        /// How it is now.
        commons: CommonsView,
    },
    /// Pages were made, renamed, deleted, restored or edited; lists of this commons may have changed.
    Pages {
        /// The commons.
        commons: String,
        /// The changed rows when they are few; empty means "ask again".
        rows: Vec<PageRow>,
    },
    /// Tags of a commons changed.
    Tags {
        /// The commons.
        commons: String,
    },
    /// Flags in a commons may have changed.
    Flags {
        /// The commons.
        commons: String,
    },
    /// Members, their presence or their whereabouts changed.
    People {
        /// The commons.
        commons: String,
    },
    /// What is proposed, said, decided or asked in a commons may have changed, and with it its charter and its tickets.
    Decisions {
        /// The commons.
        commons: String,
    },
    /// Something that this person proposed, or did by their own word, counts no more or cannot be decided any more.
    Fell {
        /// The commons.
        commons: String,
        /// What fell.
        decision: DecisionRow,
        /// Why, in plain words: a sentence each.
        why: Vec<String>,
    },
    /// Devices seen on the local network.
    Nearby {
        /// All of them.
        devices: Vec<NearbyDevice>,
    },
    /// Who knocks here, all of them.
    Knocks {
        /// All that wait for an answer.
        knocks: Vec<Knock>,
    },
    /// A knock of ours was answered.
    KnockAnswered {
        /// Who answered.
        device: String,
        /// The commons we are let into; nothing when declined.
        commons: Option<CommonsView>,
    },
    /// A device waits to be paired with this one, and both show a code; nothing when that is over, however it ended.
    Pairing {
        /// The one that waits.
        pairing: Option<PairingView>,
    },
    /// Two of this person's devices were paired, this one of them.
    Paired {
        /// With which, and in which commons.
        paired: Paired,
    },
    /// New updates in the log of an editor session.
    Editor {
        /// The session.
        session: u32,
        /// What is new.
        updates: EditorUpdates,
    },
    /// Title, folder, tags or deletion of the page in a session changed.
    EditorPage {
        /// The session.
        session: u32,
        /// The line of the page now.
        row: PageRow,
        /// Its tags now.
        tags: Vec<String>,
    },
    /// Carets of others in the page of a session, all of them.
    Carets {
        /// The session.
        session: u32,
        /// All carets.
        carets: Vec<Caret>,
    },
    /// Who holds the page of a session changed.
    Held {
        /// The session.
        session: u32,
        /// How it stands.
        holding: Holding,
    },
    /// How far a piece of work is.
    Progress {
        /// What it is.
        job: Job,
        /// In which commons.
        commons: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 while unknown.
        total: u64,
        /// Whether it is over.
        finished: bool,
        /// From or about whom, for a sync: name of the device.
        with: String,
    },
    /// Something went wrong outside any call.
    Trouble {
        /// What happened, what is safe, what to do.
        message: String,
    },
    /// The listener was too slow and missed events: ask for everything again.
    Missed,
}
