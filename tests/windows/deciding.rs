//! A commons decides about itself, and somebody leaves; on both devices.

use anyhow::ensure;
use commonplace_tests::desktop::{Window, marked};
use serde_json::json;

use crate::stage::{TOMAS, tell};

const CHOOSE: &str = "
    const field = document.querySelector(arguments[0]);
    field.value = arguments[1];
    field.dispatchEvent(new Event('change', { bubbles: true }));";

fn decided(outcome: &str) -> String {
    format!("{}[data-outcome=\"{outcome}\"]", marked("decision-row"))
}

fn propose(window: &Window, what: &str, field: &str, to: &str) -> anyhow::Result<()> {
    window.click(&marked("propose"))?;
    window.ask(CHOOSE, vec![json!(marked("propose-what")), json!(what)])?;
    if field == "propose-words" {
        window.fill(&marked(field), to)?;
    } else {
        window.ask(CHOOSE, vec![json!(marked(field)), json!(to)])?;
    }
    window.click(&marked("propose-go"))
}

#[test]
fn two_decide_together_and_one_leaves() -> anyhow::Result<()> {
    tell("deciding::two_decide_together_and_one_leaves", |stage| {
        let (maren, tomas) = stage.together()?;
        for window in [&maren, &tomas] {
            window.click(&marked("nav-decisions"))?;
        }
        // In an open commons an act counts at once.
        propose(&maren, "purpose", "propose-words", "Mend what can be mended.")?;
        for window in [&maren, &tomas] {
            window.wait_for(&decided("forNow"))?;
            window.wait_for_text(".prose", "Mend what can be mended.")?;
        }
        propose(&maren, "model", "propose-model", "majority")?;
        tomas.wait_for_text(".prose", "By majority.")?;

        // From here on it takes both.
        propose(&maren, "text", "propose-words", "Leave the kettle full.")?;
        for (window, other) in [(&maren, &tomas), (&tomas, &maren)] {
            window.wait_for_text(&marked("nav-decisions"), "1 waits for you")?;
            window.click(&decided("open"))?;
            window.click(&marked("answer-yes"))?;
            if window.name() == maren.name() {
                other.wait_for(&decided("open"))?;
                window.wait_for_text(&marked("decision-explained"), "has not answered")?;
            }
        }
        for window in [&maren, &tomas] {
            window.wait_for_text(".prose", "Leave the kettle full.")?;
            window.wait_gone(&decided("open"))?;
        }
        maren.picture("decisions")?;

        tomas.click(&marked("nav-people"))?;
        tomas.click(&format!("[data-name=\"{TOMAS}\"] {}", marked("part")))?;
        // With him gone, one of two electors is left, and that is no majority: he is told before.
        tomas.wait_for_text(&marked("part-warns"), "Too few electors would be left")?;
        tomas.click(&marked("part-go"))?;
        tomas.open_page("Kettles")?;
        tomas.wait_for(&marked("left"))?;
        let before = tomas.text()?;
        tomas.click(".cm-content")?;
        tomas.type_keys("not any more")?;
        ensure!(tomas.text()? == before, "nothing is written in a commons that was left: {:?}", tomas.text()?);
        tomas.picture("left")?;
        maren.click(&marked("nav-people"))?;
        maren.wait_gone(&format!("[data-name=\"{TOMAS}\"]"))?;
        Ok(())
    })
}
