//! What is shown, in order.

use std::path::Path;
use std::rc::Rc;

use anyhow::ensure;
use commonplace_tests::desktop::lan::Lan;
use commonplace_tests::desktop::pictures::Album;
use commonplace_tests::desktop::{Installation, Window, marked};

use crate::teller::Teller;

/// Who founds the commons.
const MAREN: &str = "Maren";
/// Who joins it.
const TOMAS: &str = "Tomás";
const COMMONS: &str = "Repair café";
/// The page on which both write.
const PAGE: &str = "Kettles";

/// The whole demonstration.
pub(crate) fn all() -> anyhow::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let album = Rc::new(Album::new(&workspace.join("pictures"))?);
    println!("\nTwo devices on one cable, no internet, no server: {MAREN}'s laptop and {TOMAS}'s.\n");
    let told = tell(&mut Teller::new(), &album, &workspace.join("tests/samples/handbook"));
    if told.is_err() {
        album.spoil();
    }
    println!("\n  Pictures of both windows at each step: {}", album.folder().display());
    told
}

fn tell(teller: &mut Teller, album: &Rc<Album>, handbook: &Path) -> anyhow::Result<()> {
    let mut lan = Lan::new()?;
    let mine = Installation::new("maren", lan.place()?, Rc::clone(album))?;
    let theirs = Installation::new("tomas", lan.place()?, Rc::clone(album))?;

    let (maren, tomas) =
        teller.step("The app opens on Maren's laptop, and on Tomás's", &[], || Ok((mine.open()?, theirs.open()?)))?;
    teller.step("Each says what people call them", &[&maren, &tomas], || {
        maren.introduce(MAREN)?;
        tomas.introduce(TOMAS)
    })?;
    teller.step("Maren starts a commons, the repair café", &[&maren], || maren.found(COMMONS))?;
    teller.step("She brings in a folder of Markdown: twelve pages, four scripts", &[&maren], || {
        let (_, report) = maren.import(handbook)?;
        ensure!(report.contains("12 pages made"), "the import said: {report}");
        Ok(())
    })?;
    teller.step("The devices find each other on the network, by themselves (mDNS)", &[&maren, &tomas], || {
        maren.click(&marked("nav-nearby"))?;
        tomas.sees_nearby(MAREN)?;
        maren.sees_nearby(TOMAS)
    })?;
    teller.step("Tomás knocks at Maren's", &[&maren, &tomas], || {
        tomas.knock_at(MAREN)?;
        maren.wait_for(&marked("knock-line"))
    })?;
    teller.step("Maren lets him in, and the pages come over", &[&maren, &tomas], || {
        maren.let_in(TOMAS)?;
        tomas.arrive(COMMONS)?;
        tomas.wait_for_pages(13)
    })?;
    together(teller, &maren, &tomas)?;
    apart(teller, &theirs, &maren, &tomas)?;
    let text = maren.text()?;

    teller.step("Both quit", &[], || {
        maren.quit()?;
        tomas.quit()
    })?;
    let tomas = teller.step("Tomás opens the app again, with nobody near", &[], || {
        mine.place().unplug()?;
        theirs.open()
    })?;
    teller.step("Everything is there", &[&tomas], || {
        tomas.arrive(COMMONS)?;
        tomas.open_page(PAGE)?;
        ensure!(tomas.text()? == text, "the page is not what it was");
        Ok(())
    })?;
    tomas.quit()
}

/// Both write in the same page.
fn together(teller: &mut Teller, maren: &Window, tomas: &Window) -> anyhow::Result<()> {
    teller.step("Both open the page on kettles", &[maren, tomas], || {
        maren.open_page(PAGE)?;
        tomas.open_page(PAGE)?;
        maren.wait_equal(tomas).map(drop)
    })?;
    teller.step("Maren writes, and Tomás sees it as she types, with her caret and name", &[maren, tomas], || {
        maren.write_at_end("\n## The lid does not close\n\nLook at the hinge.")?;
        tomas.wait_for_words("Look at the hinge.")?;
        tomas.wait_for_caret(MAREN)
    })?;
    teller.step("Tomás writes in the same page", &[maren, tomas], || {
        tomas.write_at_first_line(", and water boilers")?;
        maren.wait_for_words("Kettles, and water boilers")?;
        maren.wait_for_caret(TOMAS)?;
        maren.wait_equal(tomas).map(drop)
    })
}

/// One is cut off; both go on; they meet again.
fn apart(teller: &mut Teller, cut_off: &Installation, maren: &Window, tomas: &Window) -> anyhow::Result<()> {
    teller.step("Tomás's cable is pulled. Both go on writing", &[maren, tomas], || {
        cut_off.place().unplug()?;
        maren.write_at_end(" It is glued, not screwed.")?;
        tomas.write_at_end(" A drop of oil helps.")?;
        let (here, there) = (maren.text()?, tomas.text()?);
        ensure!(here != there, "they should not know of each other's words now");
        tomas.wait_for_text(&marked("status-line"), "only on this device")
    })?;
    teller.step("The cable is plugged in. They meet again, and nothing is lost", &[maren, tomas], || {
        cut_off.place().plug_in()?;
        for window in [maren, tomas] {
            window.wait_for_words("It is glued, not screwed.")?;
            window.wait_for_words("A drop of oil helps.")?;
        }
        Ok(())
    })?;
    let text = teller.step("Both windows show the same page, to the letter", &[], || maren.wait_equal(tomas))?;
    println!("\n{}\n", indented(&text));
    Ok(())
}

/// The last lines of a text, set off.
fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let last = lines.len().saturating_sub(4);
    lines[last..].iter().map(|line| format!("      │ {line}")).collect::<Vec<_>>().join("\n")
}
