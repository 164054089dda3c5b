//! One page: from a key here to the letter there, and opening a page with a long history.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use commonplace_model::DocId;
use commonplace_node::view::{
    Event,
    serde_json_changes::{Part, Section},
};
use commonplace_store::Store;
use commonplace_tests::{cli::files, corpus, trace::Trace, typing::Window};
use tempfile::TempDir;
use tokio::{sync::broadcast, time::timeout};

use crate::{
    figures::{Figures, percentile},
    gate,
    pair::{Side, join, ms, next},
};

/// Between two keys: a very fast typist.
pub(crate) const PACE: Duration = Duration::from_millis(10);

/// How often a page is opened, and how often Automerge loads it: the best is told.
pub(crate) const TIMES: usize = 5;
/// After a page was closed, until a compact form of it has been made.
const QUIET: Duration = Duration::from_secs(7);

/// Measures everything about one page.
pub(crate) async fn measure(figures: &mut Figures, quick: bool) -> Result<()> {
    let keys = if quick { 50 } else { 500 };
    let first = Side::new("Maren").await?;
    let second = Side::new("Tomás").await?;
    let commons = first.engine.commons_new("Bench".to_owned(), None, None, None).await?.id;
    join(&first, &second, &commons).await?;

    Figures::part("A key here, the letter there: a page of 5,000 characters")?;
    let line = "Who empties it, fills it; who fills it, drinks.\n";
    let body: String = line.chars().cycle().take(5_000).collect();
    let short = first.engine.page_new(commons.clone(), "short".to_owned(), Some(body)).await?.id;
    let times = keystrokes(&first, &second, &commons, &short, keys).await?;
    let worst = percentile(&times, 99).context("no keys")?;
    figures.hold("key_p50", "half of the keys within", percentile(&times, 50).context("no keys")?, "ms", 3.0)?;
    figures.hold("key_p99", "99 of 100 within", worst, "ms", 8.0)?;

    let (trace, count) = recording(quick)?;
    Figures::part(&format!("A page with a history of {count} keys"))?;
    let page = first.engine.page_new(commons.clone(), "long".to_owned(), None).await?.id;
    let start = Instant::now();
    let mut window = Window::open(&first.engine, &commons, &page).await?;
    window.retype(&trace, count).await?;
    let text = window.text().to_string();
    window.close().await?;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    figures.note("retype_rate", "typed again, durable", Some(rate), "keys/s")?;
    arrived(&second, &commons, &page, &text).await?;

    let times = keystrokes(&first, &second, &commons, &page, keys.min(200)).await?;
    let (half, most) = (percentile(&times, 50).context("no keys")?, percentile(&times, 99).context("no keys")?);
    figures.note("key_long_p50", "half of the keys within", Some(half), "ms")?;
    figures.note("key_long_p99", "99 of 100 within", Some(most), "ms")?;
    second.engine.close().await;
    let quiet = (!quick).then_some(QUIET);
    let (home, taken) = opening(figures, first, &commons, &page, quiet).await?;

    Figures::part("The same page, against Automerge alone")?;
    let bare = gate::bare(home.path(), &commons, &page, keys.min(200))?;
    figures.note("bare_p50", "half of the keys applied within", Some(bare.half), "ms")?;
    figures.note("bare_p99", "99 of 100 applied within", Some(bare.most), "ms")?;
    figures.note("bare_load", "its compact form loaded (best of 5)", Some(bare.load), "ms")?;
    let short_bare = gate::bare(home.path(), &commons, &short, keys.min(200))?;
    figures.note("key_bare_p50", "half of the keys applied to the short page within", Some(short_bare.half), "ms")?;
    figures.hold("key_long_against_bare", "99 of 100 keys, against it", most / bare.most, "times", 1.5)?;
    figures.hold(
        "long_editable_against_load",
        "opened: first key taken, against loading",
        taken / bare.load,
        "times",
        1.2,
    )?;
    let empty = empty().await?;
    let bytes = on_disk(home.path())? - empty;
    figures.note("disk_empty", "a profile with next to nothing in it", Some(empty / 1e3), "KB")?;
    // No limit: it counts the short page too, and all that was typed for measuring. `history_disk` holds what a page takes that was
    // typed key by key.
    let times = bytes / bare.saved as f64;
    figures.note("long_disk", "what both pages add on disk, of the long one's compact form", Some(times), "times")?;

    Figures::part("What judging a key costs: in the short page, and in the long one")?;
    let keys = keys.min(200);
    let half = gate::keystroke(home.path(), &commons, &short, keys)?;
    figures.hold("gate_key", "half of the keys within", half, "ms", 0.2)?;
    let half = gate::keystroke(home.path(), &commons, &page, keys)?;
    figures.hold("gate_key_long", "half of the keys within", half, "ms", 0.2)
}

/// Bytes of a profile.
pub(crate) fn on_disk(home: &Path) -> Result<f64> {
    Ok(files(home)?.iter().map(|(_, bytes)| bytes.len() as f64).sum())
}

/// Bytes of a profile with one commons that has one short page.
pub(crate) async fn empty() -> Result<f64> {
    let side = Side::new("Nemo").await?;
    let commons = side.engine.commons_new("Bench".to_owned(), None, None, None).await?.id;
    side.engine.page_new(commons, "short".to_owned(), None).await?;
    side.engine.close().await;
    on_disk(side.home.path())
}

/// The recording to be typed again, and how much of it.
pub(crate) fn recording(quick: bool) -> Result<(Trace, usize)> {
    let trace = match corpus::data("traces/automerge-paper.json.gz") {
        Some(path) => Trace::read(&path)?,
        None => Trace::read(&corpus::sample("one-writer.json"))?,
    };
    let all = trace.txns.len();
    Ok((trace, if quick { all.min(3_000) } else { all }))
}

/// Waits until the other side has this text.
pub(crate) async fn arrived(side: &Side, commons: &str, page: &str, text: &str) -> Result<()> {
    let mut events = side.engine.events();
    loop {
        // The page may not be there yet.
        if side.engine.page_show(commons.to_owned(), page.to_owned()).await.is_ok_and(|page| page.body == text) {
            return Ok(());
        }
        next(&mut events).await?;
    }
}

/// Types in one engine and waits for each letter in the other; times in milliseconds, sorted.
async fn keystrokes(first: &Side, second: &Side, commons: &str, page: &str, keys: usize) -> Result<Vec<f64>> {
    Ok(typed(first, second, commons, page, keys).await?.there)
}

/// How long keys took, in milliseconds, sorted.
pub(crate) struct Times {
    /// Until the engine that they were typed into had taken them.
    pub(crate) here: Vec<f64>,
    /// Until the other one told its window.
    pub(crate) there: Vec<f64>,
}

/// Types in one engine and waits for each letter in the other.
pub(crate) async fn typed(first: &Side, second: &Side, commons: &str, page: &str, keys: usize) -> Result<Times> {
    let text = first.engine.page_show(commons.to_owned(), page.to_owned()).await?.body;
    arrived(second, commons, page, &text).await?;
    let mut here = first.engine.events();
    let mut there = second.engine.events();
    let reader = Window::open(&second.engine, commons, page).await?;
    let mut writer = Window::open(&first.engine, commons, page).await?;
    // From here on the writer's side knows that somebody watches.
    let look = first.engine.editor_open(commons.to_owned(), page.to_owned()).await?;
    let mut watched = look.carets.len();
    while watched == 0 {
        if let Event::Carets { carets, .. } = next(&mut here).await? {
            watched = carets.len();
        }
    }
    let mut times = Times { here: Vec::with_capacity(keys), there: Vec::with_capacity(keys) };
    let middle = writer.text().chars() / 2;
    for key in 0..keys {
        drain(&mut there);
        let start = Instant::now();
        writer.key_at(middle + key, 'k').await?;
        times.here.push(ms(start.elapsed()));
        writer.caret_at(middle + key + 1).await?;
        letter(&mut there, reader.session()).await?;
        times.there.push(ms(start.elapsed()));
        tokio::time::sleep(PACE).await;
    }
    times.here.sort_by(f64::total_cmp);
    times.there.sort_by(f64::total_cmp);
    reader.close().await?;
    writer.close().await?;
    first.engine.editor_close(look.session).await?;
    Ok(times)
}

pub(crate) fn drain(events: &mut broadcast::Receiver<Event>) {
    while !matches!(
        events.try_recv(),
        Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed)
    ) {}
}

/// Waits for a letter in a session.
pub(crate) async fn letter(events: &mut broadcast::Receiver<Event>, wanted: u32) -> Result<()> {
    let inserts = |section: &Section| matches!(section, Section::Change(parts) if parts.iter().any(|p| matches!(p, Part::Line(_))));
    loop {
        if let Event::Editor { session, updates } = next(events).await?
            && session == wanted
            && updates.updates.iter().any(|update| update.changes.iter().any(inserts))
        {
            return Ok(());
        }
    }
}

/// Opens the page in an engine that has just started, so long after it was closed; gives the profile, which nothing has open any
/// more, and how long it took until a key was taken.
async fn opening(
    figures: &mut Figures,
    mut side: Side,
    commons: &str,
    page: &str,
    quiet: Option<Duration>,
) -> Result<(TempDir, f64)> {
    let (mut shown, mut taken, mut durable) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..TIMES {
        if let Some(quiet) = quiet {
            // It was closed a while ago, as a page is that somebody opens.
            tokio::time::sleep(quiet).await;
            side.engine.close().await;
            let lacking =
                Store::open(side.home.path())?.since_snapshot(commons.parse()?, DocId::Page(page.parse()?))?;
            ensure!(lacking.changes == 0, "no compact form of it was made in {quiet:?}");
        }
        side.reopen().await?;
        let start = Instant::now();
        let mut window = Window::open(&side.engine, commons, page).await?;
        shown = shown.min(ms(start.elapsed()));
        ensure!(window.text().chars() > 0, "an empty page was shown");
        window.key('.').await?;
        taken = taken.min(ms(start.elapsed()));
        let kept = async {
            while !side.engine.page_holding(commons.to_owned(), page.to_owned()).await?.durable {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, anyhow::Error>(())
        };
        timeout(Duration::from_secs(60), kept).await??;
        durable = durable.min(ms(start.elapsed()));
        window.close().await?;
    }
    figures.hold("long_shown", "opened: text shown (best of 5)", shown, "ms", 30.0)?;
    figures.note("long_editable", "opened: first key taken", Some(taken), "ms")?;
    figures.note("long_durable", "opened: first key durable", Some(durable), "ms")?;
    side.engine.close().await;
    Ok((side.home, taken))
}
