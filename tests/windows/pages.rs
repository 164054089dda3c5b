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
