//! Commands about care after the fact.

use super::Engine;
use crate::{
    error::Result,
    view::{ChangeList, ChangeQuery, FlagView, Named, Reverted},
};

impl Engine {
    /// A stretch of the changes of a commons, the last ones first.
    ///
    /// # Errors
    /// When there is no such commons, member or page, or a time is none.
    pub async fn changes(&self, commons: String, query: ChangeQuery) -> Result<ChangeList> {
        self.ask(move |core| core.changes(&commons, &query)).await
    }

    /// Takes changes back by changes of this member's: these, or all of a member's since some time. When `dry`, only says what
    /// that would do.
    ///
    /// # Errors
    /// When there are no such changes, or what takes them back cannot be stored; pages done before stay done.
    pub async fn revert(
        &self,
        commons: String,
        changes: Vec<String>,
        all_by: Option<String>,
        since: Option<String>,
        dry: bool,
    ) -> Result<Reverted> {
        let begin = move |core: &mut crate::core::Core| {
            core.revert_begin(&commons, &changes, all_by.as_deref(), since.as_deref(), dry)
        };
        let mut plan = self.ask(begin).await?;
        while let Some((commons, doc, runs, dry)) = plan.next() {
            plan.note(self.ask_in_turn(move |core| core.revert_one(commons, doc, &runs, dry)).await?);
        }
        Ok(plan.finish())
    }

    /// Has this device show neither where a member is nor their caret; gives all who are muted.
    ///
    /// # Errors
    /// When there is no such member, or it is oneself.
    pub async fn mute(&self, commons: String, member: String) -> Result<Vec<Named>> {
        self.ask(move |core| core.mute(&commons, &member, true)).await
    }

    /// Ends that.
    ///
    /// # Errors
    /// As [`Engine::mute`].
    pub async fn unmute(&self, commons: String, member: String) -> Result<Vec<Named>> {
        self.ask(move |core| core.mute(&commons, &member, false)).await
    }

    /// Who is muted on this device.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn muted(&self, commons: String) -> Result<Vec<Named>> {
        self.ask(move |core| core.muted(&commons)).await
    }

    /// Flags a page, or changes by their id.
    ///
    /// # Errors
    /// When there is no such page, the reason is too long, or it cannot be stored.
    pub async fn flag(&self, commons: String, what: String, reason: Option<String>) -> Result<FlagView> {
        self.ask(move |core| core.flag(&commons, &what, reason.as_deref())).await
    }

    /// Takes this member's flag off; gives those that are left on the page.
    ///
    /// # Errors
    /// When there is no such flag of this member's, or it cannot be stored.
    pub async fn unflag(&self, commons: String, what: String) -> Result<Vec<FlagView>> {
        self.ask(move |core| core.unflag(&commons, &what)).await
    }

    /// All flags of a commons.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn flags(&self, commons: String) -> Result<Vec<FlagView>> {
        self.ask(move |core| core.flags(&commons)).await
    }
}
