//! Muting: this device does not show where a member is, nor their caret. Nobody is told, and their text stays.

use std::collections::BTreeSet;

use commonplace_model::{CommonsId, MemberId};

use crate::{
    core::Core,
    error::{Error, Result},
    view::{Event, Named},
};

/// Setting with the members that are muted in a commons.
fn muted_key(id: CommonsId) -> String {
    format!("muted/{id}")
}

impl Core {
    /// Who is muted in a commons, as it was kept.
    pub(crate) fn load_muted(&self, id: CommonsId) -> BTreeSet<MemberId> {
        let kept = self.store.setting(&muted_key(id)).unwrap_or_else(|error| {
            tracing::error!(%error, "who is muted cannot be read");
            None
        });
        kept.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default()
    }

    /// Mutes a member, or ends that; gives all that are muted then.
    pub(crate) fn mute(&mut self, commons: &str, member: &str, muted: bool) -> Result<Vec<Named>> {
        let id = self.find_commons(commons)?;
        let member = self.find_anybody(id, member)?;
        let held = self.held_commons(id)?;
        if member == held.me {
            return Err(Error::bad("That is you. Nothing was changed."));
        }
        let mut all = held.muted.clone();
        let changed = if muted { all.insert(member) } else { all.remove(&member) };
        if changed {
            let bytes = postcard::to_allocvec(&all).map_err(Error::internal)?;
            self.store.set_setting(&muted_key(id), &bytes)?;
            if let Some(held) = self.commons.get_mut(&id) {
                held.muted = all;
            }
            self.tell(Event::People { commons: id.to_string() });
            let pages: BTreeSet<_> =
                self.editors.windows.values().filter(|w| w.commons == id).map(|window| window.page).collect();
            for page in pages {
                self.tell_carets(id, page);
            }
        }
        self.muted_of(id)
    }

    /// Who is muted.
    pub(crate) fn muted(&self, commons: &str) -> Result<Vec<Named>> {
        self.muted_of(self.find_commons(commons)?)
    }

    fn muted_of(&self, id: CommonsId) -> Result<Vec<Named>> {
        let held = self.held_commons(id)?;
        let mut all: Vec<_> = held.muted.iter().map(|member| self.named(held, *member)).collect();
        all.sort_by_key(|named| named.name.to_lowercase());
        Ok(all)
    }
}
