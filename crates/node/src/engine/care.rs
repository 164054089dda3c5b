//! Commands about care after the fact.

use super::Engine;
use crate::{
    error::Result,
    view::{ChangeList, ChangeQuery, FlagList, FlagQuery, FlagView, Named, Reverted},
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
    /// When there are no such changes. Where it fails in a page, that is said of the page, and the others are done.
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
            let these = runs.clone();
            match self.ask_in_turn(move |core| core.revert_one(commons, doc, &runs, dry)).await {
                Ok(page) => plan.note(page),
                // The others do not wait for this one.
                Err(error) => {
                    let page = self.ask(move |core| core.page_of(commons, doc)).await.unwrap_or_default();
                    plan.failed(page, &these, error);
                }
            }
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
    pub async fn unflag(&self, commons: String, what: String) -> Result<FlagList> {
        self.ask(move |core| core.unflag(&commons, &what)).await
    }

    /// The flags of a commons: of each member the newest, or a stretch of one member's.
    ///
    /// # Errors
    /// When there is no such commons, page or member.
    pub async fn flags(&self, commons: String, query: FlagQuery) -> Result<FlagList> {
        self.ask(move |core| core.flags(&commons, &query)).await
    }
}
