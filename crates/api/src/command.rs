//! Every command of Commonplace, declared once: its name, arguments and reply.
//!
//! From this one list come the dispatch by name (used by the window's IPC and by the local socket), the typed client
//! of the command line and of tests, and the TypeScript of the window.

use commonplace_node::view::{
    Answer, Asking, ChangeList, ChangeQuery, CharterView, CommonsView, Deciding, DecisionRow, DecisionView,
    DeviceTicketView, EditorOpened, EditorPushed, EditorUpdate, EditorUpdates, ExportReport, Finding, FlagList,
    FlagQuery, FlagView, Holding, ImportReport, Ink, Invitation, Knock, Leaving, Named, NearbyDevice, OwnDevices,
    PageList, PageQuery, PageRow, PageView, Paired, PairingView, Person, Profile, Proposed, ReachKind, ReachView,
    Resolution, Reverted, Revoked, SearchResult, Status, TagRow, TicketView,
};

commands! {
    /// The engine at a glance.
    status => Status {}
    /// Gives the person at this device a name and an ink; the first step.
    init => Profile { name: String, ink: Option<Ink>, device_name: Option<String> }
    /// How far this device reaches: the local network only, or also by relays.
    reach => ReachView {}
    /// Chooses that, from the next start on. `relay` is the address of a relay of one's own, and of no use for another kind.
    reach_set => ReachView { kind: ReachKind, relay: Option<String> }
    /// Checks the profile and its surroundings; thoroughly, also every byte that is stored, which takes seconds.
    doctor => Vec<Finding> { thorough: bool }

    /// The commons on this device.
    commons_list => Vec<CommonsView> {}
    /// Founds a commons.
    commons_new => CommonsView { name: String, purpose: Option<String>, licence: Option<String>, deciding: Option<Deciding> }
    /// What leaving a commons would bring about that nobody could undo.
    leaving => Leaving { commons: String }
    /// Has this person leave a commons, with a reason if they give one. It stays on this device to be read and exported. Where
    /// `leaving` has something to say, it takes `anyway`.
    leave => () { commons: String, reason: Option<String>, anyway: Option<bool> }
    /// Makes a ticket. `uses` defaults to 1 and `hours` to 72.
    invite => TicketView { commons: String, uses: Option<u32>, hours: Option<u32> }
    /// Reads a ticket without using it.
    ticket_read => TicketView { ticket: String }
    /// Finds a ticket in a picture; the picture's bytes in base 64.
    ticket_from_picture => TicketView { picture: String }
    /// Finds the text of a ticket in a picture, of whichever kind the ticket is; the picture's bytes in base 64.
    picture_read => String { picture: String }
    /// Joins by ticket, waiting at most so many seconds (30 by default) for somebody who can let us in.
    join => CommonsView { ticket: String, wait_seconds: Option<u32> }
    /// Tickets that were made, those that let in first.
    tickets => Vec<Invitation> { commons: String }
    /// Closes a ticket, named by its id, the beginning of one, or the ticket itself.
    ticket_close => Invitation { commons: String, ticket: String }
    /// People who asked this device to be let in and wait for a voucher or a decision.
    asking => Vec<Asking> { commons: String }
    /// Vouches for the person at a device; its id, or the beginning of one that asks.
    vouch => Asking { commons: String, device: String }

    /// This person's devices in a commons, or in each.
    device_list => Vec<OwnDevices> { commons: Option<String> }
    /// Makes a ticket for one more device of this person; one that was made before is good no longer.
    device_add => DeviceTicketView {}
    /// Has this device become one more of the person whose ticket it is; both show a code until that is approved there.
    device_join => Paired { ticket: String, device_name: Option<String>, wait_seconds: Option<u32> }
    /// The pairing that waits for its code, if there is one.
    device_pairing => Option<PairingView> {}
    /// Approves the device that waits, if the code is the one shown here; otherwise the pairing is over.
    device_approve => Paired { code: String }
    /// Says no to the device that waits, and makes the ticket void; on the new device, waits to be approved no more.
    device_decline => () {}
    /// Revokes another device of this person, in one commons or all.
    device_revoke => Revoked { device: String, commons: Option<String> }
    /// The recovery phrase of this device's key: 24 words, whoever has which can write as this device.
    device_phrase => String {}

    /// The charter: what a commons is and how it decides.
    charter => CharterView { commons: String }
    /// Proposes something. Where the charter lets the act count at once, it does.
    propose => Resolution { commons: String, proposed: Proposed, reason: Option<String> }
    /// Answers a proposal, named by its id or the beginning of one; without a commons, it is looked for in all.
    vote => DecisionView { commons: Option<String>, decision: String, answer: Answer }
    /// Proposals, the newest first.
    decisions => Vec<DecisionRow> { commons: String }
    /// A proposal, what became of it and why; without a commons, it is looked for in all.
    decision => DecisionView { commons: Option<String>, decision: String }

    /// Devices on the local network.
    nearby => Vec<NearbyDevice> {}
    /// Asks a device nearby to be let in.
    knock => () { device: String }
    /// Takes a knock back.
    knock_withdraw => () { device: String }
    /// Who knocks here.
    knocks => Vec<Knock> {}
    /// Answers a knock: lets its device into a commons, or declines.
    knock_answer => () { device: String, commons: Option<String> }

    /// A stretch of the list of pages.
    page_list => PageList { commons: String, query: PageQuery }
    /// Makes a page. `name` is its title, with folders before it parted by `/`.
    page_new => PageRow { commons: String, name: String, body: Option<String> }
    /// A page with its text.
    page_show => PageView { commons: String, page: String }
    /// Replaces a page's text, changing only what differs.
    page_write => PageRow { commons: String, page: String, body: String }
    /// Adds to the end of a page's text.
    page_append => PageRow { commons: String, page: String, text: String }
    /// Gives a page another name: a title, with folders before it parted by `/`.
    page_rename => PageRow { commons: String, page: String, name: String }
    /// Deletes a page; `page_restore` undoes it.
    page_delete => PageRow { commons: String, page: String }
    /// Brings a deleted page back.
    page_restore => PageRow { commons: String, page: String }
    /// Who holds this device's changes of a page.
    page_holding => Holding { commons: String, page: String }

    /// Opens a page for writing.
    editor_open => EditorOpened { commons: String, page: String }
    /// Pushes a window's updates, made on the log's `version`.
    editor_push => EditorPushed { session: u32, version: u32, updates: Vec<EditorUpdate> }
    /// The log from a version on, for a window that missed events.
    editor_pull => EditorUpdates { session: u32, version: u32 }
    /// Shows others where this window's caret is; nothing when it left the text.
    editor_caret => () { session: u32, anchor: Option<u32>, head: Option<u32> }
    /// Closes a session; everything typed is durable when it returns.
    editor_close => () { session: u32 }

    /// Puts tags on a page, as this member.
    tag => PageView { commons: String, page: String, tags: Vec<String> }
    /// Takes this member's tags off a page.
    untag => PageView { commons: String, page: String, tags: Vec<String> }
    /// Tags in use, most used first.
    tags => Vec<TagRow> { commons: String }
    /// Members.
    people => Vec<Person> { commons: String }
    /// Searches titles, text, tags and people.
    search => SearchResult { commons: String, query: String, limit: Option<u32> }

    /// A stretch of the changes of a commons, as runs: the last ones first.
    changes => ChangeList { commons: String, query: ChangeQuery }
    /// Takes changes back by new ones: these runs, or all that a member wrote since some time. When `dry`, only says what that would do.
    revert => Reverted { commons: String, changes: Vec<String>, all_by: Option<String>, since: Option<String>, dry: bool }
    /// Has this device show neither where a member is nor their caret; their text stays. Answers who is muted.
    mute => Vec<Named> { commons: String, member: String }
    /// Ends that.
    unmute => Vec<Named> { commons: String, member: String }
    /// Who is muted on this device.
    muted => Vec<Named> { commons: String }
    /// Flags a page, or a run of changes by its id, for all members to see.
    flag => FlagView { commons: String, what: String, reason: Option<String> }
    /// Takes this member's flag off. Answers the flags that are left on the page.
    unflag => FlagList { commons: String, what: String }
    /// The flags of a commons: of each member the newest, and who has more; or a stretch of one member's.
    flags => FlagList { commons: String, query: FlagQuery }

    /// Takes in a folder of Markdown; folders below it become the pages' folders.
    import => ImportReport { commons: String, dir: String }
    /// Writes all pages as a folder of Markdown; a file there that somebody else wrote is kept, unless it is to overwrite.
    export => ExportReport { commons: String, dir: String, overwrite: Option<bool> }
}
