//! The ticket link that the app was opened with, kept until the window asks for it.
//!
//! Anybody can write a link, so it is only shown: the engine reads it for the window, which says what it is, and nothing is
//! joined without a click there. A link that comes before the last one was asked for takes its place.

use std::sync::{Mutex, PoisonError};

use tauri::{AppHandle, Emitter, Manager, State};

use crate::options::{Options, Start};

/// Tells the window that there is a link to ask for.
const CAME: &str = "ticket-came";

/// The link that the window has not asked for yet.
#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<Option<String>>);

impl Opened {
    /// What the app was started with.
    pub(crate) fn new(link: Option<String>) -> Self {
        Self(Mutex::new(link))
    }

    fn put(&self, link: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Gives the link that the app was opened with, once.
#[tauri::command]
#[expect(clippy::needless_pass_by_value, reason = "commands are given their state so")]
pub(crate) fn opened_with(opened: State<'_, Opened>) -> Option<String> {
    opened.take()
}

/// Hands a link on to the window: one that another start of the app on this profile, with these arguments, was given.
pub(crate) fn hand_on(app: &AppHandle, arguments: &[String]) {
    let Some(link) = link_in(arguments) else { return };
    app.state::<Opened>().put(link);
    if let Err(error) = app.emit(CAME, ()) {
        tracing::warn!("the window could not be told of a ticket: {error}");
    }
}

/// The link in a whole command line, program's name and all.
fn link_in(arguments: &[String]) -> Option<String> {
    match Start::parse(arguments.iter().skip(1).map(Into::into)) {
        Ok(Start::Window(Options { link, .. })) => link,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_link_is_given_once_and_the_last_one_counts() {
        let opened = Opened::new(Some("commonplace://join/a".to_owned()));
        opened.put("commonplace://join/b".to_owned());
        assert_eq!(opened.take().as_deref(), Some("commonplace://join/b"));
        assert_eq!(opened.take(), None);
    }

    #[test]
    fn another_start_may_bring_a_link() {
        let link = link_in(&words("commonplace-desktop --home /a commonplace://join/a"));
        assert_eq!(link.as_deref(), Some("commonplace://join/a"));
        assert_eq!(link_in(&words("commonplace-desktop --home /a")), None);
        assert_eq!(link_in(&words("commonplace-desktop --help")), None);
        assert_eq!(link_in(&[]), None);
    }
}
