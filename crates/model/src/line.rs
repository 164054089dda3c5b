//! Lines that people are shown: names of people, devices and commons, titles, folders. What in them cannot be seen, or makes
//! the rest look like something else.
//!
//! Two rules, for two moments. [`check`] is for what somebody here is about to say: it refuses. [`shown`] is for what others
//! said, whatever program they used: it makes that harmless to look at and changes nothing of what is stored.
//!
//! Joiners and other marks without a width stay between characters that can be seen: Persian, the scripts of India, Khmer and
//! emoji are written with them.

use std::fmt;

/// Why a line cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It has characters, but none that can be seen.
    #[error("nothing in it can be seen")]
    Unseen,
    /// It holds a character that hides, reorders or breaks what is beside it.
    #[error("it holds {}", Called(*.0))]
    Misleads(char),
    /// It begins or ends with a character that cannot be seen.
    #[error("it begins or ends with {}, which cannot be seen", Called(*.0))]
    Edge(char),
}

/// A character that cannot be shown, by its number and, where people know it, its effect.
struct Called(char);

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.0 {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "a character that turns the order of others around",
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => "a line break",
            c if c.is_control() => "a control character",
            _ => "a character without a shape",
        };
        write!(f, "{what} (U+{:04X})", u32::from(self.0))
    }
}

/// What stands for a character that is not shown.
const STAND_IN: char = '\u{fffd}';
/// After it, tags are part of a flag.
const FLAG: char = '\u{1f3f4}';

/// Whether a character hides, reorders or breaks what is beside it, wherever it stands.
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2061}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0001}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// Whether a character has no width and belongs between others.
fn joins(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{2060}')
}

/// Whether something is seen where a character stands.
fn is_seen(c: char) -> bool {
    !(c.is_whitespace()
        || misleads(c)
        || joins(c)
        || is_tag(c)
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}'))
}

/// The first character of a line that misleads, tags that belong to no flag among them.
fn misleading(line: &str) -> Option<char> {
    let mut in_flag = false;
    line.chars().find(|c| {
        in_flag = *c == FLAG || in_flag && is_tag(*c);
        misleads(*c) || is_tag(*c) && !in_flag
    })
}

/// Whether somebody may give this as a name. Of an empty line, and of its length, others judge.
///
/// # Errors
/// When nothing of it can be seen, or it would look like something else than it is.
pub fn check(line: &str) -> Result<(), LineError> {
    if let Some(c) = misleading(line) {
        return Err(LineError::Misleads(c));
    }
    if !line.is_empty() && !line.chars().any(is_seen) {
        return Err(LineError::Unseen);
    }
    match line.chars().next().into_iter().chain(line.chars().next_back()).find(|c| joins(*c)) {
        Some(c) => Err(LineError::Edge(c)),
        None => Ok(()),
    }
}

/// A line as it can be shown beside others, whoever wrote it: what misleads in it is replaced by a sign that can be seen, and so
/// is all of it when nothing can be. A line that passes [`check`] stays as it is.
pub fn shown(line: &str) -> String {
    if !line.is_empty() && !line.chars().any(is_seen) {
        return STAND_IN.to_string();
    }
    let mut in_flag = false;
    line.chars()
        .map(|c| {
            in_flag = c == FLAG || in_flag && is_tag(c);
            if misleads(c) || is_tag(c) && !in_flag { STAND_IN } else { c }
        })
        .collect()
}

/// A line as it can be a name: without what misleads, and without what cannot be seen at its ends. What is left may be no name
/// all the same.
pub(crate) fn cleaned(line: &str) -> String {
    let mut in_flag = false;
    let kept = line.chars().filter_map(|c| {
        in_flag = c == FLAG || in_flag && is_tag(c);
        if c.is_control() { Some(' ') } else { (!misleads(c) && (in_flag || !is_tag(c))).then_some(c) }
    });
    kept.collect::<String>().trim_matches(joins).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: [&str; 12] = [
        "Tea",
        "می\u{200c}خواهم",
        "क\u{94d}\u{200d}ष",
        "👩\u{200d}👩\u{200d}👧",
        "I ❤\u{fe0f}",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "עברית (טובה)\u{200f}",
        "ភាសា\u{200b}ខ្មែរ",
        "日本　茶",
        "cafe\u{301}",
        "a\u{a0}b",
        "",
    ];

    #[test]
    fn names_in_all_scripts_stay_as_they_are() {
        for line in GOOD {
            assert_eq!(check(line), Ok(()), "{line:?}");
            assert_eq!(shown(line), line);
            assert_eq!(cleaned(line), line);
        }
    }

    #[test]
    fn what_cannot_be_seen_or_misleads_is_no_name() {
        for line in ["\u{200b}", "\u{200d}\u{200c}", "\u{2060} \u{200e}", "\u{3164}", "\u{2800}", "\u{fe0f}", " "] {
            assert_eq!(check(line), Err(LineError::Unseen), "{line:?}");
            assert_eq!(shown(line), "\u{fffd}");
        }
        for c in [
            '\u{202e}',
            '\u{202a}',
            '\u{2066}',
            '\u{2069}',
            '\n',
            '\u{1b}',
            '\u{9b}',
            '\u{2028}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let line = format!("Tea{c}pot");
            assert_eq!(check(&line), Err(LineError::Misleads(c)), "{line:?}");
            assert_eq!(shown(&line), "Tea\u{fffd}pot");
            assert!(check(&cleaned(&line)).is_ok(), "{line:?}");
        }
        for line in ["\u{200b}Tea", "Tea\u{200d}", "\u{ad}Tea"] {
            assert!(matches!(check(line), Err(LineError::Edge(_))), "{line:?}");
            assert_eq!(cleaned(line), "Tea");
        }
        assert_eq!(
            check("Tea\u{202e}pot").map_err(|error| error.to_string()),
            Err("it holds a character that turns the order of others around (U+202E)".to_owned())
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_one_line_that_can_be_seen(line: String) {
            let shown = shown(&line);
            prop_assert!(line.is_empty() || shown.chars().any(is_seen));
            prop_assert_eq!(misleading(&shown), None);
            if check(&line).is_ok() {
                prop_assert_eq!(shown, line);
            }
        }
    }
}
