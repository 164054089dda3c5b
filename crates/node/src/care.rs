//! Care after the fact: recent changes to look over, taking them back, muting, flags.
//!
//! Nothing waits for permission in a commons; instead everybody can see what came, say that it should be looked at, and take it
//! back by a change of their own, which can be taken back like any other.
//!
//! Invariants:
//! - A list reads the runs that it shows and no others, and of their changes so much at most; how many were not looked at it
//!   says, and they can be asked for by themselves.
//! - Taking back changes pages only by edits of this member's own. Nothing is removed from any history.
//! - Muting is this device's own matter: it is stored here, told to nobody, and hides no text.
//!
//! Deliberately absent: judging. Whether something is good is for people.

mod flags;
mod looking;
mod mute;
mod revert;
mod since;
mod within;
mod words;

use std::{collections::HashMap, fmt, str::FromStr};

use commonplace_governance::{DeviceStanding, Roll};
use commonplace_model::{Actor, CommonsId, DeviceId, DocId, DocKind, MemberId, Span, Statement, shown};
use commonplace_store::{Run, RunQuery};
use commonplace_trust::{Act, Deed, History, OpId, Summary, Value};

use crate::{
    commons::Commons,
    core::Core,
    error::{Error, ErrorCode, Result},
    profile,
    view::{ChangeList, ChangeQuery, ChangeRun},
};
use looking::Looking;
use words::Said;

/// Runs in a stretch, unless said, and at most.
const RUNS: u32 = 50;
const MAX_RUNS: u32 = 500;
/// Characters of an actor's id that a person must give at least.
const BEGINNING: usize = 6;

/// The id of a run, the same on every device: its actor, and from which of the actor's changes to which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunId(pub(crate) Span);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}-{}", self.0.actor, self.0.first, self.0.last)
    }
}

/// What somebody wrote as a run's id: the beginning of an actor's, and numbers.
struct Written {
    first_actor: Actor,
    last_actor: Actor,
    first: u64,
    last: u64,
}

impl FromStr for Written {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (actor, numbers) = text.trim().split_once('.').ok_or(())?;
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n > 0).ok_or(());
        let (first, last) = (number(first)?, number(last)?);
        // The least and the greatest id that begin like that.
        let whole = Actor::new([0xff; Actor::LEN]).to_string();
        if actor.len() < BEGINNING || actor.len() > whole.len() || first > last || !actor.is_ascii() {
            return Err(());
        }
        let least = format!("{actor}{}", "a".repeat(whole.len() - actor.len()));
        let greatest = format!("{actor}{}", &whole[actor.len()..]);
        let id = |text: String| text.parse::<Actor>().map_err(|_| ());
        Ok(Self { first_actor: id(least)?, last_actor: id(greatest)?, first, last })
    }
}

impl Core {
    /// The changes that a person means, the document they are in, and whose device made them.
    pub(crate) fn find_changes(&self, commons: CommonsId, reference: &str) -> Result<(RunId, DocId, Option<DeviceId>)> {
        let none = || {
            Error::new(
                ErrorCode::NotFound,
                format!("There are no changes “{reference}” on this device. The list of changes shows the id of each."),
            )
        };
        let written: Written = reference.parse().map_err(|()| none())?;
        let found = self.store.actors_between(commons, written.first_actor, written.last_actor)?;
        match found.as_slice() {
            [(actor, doc, device, newest)] if written.last <= *newest => {
                let span = Span { actor: *actor, first: written.first, last: written.last };
                Ok((RunId(span), *doc, *device))
            }
            [_, _, ..] => Err(Error::new(
                ErrorCode::Ambiguous,
                format!("Changes of several begin like “{reference}”. Give more of the id."),
            )),
            _ => Err(none()),
        }
    }

    /// The member whom a person means, one who is no member any more included.
    pub(crate) fn find_anybody(&self, commons: CommonsId, reference: &str) -> Result<MemberId> {
        let roll = &self.held_commons(commons)?.roll;
        let former = roll.ended().filter_map(|device| match roll.standing_of(device) {
            DeviceStanding::Ended(member) => Some(member),
            _ => None,
        });
        let all = roll.members().map(|member| member.id).chain(former).collect();
        self.find_person(commons, reference, &all, "member")
    }

    /// All devices that are or were a member's.
    fn devices_of(&self, commons: CommonsId, member: MemberId) -> Result<Vec<DeviceId>> {
        let roll = &self.held_commons(commons)?.roll;
        let is_theirs = |device: &&DeviceId| member_of(self.held_commons(commons).ok(), device) == Some(member);
        Ok(roll.devices().chain(roll.ended()).filter(is_theirs).copied().collect())
    }

    /// A stretch of the changes.
    pub(crate) fn changes(&mut self, commons: &str, query: &ChangeQuery) -> Result<ChangeList> {
        let id = self.find_commons(commons)?;
        if let Some(within) = &query.within {
            return self.changes_within(id, within, query);
        }
        let doc = query.page.as_ref().map(|page| self.find_page(id, page)).transpose()?.map(DocId::Page);
        let by = query.by.as_ref().map(|by| self.find_anybody(id, by)).transpose()?;
        let devices = by.map(|by| self.devices_of(id, by)).transpose()?;
        let since = query.since.as_ref().map(|since| since::read(since, profile::now())).transpose()?;
        let before = query.before.as_ref().map(|before| before.parse::<u64>()).transpose();
        let before = before.map_err(|_| no_place())?;
        let limit = query.limit.unwrap_or(RUNS).clamp(1, MAX_RUNS) as usize;
        // What was typed just now belongs to it.
        self.flush_all();
        let asked = RunQuery { devices, doc, since, before, limit: limit + 1 };
        let mut runs = self.store.runs(id, &asked)?;
        let more = runs.len() > limit;
        runs.truncate(limit);
        let next = runs.last().filter(|_| more).map(|run| run.no.to_string());
        let mut looking = Looking::list();
        let mut shown = Vec::with_capacity(runs.len());
        for run in &runs {
            shown.push(looking.entry(|looking| self.run_view(id, run, looking))?);
        }
        Ok(ChangeList { runs: shown, next })
    }

    fn run_view(&self, commons: CommonsId, run: &Run, looking: &mut Looking) -> Result<ChangeRun> {
        let deeds = self.deeds(commons, run.doc, run.actor, (run.first, run.last), looking)?;
        let unread = run.last - run.first + 1 - deeds.len() as u64;
        self.entry_view(commons, run, &deeds, unread, looking)
    }

    fn entry_view(
        &self,
        commons: CommonsId,
        run: &Run,
        deeds: &[Deed],
        unread: u64,
        looking: &mut Looking,
    ) -> Result<ChangeRun> {
        let summary = self.summary(commons, run.doc, deeds, looking)?;
        let held = self.held_commons(commons)?;
        let member = run.device.as_ref().and_then(|device| member_of(Some(held), device));
        let device = run.device.as_ref().map(|device| device_name(&held.roll, device)).unwrap_or_default();
        let span = Span { actor: run.actor, first: run.first, last: run.last };
        let (page, (flags, more_flags)) = match run.doc {
            DocId::Page(page) => {
                (self.store.page(commons, page)?.map(crate::pages::row), self.flags_on(commons, page, &span)?)
            }
            DocId::Ledger(_) => (None, (Vec::new(), 0)),
        };
        let words = match run.doc {
            _ if deeds.is_empty() => "wrote what is not looked at here".to_owned(),
            DocId::Page(_) => words::of_page(&summary, page.as_ref()),
            DocId::Ledger(_) => self.words_of_ledger(commons, run.doc, &summary, looking)?,
        };
        Ok(ChangeRun {
            id: RunId(span).to_string(),
            who: member.map(|member| self.named(held, member)),
            device,
            page,
            began_at: run.began_at,
            at: run.at,
            changes: run.last - run.first + 1,
            unread,
            summary: words,
            inserted: summary.inserted,
            deleted: summary.deleted,
            inserted_text: summary.inserted_excerpt,
            deleted_text: summary.deleted_excerpt,
            takes_back: summary
                .took_back
                .iter()
                .map(|(actor, first, last)| RunId(Span { actor: *actor, first: *first, last: *last }).to_string())
                .collect(),
            takes_back_more: summary.took_back_more,
            revertible: matches!(run.doc, DocId::Page(_)) || run.doc == DocId::Ledger(held.me),
            flags,
            more_flags,
        })
    }

    /// What an actor's changes did, one after the other: the first ones of them, as far as they are looked at.
    fn deeds(
        &self,
        commons: CommonsId,
        doc: DocId,
        actor: Actor,
        span: (u64, u64),
        looking: &mut Looking,
    ) -> Result<Vec<Deed>> {
        let mut deeds = Vec::new();
        let mut fault = None;
        self.store.changes_of(commons, doc, actor, span, |change| {
            if !looking.takes(&change) {
                return false;
            }
            match Deed::read(&change, doc.into()) {
                Ok(deed) => deeds.push(deed),
                Err(error) => fault = Some(Error::internal(error)),
            }
            fault.is_none()
        })?;
        fault.map_or(Ok(deeds), Err)
    }

    fn summary(&self, commons: CommonsId, doc: DocId, deeds: &[Deed], looking: &mut Looking) -> Result<Summary> {
        let history = self.store.history(commons, doc)?;
        // Characters deleted one after the other were mostly written by one change.
        let mut read: HashMap<Actor, Deed> = HashMap::new();
        let summary = Summary::of(deeds, |id| match earlier(&history, doc.into(), &mut read, looking, id)? {
            Act::Insert { character, after } => Some((character, after)),
            _ => None,
        });
        history.sound()?;
        Ok(summary)
    }

    fn words_of_ledger(
        &self,
        commons: CommonsId,
        doc: DocId,
        summary: &Summary,
        looking: &mut Looking,
    ) -> Result<String> {
        let history = self.store.history(commons, doc)?;
        let mut read = HashMap::new();
        let mut said = Vec::new();
        for (_, put, over) in &summary.said {
            said.push(match put {
                Some(bytes) => Statement::decode(bytes).map_or(Said::Unknown, Said::This),
                None => Said::TakenBack(over.last().and_then(|id| {
                    match earlier(&history, DocKind::Ledger, &mut read, looking, id)? {
                        Act::Put { value: Value::Bytes(bytes), .. } => Statement::decode(&bytes),
                        _ => None,
                    }
                })),
            });
        }
        history.sound()?;
        let mut titles = HashMap::new();
        for statement in said.iter().filter_map(Said::statement) {
            if let Statement::Tag { page, .. } | Statement::Flag { page, .. } = statement {
                let row = self.store.page(commons, *page)?;
                titles.insert(*page, row.map_or_else(|| "a page that is not here".to_owned(), |row| row.title));
            }
        }
        Ok(words::of_ledger(&said, summary.said_more, &titles))
    }
}

fn no_place() -> Error {
    Error::bad("That is no place in a list of changes.")
}

/// What an earlier operation did, with the change that was read last of each actor. Nothing when that would be more than is to be
/// looked at: what is asked for has another sign of being cut then.
fn earlier(
    history: &impl History,
    kind: DocKind,
    read: &mut HashMap<Actor, Deed>,
    looking: &mut Looking,
    id: &OpId,
) -> Option<Act> {
    if let Some(act) = read.get(&id.actor).and_then(|deed| deed.at(id.counter)) {
        return Some(act.clone());
    }
    let change = history.reaching(&id.actor, id.counter).filter(|change| looking.takes(change))?;
    let deed = Deed::read(&change, kind).ok()?;
    let act = deed.at(id.counter).cloned();
    read.insert(id.actor, deed);
    act
}

/// What a device is called, also one that is out: just what those wrote is looked over.
fn device_name(roll: &Roll, device: &DeviceId) -> String {
    let name = roll.device_name(device).map(shown);
    name.or_else(|| roll.pairing(device).map(|said| shown(&said.device_name))).unwrap_or_default()
}

/// Whose device it is or was.
fn member_of(held: Option<&Commons>, device: &DeviceId) -> Option<MemberId> {
    crate::endings::member_once(&held?.roll, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_id_or_the_beginning_of_one() {
        let span = Span { actor: Actor::new([0x5a; 16]), first: 3, last: 12 };
        let id = RunId(span).to_string();
        let written: Written = id.parse().expect("reads");
        assert_eq!((written.first_actor, written.last_actor), (span.actor, span.actor));
        assert_eq!((written.first, written.last), (3, 12));
        let (actor, numbers) = id.split_once('.').expect("two parts");
        let short: Written = format!("{}.{numbers}", &actor[..7]).parse().expect("reads");
        assert!(short.first_actor < span.actor && span.actor < short.last_actor);
        let one: Written = format!("{actor}.7").parse().expect("reads");
        assert_eq!((one.first, one.last), (7, 7));
        for bad in [
            "",
            "abcdefg",
            ".1-2",
            "abc.1-2",
            "abcdefg.0",
            "abcdefg.5-4",
            "abcdefg.x",
            "äbcdefgh.1",
            &format!("{id}{id}"),
        ] {
            assert!(bad.parse::<Written>().is_err(), "{bad}");
        }
    }
}
