//! What an elector can answer to a proposal, and why not where they cannot. Pure.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_governance::{
    Choice, Decision, Model, Reason,
    decide::{Said, Spends, rule_of},
    decision::Standing,
};
use commonplace_model::{MemberId, RecordId};

use super::words;
use crate::{
    error::ErrorCode,
    view::{Answer, Outcome},
};

const ALL: [Answer; 4] = [Answer::Yes, Answer::No, Answer::Object, Answer::Withdraw];

/// Why an answer cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The act needs nobody.
    AtOnce,
    /// This person is no elector of it.
    NoElector,
    /// Nobody says yes in an open commons.
    NoYes,
    /// Nobody objects in this model.
    NoObjections,
    /// It is decided for good.
    Decided,
    /// It cannot be decided any more.
    Over,
    /// This person has said just that.
    Said(Answer),
    /// There is no objection of theirs.
    NoObjection,
    /// Their ballot is spent on this or another proposal of the round, or on none.
    Spent,
}

impl Refusal {
    pub(super) fn code(self) -> ErrorCode {
        match self {
            Self::NoElector => ErrorCode::NotAllowed,
            Self::Said(_) => ErrorCode::Exists,
            _ => ErrorCode::BadArgument,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::AtOnce => {
                "This counted by itself when it was said, so there is nothing to vote on. Another act undoes it."
            }
            Self::NoElector => {
                "You take no part in this decision: only its electors do. Whoever came in lately becomes an elector with \
                 the next decision, and where stewards decide, only they vote."
            }
            Self::NoYes => {
                "Nobody has to say yes where a commons is open: the act counts, and devices acknowledge it by themselves."
            }
            Self::NoObjections => "Only where a commons decides by consent can one object, or withdraw an objection.",
            Self::Decided => "This is decided for good, so a further answer would change nothing.",
            Self::Over => {
                "This cannot be decided any more, as the decision’s own words tell. It can be proposed again."
            }
            Self::Said(Answer::Yes) => "You have said yes to this already.",
            Self::Said(Answer::No) => "You have said no to this already.",
            Self::Said(Answer::Object) => "You object to this already.",
            Self::Said(Answer::Withdraw) => "You have withdrawn your objection already.",
            Self::NoObjection => "There is no objection of yours that could be withdrawn.",
            Self::Spent => {
                "Your one ballot of this round is spent, and cannot be taken back: the proposals that are open beside each \
                 other share it."
            }
        }
    }
}

/// An answer as the roll knows it.
pub(super) fn choice(answer: Answer) -> Choice {
    match answer {
        Answer::Yes => Choice::Yes,
        Answer::No => Choice::No,
        Answer::Object => Choice::Object,
        Answer::Withdraw => Choice::Withdraw,
    }
}

/// The answer that a choice is.
pub(super) fn answer(choice: Choice) -> Answer {
    match choice {
        Choice::Yes => Answer::Yes,
        Choice::No => Answer::No,
        Choice::Object => Answer::Object,
        Choice::Withdraw => Answer::Withdraw,
    }
}

/// What a member can answer, `all` being all decisions of the commons.
pub(super) fn possible(all: &[Decision], about: &Decision, me: MemberId) -> Vec<Answer> {
    ALL.into_iter().filter(|answer| refusal(all, about, me, *answer).is_none()).collect()
}

/// Why a member cannot answer that; nothing when they can.
pub(super) fn refusal(all: &[Decision], about: &Decision, me: MemberId, answer: Answer) -> Option<Refusal> {
    let choice = choice(answer);
    if about.electorate.is_empty() {
        return Some(Refusal::AtOnce);
    }
    if !about.electorate.contains(&me) {
        return Some(Refusal::NoElector);
    }
    let Some(spends) = rule_of(about.model).spends(Said::Voted(choice)) else {
        return Some(if about.model == Model::Open && choice == Choice::Yes {
            Refusal::NoYes
        } else {
            Refusal::NoObjections
        });
    };
    if about.standing == Standing::ForGood {
        return Some(Refusal::Decided);
    }
    if is_over(all, about) {
        return Some(Refusal::Over);
    }
    let has_said = about.voices.get(&me).is_some_and(|voice| voice.said.contains(&Said::Voted(choice)));
    match choice {
        Choice::Yes | Choice::No if has_said => return Some(Refusal::Said(answer)),
        Choice::Object if objects(about, me) => return Some(Refusal::Said(answer)),
        Choice::Withdraw if !objects(about, me) => {
            return Some(if has_said { Refusal::Said(answer) } else { Refusal::NoObjection });
        }
        _ => {}
    }
    let on = match spends {
        Spends::Nothing => return None,
        Spends::OnIt => Some(about.id),
        Spends::OnNone => None,
    };
    spent(all, about, me).iter().any(|before| *before != on).then_some(Refusal::Spent)
}

/// Another proposal of the round on which a member's ballot is spent.
pub(super) fn backs(all: &[Decision], about: &Decision, me: MemberId) -> Option<RecordId> {
    spent(all, about, me).into_iter().flatten().find(|on| *on != about.id)
}

/// The other proposals that are open beside one, and want the same ballots.
pub(super) fn rivals<'a>(all: &'a [Decision], about: &'a Decision) -> impl Iterator<Item = &'a Decision> {
    let round = (about.proposal.after, about.proposal.round);
    all.iter().filter(move |d| {
        d.id != about.id
            && !about.electorate.is_empty()
            && !d.electorate.is_empty()
            && (d.proposal.after, d.proposal.round) == round
            && words::outcome(&d.standing) == Outcome::Open
    })
}

/// Whether a yes is what spends a ballot.
pub(super) fn yes_spends(model: Model) -> bool {
    matches!(rule_of(model).spends(Said::Voted(Choice::Yes)), Some(Spends::OnIt | Spends::OnNone))
}

/// Why an elector who has said nothing to a proposal cannot say yes to it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unable {
    /// Their ballot is spent on that proposal of the same round.
    Backs(RecordId),
    /// They said no to another of the round, which spent it.
    SaidNo,
    /// They are a member no longer.
    Gone,
}

/// What can still come of a proposal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chances {
    /// Those who have said nothing and cannot say yes any more.
    pub(super) unable: BTreeMap<MemberId, Unable>,
    /// Those who still can say yes.
    pub(super) yes: BTreeSet<MemberId>,
}

/// What can still come of a proposal, `is_here` telling who is a member still.
pub(super) fn chances(all: &[Decision], about: &Decision, is_here: impl Fn(&MemberId) -> bool) -> Chances {
    let mut chances = Chances::default();
    for member in &about.electorate {
        let here = is_here(member);
        if here && refusal(all, about, *member, Answer::Yes).is_none() {
            chances.yes.insert(*member);
        }
        if about.voices.contains_key(member) {
            continue;
        }
        let spent = if yes_spends(about.model) { spent(all, about, *member) } else { BTreeSet::new() };
        let why = match (backs(all, about, *member), here) {
            (Some(other), _) if !spent.is_empty() => Unable::Backs(other),
            _ if !spent.is_empty() => Unable::SaidNo,
            (_, false) => Unable::Gone,
            (_, true) => continue,
        };
        chances.unable.insert(*member, why);
    }
    chances
}

/// Whether a member's objection stands.
fn objects(about: &Decision, me: MemberId) -> bool {
    match &about.standing {
        Standing::Not(reasons) => {
            reasons.iter().any(|r| matches!(r, Reason::Objection(objectors) if objectors.contains(&me)))
        }
        _ => false,
    }
}

/// Whether no answer can bring it about any more.
fn is_over(all: &[Decision], about: &Decision) -> bool {
    let Standing::Not(reasons) = &about.standing else { return false };
    reasons.iter().any(|reason| match reason {
        Reason::Rival { other, .. } => all.iter().any(|d| d.id == *other && d.sealed_by.is_some()),
        Reason::Exhausted | Reason::Unfounded(_) | Reason::Author | Reason::TimeOver => true,
        Reason::Lacks(_) | Reason::Objection(_) | Reason::Unsealed => false,
    })
}

/// What a member's ballot of the round is spent on.
fn spent(all: &[Decision], about: &Decision, me: MemberId) -> BTreeSet<Option<RecordId>> {
    let round = (about.proposal.after, about.proposal.round);
    let rivals = all.iter().filter(|d| (d.proposal.after, d.proposal.round) == round);
    rivals
        .flat_map(|d| d.voices.get(&me).into_iter().flat_map(|voice| &voice.said).map(move |said| (d, *said)))
        .filter_map(|(d, said)| match rule_of(d.model).spends(said) {
            Some(Spends::OnIt) => Some(Some(d.id)),
            Some(Spends::OnNone) => Some(None),
            Some(Spends::Nothing) | None => None,
        })
        .collect()
}
