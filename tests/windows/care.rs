//! Somebody writes nonsense; another looks it over, takes it back by mouse, and takes the taking back back; on both devices.

use commonplace_tests::desktop::{Key, Window, marked};

use crate::looks::{choose, fits};
use crate::stage::{TOMAS, tell};

const BEFORE: &str = "# Kettles\n\nUnplug it first.\n";
const NONSENSE: &str = "Buy my kettles! ";

/// A picture of this by day and by night, and nothing too wide in it. Ends where it began.
fn pictures(window: &Window, name: &str, there: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    for theme in ["dark", "light"] {
        choose(window, theme)?;
        there()?;
        fits(window, name)?;
        window.picture(&format!("{name}-{theme}"))?;
    }
    Ok(())
}

fn looks_over(window: &Window) -> anyhow::Result<()> {
    window.press_on(&marked("nav-changes"))?;
    window.wait_for(&marked("change-row"))
}

/// The button of the first change in the list that says this.
fn of_change(words: &str, button: &str) -> String {
    format!("{}[data-summary*=\"{words}\"] {}", marked("change-row"), marked(button))
}

fn text_is(window: &Window, text: &str) -> anyhow::Result<()> {
    window.until(&format!("the text {text:?}"), || Ok((window.text()?.as_deref() == Some(text)).then_some(())))
}

#[test]
fn nonsense_is_seen_taken_back_and_the_taking_back_taken_back() -> anyhow::Result<()> {
    tell("care::nonsense_is_seen_taken_back_and_the_taking_back_taken_back", |stage| {
        let (maren, tomas) = stage.together()?;
        tomas.click(".cm-content")?;
        tomas.press(&[Key::Control, Key::Home])?;
        tomas.type_keys(NONSENSE)?;
        let nonsense = format!("{NONSENSE}{BEFORE}");
        for window in [&maren, &tomas] {
            text_is(window, &nonsense)?;
        }

        // Maren sees who wrote what, and where.
        looks_over(&maren)?;
        let theirs = of_change("wrote 16 characters", "change-revert");
        maren.wait_for(&theirs)?;
        maren.wait_for_text(&marked("change-row"), TOMAS)?;
        pictures(&maren, "changes", || looks_over(&maren))?;
        // She flags it for all, and Tomás reads why.
        maren.press_on(&of_change("wrote 16 characters", "change-flag"))?;
        maren.fill(&marked("flag-reason"), "Is that a joke?")?;
        maren.press_on(&marked("flag-go"))?;
        maren.wait_gone("dialog")?;
        looks_over(&tomas)?;
        tomas.wait_for_text(&marked("flag-row"), "Is that a joke?")?;
        maren.wait_for_text(&marked("flag-row"), "Is that a joke?")?;
        pictures(&maren, "flagged", || looks_over(&maren))?;
        maren.press_on(&marked("unflag"))?;
        maren.wait_gone(&marked("flag-row"))?;
        tomas.wait_gone(&marked("flag-row"))?;
        // What she just did is listed above the rest and moves it: nobody aims at what is about to move.
        looks_over(&maren)?;
        maren.wait_for_text(&marked("change-row"), "took a flag off")?;

        // What taking it back does is said before it is done.
        let asks = |window: &Window, which: &str| {
            looks_over(window)?;
            window.press_on(which)?;
            window.wait_for(&format!("{}:not([disabled])", marked("revert-go")))
        };
        for theme in ["dark", "light"] {
            choose(&maren, theme)?;
            asks(&maren, &theirs)?;
            maren.wait_for_text(&marked("revert-plan"), "16 characters taken out.")?;
            fits(&maren, "what is planned")?;
            maren.picture(&format!("plan-{theme}"))?;
            maren.press(&[Key::Escape])?;
            maren.wait_gone("dialog")?;
        }
        asks(&maren, &theirs)?;
        maren.press_on(&marked("revert-go"))?;
        maren.wait_gone("dialog")?;
        maren.open_page("Kettles")?;
        tomas.open_page("Kettles")?;
        for window in [&maren, &tomas] {
            text_is(window, BEFORE)?;
        }

        // It is a change like any other, and Tomás takes it back.
        let back = of_change("took back", "change-revert");
        asks(&tomas, &back)?;
        tomas.press_on(&marked("revert-go"))?;
        tomas.wait_gone("dialog")?;
        tomas.open_page("Kettles")?;
        for window in [&tomas, &maren] {
            text_is(window, &nonsense)?;
        }
        looks_over(&maren)?;
        maren.wait_for(&format!("{}[data-summary*=\"took back\"][data-summary*=\"wrote\"]", marked("change-row")))?;
        pictures(&maren, "back-again", || looks_over(&maren))?;
        Ok(())
    })
}
