//! What the command line understands.

use std::{net::SocketAddr, path::PathBuf};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use commonplace_api::view::{Admission, Answer as Choice, Deciding, Ink};
use serde::de::DeserializeOwned;

/// A knowledge commons that lives on its members' own devices.
///
/// COMMONS and PAGE are an id, an unambiguous beginning of one, or a name (of a page: its title, with folders before it
/// parted by "/"). When the app or a peer runs on the same profile, commands are carried out through it.
///
/// Exit status: 0 done, 1 refused with a reason on standard error, or done in part, which the answer says, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "commonplace", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The profile's folder; otherwise that of COMMONPLACE_HOME, otherwise your own.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Answer in JSON, one value on a line; errors too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Keep to the loopback interface, and do not look for devices.
    #[arg(long, global = true, hide = true)]
    pub(crate) loopback: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what people call you; the first step.
    Init {
        /// Your name.
        #[arg(long)]
        name: String,
        /// The ink of your name and caret: madder, rust, ochre, olive, fern, verdigris, lagoon, woad, iris, mauve, rose or
        /// umber.
        #[arg(long, value_parser = ink)]
        ink: Option<Ink>,
        /// What this device is called.
        #[arg(long, value_name = "NAME")]
        device_name: Option<String>,
        /// Give this device the key of a lost one: its recovery phrase is read from standard input. Only where there is no
        /// profile yet, or one that is in no commons.
        #[arg(long)]
        from_phrase: bool,
    },
    /// Your devices: list them, add one, revoke one.
    #[command(subcommand)]
    Device(Device),
    /// Start a commons and print its id.
    New {
        /// Its name.
        name: String,
        /// Its licence, as an SPDX expression.
        #[arg(long, value_name = "SPDX")]
        licence: Option<String>,
        /// What it is for.
        #[arg(long)]
        purpose: Option<String>,
        /// How it decides; open, unless said.
        #[arg(long, value_name = "MODEL", value_parser = one_of::<Deciding>(&MODELS))]
        deciding: Option<Deciding>,
    },
    /// List the commons on this device.
    List,
    /// Show who you are, what is here and who is connected.
    Status,
    /// Show how far this device reaches, or choose it: the local network only, or also by relays.
    Reach {
        #[command(subcommand)]
        to: Option<ReachTo>,
    },
    /// Check the profile and its surroundings; refuses when something is not well.
    Doctor,
    /// Take in a folder of Markdown; folders below it become the pages' folders.
    Import {
        commons: String,
        /// The folder with the Markdown files (.md, .markdown).
        dir: PathBuf,
    },
    /// Write all pages as a folder of Markdown.
    Export {
        commons: String,
        /// The folder to write into.
        dir: PathBuf,
        /// Replace also files that hold something other than what an export wrote.
        #[arg(long)]
        overwrite: bool,
    },
    /// Make a ticket and print it.
    Invite {
        commons: String,
        /// How many people it lets in; one, unless said.
        #[arg(long, value_name = "N")]
        uses: Option<u32>,
        /// How many hours it is good for; 72, unless said.
        #[arg(long, value_name = "N")]
        hours: Option<u32>,
    },
    /// Join a commons by ticket and wait for its pages.
    Join {
        ticket: String,
        /// How long to wait for somebody who can let you in, and then for pages that do not come.
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        wait: u32,
    },
    /// List the tickets of a commons: who made them, how many came by them, and whether they still let in.
    Tickets { commons: String },
    /// Close a ticket.
    #[command(subcommand)]
    Ticket(Ticket),
    /// List who asked this device to be let in and waits until somebody vouches for them or it is decided.
    Asking { commons: String },
    /// Vouch for somebody, where that is what it takes to come in.
    Vouch {
        commons: String,
        /// Their device: its id; of one that asks, the beginning of it or their name.
        device: String,
    },
    /// Leave a commons: what you wrote stays in it, and what you hold of it stays with you.
    Leave {
        commons: String,
        /// Also where nobody could decide anything any more with you gone.
        #[arg(long)]
        yes: bool,
        /// Why, in your words.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Show the charter: what a commons is, how it decides and what that means.
    Charter { commons: String },
    /// Propose something; where the commons is open, most of it counts at once.
    ///
    /// MEMBER is a name, an id or an unambiguous beginning of one.
    Propose {
        commons: String,
        #[command(subcommand)]
        what: Proposal,
        /// Why, in your words.
        #[arg(long, value_name = "TEXT", global = true)]
        reason: Option<String>,
    },
    /// Answer a proposal.
    Vote {
        commons: String,
        /// The proposal: its id or the beginning of one.
        id: String,
        #[arg(value_parser = one_of::<Choice>(&["yes", "no", "object", "withdraw"]))]
        answer: Choice,
    },
    /// List what was proposed, what members did by their own word, and how it stands, or explain one of those.
    Decisions(Decisions),
    /// List devices on the local network.
    Nearby {
        /// How long to look for them.
        #[arg(long, value_name = "SECONDS", default_value_t = 3)]
        wait: u32,
    },
    /// Ask a device nearby to be let into a commons of its.
    Knock {
        /// The device: its id, the beginning of one, its name or its person's.
        device: String,
        /// How long to wait for an answer.
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        wait: u32,
    },
    /// List who knocks here, at the app or peer that runs.
    Knocks,
    /// Answer a knock.
    Answer {
        /// The device that knocks: its id or the beginning of one.
        device: String,
        #[command(flatten)]
        answer: Answer,
    },
    /// Be an always-on device: stay connected without a window until told to end.
    Peer {
        /// End by itself after so long.
        #[arg(long = "for", value_name = "SECONDS")]
        seconds: Option<u64>,
        /// Give figures of this device there over HTTP, in the format of OpenMetrics; whoever reaches the address reads them.
        #[arg(long, value_name = "ADDRESS:PORT")]
        metrics: Option<SocketAddr>,
    },
    /// List, read and change pages.
    #[command(subcommand)]
    Page(Page),
    /// Put tags on a page, as yourself.
    Tag {
        commons: String,
        page: String,
        #[arg(required = true, value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Take your tags off a page.
    Untag {
        commons: String,
        page: String,
        #[arg(required = true, value_name = "TAG")]
        tags: Vec<String>,
    },
    /// List the tags in use, most used first.
    Tags { commons: String },
    /// List the members.
    People { commons: String },
    /// List what changed lately, to look it over: who wrote what where, the last first.
    Changes(Changes),
    /// Take changes back by new ones, which can be taken back in turn.
    ///
    /// What they wrote is taken out where it is still there, what they deleted is brought back to its place, and title, folder
    /// and deletion become what they were if nobody changed them since. What others wrote stays as it is.
    Revert(Revert),
    /// Show neither where a member is nor their caret, on this device only; or list who is muted.
    Mute {
        commons: String,
        #[arg(required_unless_present = "list")]
        member: Option<String>,
        /// List who is muted.
        #[arg(long, conflicts_with = "member")]
        list: bool,
    },
    /// End that.
    Unmute { commons: String, member: String },
    /// Flag a page, or changes, for all members to see: somebody should look at it.
    Flag {
        commons: String,
        /// A page, or the id of changes.
        #[arg(value_name = "PAGE|CHANGE")]
        what: String,
        /// Why, in your words.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Take your flag off.
    Unflag {
        commons: String,
        /// A page, or the id of changes.
        #[arg(value_name = "PAGE|CHANGE")]
        what: String,
    },
    /// List what is flagged, by whom and why.
    Flags(Flags),
    /// Search titles, text, tags and people.
    Search {
        commons: String,
        #[arg(required = true)]
        query: Vec<String>,
        /// The most pages to show.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Print a script that completes commands in a shell.
    Completions { shell: Shell },
    /// Write the manual, a page for each command, into a folder that is there.
    #[command(hide = true)]
    Manual { dir: PathBuf },
}

/// How far a device is to reach.
#[derive(Debug, Subcommand)]
pub(crate) enum ReachTo {
    /// The local network only.
    Lan,
    /// Also by the relays that the makers of iroh run for all.
    Public,
    /// Also by a relay of your own.
    Relay {
        /// Its address: https:// (or http:// where there is no certificate), a host and perhaps a port.
        url: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// List your devices in a commons, or in each.
    List { commons: Option<String> },
    /// Make a ticket for a new device of yours, print it and wait for that device.
    ///
    /// Both devices then show a code. Approve it here when the two are the same: at a terminal you are asked, elsewhere by
    /// `device approve`.
    Add {
        /// How long to wait for the device and its approval.
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        wait: u32,
        /// Approve at once if this is the code, as the new device shows it.
        #[arg(long, value_name = "CODE")]
        yes_code: Option<String>,
    },
    /// Make this device one more of the person who made the ticket, on their other device.
    Join {
        ticket: String,
        /// What this device is called.
        #[arg(long, value_name = "NAME")]
        device_name: Option<String>,
        /// How long to wait until the other device is reached, and then for pages that do not come.
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        wait: u32,
    },
    /// Let in the device that waits, if this is the code that it shows.
    Approve {
        /// The code: six digits.
        #[arg(required = true, num_args = 1..=2)]
        code: Vec<String>,
    },
    /// Say no to the device that waits, and make the ticket void.
    Decline,
    /// Revoke another device of yours, in one commons or all: what it writes from then on counts nowhere.
    Revoke {
        /// The device: its name, its id or the beginning of one.
        device: String,
        commons: Option<String>,
    },
    /// Show the recovery phrase of this device: 24 words that are its key.
    Phrase,
}

/// Which changes to list.
#[derive(Debug, Args)]
pub(crate) struct Changes {
    pub(crate) commons: String,
    /// Only those of a member, or of one who was.
    #[arg(long, value_name = "MEMBER")]
    pub(crate) by: Option<String>,
    /// Only those of a page.
    #[arg(long)]
    pub(crate) page: Option<String>,
    /// Only what came to this device since: 90m, 2h, 3d ago, or a day (2026-11-25), or a minute of one (2026-11-25T14:00, UTC).
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// The most to list; 50, unless said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Go on from where a list ended.
    #[arg(long, value_name = "PLACE")]
    pub(crate) before: Option<String>,
    /// Only these changes, by their id, piece by piece: for those that are too large to be looked at in one entry.
    #[arg(long, value_name = "CHANGE", conflicts_with_all = ["by", "page", "since"])]
    pub(crate) within: Option<String>,
}

/// Which flags to list.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    pub(crate) commons: String,
    /// Only those on a page.
    #[arg(long)]
    pub(crate) page: Option<String>,
    /// All of one member's, the newest first. Otherwise the newest of each are listed.
    #[arg(long, value_name = "MEMBER")]
    pub(crate) by: Option<String>,
    /// The most of one member's to list; 50, unless said.
    #[arg(long, value_name = "N", requires = "by", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Go on from where a list of one member's ended.
    #[arg(long, value_name = "PLACE", requires = "by")]
    pub(crate) before: Option<String>,
}

/// Which changes to take back.
#[derive(Debug, Args)]
pub(crate) struct Revert {
    pub(crate) commons: String,
    /// Ids of changes, or their beginnings, as `changes` lists them.
    #[arg(value_name = "CHANGE", required_unless_present = "all_by", conflicts_with = "all_by")]
    pub(crate) changes: Vec<String>,
    /// All that this member wrote since; a run of changes counts by its end.
    #[arg(long, value_name = "MEMBER", requires = "since")]
    pub(crate) all_by: Option<String>,
    /// Since when, by when it came to this device: as for `changes`.
    #[arg(long, value_name = "WHEN", requires = "all_by")]
    pub(crate) since: Option<String>,
    /// Only say what that would do.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The answer to a knock.
#[derive(Debug, Args)]
#[group(id = "how", required = true, multiple = false)]
pub(crate) struct Answer {
    /// Let the device into this commons.
    #[arg(long)]
    pub(crate) commons: Option<String>,
    /// Say no.
    #[arg(long)]
    pub(crate) decline: bool,
}

/// Which decisions to show.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Decisions {
    #[command(subcommand)]
    pub(crate) one: Option<OneDecision>,
    #[arg(required = true)]
    pub(crate) commons: Option<String>,
    /// Explain this one instead of listing all.
    #[arg(long, value_name = "ID")]
    pub(crate) show: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OneDecision {
    /// Explain one: who decides, who said what, what is lacking, what sealed it, why it stands or does not.
    Show {
        /// Its id or the beginning of one, with its commons before it where that leaves a doubt.
        #[arg(required = true, num_args = 1..=2, value_name = "[COMMONS] ID")]
        which: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ticket {
    /// Close a ticket: nobody comes by it any more.
    Close {
        commons: String,
        /// The ticket, its id, or the beginning of one.
        ticket: String,
    },
}

/// What is proposed.
#[derive(Debug, Subcommand)]
pub(crate) enum Proposal {
    /// Another text of the charter.
    Text {
        /// The text; standard input is read when there is none.
        text: Option<String>,
    },
    /// Another name of the commons.
    Name { name: String },
    /// Another purpose.
    Purpose { purpose: String },
    /// Another licence, as an SPDX expression.
    Licence { licence: String },
    /// Another way of deciding.
    #[command(subcommand)]
    Model(Model),
    /// Another way of coming in: with a ticket, with a ticket and a voucher, or by decision.
    Admission {
        #[arg(value_parser = one_of::<Admission>(&["ticket", "vouched", "decision"]))]
        how: Admission,
    },
    /// Make a member a steward.
    Grant { member: String },
    /// End a stewardship.
    End { member: String },
    /// Remove a member. What they hold on their devices, they keep.
    Remove { member: String },
    /// Take a removed member back.
    Readmit { member: String },
    /// Hide a page from lists and searches.
    Hide { page: String },
    /// Show a hidden page again.
    Restore { page: String },
    /// Go on with another page in the place of one.
    Anew {
        page: String,
        #[arg(value_name = "NEWPAGE")]
        anew: String,
    },
    /// Let in somebody who asked; see `asking`.
    Admit {
        /// Their device: its id, the beginning of it, or their name.
        device: String,
    },
    /// Take those who wait for it in as electors, and nothing else.
    Roster,
    /// Something that fell, once more, as things are now.
    Again {
        /// Its id or the beginning of one.
        id: String,
    },
}

/// A way of deciding.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// What any member does counts at once, and another act undoes it.
    Open,
    /// So many of the stewards.
    Stewards {
        /// How many have to say yes.
        needed: u32,
        /// The stewards from then on; those that there are, unless said.
        #[arg(value_name = "MEMBER")]
        members: Vec<String>,
    },
    /// Enough electors say yes and nobody objects.
    Consent {
        /// How many of a hundred have to say yes; 50, unless said.
        percent: Option<u32>,
    },
    /// More than half of all electors say yes.
    Majority,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Page {
    /// List pages.
    List {
        commons: String,
        /// Only pages with this tag.
        #[arg(long)]
        tag: Option<String>,
        /// Only pages in this folder and below it.
        #[arg(long)]
        folder: Option<String>,
        /// Only pages whose title or folder contains this.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Last changed first, instead of by name.
        #[arg(long)]
        lately: bool,
        /// Deleted pages instead of the others.
        #[arg(long)]
        deleted: bool,
        /// Pages that a decision hid instead of the others.
        #[arg(long, conflicts_with_all = ["tag", "folder", "filter", "lately", "deleted"])]
        hidden: bool,
        /// The most pages to list; all, unless said.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Make an empty page.
    New { commons: String, page: String },
    /// Print a page's Markdown as it is.
    Show { commons: String, page: String },
    /// Replace a page's text by what standard input holds, changing only what differs.
    Write {
        commons: String,
        page: String,
        /// Let standard input be empty, which empties the page.
        #[arg(long)]
        empty: bool,
    },
    /// Add to the end of a page: a line, or what standard input holds.
    Append {
        commons: String,
        page: String,
        /// The line; standard input is read when there is none.
        text: Option<String>,
    },
    /// Give a page another name, with folders before the title.
    Rename { commons: String, page: String, name: String },
    /// Delete a page; `page restore` undoes it.
    Delete { commons: String, page: String },
    /// Bring a deleted page back.
    Restore { commons: String, page: String },
}

/// Shells whose completions can be printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Command {
    /// Whether it is about other devices.
    pub(crate) fn needs_network(&self) -> bool {
        matches!(
            self,
            Self::Device(Device::Add { .. } | Device::Join { .. })
                | Self::Join { .. }
                | Self::Nearby { .. }
                | Self::Knock { .. }
                | Self::Peer { .. }
        )
    }
}

/// Ways of deciding.
const MODELS: [&str; 4] = ["open", "stewards", "consent", "majority"];

/// One of these words.
fn one_of<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    words: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).try_map(|word| serde_json::from_value::<T>(word.into()))
}

fn ink(text: &str) -> Result<Ink, String> {
    serde_json::from_value(text.into()).map_err(|_| "there is no such ink".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
