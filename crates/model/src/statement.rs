//! Statements: what a member says about the work, one entry each in that member's ledger.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::id::{Actor, PageId};

/// A tag that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Nothing in it.
    #[error("a tag needs at least one letter or figure")]
    Empty,
    /// Longer than [`Tag::MAX_CHARS`].
    #[error("a tag may have at most {} characters", Tag::MAX_CHARS)]
    TooLong,
}

/// A tag: one word, composed (NFC) and in lower case, so that all who mean the same word say the same tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// Characters that a tag may have.
    pub const MAX_CHARS: usize = 64;

    /// Its text, without `#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        // Signs that stand apart before it are none of its words; so a tag read again is the same.
        let words: Vec<&str> = words.skip_while(|word| word.chars().all(|c| c == '#')).collect();
        let joined = words.join("-");
        let tag: String = joined.trim_start_matches('#').nfc().flat_map(char::to_lowercase).nfc().collect();
        if !tag.chars().any(char::is_alphanumeric) {
            return Err(TagError::Empty);
        }
        if tag.chars().count() > Self::MAX_CHARS {
            return Err(TagError::TooLong);
        }
        Ok(Self(tag))
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a statement in a ledger. What can be said only once has one key, so saying it twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatementKey(String);

impl StatementKey {
    /// Bytes that a key may have.
    pub const MAX_BYTES: usize = 64;

    /// The key as a ledger has it.
    pub fn from_ledger(key: &str) -> Option<Self> {
        (key.len() <= Self::MAX_BYTES && key.contains('/')).then(|| Self(key.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Consecutive changes of one actor, by their numbers: a part of the work on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The actor.
    pub actor: Actor,
    /// Number of the first change.
    pub first: u64,
    /// Number of the last change.
    pub last: u64,
}

/// What a member says. New kinds are added at the end; their numbers never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statement {
    /// This page is about that.
    Tag {
        /// The page.
        page: PageId,
        /// The tag.
        tag: Tag,
    },
    /// This is what I am called and my ink, after what the admission says.
    Profile {
        /// The name.
        name: String,
        /// The number of the ink, 0 to 11.
        ink: u8,
    },
    /// Somebody should look at this page, or at these changes of it.
    Flag {
        /// The page.
        page: PageId,
        /// Which changes; nothing for the page itself.
        span: Option<Span>,
        /// Why, in the member's words, at most [`Statement::MAX_REASON`] bytes.
        reason: String,
    },
}

/// Version of the encoding, first byte of every statement.
const VERSION: u8 = 1;

impl Statement {
    /// Bytes that a statement may have.
    pub const MAX_BYTES: usize = 4_096;
    /// Bytes that the reason of a flag may have.
    pub const MAX_REASON: usize = 1_000;

    /// The key under which it stands.
    pub fn key(&self) -> StatementKey {
        StatementKey(match self {
            Self::Tag { page, tag } => {
                format!("tag/{page}/{}", hashed(tag.as_str().as_bytes()))
            }
            Self::Flag { page, span: None, .. } => format!("flag/{page}/"),
            Self::Flag { page, span: Some(Span { actor, first, last }), .. } => {
                let said = [&actor.as_bytes()[..], &first.to_be_bytes(), &last.to_be_bytes()].concat();
                format!("flag/{page}/{}", hashed(&said))
            }
            Self::Profile { .. } => "profile/".to_owned(),
        })
    }

    /// Its bytes in the ledger.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(self).expect("plain data always encodes"));
        bytes
    }

    /// The statement with these bytes, or nothing when this version does not know it (it is then kept and ignored).
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > Self::MAX_BYTES {
            return None;
        }
        match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).ok().filter(Self::is_sound),
            _ => None,
        }
    }
}

impl Statement {
    fn is_sound(&self) -> bool {
        match self {
            Self::Flag { span, reason, .. } => {
                reason.len() <= Self::MAX_REASON && span.is_none_or(|span| (1..=span.last).contains(&span.first))
            }
            Self::Tag { .. } | Self::Profile { .. } => true,
        }
    }
}

/// What stands for bytes in a key, whatever their length.
fn hashed(bytes: &[u8]) -> String {
    let hash = blake3::hash(bytes);
    PageId::from_slice(&hash.as_bytes()[..PageId::LEN]).map(|id| id.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_read_again_is_the_same() {
        for text in ["# #j", "\u{1}#j", "##j", " #\tj"] {
            let tag: Tag = text.parse().expect("a tag");
            assert_eq!(tag.as_str(), "j", "{text:?}");
            assert_eq!(tag.as_str().parse::<Tag>().as_ref(), Ok(&tag));
        }
    }

    #[test]
    fn one_word_is_one_tag() {
        for text in ["#Kettle ", "kettle", "KETTLE"] {
            assert_eq!(text.parse::<Tag>().map(String::from), Ok("kettle".to_owned()));
        }
        assert_eq!("open day".parse::<Tag>().map(String::from), Ok("open-day".to_owned()));
        assert_eq!("cafe\u{301}".parse::<Tag>(), "CAFÉ".parse::<Tag>());
        assert_eq!(" # ".parse::<Tag>(), Err(TagError::Empty));
        assert_eq!("x".repeat(65).parse::<Tag>(), Err(TagError::TooLong));
    }

    proptest! {
        #[test]
        fn a_tag_stays_itself(text: String) {
            if let Ok(tag) = text.parse::<Tag>() {
                prop_assert_eq!(tag.as_str().parse::<Tag>(), Ok(tag.clone()));
                let statement = Statement::Tag { page: PageId::new([7; 16]), tag };
                prop_assert!(statement.key().as_str().len() <= StatementKey::MAX_BYTES);
                prop_assert_eq!(Statement::decode(&statement.encode()), Some(statement));
            }
        }

        #[test]
        fn a_flag_stays_itself(reason in ".{0,200}", span in prop::option::of((any::<[u8; 16]>(), 1..u64::MAX, 0..9_u64))) {
            let span = span.map(|(actor, first, more)| {
                Span { actor: Actor::new(actor), first, last: first.saturating_add(more) }
            });
            let statement = Statement::Flag { page: PageId::new([7; 16]), span, reason };
            prop_assert!(statement.key().as_str().len() <= StatementKey::MAX_BYTES);
            prop_assert_eq!(StatementKey::from_ledger(statement.key().as_str()), Some(statement.key()));
            prop_assert_eq!(Statement::decode(&statement.encode()), Some(statement));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = Statement::decode(&bytes);
        }
    }
}
