//! CodeMirror's `ChangeSet` and the engine's splices, one made from the other.
//!
//! A change set speaks of the text before it, section by section; splices are made one after another. Both count UTF-16 code
//! units. The JSON form is that of `ChangeSet.toJSON`: a number keeps so many units, `[n, "line", …]` deletes `n` and puts
//! the lines in, parted by `\n`.

use commonplace_model::Splice;

use crate::view::serde_json_changes::{Changes, Part, Section};

/// Changes that do not fit the text they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangesError {
    /// They speak of a text of another length.
    #[error("the changes are for a text of another length")]
    Length,
    /// A section is not what CodeMirror writes.
    #[error("the changes are malformed")]
    Malformed,
    /// They would part a character in two.
    #[error("the changes would cut a character in half")]
    Surrogate,
}

/// The splices that the change set makes, each to be made after those before it.
pub(crate) fn to_splices(changes: &Changes, text: &[u16]) -> Result<Vec<Splice>, ChangesError> {
    let mut splices = Vec::new();
    let (mut before, mut after) = (0_usize, 0_usize);
    for section in changes {
        match section {
            Section::Keep(units) => {
                before += *units as usize;
                after += *units as usize;
            }
            Section::Change(parts) => {
                let Some((Part::Delete(delete), lines)) = parts.split_first() else {
                    return Err(ChangesError::Malformed);
                };
                let mut insert = String::new();
                for (i, line) in lines.iter().enumerate() {
                    let Part::Line(line) = line else {
                        return Err(ChangesError::Malformed);
                    };
                    if i > 0 {
                        insert.push('\n');
                    }
                    insert.push_str(line);
                }
                let end = before + *delete as usize;
                if end > text.len() {
                    return Err(ChangesError::Length);
                }
                if parts_a_pair(text, before) || parts_a_pair(text, end) {
                    return Err(ChangesError::Surrogate);
                }
                let inserted = insert.encode_utf16().count();
                let at = u32::try_from(after).map_err(|_| ChangesError::Length)?;
                splices.push(Splice { at, delete: *delete, insert });
                before = end;
                after += inserted;
            }
        }
        if before > text.len() {
            return Err(ChangesError::Length);
        }
    }
    if before == text.len() { Ok(splices) } else { Err(ChangesError::Length) }
}

/// Whether a position stands between the two halves of one character.
fn parts_a_pair(text: &[u16], at: usize) -> bool {
    at > 0 && at < text.len() && (0xD800..0xDC00).contains(&text[at - 1]) && (0xDC00..0xE000).contains(&text[at])
}

/// The change set that makes one splice in a text of `len` units.
pub(crate) fn from_splice(splice: &Splice, len: usize) -> Changes {
    let (at, delete) = (splice.at as usize, splice.delete as usize);
    let mut changes = Vec::with_capacity(3);
    if at > 0 {
        changes.push(Section::Keep(splice.at));
    }
    let mut parts = vec![Part::Delete(splice.delete)];
    if !splice.insert.is_empty() {
        parts.extend(splice.insert.split('\n').map(|line| Part::Line(line.to_owned())));
    }
    changes.push(Section::Change(parts));
    let rest = len.saturating_sub(at + delete);
    if rest > 0 {
        changes.push(Section::Keep(u32::try_from(rest).unwrap_or(u32::MAX)));
    }
    changes
}

/// Makes a splice in a text.
///
/// Gives false, and changes nothing, when it does not fit.
pub(crate) fn splice_units(text: &mut Vec<u16>, splice: &Splice) -> bool {
    let at = splice.at as usize;
    let end = at + splice.delete as usize;
    if end > text.len() {
        return false;
    }
    text.splice(at..end, splice.insert.encode_utf16());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn sections_become_splices_one_after_another() {
        // "one two" → "ONE\n two!" in CodeMirror's JSON.
        let changes: Changes =
            serde_json::from_str(r#"[[3,"ONE",""],4,[0,"!"]]"#).expect("the form that CodeMirror writes");
        let mut text = units("one two");
        for splice in to_splices(&changes, &text).expect("fits") {
            assert!(splice_units(&mut text, &splice));
        }
        assert_eq!(String::from_utf16_lossy(&text), "ONE\n two!");
    }

    #[test]
    fn a_splice_survives_its_change_set() {
        let text = units("a😀b");
        for splice in [
            Splice { at: 0, delete: 0, insert: "x\r\ny".to_owned() },
            Splice { at: 1, delete: 2, insert: String::new() },
            Splice { at: 4, delete: 0, insert: "\n".to_owned() },
            Splice { at: 0, delete: 4, insert: "ü".to_owned() },
        ] {
            let changes = from_splice(&splice, text.len());
            assert_eq!(to_splices(&changes, &text), Ok(vec![splice]));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = units("a😀b");
        let read = |json: &str| to_splices(&serde_json::from_str(json).expect("JSON"), &text);
        assert_eq!(read("[3]"), Err(ChangesError::Length));
        assert_eq!(read("[[9]]"), Err(ChangesError::Length));
        assert_eq!(read("[2,[0,\"x\"],2]"), Err(ChangesError::Surrogate));
        assert_eq!(read("[[\"x\"],4]"), Err(ChangesError::Malformed));
        assert_eq!(read("[4294967295,4294967295]"), Err(ChangesError::Length));
    }
}
