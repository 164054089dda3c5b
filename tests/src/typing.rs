//! Recordings typed again into an engine, as a window would.

use anyhow::{Result, ensure};
use commonplace_node::{Engine, view::EditorUpdate};

use crate::trace::{Patch, Text, Trace};

/// Updates in one push: as many as the engine takes at once.
const BATCH: usize = 1_000;

/// A window on a page.
#[derive(Debug)]
pub struct Window<'a> {
    engine: &'a Engine,
    session: u32,
    version: u32,
    text: Text,
}

impl<'a> Window<'a> {
    /// Opens a page.
    ///
    /// # Errors
    /// When there is no such page.
    pub async fn open(engine: &'a Engine, commons: &str, page: &str) -> Result<Self> {
        let opened = engine.editor_open(commons.to_owned(), page.to_owned()).await?;
        Ok(Self { engine, session: opened.session, version: opened.version, text: Text::new(&opened.text) })
    }

    /// The session's number.
    pub fn session(&self) -> u32 {
        self.session
    }

    /// The text as the window has it.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Types the first `count` moments of a recording.
    ///
    /// # Errors
    /// When the engine does not take them.
    pub async fn retype(&mut self, trace: &Trace, count: usize) -> Result<()> {
        let mut batch = Vec::with_capacity(BATCH);
        for patch in trace.txns.iter().take(count).flat_map(|txn| &txn.patches) {
            batch.push(self.text.update(patch, "typist")?);
            if batch.len() == BATCH {
                self.push(std::mem::take(&mut batch)).await?;
            }
        }
        if !batch.is_empty() {
            self.push(batch).await?;
        }
        Ok(())
    }

    /// Types one character at the end.
    ///
    /// # Errors
    /// When the engine does not take it.
    pub async fn key(&mut self, key: char) -> Result<()> {
        self.key_at(self.text.chars(), key).await
    }

    /// Types one character there.
    ///
    /// # Errors
    /// When the engine does not take it.
    pub async fn key_at(&mut self, at: usize, key: char) -> Result<()> {
        let update = self.text.update(&Patch(at, 0, key.to_string()), "typist")?;
        self.push(vec![update]).await
    }

    /// Puts the caret there, as the app does with each key.
    ///
    /// # Errors
    /// When the page is not open any more.
    pub async fn caret_at(&self, at: usize) -> Result<()> {
        let caret = u32::try_from(self.text.units_before(at))?;
        Ok(self.engine.editor_caret(self.session, Some(caret), Some(caret)).await?)
    }

    async fn push(&mut self, updates: Vec<EditorUpdate>) -> Result<()> {
        let pushed = self.engine.editor_push(self.session, self.version, updates).await?;
        ensure!(pushed.accepted, "nobody else writes here, and yet the push is late");
        self.version = pushed.version;
        Ok(())
    }

    /// Closes the page; everything typed is durable then.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn close(self) -> Result<()> {
        Ok(self.engine.editor_close(self.session).await?)
    }
}
