//! Recorded editing: what people typed, key by key, and the text that it ended in.
//!
//! Positions in the recordings count Unicode code points; the engine counts UTF-16 code units.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::{Context, Result, ensure};
use commonplace_node::view::{
    EditorUpdate,
    serde_json_changes::{Part, Section},
};
use flate2::read::GzDecoder;
use serde::Deserialize;

/// One edit: where, how much goes, what comes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Patch(pub usize, pub usize, pub String);

/// Edits made at one moment.
#[derive(Debug, Clone, Deserialize)]
pub struct Txn {
    /// The edits, each after those before it.
    pub patches: Vec<Patch>,
    /// The moments it was made on; in a sequential recording, the one before.
    #[serde(default)]
    pub parents: Vec<usize>,
    /// Who made it.
    #[serde(default)]
    pub agent: usize,
}

/// A recording.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// The text at its start.
    #[serde(default)]
    pub start_content: String,
    /// The text at its end.
    pub end_content: String,
    /// How many wrote, where several did.
    #[serde(default)]
    pub num_agents: usize,
    /// What they did.
    pub txns: Vec<Txn>,
}

impl Trace {
    /// Reads a recording, compressed when its name says so.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let file = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
        let trace = if path.extension().is_some_and(|e| e == "gz") {
            serde_json::from_reader(BufReader::new(GzDecoder::new(file)))
        } else {
            serde_json::from_reader(file)
        };
        trace.with_context(|| path.display().to_string())
    }
}

/// A text that knows where its code points lie in UTF-16.
#[derive(Debug, Clone, Default)]
pub struct Text {
    chars: Vec<char>,
    /// Characters that take two units.
    wide: usize,
}

/// An edit in UTF-16 code units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub at: u32,
    /// How many units go.
    pub delete: u32,
    /// What comes.
    pub insert: String,
}

impl Text {
    /// A text.
    pub fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        Self { wide: wide(&chars), chars }
    }

    /// Its length in UTF-16 code units.
    pub fn units(&self) -> usize {
        self.chars.len() + self.wide
    }

    /// Its length in code points.
    pub fn chars(&self) -> usize {
        self.chars.len()
    }

    /// The units before a code point.
    pub(crate) fn units_before(&self, at: usize) -> usize {
        // Most texts have no wide characters at all.
        if self.wide == 0 { at } else { at + wide(&self.chars[..at]) }
    }

    /// Makes an edit, and gives it in UTF-16.
    ///
    /// # Errors
    /// When it reaches beyond the end.
    pub fn edit(&mut self, patch: &Patch) -> Result<Edit> {
        let Patch(at, delete, insert) = patch;
        let end = at + delete;
        ensure!(end <= self.chars.len(), "{patch:?} in a text of {} characters", self.chars.len());
        let (from, to) = (self.units_before(*at), self.units_before(end));
        self.wide = self.wide + insert.chars().filter(|c| c.len_utf16() == 2).count() - (to - from - delete);
        self.chars.splice(*at..end, insert.chars());
        Ok(Edit { at: u32::try_from(from)?, delete: u32::try_from(to - from)?, insert: insert.clone() })
    }

    /// Makes an edit, and gives it in the form that an editor pushes.
    ///
    /// # Errors
    /// When it reaches beyond the end.
    pub fn update(&mut self, patch: &Patch, client: &str) -> Result<EditorUpdate> {
        let before = u32::try_from(self.units())?;
        Ok(push_form(&self.edit(patch)?, before, client))
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.chars.iter().collect::<String>())
    }
}

fn wide(chars: &[char]) -> usize {
    chars.iter().filter(|c| c.len_utf16() == 2).count()
}

/// An edit of a text of so many units, as CodeMirror writes it.
pub fn push_form(edit: &Edit, before: u32, client: &str) -> EditorUpdate {
    let mut changes = Vec::with_capacity(3);
    if edit.at > 0 {
        changes.push(Section::Keep(edit.at));
    }
    let mut parts = vec![Part::Delete(edit.delete)];
    if !edit.insert.is_empty() {
        parts.extend(edit.insert.split('\n').map(|line| Part::Line(line.to_owned())));
    }
    changes.push(Section::Change(parts));
    if edit.at + edit.delete < before {
        changes.push(Section::Keep(before - edit.at - edit.delete));
    }
    EditorUpdate { client_id: client.to_owned(), changes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_in_units() {
        let mut text = Text::new("a😀b");
        let edit = text.edit(&Patch(2, 1, "𠮷c".to_owned())).expect("fits");
        assert_eq!(edit, Edit { at: 3, delete: 1, insert: "𠮷c".to_owned() });
        assert_eq!((text.to_string().as_str(), text.units()), ("a😀𠮷c", 6));
        let edit = text.edit(&Patch(1, 2, String::new())).expect("fits");
        assert_eq!(edit, Edit { at: 1, delete: 4, insert: String::new() });
        assert_eq!((text.to_string().as_str(), text.units()), ("ac", 2));
        assert!(text.edit(&Patch(2, 1, String::new())).is_err());
    }
}
