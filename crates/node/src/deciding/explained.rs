//! Decisions as they are shown: names and titles in the place of ids.

use std::collections::BTreeSet;

use commonplace_governance::{Act, Body, Decision, Reason, decide::Said, decision::Standing};
use commonplace_model::{CommonsId, MemberId, PageId, RecordId, shown};
use commonplace_trust::VerifiedRecord;

use super::{again, all_decisions, answers, words, words::Names};
use crate::{
    commons::Commons,
    core::Core,
    error::{Error, Result},
    pages::full_name,
    sentence::listed,
    view::{DecisionRow, DecisionView, Outcome, Unable, Voice},
};

/// Characters of a text that a line shows.
const SHOWN: usize = 60;

/// Names as one commons knows them.
pub(super) struct Known<'a> {
    pub(super) core: &'a Core,
    pub(super) commons: &'a Commons,
}

impl Names for Known<'_> {
    fn member(&self, id: MemberId) -> String {
        self.core.named(self.commons, id).name
    }

    fn decision(&self, id: RecordId) -> String {
        match self.commons.roll.decision(&id) {
            Some(decision) => format!("“{}” ({})", self.core.what_of(self.commons, &decision.proposal.act), id.short()),
            None => "the beginning of the commons".to_owned(),
        }
    }
}

impl Core {
    /// What an act does, in words.
    pub(super) fn what(&self, id: CommonsId, act: &Act) -> String {
        self.commons.get(&id).map(|commons| self.what_of(commons, act)).unwrap_or_default()
    }

    fn what_of(&self, commons: &Commons, act: &Act) -> String {
        let name = |id: &MemberId| self.named(commons, *id).name;
        let title = |page: &PageId| self.title_of(commons.roll.commons(), *page);
        match act {
            Act::Charter { name, purpose, text } => {
                let said = [("name", name), ("purpose", purpose), ("text of the charter", text)];
                let parts = said.into_iter().filter_map(|(what, said)| {
                    said.as_ref().map(|said| match beginning(said).as_str() {
                        "" => format!("the {what} to nothing"),
                        said => format!("the {what} to “{said}”"),
                    })
                });
                format!("change {}", listed(&parts.collect::<Vec<_>>()))
            }
            Act::Licence(licence) => format!("change the licence to {}", shown(licence)),
            Act::Model { model, stewards } => {
                let named: Vec<_> = stewards.iter().map(name).collect();
                let which = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
                words::model(*model) + &which
            }
            Act::Policy(policy) => match words::admission(*policy) {
                crate::view::Admission::Ticket => "let in whoever has a ticket".to_owned(),
                crate::view::Admission::Vouched => "let in only those for whom an elector vouches".to_owned(),
                crate::view::Admission::Decision => "let in only those about whom it was decided".to_owned(),
            },
            Act::Grant(member) => format!("make {} a steward", name(member)),
            Act::End(member) => format!("end the stewardship of {}", name(member)),
            Act::Remove { member, .. } => format!("remove {}", name(member)),
            Act::Readmit { standing } => {
                let came = commons.came.iter().find(|coming| coming.standing == *standing);
                format!("take {} back", came.map_or_else(|| "a member".to_owned(), |coming| name(&coming.member)))
            }
            Act::Hide(page) => format!("hide the page “{}”", title(page)),
            Act::Restore(page) => format!("show the page “{}” again", title(page)),
            Act::FoundAnew { page, anew } => format!("go on with “{}” in the place of “{}”", title(anew), title(page)),
            Act::Rebind { standing, .. } => {
                let came = commons.came.iter().find(|coming| coming.standing == *standing);
                let whose = came.map_or_else(|| "a member".to_owned(), |coming| name(&coming.member));
                format!("give the name of {whose} to another device")
            }
            Act::Admit(request) => format!("let {} in ({})", shown(&request.person.name), request.device.short()),
            Act::Roster => "take those who wait for it in as electors".to_owned(),
        }
    }

    fn title_of(&self, commons: CommonsId, page: PageId) -> String {
        let row = self.store.page(commons, page).ok().flatten();
        row.map_or_else(|| page.short(), |row| shown(&full_name(&row.folder, &row.title)))
    }

    pub(super) fn decision_row(&self, held: &Commons, all: &[Decision], decision: &Decision) -> DecisionRow {
        DecisionRow {
            id: decision.id.to_string(),
            commons: held.roll.commons().to_string(),
            what: self.what_of(held, &decision.proposal.act),
            by: self.named(held, decision.by),
            outcome: words::outcome(&decision.standing),
            standing: words::standing(decision),
            answers: answers::possible(all, decision, held.me),
            own_word: false,
            again: self.is_in(held.roll.commons()) && again::is_worth_it(all, decision),
        }
    }

    pub(super) fn decision_view(&self, id: CommonsId, proposal: RecordId) -> Result<DecisionView> {
        let held = self.held_commons(id)?;
        if let Some(word) = held.roll.own_word(&proposal) {
            return Ok(self.own_view(held, &word));
        }
        let all = all_decisions(&held.roll);
        let decision =
            all.iter().find(|d| d.id == proposal).ok_or_else(|| Error::internal("a decision that is gone"))?;
        let names = Known { core: self, commons: held };
        let newcomers: BTreeSet<MemberId> = {
            let named = &decision.proposal.newcomers;
            held.came.iter().filter(|coming| named.contains(&coming.standing)).map(|coming| coming.member).collect()
        };
        let tally = decision.tally;
        let chances = answers::chances(&all, decision, |member| held.roll.member(member).is_some());
        let still = words::still(decision, &chances, &super::stuck(&held.roll), &names);
        let still = (!still.is_empty()).then_some(still);
        let unable = chances
            .unable
            .iter()
            .map(|(member, why)| Unable { who: self.named(held, *member), why: words::unable(*why, &names) });
        let rivals: Vec<_> = answers::rivals(&all, decision).map(|rival| rival.id).collect();
        Ok(DecisionView {
            row: self.decision_row(held, &all, decision),
            reason: decision.proposal.reason.clone(),
            rule: words::rule(decision),
            electorate: self.all_named(held, &decision.electorate),
            voices: self.voices(held, decision),
            unable: unable.collect(),
            beside: match words::outcome(&decision.standing) {
                Outcome::Open => words::beside(decision, &rivals, &names),
                _ => String::new(),
            },
            yes: small(tally.yes),
            yes_needed: small(decision.needed.yes),
            ballots: small(tally.ballots),
            ballots_needed: small(decision.needed.ballots),
            objections: small(tally.objections),
            newcomers: self.all_named(held, &newcomers),
            sealed_by: decision.sealed_by.map(|seal| seal.to_string()),
            sealed: decision.sealed_by.map_or_else(String::new, |seal| self.sealed(held, decision, seal)),
            why: words::why(decision, &names).into_iter().chain(still).collect(),
        })
    }

    fn voices(&self, held: &Commons, decision: &Decision) -> Vec<Voice> {
        let objectors = match &decision.standing {
            Standing::Not(reasons) => reasons.iter().find_map(|reason| match reason {
                Reason::Objection(objectors) => Some(objectors.clone()),
                _ => None,
            }),
            _ => None,
        };
        let objects = |member: &MemberId| objectors.as_ref().is_some_and(|all| all.contains(member));
        let mut voices: Vec<_> = decision
            .voices
            .iter()
            .map(|(member, voice)| Voice {
                who: self.named(held, *member),
                said: words::said(&voice.said, objects(member)),
                answers: voice
                    .said
                    .iter()
                    .filter_map(|said| match said {
                        Said::Voted(choice) => Some(answers::answer(*choice)),
                        Said::Acknowledged => None,
                    })
                    .collect(),
                acknowledged: voice.said.contains(&Said::Acknowledged),
                counts: voice.counts,
            })
            .collect();
        voices.sort_by_key(|voice| (!voice.who.you, voice.who.name.to_lowercase()));
        voices
    }

    /// What sealed a decision.
    fn sealed(&self, held: &Commons, decision: &Decision, seal: RecordId) -> String {
        let record = held.records.get(&seal).and_then(|bytes| VerifiedRecord::verify(bytes.clone()).ok());
        let by = record.as_ref().map(|record| {
            let device = record.draft().author;
            let member = match held.roll.standing_of(&device) {
                commonplace_governance::DeviceStanding::Good(member)
                | commonplace_governance::DeviceStanding::Ended(member) => Some(member),
                commonplace_governance::DeviceStanding::None => None,
            };
            member.map_or_else(|| "somebody".to_owned(), |member| self.named(held, member).name)
        });
        let by = by.unwrap_or_else(|| "somebody".to_owned());
        let said = match record.and_then(|record| Body::decode(&record.draft().body)) {
            Some(Body::Vote(_)) => format!("The vote of {by}"),
            _ => format!("The acknowledgement of {by}"),
        };
        let all = decision.electorate.len();
        format!(
            "{said} sealed it: it builds on {} of {all} electors’ ballots, and more than half is {}.",
            decision.tally.ballots,
            words::most(all)
        )
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The beginning of a text, on one line.
fn beginning(text: &str) -> String {
    let words = shown(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    match words.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}
