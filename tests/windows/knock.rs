//! Coming in by a knock: seen nearby, asked, answered in the other window.

use commonplace_tests::desktop::marked;

use crate::stage::{COMMONS, MAREN, TOMAS, tell};

#[test]
fn a_knock_is_declined_and_then_answered() -> anyhow::Result<()> {
    tell("knock::a_knock_is_declined_and_then_answered", |stage| {
        let maren = stage.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        maren.import(&stage.pages(20)?)?;

        let tomas = stage.tomas.open()?;
        tomas.introduce(TOMAS)?;
        tomas.knock_at(MAREN)?;
        tomas.wait_for(&marked("nearby-withdraw"))?;
        maren.decline(TOMAS)?;
        // Told in words, and not the end of it.
        tomas.wait_for_text(&marked("nearby-device"), "said no")?;
        tomas.knock_at(MAREN)?;
        maren.let_in(TOMAS)?;

        tomas.arrive(COMMONS)?;
        tomas.wait_for_pages(21)?;
        tomas.open_page("Kettles")?;
        tomas.write_at_end("\nThank you for letting me in.")?;
        maren.open_page("Kettles")?;
        maren.wait_for_words("Thank you for letting me in.")?;
        maren.wait_equal(&tomas)?;
        maren.click(&marked("nav-people"))?;
        maren.wait_for_text(&marked("people-row"), TOMAS)?;
        Ok(())
    })
}

#[test]
fn a_knock_can_be_withdrawn() -> anyhow::Result<()> {
    tell("knock::a_knock_can_be_withdrawn", |stage| {
        let maren = stage.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        let tomas = stage.tomas.open()?;
        tomas.introduce(TOMAS)?;
        tomas.knock_at(MAREN)?;
        maren.wait_for(&marked("knock-line"))?;
        tomas.click(&marked("nearby-withdraw"))?;
        tomas.wait_for(&marked("nearby-knock"))?;
        maren.wait_gone(&marked("knock-line"))?;
        Ok(())
    })
}
