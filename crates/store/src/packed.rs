//! Bytes as they lie in the database: compressed where that makes them smaller. How small changes are, see dictionary.rs.
//!
//! A change begins with Automerge's magic number and a compressed one with that of Zstandard, so the bytes say themselves which
//! they are. Texts could begin with anything, so a byte goes before them. A page that was written or brought in at once has
//! its text in its first change already; its text is then stored as what differs from that, which is next to nothing.

use std::{borrow::Cow, io::Read};

use crate::error::{Result, StoreError};

/// What a frame of Zstandard begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Below this many bytes nothing is gained.
const WORTHWHILE: usize = 192;
/// Bytes that unpacking gives at most: far beyond any page.
const MOST: u64 = 1 << 28;
const LEVEL: i32 = 3;

const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
const ON_FIRST_CHANGE: u8 = 2;

/// Them compressed, where that makes them smaller.
pub(crate) fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < WORTHWHILE {
        return None;
    }
    zstd::bulk::compress(bytes, LEVEL).ok().filter(|small| small.len() < bytes.len())
}

fn inflated(bytes: &[u8], basis: &[u8]) -> Result<Vec<u8>> {
    let damaged = |error: std::io::Error| StoreError::Damaged(format!("compressed bytes cannot be read: {error}"));
    let mut out = Vec::with_capacity(bytes.len() * 3);
    let decoder = zstd::Decoder::with_dictionary(bytes, basis).map_err(damaged)?;
    decoder.take(MOST).read_to_end(&mut out).map_err(damaged)?;
    Ok(out)
}

/// Whether these are compressed bytes of a change.
pub(crate) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// A text as it is stored, on the first change of its page where that is worth it.
pub(crate) fn pack_text(text: &str, first_change: &[u8]) -> Vec<u8> {
    let alone = compressed(text.as_bytes());
    let smallest = alone.as_ref().map_or(text.len(), Vec::len);
    let on_change = (first_change.len() >= WORTHWHILE && text.len() >= WORTHWHILE)
        .then(|| zstd::bulk::Compressor::with_dictionary(LEVEL, first_change)?.compress(text.as_bytes()))
        .and_then(|packed: std::io::Result<Vec<u8>>| packed.ok())
        .filter(|small| small.len() < smallest / 2);
    let (kind, body) = match (on_change, alone) {
        (Some(small), _) => (ON_FIRST_CHANGE, Cow::Owned(small)),
        (None, Some(small)) => (COMPRESSED, Cow::Owned(small)),
        (None, None) => (PLAIN, Cow::Borrowed(text.as_bytes())),
    };
    let mut bytes = Vec::with_capacity(1 + body.len());
    bytes.push(kind);
    bytes.extend_from_slice(&body);
    bytes
}

/// A stored text as it was; `first_change` is asked for the first change of its page if it is needed.
pub(crate) fn unpack_text(bytes: &[u8], first_change: impl FnOnce() -> Result<Vec<u8>>) -> Result<String> {
    let damaged = || StoreError::Damaged("a stored text cannot be read".to_owned());
    let text = match bytes.split_first() {
        Some((&PLAIN, rest)) => rest.to_vec(),
        Some((&COMPRESSED, rest)) => inflated(rest, &[])?,
        Some((&ON_FIRST_CHANGE, rest)) => inflated(rest, &first_change()?)?,
        _ => return Err(damaged()),
    };
    String::from_utf8(text).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_survives_being_packed(text in "(.{0,40}\n?){0,40}", before: Vec<u8>, after: Vec<u8>, cut in 0_usize..50) {
            let inside: String = text.chars().skip(cut).collect();
            for first in [Vec::new(), [before, inside.into_bytes(), after].concat()] {
                prop_assert_eq!(unpack_text(&pack_text(&text, &first), || Ok(first)).expect("unpacks"), text.clone());
            }
        }

        #[test]
        fn no_bytes_make_unpacking_panic(mut bytes: Vec<u8>, first: Vec<u8>) {
            let _ = unpack_text(&bytes, || Ok(first));
            bytes.splice(0..0, MAGIC);
            let db = rusqlite::Connection::open_in_memory().expect("opens");
            let _ = crate::dictionary::Dictionaries::default().unpack(&db, &bytes);
        }
    }

    #[test]
    fn long_texts_get_smaller() {
        let text = "the same words again ".repeat(100);
        assert!(pack_text(&text, &[]).len() < text.len() / 5);
        let noise: String = (0_u32..100).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761))).collect();
        let first = ["frame".as_bytes(), noise.as_bytes()].concat();
        assert!(pack_text(&noise, &first).len() < 40);
    }
}
