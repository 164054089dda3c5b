//! Twenty devices in one page: from a key in one to the letter in all others, all of them in this process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use commonplace_node::view::Event;
use commonplace_tests::typing::Window;

use crate::{
    figures::{Figures, percentile},
    keys::{arrived, drain, letter},
    pair::{Side, join, ms, next},
    wire,
};

/// Between two keys.
const PACE: Duration = Duration::from_millis(50);

/// Measures it.
pub(crate) async fn measure(figures: &mut Figures, quick: bool) -> Result<()> {
    let (devices, keys) = if quick { (3, 10) } else { (20, 200) };
    Figures::part(&format!("{devices} devices in a page of 5,000 characters, all on this machine; one of them types"))?;
    let first = Side::new("Maren").await?;
    let commons = first.engine.commons_new("Bench".to_owned(), None, None, None).await?.id;
    let line = "Who empties it, fills it; who fills it, drinks.\n";
    let body: String = line.chars().cycle().take(5_000).collect();
    let page = first.engine.page_new(commons.clone(), "short".to_owned(), Some(body.clone())).await?.id;
    let mut others = Vec::with_capacity(devices);
    for number in 1..devices {
        let side = Side::new(&format!("Device {number}")).await?;
        join(&first, &side, &commons).await?;
        arrived(&side, &commons, &page, &body).await?;
        others.push(side);
    }
    let mut events = first.engine.events();
    while first.engine.neighbours(commons.clone()).await?.len() + 1 < devices {
        next(&mut events).await?;
    }
    let mut readers = Vec::with_capacity(devices);
    for side in &others {
        readers.push((Window::open(&side.engine, &commons, &page).await?, side.engine.events()));
    }
    let mut writer = Window::open(&first.engine, &commons, &page).await?;
    // From here on the writer's side knows that all of them watch.
    let mut watching = first.engine.editor_open(commons.clone(), page.clone()).await?.carets.len();
    while watching + 1 < devices {
        if let Event::Carets { carets, .. } = next(&mut events).await? {
            watching = carets.len();
        }
    }
    let (mut each, mut last) = (Vec::with_capacity(keys * devices), Vec::with_capacity(keys));
    let middle = writer.text().chars() / 2;
    let before = wire::now();
    for key in 0..keys {
        for (_, events) in &mut readers {
            drain(events);
        }
        let start = Instant::now();
        writer.key_at(middle + key, 'k').await?;
        writer.caret_at(middle + key + 1).await?;
        let mut seen = Vec::with_capacity(devices);
        let waiting = readers.iter_mut().map(|(reader, events)| async move {
            letter(events, reader.session()).await?;
            anyhow::Ok(ms(start.elapsed()))
        });
        for time in futures_util::future::try_join_all(waiting).await? {
            seen.push(time);
        }
        last.push(seen.iter().copied().fold(0.0, f64::max));
        each.extend(seen);
        tokio::time::sleep(PACE).await;
    }
    let packets = wire::since(before).map(|wire| wire.packets / keys as f64);
    each.sort_by(f64::total_cmp);
    last.sort_by(f64::total_cmp);
    figures.note("crowd_p50", "half of the letters seen within", percentile(&each, 50), "ms")?;
    figures.hold("crowd_p99", "99 of 100 within", percentile(&each, 99).context("no keys")?, "ms", 25.0)?;
    figures.note("crowd_all_p50", "half of the letters seen by all within", percentile(&last, 50), "ms")?;
    figures.note("crowd_packets", "datagrams for a letter, acknowledgements included", packets, "")?;
    writer.close().await?;
    for (reader, _) in readers {
        reader.close().await?;
    }
    for side in others {
        side.engine.close().await;
    }
    first.engine.close().await;
    Ok(())
}
