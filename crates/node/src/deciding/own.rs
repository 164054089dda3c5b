//! What members did by their own word, as it is shown beside the decisions: with names in the place of ids, and its reason.

use commonplace_governance::{OwnAct, OwnWord};
use commonplace_model::shown;

use super::{explained::Known, words};
use crate::{
    commons::Commons,
    core::Core,
    view::{DecisionRow, DecisionView, Outcome},
};

impl Core {
    pub(super) fn own_row(&self, held: &Commons, word: &OwnWord) -> DecisionRow {
        let name = |member| self.named(held, member).name;
        let outcome = if word.fell.is_some() { Outcome::Fallen } else { Outcome::ForNow };
        DecisionRow {
            id: word.id.to_string(),
            commons: held.roll.commons().to_string(),
            what: match word.act {
                OwnAct::Removed(member) => format!("removed {}", name(member)),
                OwnAct::Left => "left the commons".to_owned(),
                OwnAct::Admitted { member, .. } => format!("let {} in", name(member)),
            },
            by: self.named(held, word.by),
            outcome,
            standing: words::own_standing(word),
            answers: Vec::new(),
            own_word: true,
            again: self.is_in(held.roll.commons()) && super::again::is_worth_a_proposal(&held.roll, word),
        }
    }

    pub(super) fn own_view(&self, held: &Commons, word: &OwnWord) -> DecisionView {
        let names = Known { core: self, commons: held };
        DecisionView {
            row: self.own_row(held, word),
            reason: shown(&word.reason),
            rule: words::own_rule(word.act).to_owned(),
            electorate: Vec::new(),
            voices: Vec::new(),
            unable: Vec::new(),
            beside: String::new(),
            yes: 0,
            yes_needed: 0,
            ballots: 0,
            ballots_needed: 0,
            objections: 0,
            newcomers: Vec::new(),
            sealed_by: None,
            sealed: String::new(),
            why: words::own_why(word, &names),
        }
    }
}
