//! From words of people to acts of the roll: what is meant, and whether it makes sense now.

use std::collections::BTreeSet;

use commonplace_governance::{Act, DeviceStanding, Genesis, Model};
use commonplace_model::{CommonsId, MemberId, PageId};

use super::policy;
use crate::{
    commons::{ID_BEGINNING, one_line},
    core::Core,
    error::{Error, ErrorCode, Result},
    licence::licence_of,
    sentence::count,
    view::{Deciding, Proposed},
};

/// The quorum of consent, of a hundred, where nobody says another.
const QUORUM: u32 = 50;

fn is_so(what: &str) -> Error {
    Error::new(ErrorCode::Exists, format!("{what} Nothing was proposed."))
}

fn text(what: &str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.len() > max {
        let has = text.len();
        return Err(Error::bad(format!(
            "The {what} can have at most {max} bytes; this has {has}. Nothing was proposed."
        )));
    }
    Ok(text.to_owned())
}

impl Core {
    /// The act that somebody means.
    pub(super) fn act_of(&mut self, id: CommonsId, proposed: &Proposed) -> Result<Act> {
        let (charter, footing, stewards) = {
            let roll = &self.held_commons(id)?.roll;
            (roll.charter().clone(), roll.footing().clone(), roll.stewards().copied().collect::<BTreeSet<_>>())
        };
        Ok(match proposed {
            Proposed::Text { text: given } => {
                let text = text("text of a charter", given, Act::MAX_TEXT)?;
                if text.is_empty() {
                    return Err(Error::bad(
                        "The text of a charter needs at least one character. Nothing was proposed.",
                    ));
                }
                if text == charter.text {
                    return Err(is_so("The charter says just that already."));
                }
                Act::Charter { name: None, purpose: None, text: Some(text) }
            }
            Proposed::Name { name } => {
                let name = one_line("name of a commons", name, Genesis::MAX_NAME)?;
                if name == charter.name {
                    return Err(is_so("The commons has that name already."));
                }
                Act::Charter { name: Some(name), purpose: None, text: None }
            }
            Proposed::Purpose { purpose } => {
                let purpose = text("purpose of a commons", purpose, Genesis::MAX_PURPOSE)?;
                if purpose == charter.purpose {
                    return Err(is_so("The commons has that purpose already."));
                }
                Act::Charter { name: None, purpose: Some(purpose), text: None }
            }
            Proposed::Licence { licence: given } => {
                let licence = licence_of(given)?;
                if licence == charter.licence {
                    return Err(is_so("The commons has that licence already."));
                }
                Act::Licence(licence)
            }
            Proposed::Model { deciding, needed, stewards, quorum } => {
                self.model_of(id, *deciding, *needed, stewards, *quorum)?
            }
            Proposed::Admission { admission } if policy(*admission) == footing.policy => {
                return Err(is_so("People come in like that already."));
            }
            Proposed::Admission { admission } => Act::Policy(policy(*admission)),
            Proposed::Grant { member } => {
                let member = self.find_member(id, member)?;
                if stewards.contains(&member) {
                    return Err(is_so("They are a steward already."));
                }
                if stewards.len() >= Act::MAX_STEWARDS {
                    return Err(Error::bad("A commons can have at most 64 stewards. Nothing was proposed."));
                }
                Act::Grant(member)
            }
            Proposed::End { member } => {
                let member = self.find_member(id, member)?;
                if !stewards.contains(&member) {
                    return Err(is_so("They are no steward."));
                }
                Act::End(member)
            }
            Proposed::Remove { member } => {
                let member = self.find_member(id, member)?;
                if member == self.held_commons(id)?.me {
                    return Err(Error::bad("That is you. Others can remove you; nothing was proposed."));
                }
                Act::Remove { member, cut: self.cut_of_member(id, member)?.into_iter().next().unwrap_or_default() }
            }
            Proposed::Readmit { member } => self.readmission(id, member)?,
            Proposed::Hide { page } => {
                let page = self.find_page(id, page)?;
                if self.is_hidden(id, page) {
                    return Err(is_so("That page is hidden already."));
                }
                Act::Hide(page)
            }
            Proposed::Restore { page } => {
                let page = self.find_page(id, page)?;
                if !self.is_hidden(id, page) {
                    return Err(is_so("That page is not hidden."));
                }
                Act::Restore(page)
            }
            Proposed::Anew { page, anew } => {
                let (page, anew) = (self.find_page(id, page)?, self.find_page(id, anew)?);
                if page == anew {
                    return Err(Error::bad("A page cannot take its own place. Nothing was proposed."));
                }
                if self.held_commons(id)?.roll.anew(&page) == Some(anew) {
                    return Err(is_so("The commons goes on with that page already."));
                }
                Act::FoundAnew { page, anew }
            }
            Proposed::Admit { device } => Act::Admit(Box::new(self.find_asking(id, device)?)),
            Proposed::Again { decision } => self.again(id, decision)?.0,
            Proposed::Roster => {
                let held = self.held_commons(id)?;
                if held.roll.members().all(|member| footing.electors.contains(&member.id)) {
                    return Err(is_so("All members are electors already."));
                }
                Act::Roster
            }
        })
    }

    fn model_of(
        &self,
        id: CommonsId,
        deciding: Deciding,
        needed: Option<u32>,
        stewards: &[String],
        quorum: Option<u32>,
    ) -> Result<Act> {
        let roll = &self.held_commons(id)?.roll;
        if deciding != Deciding::Stewards && (needed.is_some() || !stewards.is_empty()) {
            return Err(Error::bad("Stewards belong to the model “stewards” alone. Nothing was proposed."));
        }
        if deciding != Deciding::Consent && quorum.is_some() {
            return Err(Error::bad("A quorum belongs to the model “consent” alone. Nothing was proposed."));
        }
        let there: BTreeSet<MemberId> = roll.stewards().copied().collect();
        let named: BTreeSet<MemberId> = match deciding {
            // Named all the same: in an open commons who decides is not told by who is a steward.
            Deciding::Stewards if stewards.is_empty() => there.clone(),
            _ => stewards.iter().map(|member| self.find_member(id, member)).collect::<Result<_>>()?,
        };
        let model = match deciding {
            Deciding::Open => Model::Open,
            Deciding::Majority => Model::Majority,
            Deciding::Consent => {
                let quorum = u8::try_from(quorum.unwrap_or(QUORUM)).ok().filter(|q| (1..=100).contains(q));
                let quorum = quorum
                    .ok_or_else(|| Error::bad("A quorum is 1 to 100 of a hundred electors. Nothing was proposed."))?;
                Model::Consent { quorum }
            }
            Deciding::Stewards => {
                let needed = usize::try_from(needed.unwrap_or(1)).unwrap_or(usize::MAX);
                if named.len() > Act::MAX_STEWARDS {
                    return Err(Error::bad("A commons can have at most 64 stewards. Nothing was proposed."));
                }
                if needed == 0 || needed > named.len() {
                    return Err(Error::bad(format!(
                        "It takes at least one steward and at most as many as there would be, {}. Nothing was proposed.",
                        named.len()
                    )));
                }
                Model::Stewards { needed: u16::try_from(needed).unwrap_or(u16::MAX) }
            }
        };
        if model == roll.footing().model && (named.is_empty() || named == there) {
            return Err(is_so("The commons decides like that already."));
        }
        Ok(Act::Model { model, stewards: named.into_iter().collect() })
    }

    /// The member whom a person means: by id, by the beginning of one, or by name.
    pub(crate) fn find_member(&self, commons: CommonsId, reference: &str) -> Result<MemberId> {
        let held = self.held_commons(commons)?;
        self.find_person(commons, reference, &held.roll.members().map(|member| member.id).collect(), "member")
    }

    pub(crate) fn find_person(
        &self,
        commons: CommonsId,
        reference: &str,
        among: &BTreeSet<MemberId>,
        what: &str,
    ) -> Result<MemberId> {
        let held = self.held_commons(commons)?;
        let wanted = reference.trim();
        let lower = wanted.to_lowercase();
        let found: Vec<_> = among
            .iter()
            .filter(|id| {
                wanted.len() >= ID_BEGINNING && id.to_string().starts_with(&lower)
                    || self.named(held, **id).name.to_lowercase() == lower
            })
            .copied()
            .collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(
                ErrorCode::NotFound,
                format!(
                    "There is no {what} called “{wanted}” in that commons, and none whose id begins like that. Nothing was \
                     changed."
                ),
            )),
            several => {
                let ids: Vec<_> = several.iter().map(MemberId::short).collect();
                Err(Error::new(
                    ErrorCode::Ambiguous,
                    format!(
                        "{} answer to “{wanted}”: {}. Nothing was changed: name one by the beginning of their id.",
                        count(several.len(), what, &format!("{what}s")),
                        ids.join(", ")
                    ),
                ))
            }
        }
    }

    /// Taking back a former member, with the last device by which they came.
    fn readmission(&self, id: CommonsId, reference: &str) -> Result<Act> {
        let held = self.held_commons(id)?;
        let is_gone = |device| matches!(held.roll.standing_of(device), DeviceStanding::Ended(_));
        let gone = held.came.iter().filter(|c| held.roll.member(&c.member).is_none() && is_gone(&c.device));
        let former = gone.map(|coming| coming.member).collect();
        let member = self.find_person(id, reference, &former, "former member")?;
        let last = held.came.iter().rfind(|c| c.member == member && is_gone(&c.device) && held.roll.has(&c.standing));
        let standing = last.map(|coming| coming.standing);
        standing.map(|standing| Act::Readmit { standing }).ok_or_else(|| Error::internal("nobody came by that record"))
    }

    /// Whether a decision hid a page.
    pub(crate) fn is_hidden(&self, commons: CommonsId, page: PageId) -> bool {
        self.commons.get(&commons).is_some_and(|held| held.roll.hidden().contains(&page))
    }
}
