//! The words of a piece of Markdown, without the signs between them, for showing where something was found.
//!
//! It reads line by line and is content with less than a parser: what is cut off in the middle, as excerpts are, still loses
//! its brackets, and a sign that could be a word stays. Deliberately absent: anything that would make HTML.

/// The words, line for line.
pub(crate) fn plain(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for line in text.lines() {
        let line = without_lead(line);
        if !is_rule(line) {
            inline(line.strip_prefix('|').map_or(line, |cells| cells.trim_end().trim_end_matches('|')), &mut words);
        }
        words.push('\n');
    }
    words
}

/// A line without what says which kind of line it is.
fn without_lead(line: &str) -> &str {
    let mut rest = line.trim_start();
    loop {
        let shorter = if let Some(quoted) = rest.strip_prefix('>') {
            callout(quoted.trim_start())
        } else if let Some(item) = item(rest) {
            item
        } else {
            break;
        };
        rest = shorter.trim_start();
    }
    if let Some(language) = rest.strip_prefix("```") {
        return if language.contains('`') { rest } else { "" };
    }
    let title = rest.trim_start_matches('#');
    let level = rest.len() - title.len();
    if (1..=6).contains(&level) && (title.is_empty() || title.starts_with(' ')) {
        return title.trim().trim_end_matches('#').trim_end();
    }
    rest
}

/// What a callout's first line says after its kind.
fn callout(line: &str) -> &str {
    let Some((kind, rest)) = line.strip_prefix("[!").and_then(|line| line.split_once(']')) else { return line };
    if kind.chars().all(char::is_alphanumeric) { rest.trim_start_matches(['+', '-']) } else { line }
}

/// What a list's item says, without its mark and its box.
fn item(line: &str) -> Option<&str> {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let said = match digits {
        0 => line.strip_prefix(['-', '*', '+'])?,
        1..=9 => line[digits..].strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let said = said.strip_prefix([' ', '\t'])?.trim_start();
    // A line of dashes with spaces between them is a rule.
    if is_rule(line) {
        return None;
    }
    let boxed = ["[ ] ", "[x] ", "[X] "].iter().find_map(|tick| said.strip_prefix(tick));
    Some(boxed.unwrap_or(said))
}

/// Whether a line only divides: what is above from what is below, or a table's head from its rows.
fn is_rule(line: &str) -> bool {
    line.chars().filter(|c| matches!(c, '-' | '*' | '_' | '=')).count() >= 3
        && line.chars().all(|c| matches!(c, '-' | '*' | '_' | '=' | '|' | ':') || c.is_whitespace())
}

/// Puts what a line says, without marks of emphasis, code and links, and without addresses that have words in front.
fn inline(line: &str, words: &mut String) {
    let in_table = line.contains(" | ");
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let next = after.chars().next().unwrap_or(' ');
        rest = after;
        match c {
            '\\' if next.is_ascii_punctuation() => {
                words.push(next);
                rest = &after[1..];
            }
            '`' => {}
            '~' if next == '~' => rest = &after[1..],
            '!' if next == '[' => {}
            '[' if next == '[' => rest = page_link(&after[1..]),
            '[' if after.split_once(']').is_some_and(|(_, behind)| behind.starts_with('(')) => {}
            ']' if next == ']' => rest = &after[1..],
            ']' if next == '(' => rest = after.split_once(')').map_or("", |(_, behind)| behind),
            // Between spaces or in the middle of a word it is a sign of the writer's.
            '*' | '_' if before.is_whitespace() && next.is_whitespace() => words.push(c),
            '*' | '_' if before.is_alphanumeric() && next.is_alphanumeric() => words.push(c),
            '*' | '_' => {}
            '|' if in_table => words.push('·'),
            _ => words.push(c),
        }
        before = c;
    }
}

/// What follows the opening of a link to a page, from what it shows.
fn page_link(rest: &str) -> &str {
    let name = rest.split_once("]]").map_or(rest, |(name, _)| name);
    name.find('|').map_or(rest, |bar| &rest[bar + 1..])
}

#[cfg(test)]
mod tests {
    use super::plain;

    fn words(text: &str) -> String {
        plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn signs_go_and_words_stay() {
        assert_eq!(words("# Note 1\n\nTry **that one**, ~~not~~ *this* `x`"), "Note 1 Try that one, not this x");
        assert_eq!(
            words("> [!warning] Hot\n> a while\n\n- [x] Ask\n  - with spirit\n1. Turn"),
            "Hot a while Ask with spirit Turn"
        );
        assert_eq!(
            words("see [[Kettles|the kettle]], [[Zips]] and [the manual](https://a.b/c)"),
            "see the kettle, Zips and the manual"
        );
        assert_eq!(words("| What | Try |\n| --- | :-: |\n| Pops | Look |"), "What · Try Pops · Look");
        assert_eq!(words("```rust\nlet a_b = 2 * 3;\n```\n---\nend"), "let a_b = 2 * 3; end");
        assert_eq!(words("![a photo](photo.jpg) \\*no star\\* #tag"), "a photo *no star* #tag");
    }

    #[test]
    fn what_is_cut_off_loses_its_signs_too() {
        assert_eq!(words("see [[Kett"), "see Kett");
        assert_eq!(words("Kettles]] and **bo"), "Kettles and bo");
        assert_eq!(words("the [manual](https://exam"), "the manual");
    }

    #[test]
    fn plain_text_is_left_as_it_is() {
        for text in ["2 * 3 * 4 = 24", "snake_case and [brackets]", "C# is #1", "a - b", "1.5 l", "お茶を飲む", "-5 °C"]
        {
            assert_eq!(words(text), text);
        }
    }
}
