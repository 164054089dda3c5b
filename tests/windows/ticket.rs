//! The whole story, with a ticket: from the first question over a pulled cable to the next morning.

use anyhow::ensure;
use commonplace_tests::desktop::{Key, marked};

use crate::stage::{COMMONS, MAREN, TOMAS, tell};

/// Pages imported, beside the guide that every commons begins with; enough for the bar to be seen moving.
const PAGES: usize = 600;

#[test]
fn two_write_one_page_and_lose_nothing() -> anyhow::Result<()> {
    tell("ticket::two_write_one_page_and_lose_nothing", |stage| {
        // The first minute, and a folder of pages.
        let maren = stage.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        let (bar, report) = maren.import(&stage.pages(PAGES)?)?;
        ensure!(report.contains(&format!("{PAGES} pages made")), "the import said: {report}");
        ensure!(bar.len() > 1, "the bar of the import did not move; it showed {bar:?}");
        maren.wait_for_pages(PAGES + 1)?;
        maren.open_page("Kettles")?;
        maren.write_at_end("\nThen look at the fuse.")?;

        // They see each other before they share anything.
        let tomas = stage.tomas.open()?;
        tomas.introduce(TOMAS)?;
        tomas.sees_nearby(MAREN)?;
        maren.click(&marked("nav-nearby"))?;
        maren.sees_nearby(TOMAS)?;

        let ticket = maren.invite()?;
        tomas.join(&ticket)?;
        tomas.arrive(COMMONS)?;
        tomas.wait_for_pages(PAGES + 1)?;

        // Each sees the other's words and caret.
        maren.open_page("Kettles")?;
        tomas.open_page("Kettles")?;
        tomas.wait_for_words("Then look at the fuse.")?;
        tomas.write_at_end("\nMind the spring.")?;
        maren.wait_for_words("Mind the spring.")?;
        maren.wait_for_caret(TOMAS)?;
        maren.write_at_first_line(", electric")?;
        tomas.wait_for_words("Kettles, electric")?;
        tomas.wait_for_caret(MAREN)?;
        maren.wait_equal(&tomas)?;

        // Both go on while the cable is out, and in the same place.
        stage.tomas.place().unplug()?;
        maren.write_at_end("\nFrom Maren, alone.")?;
        tomas.write_at_end("\nFrom Tomás, alone.")?;
        tomas.write_at_first_line(" and others")?;
        let apart = tomas.text()?.unwrap_or_default();
        ensure!(!apart.contains("From Maren"), "the cable was not out");
        stage.tomas.place().plug_in()?;
        maren.wait_for_words("From Tomás, alone.")?;
        tomas.wait_for_words("From Maren, alone.")?;
        let both = maren.wait_equal(&tomas)?;
        for words in [
            "electric",
            " and others",
            "Then look at the fuse.",
            "Mind the spring.",
            "From Maren, alone.",
            "From Tomás, alone.",
        ] {
            ensure!(both.matches(words).count() == 1, "{words:?} is not there once after mending:\n{both}");
        }

        // The next morning.
        maren.quit()?;
        tomas.quit()?;
        for installation in [&stage.maren, &stage.tomas] {
            let window = installation.open()?;
            window.arrive(COMMONS)?;
            window.wait_for_pages(PAGES + 1)?;
            window.open_page("Kettles")?;
            let text = window.text()?;
            ensure!(text.as_ref() == Some(&both), "{} had\n{both}\nand has\n{text:?}", installation.name());
            window.quit()?;
        }
        Ok(())
    })
}

#[test]
fn what_was_typed_survives_a_power_cut() -> anyhow::Result<()> {
    tell("ticket::what_was_typed_survives_a_power_cut", |stage| {
        let (maren, tomas) = stage.together()?;
        stage.tomas.place().unplug()?;
        tomas.write_at_end("\nLast words before the fuse went.")?;
        // The app says whose disk they are on; from then on they are promised.
        tomas.wait_for_text(&marked("status-line"), "only on this device")?;
        tomas.kill()?;
        stage.tomas.place().plug_in()?;

        let tomas = stage.tomas.open()?;
        tomas.open_page("Kettles")?;
        tomas.wait_for_words("Last words before the fuse went.")?;
        maren.wait_for_words("Last words before the fuse went.")?;
        maren.wait_equal(&tomas)?;
        Ok(())
    })
}

#[test]
fn what_was_typed_survives_being_told_to_end() -> anyhow::Result<()> {
    tell("ticket::what_was_typed_survives_being_told_to_end", |stage| {
        let (_, tomas) = stage.together()?;
        let words = ["Typed while the session ended."; 8].join(" ");
        tomas.write_at_end(&words)?;
        tomas.quit()?;
        let tomas = stage.tomas.open()?;
        tomas.open_page("Kettles")?;
        tomas.wait_for_words(&words)
    })
}

#[test]
fn undo_takes_back_ones_own_words_only() -> anyhow::Result<()> {
    tell("ticket::undo_takes_back_ones_own_words_only", |stage| {
        let (maren, tomas) = stage.together()?;
        maren.write_at_end("\nWritten by Maren.")?;
        tomas.wait_for_words("Written by Maren.")?;
        tomas.write_at_first_line(" by Tomás")?;
        maren.wait_for_words("Kettles by Tomás")?;
        maren.until("Maren's words to be taken back", || {
            maren.press_letter(&[Key::Control], 'z')?;
            Ok(maren.text()?.is_some_and(|text| !text.contains("Written by Maren")).then_some(()))
        })?;
        let text = maren.wait_equal(&tomas)?;
        ensure!(text.contains("Kettles by Tomás"), "the other's words were taken back too:\n{text}");
        Ok(())
    })
}
