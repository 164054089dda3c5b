//! Titles of pages and the folders they are in.

use std::{fmt, str::FromStr};

use crate::line::{self, LineError};

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing in it but space.
    #[error("a title needs at least one character")]
    Empty,
    /// Longer than [`Title::MAX_BYTES`], or a folder of more than [`Folder::MAX_BYTES`].
    #[error("a name may have at most {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// It holds a character that a name cannot have.
    #[error("a name cannot hold {0:?}")]
    Character(char),
    /// It cannot be seen, or misleads whoever sees it.
    #[error("such a name would mislead whoever reads it: {0}")]
    Line(LineError),
    /// It is `.` or `..`, which mean something else where a folder is meant.
    #[error("a folder cannot be called {0:?}")]
    Reserved(String),
}

fn check_folder(part: &str) -> Result<(), NameError> {
    if part == "." || part == ".." {
        return Err(NameError::Reserved(part.to_owned()));
    }
    check_part(part)
}

fn check_part(part: &str) -> Result<(), NameError> {
    if part.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if part.len() > Title::MAX_BYTES {
        return Err(NameError::TooLong { max: Title::MAX_BYTES });
    }
    if part.contains('/') {
        return Err(NameError::Character('/'));
    }
    line::check(part).map_err(NameError::Line)
}

/// The title of a page: one line, at most 240 bytes, no `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Title(String);

impl Title {
    /// With `.md` behind it a title still is a file name on every common disk.
    pub const MAX_BYTES: usize = 240;

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a title of whatever a document says, as another version or a hostile member may have written it.
    pub fn lenient(text: &str) -> Self {
        let mut kept = line::cleaned(&text.replace('/', " "));
        while kept.len() > Self::MAX_BYTES {
            kept.pop();
        }
        // Cut in the middle of what belongs together, it may end in what cannot be seen.
        let kept = line::cleaned(&kept);
        if check_part(&kept).is_ok() { Self(kept) } else { Self("Untitled".to_owned()) }
    }
}

impl FromStr for Title {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_part(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of a page: names parted by `/`, nothing at the top.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folder(String);

impl Folder {
    /// Bytes that a folder may have in all.
    pub const MAX_BYTES: usize = 1_024;

    /// Its text, without `/` at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a folder of whatever a document says; parts that cannot be names are left out.
    pub fn lenient(text: &str) -> Self {
        let mut kept = String::new();
        for part in text.split('/').map(line::cleaned).filter(|part| check_folder(part).is_ok()) {
            if kept.len() + 1 + part.len() > Self::MAX_BYTES {
                break;
            }
            if !kept.is_empty() {
                kept.push('/');
            }
            kept.push_str(&part);
        }
        Self(kept)
    }

    /// Folder and title of a name such as `guides/kettles/Descaling`.
    ///
    /// # Errors
    /// When a part of it cannot be a name.
    pub fn split_name(name: &str) -> Result<(Self, Title), NameError> {
        let (folder, title) =
            name.trim_start_matches('/').rsplit_once('/').unwrap_or(("", name.trim_start_matches('/')));
        Ok((folder.parse()?, title.parse()?))
    }

    /// The name of a page of this title in this folder.
    pub fn name_of(&self, title: &Title) -> String {
        if self.0.is_empty() { title.0.clone() } else { format!("{}/{}", self.0, title.0) }
    }
}

impl FromStr for Folder {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim_matches('/');
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong { max: Self::MAX_BYTES });
        }
        text.split('/').try_for_each(check_folder)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_parts_into_folder_and_title() {
        let (folder, title) = Folder::split_name("guides/kettles/Descaling").expect("a good name");
        assert_eq!((folder.as_str(), title.as_str()), ("guides/kettles", "Descaling"));
        assert_eq!(folder.name_of(&title), "guides/kettles/Descaling");
        assert!(Folder::split_name("../../etc/passwd").is_err());
        assert!(Folder::split_name("a//b/c").is_err());
        // A title is no folder: its file has an ending.
        assert_eq!(Folder::split_name("commands/.").expect("a good name").1.as_str(), ".");
        assert_eq!(Folder::split_name("./Tea"), Err(NameError::Reserved(".".to_owned())));
        assert_eq!(Folder::split_name(""), Err(NameError::Empty));
    }

    #[test]
    fn a_name_that_cannot_be_seen_or_misleads_is_none() {
        for name in ["\u{200b}", "guides/\u{200d}/Tea", "Tea\u{202e}gpj", "\u{2066}guides/Tea", "a\nb", "a\u{2028}b"] {
            let error = Folder::split_name(name).expect_err("no good name");
            assert!(matches!(error, NameError::Line(_)), "{name:?}: {error}");
        }
        assert!(Folder::split_name("راهنما/می\u{200c}خواهم").is_ok());
        assert_eq!(Title::lenient("Tea\u{202e}gpj\u{200b}").as_str(), "Teagpj");
        assert_eq!(Title::lenient("\u{200b}\u{2066}").as_str(), "Untitled");
        assert_eq!(Folder::lenient("gui\u{202e}des/\u{200b}/tea").as_str(), "guides/tea");
    }

    proptest! {
        #[test]
        fn a_lenient_name_is_a_good_name(text: String) {
            let title = Title::lenient(&text);
            prop_assert_eq!(title.as_str().parse::<Title>(), Ok(title.clone()));
            let folder = Folder::lenient(&text);
            prop_assert_eq!(folder.as_str().parse::<Folder>(), Ok(folder.clone()));
        }
    }
}
