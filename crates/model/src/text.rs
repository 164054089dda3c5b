//! Edits of text, in UTF-16 code units.

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_normalization::char::is_combining_mark;

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

/// Words on both sides of changed stretches up to which they are compared word by word, in all: that costs at most as much as
/// their product.
const COMPARED: usize = 16_000;

/// The edits that turn one text into another, each to be made after those before it: found line by line, and in lines that
/// differ word by word (Myers), so that what two people change in one paragraph joins. What two changes have between them
/// stays only where it is longer than one of them; else a paragraph that somebody wrote anew would be mixed with the old one,
/// word for word. Of a changed stretch that is very long nothing but its ends is compared.
pub fn splices_between(old: &str, new: &str) -> Vec<Splice> {
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let mut splices = Vec::new();
    let (mut at, mut left) = (0, COMPARED);
    for piece in pieces(&old_lines, &new_lines) {
        if piece.same {
            at += utf16_len(&piece.came);
            continue;
        }
        let (gone, came) = (words(&piece.gone), words(&piece.came));
        let count = gone.len() + came.len();
        let finer = if count <= left { joined(pieces(&gone, &came)) } else { vec![piece.clone()] };
        left -= count.min(left);
        for piece in finer {
            splices.extend(trimmed(at, &piece.gone, &piece.came).filter(|_| !piece.same));
            at += utf16_len(&piece.came);
        }
    }
    splices
}

/// A stretch of two texts.
#[derive(Debug, Clone, Default)]
struct Piece {
    gone: String,
    came: String,
    /// Whether both texts have it.
    same: bool,
}

impl Piece {
    fn len(&self) -> usize {
        self.gone.len().max(self.came.len())
    }
}

/// Two texts in turn alike and apart.
fn pieces(old: &[&str], new: &[&str]) -> Vec<Piece> {
    let piece = |op: DiffOp| Piece {
        gone: old[op.old_range()].concat(),
        came: new[op.new_range()].concat(),
        same: matches!(op, DiffOp::Equal { .. }),
    };
    capture_diff_slices(Algorithm::Myers, old, new).into_iter().map(piece).collect()
}

/// The same with changes made one that have no more between them than each of them has itself.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    for mut piece in pieces {
        while !piece.same
            && let [.., before, between] = &all[..]
            && between.len() <= before.len().min(piece.len())
            && let (Some(between), Some(mut whole)) = (all.pop(), all.pop())
        {
            for part in [between, piece] {
                whole.gone.push_str(&part.gone);
                whole.came.push_str(&part.came);
            }
            piece = whole;
        }
        all.push(piece);
    }
    all
}

/// A text as words and what stands between them, sign by sign. Of scripts that do not part words each sign is one.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begins = 0;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let part = c.is_alphanumeric() && !is_unparted(c);
        let goes_on = is_combining_mark(c) || (part && in_word);
        if at > begins && !goes_on {
            words.push(&text[begins..at]);
            begins = at;
        }
        in_word = part || (in_word && goes_on);
    }
    if begins < text.len() {
        words.push(&text[begins..]);
    }
    words
}

/// Whether a script is written without spaces between words: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
fn is_unparted(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}')
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

    proptest! {
        #[test]
        fn of_words_too(old in "(a{1,3}|bb|é|e\u{301}|日|[ ,.😀]|\n){0,40}", new in "(a{1,3}|bb|é|e\u{301}|日|[ ,.😀]|\n){0,40}") {
            prop_assert_eq!(apply(&old, &splices_between(&old, &new)), new);
        }
    }

    #[test]
    fn words_are_parted_where_their_script_parts_them() {
        assert_eq!(words("Each e\u{301}té, 日本x1\n"), ["Each", " ", "e\u{301}té", ",", " ", "日", "本", "x1", "\n"]);
    }

    #[test]
    fn in_a_paragraph_only_words_that_differ_are_touched() {
        let old = "The kettle must be cleaned on Mondays by whoever opens the kitchen first.\n";
        let new = "Each kettle must be cleaned on Mondays by whoever opens the kitchen first, please.\n";
        let splice = |at, delete, insert: &str| Splice { at, delete, insert: insert.to_owned() };
        assert_eq!(splices_between(old, new), [splice(0, 3, "Each"), splice(73, 0, ", please")]);
        let old = "Boil the water.\nPour it.\nEnd\n";
        let new = "# Tea\n\nBoil the cold water.\nPour it slowly.\nEnd\na1\n";
        let inserted: String =
            splices_between(old, new).iter().map(|s| s.insert.as_str()).collect::<Vec<_>>().join("|");
        assert_eq!(inserted, "# Tea\n\n|cold |slowly|a1\n".replace("slowly", " slowly"));
    }

    #[test]
    fn a_paragraph_written_anew_takes_the_place_of_the_old_one() {
        let splices = splices_between("Tea is what we drink here.\n", "Whoever comes in the morning fills a jug.\n");
        assert_eq!(splices.len(), 1, "{splices:?}");
    }

    #[test]
    fn of_a_very_long_stretch_the_ends_are_compared() {
        let text = |word: &str| format!("begin {}end\n", format!("{word} ").repeat(COMPARED));
        let splices = splices_between(&text("one"), &text("two"));
        assert_eq!(splices.len(), 1);
        assert_eq!(splices[0].at, 6);
    }

    #[test]
    fn only_what_differs_is_touched() {
        let splices = splices_between("one\ntwo\nthree\n", "one\ntoo\nthree\n");
        assert_eq!(splices, vec![Splice { at: 5, delete: 1, insert: "o".to_owned() }]);
    }
}
