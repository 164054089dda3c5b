//! What a person does in the app, step by step as the app asks for it.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::json;

use super::window::{Key, Window, marked};

/// The text of the page in front, from the editor's own state: what it draws may hide markup or lie out of sight.
const TEXT: &str = "
    const content = document.querySelector('.cm-content');
    return content?.cmTile?.root?.view?.state.doc.toString() ?? null;";

/// Notes how full the bar of an import was, each time that it changed.
const WATCH_BAR: &str = "
    window.seenOfBar = [];
    const look = () => {
        const bar = document.querySelector('[data-testid=\"import-progress\"]');
        const words = bar?.innerText || bar?.getAttribute('aria-valuenow');
        if (words && window.seenOfBar.at(-1) !== words) window.seenOfBar.push(words);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });";

impl Window {
    /// Answers the app's first question.
    ///
    /// # Errors
    /// When it does not ask it.
    pub fn introduce(&self, name: &str) -> anyhow::Result<()> {
        self.fill(&marked("welcome-name"), name)?;
        self.press(&[Key::Enter])
    }

    /// Starts a commons and goes into it.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn found(&self, commons: &str) -> anyhow::Result<()> {
        self.fill(&marked("start-name"), commons)?;
        self.click(&marked("start-commons"))?;
        self.arrive(commons)
    }

    /// Waits until this commons is the one that is open.
    ///
    /// # Errors
    /// When it does not open.
    pub fn arrive(&self, commons: &str) -> anyhow::Result<()> {
        self.wait_for_text(".side-head", commons)
    }

    /// Imports a folder. Gives what the bar showed on the way, and the report.
    ///
    /// # Errors
    /// When there is no report.
    pub fn import(&self, folder: &Path) -> anyhow::Result<(Vec<String>, String)> {
        self.click(&marked("nav-pages"))?;
        self.click(&marked("import-open"))?;
        self.ask(WATCH_BAR, Vec::new())?;
        self.fill(&marked("import-dir"), folder.to_str().context("the folder's name is no text")?)?;
        self.click(&marked("import-go"))?;
        let report = self.read(&marked("import-report"))?;
        let seen = serde_json::from_value(self.ask("return window.seenOfBar", Vec::new())?)?;
        self.click(&marked("import-done"))?;
        self.wait_gone(&marked("import-done"))?;
        Ok((seen, report))
    }

    /// Waits until the commons that is open has so many pages.
    ///
    /// # Errors
    /// When it has not.
    pub fn wait_for_pages(&self, count: usize) -> anyhow::Result<()> {
        let figure = format!("{} .n", marked("nav-pages"));
        self.until(&format!("{count} pages"), || {
            let shown: Vec<_> = self.texts(&figure)?.iter().map(|text| text.trim().replace(',', "")).collect();
            Ok((shown == [count.to_string()]).then_some(()))
        })
    }

    /// Has a ticket made and copies it.
    ///
    /// # Errors
    /// When none is made.
    pub fn invite(&self) -> anyhow::Result<String> {
        self.click(&marked("invite-open"))?;
        self.wait_for_text(&marked("invite-ticket"), "commonplace://join/")?;
        let ticket = self.read(&marked("invite-ticket"))?;
        self.press(&[Key::Escape])?;
        self.wait_gone(&marked("invite-ticket"))?;
        Ok(ticket.trim().to_owned())
    }

    /// Pastes a ticket and joins with it.
    ///
    /// # Errors
    /// When the app does not let one.
    pub fn join(&self, ticket: &str) -> anyhow::Result<()> {
        self.fill(&marked("join-ticket"), ticket)?;
        self.wait_for(&marked("join-about"))?;
        self.click(&marked("join-go"))
    }

    /// Waits until the device of this person is seen nearby.
    ///
    /// # Errors
    /// When it is not.
    pub fn sees_nearby(&self, person: &str) -> anyhow::Result<()> {
        self.wait_for(&nearby(person))
    }

    /// Knocks at the device of this person.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub fn knock_at(&self, person: &str) -> anyhow::Result<()> {
        self.click(&format!("{} {}", nearby(person), marked("nearby-knock")))
    }

    /// Waits for this person's knock and lets them in.
    ///
    /// # Errors
    /// When they do not knock.
    pub fn let_in(&self, person: &str) -> anyhow::Result<()> {
        self.click(&format!("{} {}", at_the_door(person), marked("knock-accept")))?;
        self.wait_gone(&at_the_door(person))
    }

    /// Waits for this person's knock and declines it.
    ///
    /// # Errors
    /// When they do not knock.
    pub fn decline(&self, person: &str) -> anyhow::Result<()> {
        self.click(&format!("{} {}", at_the_door(person), marked("knock-decline")))?;
        self.wait_gone(&at_the_door(person))
    }

    /// Makes a page and opens it.
    ///
    /// # Errors
    /// When it does not open.
    pub fn new_page(&self, name: &str) -> anyhow::Result<()> {
        self.click(&marked("new-page-side"))?;
        self.fill(&marked("page-name"), name)?;
        self.click(&marked("page-name-go"))?;
        self.wait_open(name.rsplit('/').next().unwrap_or(name))
    }

    /// Opens a page from the list.
    ///
    /// # Errors
    /// When it is not in it, or does not open.
    pub fn open_page(&self, title: &str) -> anyhow::Result<()> {
        self.click(&marked("nav-pages"))?;
        self.click(&row(title))?;
        self.wait_open(title)
    }

    /// Waits until this page is in front, with its text.
    ///
    /// # Errors
    /// When it is not.
    pub fn wait_open(&self, title: &str) -> anyhow::Result<()> {
        self.wait_for_text(&marked("page-title"), title)?;
        self.until(&format!("the text of {title}"), || Ok(self.text()?.map(drop)))
    }

    /// The text of the page in front, as the editor has it.
    ///
    /// # Errors
    /// When the window does not answer.
    pub fn text(&self) -> anyhow::Result<Option<String>> {
        Ok(serde_json::from_value(self.ask(TEXT, Vec::new())?)?)
    }

    /// Writes at the end of the page in front.
    ///
    /// # Errors
    /// When there is none, or it does not get there.
    pub fn write_at_end(&self, words: &str) -> anyhow::Result<()> {
        self.enter_text()?;
        self.press(&[Key::Control, Key::End])?;
        self.type_keys(words)?;
        self.wait_for_words(words.trim())
    }

    /// Writes at the end of the first line of the page in front.
    ///
    /// # Errors
    /// When there is none, or it does not get there.
    pub fn write_at_first_line(&self, words: &str) -> anyhow::Result<()> {
        self.enter_text()?;
        self.press(&[Key::Control, Key::Home])?;
        self.press(&[Key::End])?;
        self.type_keys(words)?;
        self.wait_for_words(words.trim())
    }

    /// Waits until these words stand in the page in front.
    ///
    /// # Errors
    /// When they do not come.
    pub fn wait_for_words(&self, words: &str) -> anyhow::Result<()> {
        self.until(&format!("{words:?} in the text"), || {
            Ok(self.text()?.is_some_and(|text| text.contains(words)).then_some(()))
        })
    }

    /// Waits until this person's caret, with their name, stands in the text.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for_caret(&self, person: &str) -> anyhow::Result<()> {
        self.wait_for_text(".cm-otherCaret .flag", person)
    }

    /// Waits until this window and another show the same text of the page in front, and gives it.
    ///
    /// # Errors
    /// When they stay apart.
    pub fn wait_equal(&self, other: &Self) -> anyhow::Result<String> {
        self.until(&format!("the same text as in the window of {}", other.name()), || {
            let (mine, theirs) = (self.text()?, other.text()?);
            Ok(if mine == theirs { mine } else { None })
        })
    }

    /// What the first element that `css` selects says, once it is there and says something.
    ///
    /// # Errors
    /// When it does not.
    pub fn read(&self, css: &str) -> anyhow::Result<String> {
        self.until(&format!("{css} to say something"), || {
            Ok(self.texts(css)?.into_iter().next().filter(|text| !text.trim().is_empty()))
        })
    }

    /// Puts the caret into the text, as a click does.
    fn enter_text(&self) -> anyhow::Result<()> {
        self.click(".cm-content .cm-line")?;
        let there = self.ask("return document.activeElement?.classList.contains('cm-content') ?? false", Vec::new())?;
        ensure!(there == json!(true), "a click into the text of {} put the caret elsewhere", self.name());
        Ok(())
    }
}

/// Selects the line of a page in the list.
pub fn row(title: &str) -> String {
    format!("{}[data-title=\"{title}\"]", marked("page-row"))
}

fn nearby(person: &str) -> String {
    format!("{}[data-name=\"{person}\"]", marked("nearby-device"))
}

fn at_the_door(person: &str) -> String {
    format!("{}[data-name=\"{person}\"]", marked("knock-line"))
}
