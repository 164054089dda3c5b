//! Pages get other names, go, and come back; on both devices.

use anyhow::ensure;
use commonplace_tests::desktop::acts::row;
use commonplace_tests::desktop::{Key, marked};

use crate::stage::{COMMONS, tell};

#[test]
fn a_page_is_renamed_deleted_and_brought_back() -> anyhow::Result<()> {
    tell("pages::a_page_is_renamed_deleted_and_brought_back", |stage| {
        let (maren, tomas) = stage.together()?;

        // By its title above the text; the other window follows.
        maren.fill(&marked("page-title"), "Water kettles")?;
        maren.press(&[Key::Enter])?;
        tomas.wait_for_text(&marked("page-title"), "Water kettles")?;

        tomas.click(&marked("delete-page"))?;
        maren.click(&marked("nav-pages"))?;
        maren.wait_gone(&row("Water kettles"))?;
        tomas.click(&marked("undo-delete"))?;
        maren.open_page("Water kettles")?;
        ensure!(
            maren.text()?.as_deref() == Some("# Kettles\n\nUnplug it first.\n"),
            "the text came back as {:?}",
            maren.text()?
        );

        maren.new_page("Guides/Toasters")?;
        maren.write_at_end("# Toasters\n\nTurn it upside down.")?;
        tomas.open_page("Toasters")?;
        tomas.wait_for_words("Turn it upside down.")?;

        maren.quit()?;
        let maren = stage.maren.open()?;
        maren.arrive(COMMONS)?;
        maren.open_page("Toasters")?;
        maren.wait_equal(&tomas)?;
        Ok(())
    })
}

#[test]
fn a_window_whose_drawing_process_is_killed_shows_the_page_again() -> anyhow::Result<()> {
    tell("pages::a_window_whose_drawing_process_is_killed_shows_the_page_again", |stage| {
        let (maren, tomas) = stage.together()?;
        maren.write_at_end("Then let it cool.")?;
        tomas.wait_for_words("Then let it cool.")?;
        // The driver has lost the window then; that there is a page again is seen in that it hands over what it has, and closes.
        maren.kill_page()?;
        tomas.write_at_end("And descale it.")?;
        maren.quit()?;
        let maren = stage.maren.open()?;
        maren.arrive(COMMONS)?;
        maren.open_page("Kettles")?;
        maren.wait_for_words("And descale it.")?;
        maren.wait_equal(&tomas)?;
        Ok(())
    })
}
