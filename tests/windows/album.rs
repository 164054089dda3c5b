//! Every screen at three sizes, by day and by night: nothing is wider than its place, and a picture of each is kept to be
//! looked at.

use commonplace_tests::desktop::{Key, Window, marked};

use crate::looks::{choose, fits, opened};
use crate::stage::{Stage, tell};

/// A dialog: where it is opened, by which button, and what is in it.
const DIALOGS: [(&str, &str, &str); 12] = [
    ("you", "device-add", "device-ticket-copy"),
    ("you", "phrase-open", "phrase-go"),
    ("add", "add-device-here", "device-ticket-in"),
    ("people", "part", "part-go"),
    ("people", "invite-open", "invite-copy"),
    ("changes", "change-revert", "revert-go"),
    ("changes", "change-flag", "flag-go"),
    ("decisions", "propose", "propose-go"),
    ("pages", "new-page-side", "page-name"),
    ("pages", "import-open", "import-dir"),
    ("pages", "export-open", "export-dir"),
    ("search", "new-page-side", "page-name"),
];

/// Looks at what is in front, and keeps a picture of it.
fn keep(window: &Window, screen: &str) -> anyhow::Result<()> {
    fits(window, screen)?;
    window.picture(screen).map(drop)
}

fn go(window: &Window, view: &str) -> anyhow::Result<()> {
    window.click(&marked(&format!("nav-{view}")))?;
    window.wait_for(&format!("{}[aria-current=page]", marked(&format!("nav-{view}"))))
}

fn every_screen(window: &Window, theme: &str) -> anyhow::Result<()> {
    choose(window, theme)?;
    for view in ["you", "add", "nearby", "search", "pages", "tags", "people", "changes", "decisions"] {
        go(window, view)?;
        keep(window, &format!("{view}-{theme}"))?;
    }
    for (view, opener, inside) in DIALOGS {
        go(window, view)?;
        window.click(&marked(opener))?;
        window.wait_for(&format!("dialog {}", marked(inside)))?;
        keep(window, &format!("{view}-{opener}-{theme}"))?;
        window.press(&[Key::Escape])?;
        window.wait_gone("dialog")?;
    }
    go(window, "you")?;
    window.click(&marked("phrase-open"))?;
    for step in ["words", "check"] {
        window.click(&marked("phrase-go"))?;
        window.wait_for(&format!("{}[data-step={step}]", marked("phrase")))?;
        keep(window, &format!("phrase-{step}-{theme}"))?;
    }
    window.press(&[Key::Escape])?;
    window.open_page("Toasters")?;
    keep(window, &format!("page-{theme}"))?;
    window.press_letter(&[Key::Control], 'k')?;
    window.wait_for(&marked("palette-field"))?;
    keep(window, &format!("palette-{theme}"))?;
    window.press(&[Key::Escape])?;
    window.wait_gone("dialog")
}

fn at_size(stage: &Stage, size: (u32, u32)) -> anyhow::Result<()> {
    let window = opened(stage, size)?;
    for theme in ["light", "dark"] {
        every_screen(&window, theme)?;
    }
    Ok(())
}

#[test]
fn small() -> anyhow::Result<()> {
    tell("album::small", |stage| at_size(stage, (900, 600)))
}

#[test]
fn usual() -> anyhow::Result<()> {
    tell("album::usual", |stage| at_size(stage, (1280, 800)))
}

#[test]
fn large() -> anyhow::Result<()> {
    tell("album::large", |stage| at_size(stage, (1920, 1080)))
}

#[test]
fn first_minute() -> anyhow::Result<()> {
    tell("album::first_minute", |stage| {
        for size in [(900, 600), (1280, 800), (1920, 1080)] {
            let window = stage.tomas.open_sized(size)?;
            window.wait_for(&marked("welcome-name"))?;
            keep(&window, &format!("welcome-{}", size.0))?;
            for (opener, inside) in [("welcome-device", "device-ticket-in"), ("welcome-restore", "restore-words")] {
                window.click(&marked(opener))?;
                window.wait_for(&marked(inside))?;
                keep(&window, &format!("{opener}-{}", size.0))?;
                window.press(&[Key::Escape])?;
                window.wait_gone("dialog")?;
            }
            window.quit()?;
        }
        Ok(())
    })
}
