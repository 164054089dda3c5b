//! Many pages: taking them in, joining, meeting again, starting, and what they weigh.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use commonplace_node::view::{Event, Job, PageQuery};
use commonplace_tests::{
    cli::{Device, Place, files, program},
    corpus,
};
use tempfile::TempDir;
use tokio::sync::broadcast;

#[cfg(feature = "compare")]
use crate::compare;
use crate::{
    figures::{Figures, percentile},
    gate,
    pair::{Side, join, ms, next},
    wire,
};

/// What one size of commons cost.
#[cfg_attr(not(feature = "compare"), expect(dead_code, reason = "some of it is only compared"))]
struct Cost {
    /// Seconds a page.
    import: f64,
    arrived: f64,
    indexed: f64,
    /// Milliseconds of meeting again after one page changed.
    warm: f64,
}

/// Measures everything about many pages.
pub(crate) async fn measure(figures: &mut Figures, quick: bool) -> Result<()> {
    let all = if quick { 200 } else { corpus::size()?.unwrap_or(10_000) };
    // The tenth first: what a page costs must not grow with their number.
    let tenth = one_size(figures, all / 10, false).await?;
    let whole = one_size(figures, all, true).await?;
    Figures::part("Cost of a page among all, against a tenth of them")?;
    figures.note("import_growth", "import", Some(whole.import / tenth.import), "times")?;
    figures.note("join_growth", "cold join", Some(whole.arrived / tenth.arrived), "times")?;
    compared(figures, all, &tenth, &whole).await
}

/// Beside samod, at a tenth of all pages and at a fifth: beyond that it takes minutes.
#[cfg(feature = "compare")]
async fn compared(figures: &mut Figures, all: usize, tenth: &Cost, whole: &Cost) -> Result<()> {
    let small =
        compare::measure(figures, all / 10, ["samod_join_tenth", "samod_warm_tenth", "samod_warm_bytes_tenth"]).await?;
    let large =
        compare::measure(figures, all / 5, ["samod_join_fifth", "samod_warm_fifth", "samod_warm_bytes_fifth"]).await?;
    Figures::part("Against samod 0.16")?;
    let (Some(small), Some(large)) = (small, large) else {
        return figures.note("samod_growth", "it was not done in time", None, "times");
    };
    figures.note(
        "samod_growth",
        "cost of a page of its cold join, a fifth against a tenth",
        Some(small.join / large.join),
        "times",
    )?;
    for (ours, theirs, name, what) in [
        (1.0 / tenth.arrived, small.join, "join_against_samod_tenth", "cold join, durable: a tenth against a tenth"),
        (1.0 / whole.arrived, large.join, "join_against_samod", "cold join, durable: all against its fifth"),
        (1.0 / whole.indexed, large.join, "indexed_against_samod", "cold join, searchable: all against its fifth"),
        (large.warm, whole.warm, "warm_against_samod", "one page changed: all against its fifth"),
    ] {
        figures.note(name, what, Some(ours / theirs), "times")?;
    }
    Ok(())
}

#[cfg(not(feature = "compare"))]
async fn compared(_: &mut Figures, _: usize, _: &Cost, _: &Cost) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stderr(), "*** built without samod to compare with: `make bench` has it")?;
    Ok(())
}

async fn one_size(figures: &mut Figures, count: usize, full: bool) -> Result<Cost> {
    let folder = TempDir::with_prefix("commonplace-bench-pages-")?;
    corpus::write(folder.path(), count)?;
    let pages = count as f64;
    let text: f64 = files(folder.path())?.iter().map(|(_, text)| text.len() as f64).sum();
    let mut first = Side::new("Maren").await?;
    let second = Side::new("Tomás").await?;
    let commons = first.engine.commons_new("Bench".to_owned(), None, None, None).await?.id;

    Figures::part(&format!("{count} pages, {:.2} MB of text", text / 1e6))?;
    let start = Instant::now();
    let shown = folder.path().to_str().context("a folder's name")?.to_owned();
    let report = first.engine.import(commons.clone(), shown).await?;
    let import = start.elapsed().as_secs_f64();
    ensure!(report.made == count as u64, "{report:?}");
    figures.note(key(full, "import_rate", "import_rate_tenth"), "import", Some(pages / import), "pages/s")?;

    let before = wire::now();
    let mut events = second.engine.events();
    let start = Instant::now();
    join(&first, &second, &commons).await?;
    let admitted = start.elapsed();
    caught_up(&mut events).await?;
    let arrived = start.elapsed().as_secs_f64();
    let sent = wire::since(before);
    second.until(&commons, |commons| !commons.arriving && commons.pages == count as u64).await?;
    let indexed = start.elapsed().as_secs_f64();
    figures.note(key(full, "join_admitted", "join_admitted_tenth"), "cold join: let in", Some(ms(admitted)), "ms")?;
    figures.note(
        key(full, "join_rate", "join_rate_tenth"),
        "cold join: arrived, durable",
        Some(pages / arrived),
        "pages/s",
    )?;
    figures.note(
        key(full, "join_indexed_rate", "join_indexed_rate_tenth"),
        "cold join: listed and searchable",
        Some(pages / indexed),
        "pages/s",
    )?;
    let per_page = sent.map(|wire| wire.bytes / pages);
    figures.note(key(full, "join_wire", "join_wire_tenth"), "cold join: over the wire", per_page, "bytes/page")?;
    let ratio = sent.map(|wire| wire.bytes / text);
    figures.note(
        key(full, "join_wire_ratio", "join_wire_ratio_tenth"),
        "cold join: over the wire, of the text",
        ratio,
        "times",
    )?;
    let mut again = 0.0;
    if full {
        equal(&first, &second, &commons, folder.path()).await?;
        again = warm(figures, &first, second, &commons).await?;
        start_again(figures, &mut first, count).await?;
        searched(figures, &first, &commons).await?;
    }
    first.engine.close().await;
    if full {
        on_disk(figures, first.home.path(), pages, text)?;
        Figures::part("What judging costs a device that joins")?;
        let judged = gate::all(first.home.path(), &commons)?;
        figures.note(
            "join_judged",
            "the gate's part of the cold join",
            Some(100.0 * judged.whole / arrived),
            "of a hundred",
        )?;
        if let Some(sent) = sent {
            figures.hold(
                "join_wire_packed",
                "over the wire, against all that must travel, packed",
                sent.bytes / judged.packed as f64,
                "times",
                1.3,
            )?;
        }
        let looking = judged.whole - judged.unlooked;
        figures.note("join_looked", "looking at operations, of it", Some(100.0 * looking / arrived), "of a hundred")?;
        let against = arrived / (arrived - looking);
        figures.hold("join_against_unlooked", "against one that looks at no operations", against, "times", 1.25)?;
        twice(figures, &mut first, &commons, folder.path()).await?;
        first.engine.close().await;
    }
    Ok(Cost { import: import / pages, arrived: arrived / pages, indexed: indexed / pages, warm: again })
}

/// Waits until all that the other side has is durable here.
pub(crate) async fn caught_up(events: &mut broadcast::Receiver<Event>) -> Result<()> {
    loop {
        if let Event::Progress { job: Job::Sync, total: 0, finished: true, .. } = next(events).await? {
            return Ok(());
        }
    }
}

fn key(full: bool, whole: &'static str, tenth: &'static str) -> &'static str {
    if full { whole } else { tenth }
}

/// A measurement of something that went wrong would be worth nothing.
async fn equal(first: &Side, second: &Side, commons: &str, folder: &Path) -> Result<()> {
    let wanted = files(folder)?;
    for side in [first, second] {
        let out = TempDir::with_prefix("commonplace-bench-export-")?;
        let shown = out.path().to_str().context("a folder's name")?.to_owned();
        side.engine.export(commons.to_owned(), shown, None).await?;
        ensure!(files(out.path())? == wanted, "what comes out is not what went in");
    }
    Ok(())
}

/// One page changes while the other is away; gives how long meeting again took then.
async fn warm(figures: &mut Figures, first: &Side, mut second: Side, commons: &str) -> Result<f64> {
    Figures::part("Meeting again")?;
    let mut last = 0.0;
    for (changed, key) in [
        (0, ["warm_same", "warm_same_bytes", "warm_same_packets"]),
        (1, ["warm_one", "warm_one_bytes", "warm_one_packets"]),
    ] {
        second.engine.close().await;
        first.until(commons, |commons| commons.here == 0).await?;
        let row =
            first.engine.page_list(commons.to_owned(), PageQuery { limit: Some(1), ..PageQuery::default() }).await?;
        let page = row.rows.first().context("no page")?.id.clone();
        if changed == 1 {
            first.engine.page_append(commons.to_owned(), page.clone(), "one line more\n".to_owned()).await?;
        }
        let wanted = first.engine.page_show(commons.to_owned(), page.clone()).await?.body;
        let before = wire::now();
        let start = Instant::now();
        second.engine = crate::pair::open(&second.home).await?;
        second.until(commons, |commons| commons.here == 1).await?;
        let mut events = second.engine.events();
        while second.engine.page_show(commons.to_owned(), page.clone()).await?.body != wanted {
            next(&mut events).await?;
        }
        first.until(commons, |commons| commons.here == 1 && commons.only_here == 0).await?;
        let (took, sent) = (start.elapsed(), wire::since(before));
        last = ms(took);
        let what = if changed == 0 { "nothing changed" } else { "one page changed" };
        figures.note(key[0], &format!("{what}: from start to equal"), Some(ms(took)), "ms")?;
        figures.note(key[1], &format!("{what}: over the wire, both ways"), sent.map(|w| w.bytes), "bytes")?;
        figures.note(key[2], &format!("{what}: over the wire, both ways"), sent.map(|w| w.packets), "packets")?;
    }
    second.engine.close().await;
    Ok(last)
}

fn on_disk(figures: &mut Figures, home: &Path, pages: f64, text: f64) -> Result<()> {
    Figures::part("On disk")?;
    // What an export noted of itself is for the next one.
    let (notes, profile): (Vec<_>, Vec<_>) =
        files(home)?.into_iter().partition(|(path, _)| path.starts_with("exports"));
    let sum = |files: &[(_, Vec<u8>)]| files.iter().map(|(_, bytes)| bytes.len() as f64).sum::<f64>();
    let bytes = sum(&profile);
    figures.note("disk", "profile", Some(bytes / 1e6), "MB")?;
    figures.note("disk_exports", "notes of two exports", Some(sum(&notes) / 1e6), "MB")?;
    figures.note("disk_per_page", "profile", Some(bytes / pages), "bytes/page")?;
    figures.hold("disk_ratio", "profile, of the text", bytes / text, "times", 2.5)
}

/// Starts with all pages there, in this process and as a process of its own.
async fn start_again(figures: &mut Figures, first: &mut Side, count: usize) -> Result<()> {
    Figures::part(&format!("Start with {count} pages"))?;
    figures.hold("open", "engine opened (best of 5)", opened(first).await?, "ms", 100.0)?;
    first.engine.close().await;

    let program = program()?;
    let mut whole = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let done = Command::new(&program)
            .args(["--json", "--home"])
            .arg(first.home.path())
            .arg("status")
            .env("COMMONPLACE_BIND", "loopback")
            .output()?;
        whole = whole.min(ms(start.elapsed()));
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    figures.hold("start", "`commonplace status`, whole process (best of 5)", whole, "ms", 100.0)?;

    let device = Device::new(Place::Loopback)?.at(first.home.path().to_owned());
    let peer = device.peer()?;
    device.ok(["list"])?;
    let memory = resident(peer.id())?.context("a process has memory")?;
    figures.hold("memory_idle", "memory of `commonplace peer`, idle", memory, "MB", 120.0)?;
    peer.stop()?;
    first.engine = crate::pair::open(&first.home).await?;
    Ok(())
}

/// How long the engine takes to open: the best of five, in milliseconds.
async fn opened(side: &mut Side) -> Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..5 {
        best = best.min(ms(side.reopen().await?));
    }
    Ok(best)
}

/// The start once more, with all pages twice.
async fn twice(figures: &mut Figures, side: &mut Side, commons: &str, folder: &Path) -> Result<()> {
    Figures::part("Start with twice as many")?;
    let sooner = opened(side).await?;
    let again = TempDir::with_prefix("commonplace-bench-again-")?;
    for (path, text) in files(folder)? {
        let path = again.path().join("again").join(path);
        fs::create_dir_all(path.parent().context("a file in no folder")?)?;
        fs::write(path, text)?;
    }
    let shown = again.path().to_str().context("a folder's name")?.to_owned();
    side.engine.import(commons.to_owned(), shown).await?;
    let later = opened(side).await?;
    figures.note("open_twice", "engine opened, with twice as many (best of 5)", Some(later), "ms")?;
    figures.hold("open_growth", "the same, against as many", later / sooner, "times", 1.2)
}

/// Looks for words of pages all over the commons, in each of its scripts.
async fn searched(figures: &mut Figures, side: &Side, commons: &str) -> Result<()> {
    Figures::part("Search")?;
    // Each by the letters of one block.
    let scripts = [
        ("search_latin", "Latin", 'A'..='z'),
        ("search_arabic", "Arabic", '\u{600}'..='\u{6ff}'),
        ("search_han", "Han", '\u{4e00}'..='\u{9fff}'),
        ("search_kana", "Kana", '\u{3040}'..='\u{30ff}'),
    ];
    let mut pages = Vec::new();
    for offset in (0..10_000).step_by(500) {
        let query = PageQuery { offset, limit: Some(20), ..PageQuery::default() };
        pages.extend(side.engine.page_list(commons.to_owned(), query).await?.rows);
    }
    for (key, script, letters) in scripts {
        let mut words = Vec::new();
        for row in &pages {
            let body = side.engine.page_show(commons.to_owned(), row.id.clone()).await?.body;
            let longest = body
                .split(|c: char| !c.is_alphabetic() || !letters.contains(&c))
                .max_by_key(|word| word.chars().count())
                .unwrap_or_default();
            words.extend(Some(longest.chars().take(4).collect::<String>()).filter(|word| word.chars().count() > 1));
        }
        let mut times = Vec::with_capacity(words.len());
        for word in words {
            let start = Instant::now();
            let found = side.engine.search(commons.to_owned(), word.clone(), None).await?;
            times.push(ms(start.elapsed()));
            ensure!(!found.hits.is_empty(), "{word} is in a page and not found");
        }
        times.sort_by(f64::total_cmp);
        match percentile(&times, 99) {
            Some(most) => {
                figures.hold(key, &format!("{} words of {script}, 99 of 100 within", times.len()), most, "ms", 10.0)?;
            }
            None => figures.note(key, &format!("there is no {script} in these pages"), None, "ms")?,
        }
    }
    Ok(())
}

/// Resident memory of a process, in megabytes.
pub(crate) fn resident(process: u32) -> Result<Option<f64>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map(|kb| kb / 1_024.0))
}
