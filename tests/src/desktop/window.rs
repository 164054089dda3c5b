//! A real window of the app, with the verbs of somebody who sits before it.

use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use fantoccini::Locator;
use fantoccini::actions::{InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key as Code;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::driver::{Display, Driver, LOOK_EVERY};
use super::installation::{Installation, desktop_binary};
use super::pictures::Album;
use super::processes;

/// How long anything may take that a person waits for. Far beyond what is bearable, so that only what never comes fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the log that are told when a wait is in vain.
const LAST_WORDS: usize = 40;
/// How long the app may take to put everything in order when it is told to quit.
const QUITTING: Duration = Duration::from_secs(15);

/// What the process is called that draws a window.
const DRAWS: &str = "WebKitWebProcess";

/// What elements say: what a person reads in them.
const TEXTS: &str = "
    const written = 'input, textarea, select';
    return [...document.querySelectorAll(arguments[0])].map((e) => e.matches(written) ? e.value : e.innerText ?? e.textContent);";
/// The middle of an element, in whole pixels, when a press there would hit it or what is in it.
const MIDDLE: &str = "
    const element = document.querySelector(arguments[0]);
    if (element === null) return null;
    element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    const box = element.getBoundingClientRect();
    const [x, y] = [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
    return element.contains(document.elementFromPoint(x, y)) ? [x, y] : null;";
/// Waits until letters have their typeface and what is there now has been drawn; not for ever, where nothing is drawn at all.
const DRAWN: &str = "
    const done = arguments[arguments.length - 1];
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
    const soon = new Promise((over) => setTimeout(over, 3000));
    Promise.race([document.fonts.ready.then(frame).then(frame).then(frame), soon]).then(() => done(null));";

/// Selects what carries this mark, `data-testid`.
pub fn marked(mark: &str) -> String {
    format!("[data-testid=\"{mark}\"]")
}

/// A key that is not a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called what they are called")]
pub enum Key {
    Control,
    Shift,
    Enter,
    Escape,
    Home,
    End,
    Left,
    Backspace,
    Tab,
}

impl Key {
    fn code(self) -> char {
        char::from(match self {
            Self::Control => Code::Control,
            Self::Shift => Code::Shift,
            Self::Enter => Code::Enter,
            Self::Escape => Code::Escape,
            Self::Home => Code::Home,
            Self::End => Code::End,
            Self::Left => Code::Left,
            Self::Backspace => Code::Backspace,
            Self::Tab => Code::Tab,
        })
    }
}

/// The app, open on an installation.
#[derive(Debug)]
pub struct Window {
    name: String,
    home: PathBuf,
    album: Rc<Album>,
    driver: Driver,
    _display: Display,
}

impl Window {
    pub(super) fn open(installation: &Installation, size: (u32, u32)) -> anyhow::Result<Self> {
        let album = Rc::clone(installation.album());
        let log = File::options()
            .create(true)
            .append(true)
            .open(album.folder().join(format!("{}.log", installation.name())))?;
        let display = Display::new(size, &log)?;
        let driver = Driver::new(installation, &display, &log)?;
        let window =
            Self { name: installation.name().to_owned(), home: installation.home(), album, driver, _display: display };
        window.resize(size)?;
        // Nobody types into a window that shows nothing yet.
        window.until("the first words", || {
            let words = window.ask("return document.body?.innerText ?? ''", Vec::new())?;
            Ok(words.as_str().is_some_and(|words| !words.trim().is_empty()).then_some(()))
        })?;
        window.wait_until_drawn()?;
        Ok(window)
    }

    /// Gives the window another size.
    ///
    /// # Errors
    /// When the driver cannot.
    pub fn resize(&self, (width, height): (u32, u32)) -> anyhow::Result<()> {
        self.block_on(self.driver.client.set_window_rect(0, 0, width, height))?;
        Ok(())
    }

    /// Clicks what `css` selects, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come, or cannot be clicked.
    pub fn click(&self, css: &str) -> anyhow::Result<()> {
        self.until(&format!("{css} to be clicked"), || {
            let Some(element) = self.ready(css)? else { return Ok(None) };
            Ok(Some(self.block_on(element.click())?))
        })
    }

    /// Presses the mouse over the middle of what `css` selects, as soon as that is what lies there: nothing may cover it.
    /// Also for what the driver refuses to click: it takes what clips its overflow and has only text in it for hidden.
    ///
    /// # Errors
    /// When it does not come, or something else lies over its middle.
    pub fn press_on(&self, css: &str) -> anyhow::Result<()> {
        let (x, y) = self.until(&format!("{css} to lie uncovered"), || {
            let middle = self.ask(MIDDLE, vec![json!(css)])?;
            Ok(serde_json::from_value::<Option<(f64, f64)>>(middle)?)
        })?;
        let button = MOUSE_BUTTON_LEFT;
        let actions = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveTo { duration: None, x, y })
            .then(PointerAction::Down { button })
            .then(PointerAction::Up { button });
        Ok(self.block_on(self.driver.client.perform_actions(actions))?)
    }

    /// Writes into the field that `css` selects, in place of what is in it.
    ///
    /// # Errors
    /// When there is no such field, it does not keep the caret, or it does not hold the text afterwards.
    pub fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        self.click(css)?;
        let has_caret = "return document.activeElement === document.querySelector(arguments[0])";
        self.until(&format!("the caret in {css}"), || {
            Ok((self.ask(has_caret, vec![json!(css)])? == json!(true)).then_some(()))
        })?;
        self.press_letter(&[Key::Control], 'a')?;
        self.type_keys(text)?;
        self.until(&format!("{css} to hold {text:?}"), || {
            Ok(self.texts(css)?.first().is_some_and(|held| held == text).then_some(()))
        })
    }

    /// Presses keys together, the last while the others are held.
    ///
    /// # Errors
    /// When the driver cannot.
    pub fn press(&self, keys: &[Key]) -> anyhow::Result<()> {
        self.chord(&keys.iter().map(|key| key.code()).collect::<Vec<_>>())
    }

    /// Presses a letter while these keys are held.
    ///
    /// # Errors
    /// When the driver cannot.
    pub fn press_letter(&self, held: &[Key], letter: char) -> anyhow::Result<()> {
        let codes: Vec<char> = held.iter().map(|key| key.code()).chain([letter]).collect();
        self.chord(&codes)
    }

    /// Types key by key into whatever has the focus.
    ///
    /// # Errors
    /// When the driver cannot.
    pub fn type_keys(&self, text: &str) -> anyhow::Result<()> {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for character in text.chars() {
            let value = if character == '\n' { Key::Enter.code() } else { character };
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        Ok(self.block_on(self.driver.client.perform_actions(actions))?)
    }

    /// What the elements that `css` selects say, in their order.
    ///
    /// # Errors
    /// When the window does not answer.
    pub fn texts(&self, css: &str) -> anyhow::Result<Vec<String>> {
        Ok(serde_json::from_value(self.ask(TEXTS, vec![json!(css)])?)?)
    }

    /// Whether something that `css` selects is there.
    ///
    /// # Errors
    /// When the window does not answer.
    pub fn shows(&self, css: &str) -> anyhow::Result<bool> {
        Ok(self.ask("return document.querySelector(arguments[0]) !== null", vec![json!(css)])? == json!(true))
    }

    /// Waits until something that `css` selects says `words`.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for_text(&self, css: &str, words: &str) -> anyhow::Result<()> {
        self.until(&format!("{css} to say {words:?}"), || {
            Ok(self.texts(css)?.iter().any(|text| text.contains(words)).then_some(()))
        })
    }

    /// Waits until something that `css` selects is there.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for(&self, css: &str) -> anyhow::Result<()> {
        self.until(&format!("{css} to be there"), || Ok(self.shows(css)?.then_some(())))
    }

    /// Waits until nothing that `css` selects is there any more.
    ///
    /// # Errors
    /// When it stays.
    pub fn wait_gone(&self, css: &str) -> anyhow::Result<()> {
        self.until(&format!("{css} to be gone"), || Ok((!self.shows(css)?).then_some(())))
    }

    /// Runs a script in the window and gives what it returns.
    ///
    /// # Errors
    /// When it throws, or the window does not answer.
    pub fn ask(&self, script: &str, arguments: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.block_on(self.driver.client.execute(script, arguments))?)
    }

    /// Looks again and again until `look` sees something. `what` is said when it never does.
    ///
    /// # Errors
    /// When it never does; a picture of the window is left then.
    pub fn until<T>(&self, what: &str, look: impl Fn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let last = match look() {
                Ok(Some(seen)) => return Ok(seen),
                Ok(None) => None,
                // What is being drawn anew at this very moment is there a moment later.
                Err(error) => Some(error),
            };
            if Instant::now() > until {
                self.album.spoil();
                let picture =
                    self.picture("failed").map_or_else(|e| format!("no picture: {e:#}"), |p| p.display().to_string());
                // The driver often has no words for what it tells, but always the kind of error.
                let why = last.map_or_else(String::new, |error| format!(" ({error:?})"));
                let log = self.last_words();
                bail!("{} waited in vain for {what}{why}; {picture}\n{log}", self.name);
            }
            self.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        }
    }

    /// The end of what the app, the driver and the display wrote.
    fn last_words(&self) -> String {
        let log = std::fs::read(self.album.folder().join(format!("{}.log", self.name))).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LAST_WORDS)).map(|line| format!("  | {line}\n")).collect()
    }

    /// Takes a picture of the window.
    ///
    /// # Errors
    /// When it cannot be taken or kept.
    pub fn picture(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.wait_until_drawn()?;
        let png = self.block_on(self.driver.client.screenshot())?;
        self.album.keep(&format!("{name}-{}", self.name), &png)
    }

    /// Quits the app as the session does at log-out, and waits until everything is in order.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn quit(self) -> anyhow::Result<()> {
        self.end(Signal::SIGTERM)
    }

    /// Ends the app as a power cut would, with no time for anything.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn kill(self) -> anyhow::Result<()> {
        self.end(Signal::SIGKILL)
    }

    /// Whose window it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn app(&self) -> anyhow::Result<Pid> {
        let home = self.home.to_str().context("the home's name is no text")?;
        processes::find(&desktop_binary()?, home).ok_or_else(|| anyhow!("the app of {} is not running", self.name))
    }

    /// Kills the process that draws the window, as the system does when there is no memory left, and waits until there is
    /// another one.
    ///
    /// # Errors
    /// When there is none, or no other one comes.
    pub fn kill_page(&self) -> anyhow::Result<()> {
        let app = self.app()?;
        let drawing = || processes::children(app, DRAWS);
        let first = drawing();
        ensure!(!first.is_empty(), "nothing draws the window of {}", self.name);
        for process in &first {
            processes::signal(*process, Signal::SIGKILL)?;
        }
        self.until("another process that draws", || {
            Ok(drawing()
                .into_iter()
                .any(|process| !first.contains(&process) && !processes::ended(process))
                .then_some(()))
        })
    }

    fn end(self, signal: Signal) -> anyhow::Result<()> {
        let app = self.app()?;
        processes::signal(app, signal)?;
        let until = Instant::now() + QUITTING;
        while !processes::ended(app) {
            if Instant::now() > until {
                self.album.spoil();
                bail!("{} still runs {} s after it was told to quit", self.name, QUITTING.as_secs());
            }
            self.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        }
        Ok(())
    }

    fn wait_until_drawn(&self) -> anyhow::Result<()> {
        self.block_on(self.driver.client.execute_async(DRAWN, Vec::new()))?;
        Ok(())
    }

    fn chord(&self, keys: &[char]) -> anyhow::Result<()> {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.iter().copied() {
            actions = actions.then(KeyAction::Down { value });
        }
        for value in keys.iter().rev().copied() {
            actions = actions.then(KeyAction::Up { value });
        }
        Ok(self.block_on(self.driver.client.perform_actions(actions))?)
    }

    /// The element, when it can be seen and used.
    fn ready(&self, css: &str) -> anyhow::Result<Option<Element>> {
        self.block_on(async {
            let element = match self.driver.client.find(Locator::Css(css)).await {
                Ok(element) => element,
                Err(error) if error.is_no_such_element() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let usable = element.is_displayed().await? && element.is_enabled().await?;
            Ok(usable.then_some(element))
        })
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.driver.runtime.block_on(work)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.album.spoiled() {
            // The story has failed already: what cannot be seen any more is not worth another word.
            let _: Result<PathBuf, anyhow::Error> = self.picture("at-the-end");
        }
        let closed: Result<(), CmdError> = self.block_on(async {
            let closing = self.driver.client.clone().close();
            tokio::time::timeout(Duration::from_secs(5), closing).await.unwrap_or(Ok(()))
        });
        // An app that has quit has no session left to close.
        drop(closed);
    }
}
