//! Recorded editing, typed again: it ends in the recorded text.
//!
//! One writer goes through the engine, as a window does. Several go through pages of their own, which meet by the gate exactly
//! where the recording says that they met.

mod several;

use anyhow::{Result, ensure};
use commonplace_node::{Engine, OpenOptions};
use commonplace_tests::{
    corpus,
    trace::{Text, Trace},
    typing::Window,
};

/// Types a recording into a page, and holds what the engine then has to what was recorded.
async fn typed_again(trace: &Trace) -> Result<()> {
    let home = tempfile::TempDir::with_prefix("commonplace-")?;
    let options = || OpenOptions { home: home.path().to_owned(), online: false, loopback: true };
    let engine = Engine::open(options()).await?;
    engine.init("Maren".to_owned(), None, None).await?;
    let commons = engine.commons_new("Traces".to_owned(), None, None, None).await?.id;
    let start = Some(trace.start_content.clone());
    let page = engine.page_new(commons.clone(), "trace".to_owned(), start).await?.id;

    let mut window = Window::open(&engine, &commons, &page).await?;
    window.retype(trace, trace.txns.len()).await?;
    ensure!(window.text().to_string() == trace.end_content, "the recording itself does not end in its text");
    window.close().await?;
    ensure!(engine.page_show(commons.clone(), page.clone()).await?.body == trace.end_content, "another text");
    engine.close().await;

    // And so it is on disk: the document that the text is made of is loaded by writing in it.
    let engine = Engine::open(options()).await?;
    ensure!(engine.page_show(commons.clone(), page.clone()).await?.body == trace.end_content, "another text on disk");
    let mut window = Window::open(&engine, &commons, &page).await?;
    window.key('.').await?;
    window.close().await?;
    let body = engine.page_show(commons, page).await?.body;
    ensure!(body.strip_suffix('.') == Some(&trace.end_content), "another text in the document");
    engine.close().await;
    Ok(())
}

/// A recording of the large set, or nothing, said loudly.
fn recording(name: &str) -> Result<Option<Trace>> {
    use std::io::Write;
    match corpus::data(&format!("traces/{name}.json.gz")) {
        Some(path) => Trace::read(&path).map(Some),
        None => {
            writeln!(
                std::io::stderr(),
                "\n*** the recording {name} is not at hand; only our own short ones are typed\n"
            )?;
            Ok(None)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own() -> Result<()> {
    let trace = Trace::read(&corpus::sample("one-writer.json"))?;
    ensure!(trace.end_content.chars().any(|c| c.len_utf16() == 2), "it is to have characters of two units");
    typed_again(&trace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_writer_of_prose() -> Result<()> {
    match recording("automerge-paper")? {
        Some(trace) => typed_again(&trace).await,
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_writer_of_code() -> Result<()> {
    match recording("rustcode")? {
        Some(trace) => typed_again(&trace).await,
        None => Ok(()),
    }
}

#[test]
fn our_own_of_two() -> Result<()> {
    several::typed_again(&Trace::read(&corpus::sample("two-writers.json"))?)
}

#[test]
fn two_writers_of_prose() -> Result<()> {
    recording("friendsforever")?.map_or(Ok(()), |trace| several::typed_again(&trace))
}

#[test]
fn a_recording_that_ends_elsewhere_is_found_out() -> Result<()> {
    let mut trace = Trace::read(&corpus::sample("two-writers.json"))?;
    trace.end_content.push('!');
    ensure!(several::typed_again(&trace).is_err(), "any text would do");
    let mut text = Text::new("");
    ensure!(text.edit(&commonplace_tests::trace::Patch(1, 0, "x".to_owned())).is_err(), "an edit beyond the end");
    Ok(())
}
