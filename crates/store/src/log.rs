//! The database's log: what is committed stands in it first.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::{
    error::{Result, StoreError},
    open,
};

/// The log of a profile that is open for writing; it may be waited for on another thread.
#[derive(Debug)]
pub struct Log {
    file: File,
}

impl Log {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        // Some systems bring to the disk only what they let one write.
        let file = OpenOptions::new().write(true).open(open::log_path(dir))?;
        Ok(Self { file })
    }

    /// Waits until all that was committed before this call is on the disk.
    ///
    /// # Errors
    /// When the disk does not take it. Then only [`Store::bring_in_log`](crate::Store::bring_in_log) may bring it there: what failed
    /// once counts as done for the system.
    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(self.file.sync_data()?)
    }
}
