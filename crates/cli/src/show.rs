//! How answers are shown: text for people or JSON for programs, progress while one waits, refusals.
//!
//! Names and texts come from others, so control characters in them never reach a terminal, and nothing in a line turns the order
//! of the rest around.

use std::{
    borrow::Cow,
    future::Future,
    io::{self, IsTerminal, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use commonplace_api::{
    ApiError, Client, Event, HostKind,
    view::{CommonsView, HowOut, Job, PageRow},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Characters of an id that are shown; more than enough to tell apart what is on one device.
const SHORT: usize = 10;

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read the answers.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Shows an answer: as JSON, or in the words that `words` makes of it, line by line.
    pub(crate) fn answer<T: Serialize>(self, answer: &T, words: impl FnOnce(&T) -> Vec<String>) -> io::Result<()> {
        if self.json {
            return self.event(answer);
        }
        words(answer).iter().try_for_each(|line| self.line(line))
    }

    /// One value of JSON on a line.
    pub(crate) fn event(self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// One line of words.
    pub(crate) fn line(self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", clean(line))?;
        out.flush()
    }
}

/// Bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// A page's text as it is; only a terminal is spared its control characters, and a prompt in its last line.
pub(crate) fn text(text: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        return raw(for_terminal(text).as_bytes());
    }
    raw(text.as_bytes())
}

fn for_terminal(text: &str) -> Cow<'_, str> {
    let mut text = without(text, char::is_control);
    if !text.is_empty() && !text.ends_with('\n') {
        text.to_mut().push('\n');
    }
    text
}

/// A remark beside the answer, for people.
#[expect(clippy::print_stderr, reason = "this is where remarks are meant to go")]
pub(crate) fn remark(line: &str) {
    eprintln!("{}", clean(line));
}

/// A picture made of characters, for people at a terminal; it holds colours of our own.
#[expect(clippy::print_stderr, reason = "this is where remarks are meant to go")]
pub(crate) fn picture(lines: &str) {
    eprint!("{lines}");
}

/// Why something was not done.
pub(crate) fn refusal(json: bool, error: &ApiError) {
    match serde_json::to_string(error) {
        Ok(line) if json => remark(&line),
        _ => remark(&error.message),
    }
}

/// What is wrong with the arguments, for programs. Nothing was asked of the engine, so the code is none of its.
pub(crate) fn wrong_usage(words: &str) {
    let words = words.trim();
    let words = words.strip_prefix("error: ").unwrap_or(words);
    let message = words.strip_suffix("For more information, try '--help'.").unwrap_or(words).trim_end();
    remark(&serde_json::json!({ "code": "usage", "message": message }).to_string());
}

/// Without the characters by which words could steer a terminal, or make a line look like another one.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    without(text, commonplace_api::misleads)
}

/// With a sign in the place of each of these characters; line breaks and tabs are kept.
fn without(text: &str, which: impl Fn(char) -> bool) -> Cow<'_, str> {
    let bad = |c: char| which(c) && c != '\n' && c != '\t';
    if text.contains(bad) { text.replace(bad, "\u{fffd}").into() } else { text.into() }
}

/// The beginning of an id.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// Folder and title of a page.
pub(crate) fn full_name(row: &PageRow) -> String {
    if row.path.is_empty() { row.title.clone() } else { format!("{}/{}", row.path, row.title) }
}

/// A number of things in words.
pub(crate) fn count(n: u64, one: &str, several: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {several}") }
}

/// A commons in a line.
pub(crate) fn commons_line(commons: &CommonsView) -> String {
    let mut line = format!(
        "{}  {}  ({}, {}",
        short(&commons.id),
        commons.name,
        count(commons.pages, "page", "pages"),
        count(commons.members, "member", "members")
    );
    if commons.here > 0 {
        line += &format!(", {} here", commons.here);
    }
    if commons.arriving {
        line += ", pages still arriving";
    }
    if commons.left {
        line += match commons.out.as_ref().map(|out| out.how) {
            Some(HowOut::Left) => ", you left",
            Some(HowOut::Removed) | None => ", you were removed",
            Some(HowOut::Revoked) => ", this device was revoked",
            Some(HowOut::Caught) => ", this device wrote in two ways and is out",
        };
    }
    line + ")"
}

/// What kind of program has the profile open, at the beginning of a sentence.
pub(crate) fn host(kind: HostKind) -> &'static str {
    match kind {
        HostKind::App => "The app",
        HostKind::Peer => "Another peer",
        HostKind::Command => "Another command",
        HostKind::Unknown => "Another program",
    }
}

/// How long ago something was.
pub(crate) fn ago(at: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match now.saturating_sub(at / 1_000) {
        0..60 => "just now".to_owned(),
        seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} ago", count(seconds / 86_400, "day", "days")),
    }
}

/// Lines with their columns one below the other.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    rows.iter()
        .map(|row| {
            let padded = row.iter().enumerate().map(|(column, cell)| {
                let blank = width(column).unwrap_or(0).saturating_sub(cell.chars().count());
                format!("{cell}{}", " ".repeat(blank))
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A bar on standard error, when that is a terminal.
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    pub(crate) fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}");
        let bar = style.ok().filter(|_| io::stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::new(0).with_style(style.progress_chars("━━─"));
            bar.set_message(what);
            bar
        });
        Self(bar)
    }

    /// Shows how far it is.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(total.max(done));
            bar.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Waits for a call and shows its progress meanwhile.
pub(crate) async fn with_progress<T>(
    client: &Client,
    job: Job,
    what: &'static str,
    call: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    if !io::stderr().is_terminal() {
        return call.await;
    }
    let (bar, mut events) = (Bar::new(what), client.events().await?);
    tokio::pin!(call);
    let mut listens = true;
    loop {
        tokio::select! {
            biased;
            done = &mut call => return done,
            event = events.next(), if listens => match event {
                Some(Event::Progress { job: of, done, total, .. }) if of == job => bar.set(done, total),
                Some(_) => {}
                None => listens = false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\u{9b}c\td\n"), "a\u{fffd}[2Jb\u{fffd}c\td\n");
        assert_eq!(clean("Ines\u{202e}senI\u{2066}\u{2028}."), "Ines\u{fffd}senI\u{fffd}\u{fffd}.");
        assert_eq!(clean("plain é, می\u{200c}خواهم"), "plain é, می\u{200c}خواهم");
    }

    #[test]
    fn a_terminal_gets_the_last_line_ended() {
        assert_eq!(for_terminal("Boil.\nPour.\x1b"), "Boil.\nPour.\u{fffd}\n");
        assert_eq!(for_terminal("Pour.\n"), "Pour.\n");
        assert_eq!(for_terminal(""), "");
    }

    #[test]
    fn columns_stand_one_below_the_other() {
        let rows = [vec!["é".to_owned(), "b".to_owned()], vec!["long".to_owned(), "c".to_owned()]];
        assert_eq!(columns(&rows), ["é     b", "long  c"]);
    }
}
