//! Some changes piece by piece, the first ones first: for those of which a list did not look at all.
//!
//! A piece is a change, or where that did very much, a part of what it did. A place in such a list is the number of a change and
//! of the first thing in it that was not shown yet.

use commonplace_model::{CommonsId, DocId};
use commonplace_store::Run;
use commonplace_trust::Summary;

use super::{MAX_RUNS, RUNS, RunId, looking::Looking, no_place};
use crate::{
    core::Core,
    error::Result,
    view::{ChangeList, ChangeQuery},
};

/// Things done that are one piece: characters in a page.
const CHARACTERS: usize = 20_000;

impl Core {
    pub(super) fn changes_within(
        &mut self,
        commons: CommonsId,
        reference: &str,
        query: &ChangeQuery,
    ) -> Result<ChangeList> {
        self.flush_all();
        let (RunId(span), doc, device) = self.find_changes(commons, reference)?;
        let (mut seq, mut at) = match &query.before {
            None => (span.first, 0),
            Some(place) => read_place(place).filter(|(seq, _)| *seq >= span.first).ok_or_else(no_place)?,
        };
        let limit = query.limit.unwrap_or(RUNS).clamp(1, MAX_RUNS) as usize;
        let piece = if matches!(doc, DocId::Page(_)) { CHARACTERS } else { Summary::SAID };
        let came = self.store.run_with(commons, doc, span.actor, span.first)?;
        let (began_at, came_at) = came.map_or((0, 0), |run| (run.began_at, run.at));
        let mut looking = Looking::list();
        let mut shown = Vec::new();
        while seq <= span.last && shown.len() < limit {
            // The first one always fits.
            let Some(deed) = self.deeds(commons, doc, span.actor, (seq, seq), &mut looking)?.pop() else { break };
            let run = Run { no: 0, doc, actor: span.actor, device, first: seq, last: seq, began_at, at: came_at };
            while at < deed.acts.len() && shown.len() < limit && (shown.is_empty() || !looking.is_spent()) {
                let part = deed.part(at..deed.acts.len().min(at + piece));
                shown.push(looking.entry(|looking| self.entry_view(commons, &run, &[part], 0, looking))?);
                at += piece;
            }
            if at < deed.acts.len() {
                break;
            }
            (seq, at) = (seq + 1, 0);
        }
        let next = (seq <= span.last).then(|| format!("{seq}.{at}"));
        Ok(ChangeList { runs: shown, next })
    }
}

fn read_place(place: &str) -> Option<(u64, usize)> {
    let (seq, at) = place.split_once('.')?;
    Some((seq.parse().ok()?, at.parse().ok()?))
}
