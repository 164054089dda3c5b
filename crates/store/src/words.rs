//! Text as tokens, for the index, for queries, and for finding hits in a text again.
//!
//! All three go through [`pieces`], so whatever a text holds can be found by the same text. A token is a run of letters and
//! figures, without case, accents, vowel points and differences of mere form (NFKC); of scripts that are written without
//! spaces, and of pictures, every character is a token, and a run of them is looked for as a phrase.

use std::{borrow::Cow, ops::Range};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Bytes of a token that count; of longer ones the rest is passed over, here and in queries alike.
const TOKEN_BYTES: usize = 96;

/// A piece of a text and the tokens that it is: usually one, none when its characters come to nothing.
pub(crate) struct Piece {
    /// Where it is in the text, in bytes.
    pub(crate) range: Range<usize>,
    /// Its tokens.
    pub(crate) tokens: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Belongs to a word.
    Word,
    /// A token by itself.
    Single,
    /// Belongs to whatever stands before it.
    Joins,
    /// Parts words.
    Gap,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Word } else { Class::Gap };
    }
    match c {
        // The voicing marks of half-width Katakana; vowels and ends of Korean syllables written letter by letter.
        '\u{ff9e}' | '\u{ff9f}' | '\u{1160}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7ff}' => Class::Joins,
        _ if is_combining_mark(c) => Class::Joins,
        // Thai, Lao, Myanmar, Khmer; first letters of Korean syllables; Kana, Bopomofo, Hangul, Yi; Han.
        '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1100}'..='\u{115f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{30fa}'
        | '\u{30fc}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{ffa0}'..='\u{ffdc}'
        | '\u{1b000}'..='\u{1b16f}'
        | '\u{1f200}'..='\u{1f2ff}'
        | '\u{20000}'..='\u{3ffff}' => Class::Single,
        // Pictures.
        '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1faff}' => {
            Class::Single
        }
        _ if c.is_alphanumeric() => Class::Word,
        _ => Class::Gap,
    }
}

/// Accents of European scripts, points of Hebrew and Arabic, and what picks the look of a picture: a reader may leave them out.
fn is_left_out(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05bd}' | '\u{05bf}' | '\u{05c1}'..='\u{05c2}' | '\u{05c4}'..='\u{05c5}'
        | '\u{0610}'..='\u{061a}' | '\u{0640}' | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{06d6}'..='\u{06dc}'
        | '\u{fe00}'..='\u{fe0f}')
}

/// Without case, accents, points and differences of form.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Lower case may bring a mark of its own, and taking apart may bring capitals: so apart, lower, and apart again.
    text.nfkd()
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|c| !is_left_out(*c))
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .nfc()
        .collect()
}

/// The pieces of a text that are words, one after the other.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = rest.find(|(_, c)| class(*c) != Class::Gap)?;
        let mut end = start + first.len_utf8();
        let word = class(first) != Class::Single;
        while let Some((at, c)) = rest.next_if(|(_, c)| match class(*c) {
            Class::Joins => true,
            Class::Word => word,
            Class::Single | Class::Gap => false,
        }) {
            end = at + c.len_utf8();
        }
        Some(Piece { range: start..end, tokens: tokens(&text[start..end]) })
    })
}

/// The tokens that one piece is.
fn tokens(piece: &str) -> Vec<String> {
    let folded = folded(piece);
    let mut tokens: Vec<String> = Vec::new();
    let mut before = Class::Gap;
    for c in folded.chars() {
        let class = class(c);
        let goes_on = match class {
            Class::Gap => false,
            Class::Joins => before != Class::Gap,
            Class::Word => before == Class::Word,
            Class::Single => false,
        };
        if goes_on && let Some(token) = tokens.last_mut() {
            if token.len() + c.len_utf8() <= TOKEN_BYTES {
                token.push(c);
            }
        } else if class != Class::Gap {
            tokens.push(c.to_string());
        }
        before = match (class, before) {
            // A mark does not change what it stands on.
            (Class::Joins, Class::Word | Class::Single) => before,
            (Class::Joins, _) => Class::Word,
            (class, _) => class,
        };
    }
    tokens
}

/// The tokens of a text with spaces between, as the index takes them.
pub(crate) fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for piece in pieces(text) {
        for token in piece.tokens {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&token);
        }
    }
    out
}

/// What a person looks for: phrases, all of which must be there, the last word of the last one perhaps not yet whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query(Vec<Vec<String>>);

impl Query {
    /// Phrases that count; nobody types more.
    const PHRASES: usize = 32;
    /// Tokens of one phrase that count.
    const TOKENS: usize = 64;

    /// Reads what a person typed; nothing when there is nothing in it to look for.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let phrases: Vec<Vec<String>> = text
            .split_whitespace()
            .map(|chunk| pieces(chunk).flat_map(|piece| piece.tokens).take(Self::TOKENS).collect::<Vec<_>>())
            .filter(|phrase| !phrase.is_empty())
            .take(Self::PHRASES)
            .collect();
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    /// As the index wants it. Tokens hold letters and figures alone, so nothing in them can be taken for syntax.
    pub(crate) fn to_fts(&self) -> String {
        let phrases: Vec<String> = self.0.iter().map(|phrase| format!("\"{}\"", phrase.join(" "))).collect();
        format!("{} *", phrases.join(" AND "))
    }

    /// How many tokens from the first of these on are a hit; 0 if none is.
    pub(crate) fn hits(&self, tokens: &[Cow<'_, str>]) -> usize {
        let last = self.0.len().saturating_sub(1);
        let begins = |phrase: &[String], may_go_on: bool| {
            phrase.len() <= tokens.len()
                && phrase.iter().zip(tokens).enumerate().all(|(i, (wanted, token))| {
                    if may_go_on && i + 1 == phrase.len() {
                        token.starts_with(wanted.as_str())
                    } else {
                        token == wanted
                    }
                })
        };
        let hits =
            self.0.iter().enumerate().filter(|(i, phrase)| begins(phrase, *i == last)).map(|(_, phrase)| phrase.len());
        hits.max().unwrap_or(0)
    }

    /// Tokens of the longest phrase.
    pub(crate) fn longest(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_forms_do_not_count() {
        for (written, token) in [
            ("Élan", "elan"),
            ("e\u{301}lan", "elan"),
            ("İzmir", "izmir"),
            ("ΛΌΓΟΣ", "λογοσ"),
            ("λόγος", "λογοσ"),
            ("ﬁne", "fine"),
            ("ＡＢＣ１", "abc1"),
            ("كِتَاب", "كتاب"),
            ("㎒", "mhz"),
        ] {
            assert_eq!(spaced(written), token, "{written}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_parted() {
        assert_eq!(spaced("水を飲むtea"), "水 を 飲 む tea");
        assert_eq!(spaced("ｶﾞｽ"), spaced("ガス"));
        assert_eq!(spaced("\u{1112}\u{1161}\u{11ab}글"), "한 글");
        assert_eq!(spaced("ที่นี่"), "ที่ นี่");
        assert_eq!(spaced("हिन्दी में"), "हिन्दी में");
        assert_eq!(spaced("a 🎉️ b"), "a 🎉 b");
    }

    #[test]
    fn syntax_is_no_syntax() {
        assert_eq!(
            Query::read("\"NEAR(a b) OR c*").map(|q| q.to_fts()).as_deref(),
            Some("\"near a\" AND \"b\" AND \"or\" AND \"c\" *")
        );
        assert_eq!(Query::read(" *\"' — "), None);
    }

    proptest! {
        #[test]
        fn what_is_spaced_stays_as_it_is(text: String) {
            let once = spaced(&text);
            prop_assert_eq!(spaced(&once), once);
        }

        #[test]
        fn pieces_are_in_order_and_inside(text: String) {
            let mut at = 0;
            for piece in pieces(&text) {
                prop_assert!(piece.range.start >= at && text.get(piece.range.clone()).is_some());
                at = piece.range.end;
            }
        }
    }
}
