//! Ten thousand pages in the window: listed at once, found at once, and never more of them drawn than fit.

use anyhow::ensure;
use commonplace_tests::corpus;
use commonplace_tests::desktop::marked;
use serde_json::json;

use crate::stage::{COMMONS, MAREN, tell};

/// Rows that a window may hold however many pages there are.
const ROWS: usize = 120;

#[test]
fn ten_thousand_pages_are_listed_searched_and_opened() -> anyhow::Result<()> {
    tell("many::ten_thousand_pages_are_listed_searched_and_opened", |stage| {
        let folder = stage.folder.path().join("many");
        let pages = corpus::size()?.unwrap_or(10_000);
        corpus::write(&folder, pages)?;
        // Taken in without a window, as it may be; the window comes to what is there.
        stage.maren.commonplace(&["init", "--name", MAREN])?;
        stage.maren.commonplace(&["new", COMMONS])?;
        stage.maren.commonplace(&["import", COMMONS, &folder.display().to_string()])?;
        stage.maren.commonplace(&["page", "new", COMMONS, "zzzz The very last"])?;

        let window = stage.maren.open()?;
        window.arrive(COMMONS)?;
        window.wait_for_pages(pages + 1)?;
        window.click(&marked("nav-pages"))?;
        window.wait_for(&marked("page-row"))?;
        let drawn = window.texts(&marked("page-row"))?.len();
        ensure!(drawn > 5 && drawn < ROWS, "{drawn} rows are drawn");

        // The far end of the list, by its scroll bar.
        let to_the_end = "const list = document.querySelector('[data-testid=\"page-row\"]').parentElement;
            let box = list;
            while (box.scrollHeight <= box.clientHeight) box = box.parentElement;
            box.scrollTop = box.scrollHeight;";
        window.until("the last rows", || {
            window.ask(to_the_end, Vec::new())?;
            let rows = window.texts(&marked("page-row"))?;
            ensure!(rows.len() < ROWS, "{} rows are drawn", rows.len());
            Ok(rows.iter().any(|row| row.contains("very last")).then_some(()))
        })?;

        window.fill(&marked("page-filter"), "very last")?;
        window.click(&commonplace_tests::desktop::acts::row("zzzz The very last"))?;
        window.wait_open("zzzz The very last")?;
        window.write_at_end("And yet another.")?;

        // Typing a word finds pages in it, and their number stays what fits.
        window.click(&marked("nav-search"))?;
        window.fill(&marked("search-field"), "another")?;
        window.wait_for(&format!("{}[data-title={}]", marked("search-hit"), json!("zzzz The very last")))?;
        Ok(())
    })
}
