//! What cannot be is said in words, where it happened, and nothing is lost by it.

use anyhow::ensure;
use commonplace_tests::desktop::marked;

use crate::stage::{COMMONS, MAREN, TOMAS, tell};

#[test]
fn a_ticket_that_is_none_is_refused_in_words() -> anyhow::Result<()> {
    tell("refusals::a_ticket_that_is_none_is_refused_in_words", |stage| {
        let tomas = stage.tomas.open()?;
        tomas.introduce(TOMAS)?;
        for none in
            ["see you on Thursday", "commonplace://join/", "commonplace://join/abcdefgh", "https://example.org/join"]
        {
            tomas.fill(&marked("join-ticket"), none)?;
            let words = tomas.read(&marked("problem"))?;
            ensure!(is_plain(&words), "{none:?} was refused with {words:?}");
        }
        // What was begun is still there.
        let name = tomas.read(&marked("welcome-name"))?;
        ensure!(name == TOMAS, "the name became {name:?}");
        tomas.found("Seed library")
    })
}

#[test]
fn ones_own_ticket_leads_back_home() -> anyhow::Result<()> {
    tell("refusals::ones_own_ticket_leads_back_home", |stage| {
        let maren = stage.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        let ticket = maren.invite()?;
        maren.click(&marked("nav-add"))?;
        maren.fill(&marked("join-ticket"), &ticket)?;
        maren.wait_for_text(&marked("join-about"), "already")?;
        maren.click(&marked("join-go"))?;
        maren.arrive(COMMONS)
    })
}

#[test]
fn a_ticket_that_lets_nobody_in_any_more_is_refused_in_words() -> anyhow::Result<()> {
    tell("refusals::a_ticket_that_lets_nobody_in_any_more_is_refused_in_words", |stage| {
        let maren = stage.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        let (used, unused) = (maren.invite()?, maren.invite()?);
        stage.noor.commonplace(&["init", "--name", "Noor"])?;
        stage.noor.commonplace(&["join", &used, "--wait", "30"])?;

        let tomas = stage.tomas.open()?;
        tomas.introduce(TOMAS)?;
        tomas.join(&used)?;
        let words = tomas.read(&marked("problem"))?;
        ensure!(is_plain(&words) && words.contains("as many as it may"), "it was refused with {words:?}");

        // Nobody answers; and when somebody does again, the same ticket still lets in.
        stage.maren.place().unplug()?;
        tomas.join(&unused)?;
        tomas.until("words about who cannot be reached", || {
            let words = tomas.texts(&marked("problem"))?.concat();
            Ok((is_plain(&words) && words.contains("not reached")).then_some(()))
        })?;
        stage.maren.place().plug_in()?;
        tomas.join(&unused)?;
        tomas.arrive(COMMONS)
    })
}

#[test]
fn a_folder_that_is_not_there_is_refused_in_words() -> anyhow::Result<()> {
    tell("refusals::a_folder_that_is_not_there_is_refused_in_words", |stage| {
        let maren = stage.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        maren.click(&marked("nav-pages"))?;
        maren.click(&marked("import-open"))?;
        maren.fill(&marked("import-dir"), "/nowhere/at/all")?;
        maren.click(&marked("import-go"))?;
        let words = maren.read(&marked("problem"))?;
        ensure!(is_plain(&words) && words.contains("/nowhere/at/all"), "it was refused with {words:?}");
        Ok(())
    })
}

/// A sentence for people: begins like one, ends like one, and has none of a program's words in it.
fn is_plain(words: &str) -> bool {
    let words = words.trim();
    let of_programs = ["Err(", "Error", "error:", "panicked", "undefined", "null", "os error", "::"];
    words.chars().next().is_some_and(|first| first.is_uppercase() || first == '“')
        && words.ends_with('.')
        && of_programs.iter().all(|word| !words.contains(word))
}
