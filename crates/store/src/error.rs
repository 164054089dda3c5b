//! What can go wrong with a profile on disk, in words for the person at the device.

use std::{io, path::PathBuf};

use rusqlite::ErrorCode;

/// Why the store did not do what it was asked. Each says what happened, what is safe and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program holds the profile's lock.
    #[error(
        "Commonplace is already running with this profile{}. Nothing was changed. Use the one that runs, or close it first.",
        holder(*pid)
    )]
    InUse {
        /// Its process, if it said so.
        pid: Option<u32>,
    },
    /// A newer version of the app wrote the profile.
    #[error(
        "This profile was written by a newer version of Commonplace (its format is {version}, this version knows {known}). \
         Nothing was changed. Install the newer version again."
    )]
    Newer {
        /// Version of the profile's format.
        version: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// What lies where the profile's folder should be is none.
    #[error("{} is not a folder, so no profile can be in it. Nothing was changed. Name another place.", .0.display())]
    NoFolder(PathBuf),
    /// The database is not there, though the rest of the profile is.
    #[error(
        "The profile's database, {}, is gone or empty, though the key of this device is there. Nothing was changed, and other \
         devices of your commons still hold their pages. Put a backup of the whole folder in its place, and run no other copy of it. \
         If there is none, start with a new profile and join again.",
        .0.display()
    )]
    Gone(PathBuf),
    /// The folder or disk does not let itself be written.
    #[error(
        "The profile's folder cannot be written. What was stored before is safe. Check the rights of the folder and whether \
         the disk is mounted read-only."
    )]
    ReadOnly,
    /// No room is left.
    #[error(
        "The disk is full. Everything stored before is safe. Free some space: what was just written in a window is stored then, \
         and anything else can be done again."
    )]
    Full,
    /// The database file is damaged.
    #[error(
        "The profile's database is damaged ({0}). Other devices of your commons still hold their pages. Copy the profile's folder \
         somewhere safe, then put a backup in its place, and run no other copy of it; or start with a new profile and join again."
    )]
    Damaged(String),
    /// The disk failed.
    #[error(
        "The disk could not be read or written ({0}). What was stored before is as safe as the disk is. Please try again."
    )]
    Io(#[source] io::Error),
    /// The commons is not on this device.
    #[error("That commons is not on this device. Nothing was changed.")]
    NoCommons,
    /// The caller gave what cannot be stored, or the database does not do what this program expects.
    #[error("Something went wrong inside the store ({0}). What was stored before is safe. Please try again.")]
    Fault(String),
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // The file beside the database in which connections agree with each other finds no room: SQLite calls that a fault of
        // the disk.
        if error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { pid: None },
            Some(ErrorCode::SystemIoFailure) => Self::Io(io::Error::other(error)),
            _ => Self::Fault(error.to_string()),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io(error),
        }
    }
}

impl From<commonplace_model::ParseIdError> for StoreError {
    fn from(error: commonplace_model::ParseIdError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// What the store's functions give.
pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_and_the_errors_say_the_same_of_backups() {
        let readme = include_str!("../../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(readme.contains("a backup put in the place of a lost profile is fine; two copies that run are not"));
        for error in [StoreError::Damaged(String::new()), StoreError::Gone(PathBuf::new())] {
            let words = error.to_string();
            assert!(words.contains("in its place, and run no other copy of it"), "{words}");
        }
    }
}
