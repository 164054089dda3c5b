//! What models, policies, voices and reasons mean, in plain words. Pure.

use std::collections::BTreeSet;

use commonplace_governance::{
    Able, Decision, Left, Model, OwnAct, OwnWord, Policy, Reason,
    decide::{Electorate, Needed, Said, more_than_half, rule_of},
    decision::Standing,
};
use commonplace_model::{MemberId, RecordId};

use super::answers::{self, Chances, Unable};
use crate::{
    sentence::{count, listed},
    view::{Admission, Answer, Deciding, Outcome},
};

/// Names in one sentence.
const MOST_NAMED: usize = 8;

/// How those whom a decision names are called.
pub(super) trait Names {
    /// A member's name.
    fn member(&self, id: MemberId) -> String;
    /// A decision in words, with the beginning of its id.
    fn decision(&self, id: RecordId) -> String;

    /// Members, as a sentence lists them.
    fn members(&self, ids: &BTreeSet<MemberId>) -> String {
        let mut names: Vec<_> = ids.iter().map(|id| self.member(*id)).collect();
        names.sort();
        listed(&names)
    }
}

/// A model, apart from its numbers.
pub(super) fn deciding(model: Model) -> Deciding {
    match model {
        Model::Open => Deciding::Open,
        Model::Stewards { .. } => Deciding::Stewards,
        Model::Consent { .. } => Deciding::Consent,
        Model::Majority => Deciding::Majority,
    }
}

/// A policy.
pub(super) fn admission(policy: Policy) -> Admission {
    match policy {
        Policy::Ticket => Admission::Ticket,
        Policy::Vouched => Admission::Vouched,
        Policy::Decision => Admission::Decision,
    }
}

/// What a model means and what is final when, with so many who decide.
pub(super) fn meaning(model: Model, electors: usize) -> String {
    let Needed { yes, ballots } = rule_of(model).needed(electors);
    let after = "Whoever comes in takes part from the next decision on, so that nobody wins a vote by letting in friends. \
                 What is not final counts as far as is known here, and may change when more comes in.";
    match model {
        Model::Open => format!(
            "What any member does counts at once, and any member can undo it by another act; nothing is deleted. Acts that \
             change how the commons decides or how people come in follow one another: of two made apart only one stands, and \
             it is final once more than half of the electors ({ballots} of {electors}) have acknowledged it, which their \
             devices do by themselves. Any member can also remove another by their own word, and somebody about to be removed \
             can remove others at that moment: who fears that chooses a model in which it takes more than one. {after}"
        ),
        Model::Stewards { .. } => format!(
            "Anybody may propose. It counts at once when {yes} of {electors} stewards have said yes, and is final when more \
             than half of the stewards ({ballots} of {electors}) have said yes or acknowledged it, which their devices do by \
             themselves; until then stewards who decided otherwise while apart may still displace it. A steward has one \
             ballot for all proposals that are open beside each other, and cannot take it back.{} {after}",
            if model == (Model::Stewards { needed: 1 }) {
                " One steward can remove a member by their own word."
            } else {
                ""
            }
        ),
        Model::Consent { quorum } => format!(
            "Anybody may propose. It counts, and is final, when {yes} of {electors} electors ({quorum} %) have said yes, no \
             objection stands, and more than half of the electors ({ballots} of {electors}) have acknowledged that, which \
             their devices do by themselves. An objection suspends it until it is withdrawn; one that comes after so many \
             have acknowledged is too late. No date ends it. {after}"
        ),
        Model::Majority => format!(
            "Anybody may propose. It counts, and is final, when more than half of all electors ({yes} of {electors}) have said \
             yes; who does not vote has not said yes. Each elector has one ballot for all proposals that are open beside each other, \
             and cannot take it back. A missing vote can delay a decision and never forge one; no date ends it. {after}"
        ),
    }
}

/// How people come in.
pub(super) fn admission_meaning(policy: Policy) -> &'static str {
    match policy {
        Policy::Ticket => "Whoever has a ticket comes in.",
        Policy::Vouched => "Whoever has a ticket comes in once an elector has vouched for them.",
        Policy::Decision => "Whoever has a ticket may ask; it takes a decision to let them in.",
    }
}

/// What it takes.
pub(super) fn rule(decision: &Decision) -> String {
    let (electors, Needed { yes, ballots }) = (decision.electorate.len(), decision.needed);
    if decision.electorate.is_empty() {
        return "Open: it counts by itself, without anybody’s answer.".to_owned();
    }
    match decision.model {
        Model::Open => {
            format!("Open: it counts at once, and for good when {ballots} of {electors} have acknowledged it.")
        }
        Model::Stewards { .. } => format!(
            "Stewards: it counts when {yes} of {electors} say yes, and for good when {ballots} of {electors} have said yes or \
             acknowledged it."
        ),
        Model::Consent { .. } => format!(
            "Consent: it counts when {yes} of {electors} say yes, nobody objects, and {ballots} of {electors} have \
             acknowledged that."
        ),
        Model::Majority => format!("Majority: it counts when {yes} of {electors} say yes."),
    }
}

/// What an elector said.
pub(super) fn said(all: &BTreeSet<Said>, objects: bool) -> String {
    let mut words = Vec::new();
    for said in all {
        words.push(match said {
            Said::Voted(choice) => match answers::answer(*choice) {
                Answer::Yes => "said yes",
                Answer::No => "said no",
                Answer::Object if objects => "objects",
                Answer::Object => "objected",
                Answer::Withdraw if objects => continue,
                Answer::Withdraw => "withdrew the objection",
            },
            Said::Acknowledged => "acknowledged it",
        });
    }
    listed(&words.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

/// Why an elector who has said nothing cannot say yes.
pub(super) fn unable(why: Unable, names: &dyn Names) -> String {
    match why {
        Unable::Backs(other) => format!("has spent their ballot of this round on {}", names.decision(other)),
        Unable::SaidNo => "has spent their ballot of this round, by a no to another proposal".to_owned(),
        Unable::Gone => "is a member no longer".to_owned(),
    }
}

/// Who can still bring about what lacks a yes, or that nobody can and what then; nothing where it lacks none.
pub(super) fn still(decision: &Decision, chances: &Chances, stuck: &str, names: &dyn Names) -> String {
    let Standing::Not(reasons) = &decision.standing else { return String::new() };
    if outcome(&decision.standing) != Outcome::Open {
        return String::new();
    }
    let lacks = reasons.iter().find_map(|reason| match reason {
        Reason::Lacks(Needed { yes, .. }) if *yes > 0 => Some(*yes),
        _ => None,
    });
    let Some(lacks) = lacks else { return String::new() };
    if chances.yes.len() >= lacks {
        return format!("Who can still say yes: {}.", some_of(&chances.yes, names));
    }
    let who = match chances.yes.len() {
        0 => "nobody can say yes to it any more".to_owned(),
        _ => format!("only {} can still say yes to it", some_of(&chances.yes, names)),
    };
    let then = if !stuck.is_empty() {
        stuck.to_owned()
    } else if chances.yes.is_empty() {
        "It falls when another proposal is decided; then it can be proposed again.".to_owned()
    } else {
        "It falls when another proposal is decided, or when so many ballots are spent, also by a no, that nothing in this \
         round can be decided any more; then it can be proposed again."
            .to_owned()
    };
    format!("It can only fall: {who}. {then}")
}

/// Names of members, not more of them than one reads.
fn some_of(ids: &BTreeSet<MemberId>, names: &dyn Names) -> String {
    let mut all: Vec<_> = ids.iter().map(|id| names.member(*id)).collect();
    all.sort();
    if all.len() > MOST_NAMED {
        let more = count(all.len() - MOST_NAMED, "more", "more");
        all.truncate(MOST_NAMED);
        all.push(more);
    }
    listed(&all)
}

/// What is to be known where proposals are open beside one; nothing where it is alone.
pub(super) fn beside(decision: &Decision, rivals: &[RecordId], names: &dyn Names) -> String {
    let [first, rest @ ..] = rivals else { return String::new() };
    let open = match rest.len() {
        0 => format!("Another proposal is open: {}", names.decision(*first)),
        n => format!("Other proposals are open: {} and {}", names.decision(*first), count(n, "more", "more")),
    };
    if answers::yes_spends(decision.model) {
        let who = if matches!(decision.model, Model::Stewards { .. }) { "steward" } else { "elector" };
        format!("{open}. Each {who} can back only one of them.")
    } else {
        format!("{open}. Only one of them can be decided; the others then fall and can be proposed again.")
    }
}

/// How it stands, as far as windows tell apart.
pub(super) fn outcome(standing: &Standing) -> Outcome {
    match standing {
        Standing::ForGood => Outcome::ForGood,
        Standing::ForNow => Outcome::ForNow,
        Standing::Not(reasons) => {
            let waits = |r: &Reason| matches!(r, Reason::Lacks(_) | Reason::Objection(_) | Reason::Unsealed);
            if reasons.iter().all(waits) { Outcome::Open } else { Outcome::Fallen }
        }
    }
}

/// How it stands, in a few words for a list.
pub(super) fn standing(decision: &Decision) -> String {
    let Standing::Not(reasons) = &decision.standing else {
        return if decision.standing == Standing::ForGood { "stands for good" } else { "stands for now" }.to_owned();
    };
    let word = |reason: &Reason| match reason {
        Reason::Rival { .. } => "fell because another was decided".to_owned(),
        Reason::Exhausted => "fell because it found too few".to_owned(),
        Reason::Unfounded(_) => "fell because what it follows fell".to_owned(),
        Reason::Author => "fell because its author was out".to_owned(),
        Reason::TimeOver => "fell because the rule changed".to_owned(),
        Reason::Objection(objectors) => format!("suspended by {}", count(objectors.len(), "objection", "objections")),
        Reason::Lacks(_) if !decision.unheard.is_empty() => {
            format!("open again, {} of {} yes: somebody who answered is out", decision.tally.yes, decision.needed.yes)
        }
        Reason::Lacks(_) => format!("open, {} of {} yes", decision.tally.yes, decision.needed.yes),
        Reason::Unsealed => "open, waits for acknowledgements".to_owned(),
    };
    let fallen = |r: &&Reason| !matches!(r, Reason::Lacks(_) | Reason::Objection(_) | Reason::Unsealed);
    let telling = reasons.iter().find(fallen).or_else(|| reasons.first());
    telling.map_or_else(|| "open".to_owned(), word)
}

/// Why it stands, or does not: a sentence each.
pub(super) fn why(decision: &Decision, names: &dyn Names) -> Vec<String> {
    let mut why = why_it_stands(decision, names);
    if !decision.unheard.is_empty() {
        why.push(format!(
            "What {} answered does not count, because their standing as a member, or that of their device, ended.",
            names.members(&decision.unheard)
        ));
    }
    why
}

fn why_it_stands(decision: &Decision, names: &dyn Names) -> Vec<String> {
    match &decision.standing {
        Standing::ForGood => vec![
            "It counts for good: it is sealed, and so is every decision that it follows. Nothing that is not known here yet \
             undoes it; only another decision changes it."
                .to_owned(),
        ],
        Standing::ForNow if decision.electorate.is_empty() => vec![
            "It counts because any member’s act does in an open commons, and as long as nobody undoes it by another act."
                .to_owned(),
        ],
        Standing::ForNow if decision.sealed_by.is_some() => {
            vec!["It counts, and is sealed; a decision that it follows is not sealed yet.".to_owned()]
        }
        Standing::ForNow => {
            let (have, need) = (decision.tally.ballots, decision.needed.ballots);
            vec![format!(
                "It counts for now. For good it needs {}, and has {have}: until then one that is not known here yet may \
                 displace it.",
                ballots(decision.model, need)
            )]
        }
        Standing::Not(reasons) => reasons.iter().map(|reason| of(reason, decision, names)).collect(),
    }
}

fn of(reason: &Reason, decision: &Decision, names: &dyn Names) -> String {
    match reason {
        Reason::Lacks(Needed { yes, ballots: acks }) => {
            let mut lacks = Vec::new();
            if *yes > 0 {
                lacks.push(format!("{yes} more yes"));
            }
            if *acks > 0 && !(decision.model == Model::Majority && yes == acks) {
                lacks.push(format!("{} more", ballots(decision.model, *acks)));
            }
            format!("It does not count yet: it lacks {}.", listed(&lacks))
        }
        Reason::Objection(objectors) if objectors.len() == 1 => {
            format!("It is suspended: {} objects. It goes on when that is withdrawn.", names.members(objectors))
        }
        Reason::Objection(objectors) => {
            format!("It is suspended: {} object. It goes on when all of that is withdrawn.", names.members(objectors))
        }
        Reason::Unsealed if rule_of(decision.model).at_once() => {
            "It would count at once, but as many decisions as can \
             stand unsealed already do. It counts when some of them are acknowledged."
                .to_owned()
        }
        Reason::Unsealed => format!(
            "It has the yes that it needs and counts once {} of {} electors have acknowledged that; {} have so far.",
            decision.needed.ballots,
            decision.electorate.len(),
            decision.tally.ballots
        ),
        Reason::Rival { other, doubles } => {
            let mut words = format!(
                "It fell because another that follows the same decision stands: {}. It can be proposed again.",
                names.decision(*other)
            );
            if !doubles.is_empty() {
                words += &format!(
                    " {} provably answered more than one of those, so that no such answer of theirs counts.",
                    names.members(doubles)
                );
            }
            words
        }
        Reason::Exhausted => {
            "It fell because so many ballots of this round are spent that nothing in it can be decided any more. The next \
             round is open: it can be proposed again."
                .to_owned()
        }
        Reason::Unfounded(before) => format!(
            "It fell because the decision that it follows fell: {}. It can be proposed again.",
            names.decision(*before)
        ),
        Reason::Author => {
            "It fell because whoever proposed it was no member in good standing when they did.".to_owned()
        }
        Reason::TimeOver => {
            "It fell because it was decided elsewhere, before anybody there knew of it, that such \
             acts no longer count by themselves. It can be proposed again, by the rule in force."
                .to_owned()
        }
    }
}

/// How something done by one's own word stands, in a few words for a list.
pub(super) fn own_standing(word: &OwnWord) -> String {
    match &word.fell {
        None => "counts, by their own word",
        Some(Reason::TimeOver) => "fell because the rule changed",
        Some(Reason::Unfounded(_)) => "fell because what it goes by fell",
        Some(_) => "fell because its author was out",
    }
    .to_owned()
}

/// By what right one does that by one's own word.
pub(super) fn own_rule(act: OwnAct) -> &'static str {
    match act {
        OwnAct::Removed(_) => "Own word: the charter let them remove a member without anybody’s answer.",
        OwnAct::Left => "Own word: anybody can leave without anybody’s answer.",
        OwnAct::Admitted { .. } => "Own word: the charter let any member let in whoever has a ticket.",
    }
}

/// Why it counts, or does not: a sentence each.
pub(super) fn own_why(word: &OwnWord, names: &dyn Names) -> Vec<String> {
    let said = match (&word.fell, word.act) {
        (None, OwnAct::Removed(_)) => {
            "It counts. Who was removed can be let in again with a ticket, or be taken back by a decision.".to_owned()
        }
        (None, OwnAct::Left) => "It counts. Who left can be let in again with a ticket, or be taken back.".to_owned(),
        (None, OwnAct::Admitted { .. }) => "It counts.".to_owned(),
        (Some(Reason::TimeOver), _) => "It fell because it was decided elsewhere, before anybody there knew of it, that \
                                        one’s own word is not enough for that. It can be proposed, by the rule in force."
            .to_owned(),
        (Some(Reason::Unfounded(before)), _) => format!(
            "It fell because the decision that gave them the right to it fell: {}. It can be proposed, by the rule in force.",
            names.decision(*before)
        ),
        (Some(_), _) => "It fell because whoever did it was no member in good standing when they did.".to_owned(),
    };
    vec![said]
}

/// Why nothing can be decided any more, or nothing for good, and what can be done; nothing where all is well.
pub(super) fn stuck(able: Able, policy: Policy) -> String {
    let (left, what) = match able {
        Able::ForGood => return String::new(),
        Able::ForNow(left) => (left, "Decisions count here, and none of them can become final any more"),
        Able::Nothing(left) => (left, "Nobody can decide anything here any more"),
    };
    let Left { electorate, electors, here, needed } = left;
    let who = match electorate {
        Electorate::Members => count(electors, "elector", "electors"),
        Electorate::Stewards => count(electors, "steward", "stewards"),
    };
    let back =
        if policy == Policy::Decision { "" } else { "Whoever of those who decide went can come back with a ticket. " };
    let stands = "What was decided stays decided, and every member goes on writing.";
    let because = if here < needed {
        format!(
            "of {who}, {}, and it takes {needed}",
            match here {
                0 => "none is a member any more".to_owned(),
                1 => "only 1 is a member still".to_owned(),
                n => format!("only {n} are members still"),
            }
        )
    } else {
        format!(
            "of {who}, {here} are members still, but their ballots are spent on different things, and those who went cannot vote"
        )
    };
    format!(
        "{what}: {because}. {stands} {back}You can also found a new commons from these pages: export them, start a commons with \
         the way of deciding that you want, import them there, and invite the others."
    )
}

fn ballots(model: Model, n: usize) -> String {
    match model {
        Model::Stewards { .. } => count(n, "ballot", "ballots"),
        Model::Majority => format!("{n} yes"),
        Model::Open | Model::Consent { .. } => count(n, "acknowledgement", "acknowledgements"),
    }
}

/// A model as a proposal to decide by it says it.
pub(super) fn model(model: Model) -> String {
    match model {
        Model::Open => "decide openly: what any member does counts at once".to_owned(),
        Model::Stewards { needed } => {
            format!(
                "have stewards decide, {} of them",
                if needed == 1 { "any one".to_owned() } else { needed.to_string() }
            )
        }
        Model::Consent { quorum } => format!("decide by consent, {quorum} % saying yes and nobody objecting"),
        Model::Majority => "decide by majority of all electors".to_owned(),
    }
}

/// How much of the electorate that is.
pub(super) fn most(electors: usize) -> usize {
    more_than_half(electors)
}

#[cfg(test)]
mod tests;
