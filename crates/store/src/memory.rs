//! What is kept in memory of a profile beside a connection to it.

use crate::{clock::Clocks, dictionary::Dictionaries};

/// Clocks of changes, and dictionaries. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) clocks: Clocks,
    pub(crate) dictionaries: Dictionaries,
}
