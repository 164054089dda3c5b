//! Looking for words in pages.

use std::{borrow::Cow, collections::VecDeque, ops::Range};

use commonplace_model::CommonsId;
use rusqlite::params;

use crate::{
    error::StoreError,
    page::{PageRow, ROW, ROW_JOINS, read_row},
    plain::plain,
    projection::stored_text,
    reader::{No, Reader, commons_no},
    words::{self, Query},
};

/// Characters of a snippet, and those before its first hit.
const SNIPPET: usize = 160;
const BEFORE: usize = 40;

/// A page that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The page.
    pub row: PageRow,
    /// Words of its text around the first hit in it, in parts; `true` with those that were looked for. When the words are in
    /// its title alone, the beginning of its text.
    pub snippet: Vec<(String, bool)>,
}

impl Reader {
    /// Pages that are not deleted and hold all these words, in title, folder or text; the last word may be the beginning of
    /// one. The best come first, and a word in a title counts for more. Any text is a query.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn search(&self, commons: CommonsId, query: &str, limit: u32) -> Result<Vec<Hit>, StoreError> {
        let (Some(query), Some(commons)) = (Query::read(query), commons_no(&self.db, commons)?) else {
            return Ok(Vec::new());
        };
        let mut find = self.db.prepare_cached(&format!(
            "SELECT {ROW}, p.doc FROM words w CROSS JOIN page p ON p.doc = w.rowid {ROW_JOINS} \
             WHERE w.words MATCH ?1 AND p.commons = ?2 AND p.deleted = 0 ORDER BY w.rank LIMIT ?3"
        ))?;
        let mut rows = find.query(params![query.to_fts(), commons, limit])?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next()? {
            let text = stored_text(&self.db, &self.memory, row.get::<_, No>(5)?)?.unwrap_or_default();
            hits.push(Hit { row: read_row(row)?, snippet: snippet(&text, &query) });
        }
        Ok(hits)
    }
}

/// The words around the first hit, as they are read: without markup.
fn snippet(text: &str, query: &Query) -> Vec<(String, bool)> {
    let around = around(text, Hits::new(text, query).next().map_or(0, |hit| hit.start));
    let (more_before, more_behind) = (around.start > 0, around.end < text.len());
    let text = &plain(&text[around]);
    let mut hits = Hits::new(text, query);
    let first = hits.next();
    let start = first.as_ref().map_or(0, |hit| back(text, hit.start));
    let mut parts: Vec<(String, bool)> = Vec::new();
    let mut room = SNIPPET;
    let mut at = start;
    if start > 0 || more_before {
        parts.push(("…".to_owned(), false));
    }
    for hit in first.into_iter().chain(hits) {
        room = put(&mut parts, &text[at..hit.start], false, room);
        at = hit.start;
        if room == 0 {
            break;
        }
        room = put(&mut parts, &text[hit.clone()], true, room);
        at = hit.end;
        if room == 0 {
            break;
        }
    }
    if room > 0 {
        put(&mut parts, text[at..].trim_end(), false, room);
        at = text.len();
    }
    let more = more_behind || !text[at..].trim_end().is_empty();
    if more && !parts.last().is_some_and(|(text, _)| text.ends_with('…')) {
        parts.push(("…".to_owned(), false));
    }
    parts
}

/// So much of a text around a place that a snippet can be made of its words, from the beginning of a line if one is near.
fn around(text: &str, at: usize) -> Range<usize> {
    let reach = |(place, _): (usize, char)| place;
    let far = text[..at].char_indices().rev().take(4 * BEFORE).last().map_or(at, reach);
    let near = text[..at].char_indices().rev().take(BEFORE).last().map_or(at, reach);
    let line = text[..near].rfind('\n').map_or(0, |end| end + 1);
    let start = if line < far { back(text, at) } else { line };
    let end = text[at..].char_indices().nth(4 * SNIPPET).map_or(text.len(), |(place, _)| at + place);
    start..end
}

/// A place some characters before this one, where a word begins if there is such a place.
fn back(text: &str, at: usize) -> usize {
    let Some((start, _)) = text[..at].char_indices().rev().take(BEFORE).last() else {
        return at;
    };
    if start == 0 {
        return 0;
    }
    text[start..at].find(char::is_whitespace).map_or(start, |space| {
        let space = start + space;
        space + text[space..].chars().next().map_or(0, char::len_utf8)
    })
}

/// Puts a part, with every run of space as one space, as far as there is room; gives the room left.
fn put(parts: &mut Vec<(String, bool)>, text: &str, hit: bool, room: usize) -> usize {
    let mut part = String::new();
    let mut left = room;
    let mut space = parts.last().is_none_or(|(text, _)| text.ends_with(' ') || text == "…");
    for c in text.chars() {
        if left == 0 {
            part.push('…');
            break;
        }
        let is_space = c.is_whitespace() || c.is_control();
        if !(is_space && space) {
            part.push(if is_space { ' ' } else { c });
            left -= 1;
        }
        space = is_space;
    }
    if !part.is_empty() {
        parts.push((part, hit));
    }
    left
}

/// The hits in a text, found as they are asked for.
struct Hits<'a> {
    pieces: Box<dyn Iterator<Item = words::Piece> + 'a>,
    query: &'a Query,
    /// Tokens ahead, with the place of the piece that each is of.
    ahead: VecDeque<(Cow<'a, str>, Range<usize>)>,
}

impl<'a> Hits<'a> {
    fn new(text: &'a str, query: &'a Query) -> Self {
        Self { pieces: Box::new(words::pieces(text)), query, ahead: VecDeque::new() }
    }
}

impl Iterator for Hits<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            while self.ahead.len() < self.query.longest() {
                let Some(piece) = self.pieces.next() else {
                    break;
                };
                self.ahead.extend(piece.tokens.into_iter().map(|token| (Cow::Owned(token), piece.range.clone())));
            }
            if self.ahead.is_empty() {
                return None;
            }
            let tokens: Vec<Cow<'_, str>> =
                self.ahead.iter().take(self.query.longest()).map(|(token, _)| Cow::Borrowed(token.as_ref())).collect();
            let hit = self.query.hits(&tokens);
            drop(tokens);
            let taken: Vec<_> = self.ahead.drain(..hit.max(1)).collect();
            if let (true, Some((_, first)), Some((_, last))) = (hit > 0, taken.first(), taken.last()) {
                let range = first.start..last.end;
                // A piece may be several tokens: the rest of it is part of this hit.
                while self.ahead.front().is_some_and(|(_, piece)| piece.start < range.end) {
                    self.ahead.pop_front();
                }
                return Some(range);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, query: &str) -> String {
        let query = Query::read(query).expect("a query");
        snippet(text, &query).into_iter().map(|(text, hit)| if hit { format!("[{text}]") } else { text }).collect()
    }

    #[test]
    fn hits_are_marked_where_they_are() {
        assert_eq!(marked("Boil the Kettle,\n\n then wait", "kettle wa"), "Boil the [Kettle], then [wait]");
        assert_eq!(marked("お茶を飲む", "茶を"), "お[茶を]飲む");
        assert_eq!(marked("snake_case and snake case", "snake_case"), "[snake_case] and [snake case]");
        assert_eq!(marked("Crème brûlée", "creme"), "[Crème] brûlée");
    }

    #[test]
    fn a_long_text_is_cut_around_its_first_hit() {
        let text = format!("{} needle {}", "hay ".repeat(100), "straw ".repeat(100));
        let cut = marked(&text, "needle");
        assert!(cut.starts_with("…hay "), "{cut}");
        assert!(cut.contains("[needle]") && cut.ends_with('…'), "{cut}");
        assert!(cut.chars().count() < 170, "{cut}");
        // Also where there is room for just what stands before the next hit.
        let cut = marked(&format!("needle {}needle", "hay ".repeat((SNIPPET - 7) / 4 + 1)), "needle");
        assert!(cut.starts_with("[needle] hay ") && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn markup_is_not_shown() {
        assert_eq!(marked("# Kettles\n\nSee **that one** and [[Zips]].", "that"), "Kettles See [that] one and Zips.");
        let text = format!("- [x] {}\n\n## A *needle*\n\n{}", "hay ".repeat(100), "> straw\n".repeat(100));
        let cut = marked(&text, "needle");
        assert!(cut.starts_with("…hay ") && cut.contains("hay A [needle] straw straw") && cut.ends_with('…'), "{cut}");
        assert_eq!(marked("See [the manual](https://example.org/kettle).", "kettle"), "See the manual.");
    }

    #[test]
    fn words_in_the_title_alone_show_how_the_text_begins() {
        assert_eq!(marked("The beginning", "elsewhere"), "The beginning");
        assert_eq!(marked("", "elsewhere"), "");
    }
}
