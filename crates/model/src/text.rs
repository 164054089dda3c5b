//! Edits of text, in UTF-16 code units.

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// One edit: at a position, delete so many units, then insert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splice {
    /// UTF-16 code units before it.
    pub at: u32,
    /// UTF-16 code units deleted.
    pub delete: u32,
    /// What is inserted.
    pub insert: String,
}

/// UTF-16 code units in a text.
pub fn utf16_len(text: &str) -> u32 {
    // A page holds at most 5 MB, so this never saturates for one.
    u32::try_from(text.chars().map(char::len_utf16).sum::<usize>()).unwrap_or(u32::MAX)
}

/// The edits that turn one text into another, found line by line (Myers), each to be made after those before it.
pub fn splices_between(old: &str, new: &str) -> Vec<Splice> {
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let mut splices = Vec::new();
    let mut at = 0;
    for op in capture_diff_slices(Algorithm::Myers, &old_lines, &new_lines) {
        if let DiffOp::Equal { old_index, len, .. } = op {
            at += old_lines[old_index..old_index + len].iter().map(|line| utf16_len(line)).sum::<u32>();
            continue;
        }
        let gone = old_lines[op.old_range()].concat();
        let came = new_lines[op.new_range()].concat();
        let splice = trimmed(at, &gone, &came);
        at += utf16_len(&came);
        splices.extend(splice);
    }
    splices
}

/// The edit from `gone` to `came` without what they share at both ends, or nothing when they are equal.
fn trimmed(at: u32, gone: &str, came: &str) -> Option<Splice> {
    let head: usize = gone.chars().zip(came.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (gone, came, skipped) = (&gone[head..], &came[head..], utf16_len(&gone[..head]));
    let tail: usize =
        gone.chars().rev().zip(came.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (gone, came) = (&gone[..gone.len() - tail], &came[..came.len() - tail]);
    if gone.is_empty() && came.is_empty() {
        return None;
    }
    Some(Splice { at: at + skipped, delete: utf16_len(gone), insert: came.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn apply(text: &str, splices: &[Splice]) -> String {
        let mut units: Vec<u16> = text.encode_utf16().collect();
        for s in splices {
            let at = s.at as usize;
            units.splice(at..at + s.delete as usize, s.insert.encode_utf16());
        }
        String::from_utf16(&units).expect("edits never part a surrogate pair")
    }

    proptest! {
        #[test]
        fn splices_turn_one_text_into_the_other(old in "([a-c😀\r\n]{0,9}\n?){0,9}", new in "([a-c😀\r\n]{0,9}\n?){0,9}") {
            prop_assert_eq!(apply(&old, &splices_between(&old, &new)), new);
        }
    }

    #[test]
    fn only_what_differs_is_touched() {
        let splices = splices_between("one\ntwo\nthree\n", "one\ntoo\nthree\n");
        assert_eq!(splices, vec![Splice { at: 5, delete: 1, insert: "o".to_owned() }]);
    }
}
