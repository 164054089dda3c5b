//! A page of which every key is a change of its own: sent to a device that has nothing of it, and written by many at once.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use commonplace_model::{CommonsId, DocId, DocKind, Document, Folder, LocalChange, Nonce, Page, PageId, Splice, Title};
use commonplace_node::view::{
    Event,
    serde_json_changes::{Part, Section},
};
use commonplace_store::{Batch, DocBatch, PageProjection, Projection, Store};
use commonplace_sync::Input;
use commonplace_tests::{
    trace::{Text, Trace},
    typing::Window,
};
use commonplace_trust::{Arrival, DeviceKey, VerifiedChange, actor_of};

use crate::{
    figures::{Figures, percentile},
    gate::load_time,
    keys::{arrived, empty, on_disk, recording},
    mallory::Mallory,
    pages::{caught_up, resident},
    pair::{Side, join, ms, next},
};

const PAGE: PageId = PageId::new([6; 16]);
/// Changes stored at once.
const BATCH: usize = 1_000;
/// Devices that write at once, the measured one among them.
const DEVICES: usize = 20;
/// Between two keys of one of them.
const PACE: Duration = Duration::from_millis(200);

/// Measures it.
pub(crate) async fn measure(figures: &mut Figures, quick: bool) -> Result<()> {
    let (trace, count) = recording(quick)?;
    Figures::part(&format!("A page of {count} changes, one for each key"))?;
    let mut first = Side::new("Maren").await?;
    let commons = first.engine.commons_new("Bench".to_owned(), None, None, None).await?.id;
    first.engine.close().await;
    let written = write(first.home.path(), &commons, &trace, count)?;
    let load = load_time(&written.saved)?;
    figures.note("history_load", "its compact form loaded (best of 5)", Some(load), "ms")?;
    first.reopen().await?;
    sent(figures, &first, &commons, &written.text, load).await?;
    first.engine.close().await;
    let bytes = on_disk(first.home.path())? - empty().await?;
    figures.hold(
        "history_disk",
        "what it adds on disk, of its compact form",
        bytes / written.saved.len() as f64,
        "times",
        3.0,
    )?;
    first.reopen().await?;
    shared(figures, &first, &commons, &written.saved, quick).await?;
    first.engine.close().await;
    Ok(())
}

struct Written {
    text: String,
    saved: Vec<u8>,
}

/// Writes the recording into a profile that nothing has open, by its own device.
fn write(home: &Path, commons: &str, trace: &Trace, count: usize) -> Result<Written> {
    let (commons, doc) = (commons.parse::<CommonsId>()?, DocId::Page(PAGE));
    let seed: [u8; 32] = fs::read(home.join("device.key"))?.try_into().ok().context("no key of 32 bytes")?;
    let mut writer = Writer::new(DeviceKey::from_seed(&seed), 1, commons, Page::default());
    let (title, folder): (Title, Folder) = ("history".parse()?, Folder::default());
    let mut store = Store::open(home)?;
    let mut text = Text::default();
    let begun = writer.page.begin(&title, &folder, "")?;
    let mut arrivals = vec![writer.signed(begun)?];
    let patches: Vec<_> = trace.txns.iter().take(count).flat_map(|txn| &txn.patches).collect();
    for (at, patch) in patches.iter().enumerate() {
        let edit = text.edit(patch)?;
        let splice = Splice { at: edit.at, delete: edit.delete, insert: edit.insert };
        let made = writer.page.edit(&[splice])?;
        arrivals.push(writer.signed(made)?);
        let last = at + 1 == patches.len();
        if arrivals.len() < BATCH && !last {
            continue;
        }
        let attestations = arrivals.last().map(|(_, said)| *said).into_iter().collect();
        let changes = arrivals.drain(..).map(|(change, _)| change).collect();
        let projection = if last {
            let body = Some(text.to_string());
            Projection::Page(PageProjection { title: title.as_str().to_owned(), text: body, ..Default::default() })
        } else {
            Projection::Later
        };
        store.write(Batch {
            commons,
            docs: vec![DocBatch { doc, changes, attestations, projection, local: true, at: 1 }],
        })?;
    }
    Ok(Written { text: text.to_string(), saved: writer.page.document().save() })
}

/// Somebody who writes in the page.
struct Writer {
    key: DeviceKey,
    nonce: Nonce,
    commons: CommonsId,
    page: Page,
}

type Signed = (VerifiedChange, commonplace_trust::VerifiedAttestation);

impl Writer {
    fn new(key: DeviceKey, start: u8, commons: CommonsId, mut page: Page) -> Self {
        let nonce = Nonce::new([start; 16]);
        page.document_mut().set_actor(actor_of(commons, DocId::Page(PAGE), key.id(), nonce));
        Self { key, nonce, commons, page }
    }

    fn signed(&self, made: Option<LocalChange>) -> Result<Signed> {
        let made = made.context("an edit changes something")?;
        Ok(VerifiedChange::local(made, &self.key, self.commons, DocId::Page(PAGE), self.nonce)?)
    }
}

/// To a device that joins.
async fn sent(figures: &mut Figures, first: &Side, commons: &str, text: &str, load: f64) -> Result<()> {
    let second = Side::new("Tomás").await?;
    let before = resident(std::process::id())?.unwrap_or_default();
    let mut events = second.engine.events();
    join(first, &second, commons).await?;
    let start = Instant::now();
    caught_up(&mut events).await?;
    let took = ms(start.elapsed());
    figures.note("history_sync", "sent to a device that joins, durable there", Some(took), "ms")?;
    figures.hold("history_sync_against_load", "the same, against loading", took / load, "times", 2.0)?;
    let after = resident(std::process::id())?.unwrap_or_default();
    figures.note("history_memory", "memory of both, grown by", Some(after - before), "MB")?;
    arrived(&second, commons, &PAGE.to_string(), text).await?;
    second.engine.close().await;
    Ok(())
}

/// Many write in it at once, each five letters a second, this device among them: how much of a processor it needs.
async fn shared(figures: &mut Figures, side: &Side, commons: &str, saved: &[u8], quick: bool) -> Result<()> {
    let keys = if quick { 5 } else { 75 };
    Figures::part(&format!("{DEVICES} devices type in that page, 5 letters a second each: what one of them needs"))?;
    let ticket = side.engine.invite(commons.to_owned(), Some(1), None).await?.ticket;
    let mallory = Mallory::join(&ticket).await;
    let mut talk = mallory.meets().await;
    let mut moments: Vec<Vec<Vec<u8>>> = Vec::with_capacity(keys);
    let mut writers = Vec::with_capacity(DEVICES - 1);
    for start in 1..u8::try_from(DEVICES)? {
        let page = Page::from_document(Document::load(DocKind::Page, saved)?).context("no page")?;
        let at = page.body_len() / u32::try_from(DEVICES)? * u32::from(start);
        writers.push((at, Writer::new(mallory.key.clone(), start, mallory.commons, page)));
    }
    for key in 0..u32::try_from(keys)? {
        let mut frames = Vec::new();
        for (at, writer) in &mut writers {
            let made = writer.page.edit(&[Splice { at: *at + key, delete: 0, insert: "k".to_owned() }])?;
            let (change, said) = writer.signed(made)?;
            let changes = vec![change.bytes().to_vec()];
            let arrival = Arrival { doc: DocId::Page(PAGE), attestations: vec![*said.get()], changes };
            frames.extend(talk.says(Input::LocalChange(arrival)).0);
        }
        moments.push(frames);
    }
    drop(writers);
    let mut window = Window::open(&side.engine, commons, &PAGE.to_string()).await?;
    window.key('.').await?;
    let (mut to, mut from) = (talk.to, talk.from);
    let hearing = tokio::spawn(async move { while let Ok(Some(_)) = from.next().await {} });
    let (start, before) = (Instant::now(), processor()?);
    let session = window.session();
    let mut events = side.engine.events();
    let seeing = tokio::spawn(async move {
        let mut seen = Vec::with_capacity((DEVICES - 1) * keys);
        while seen.len() < seen.capacity() {
            if let Event::Editor { session: here, updates } = next(&mut events).await?
                && here == session
            {
                let letters = updates.updates.iter().map(|update| inserted(&update.changes)).sum();
                seen.extend(std::iter::repeat_n(Instant::now(), letters));
            }
        }
        anyhow::Ok(seen)
    });
    // Not all at the same moment: one after the other within the pace.
    let between = PACE / u32::try_from(DEVICES)?;
    let mut sent = Vec::with_capacity((DEVICES - 1) * keys);
    for frame in moments.iter().flatten() {
        sent.push(Instant::now());
        to.send(frame).await?;
        tokio::time::sleep(between).await;
    }
    let (took, used) = (start.elapsed().as_secs_f64(), processor()? - before);
    figures.hold("crowd_long_processor", "of one processor", used / took, "times", 0.5)?;
    // They are seen in the order in which they were sent, as far as that can be told.
    let seen = seeing.await??;
    let mut times: Vec<f64> = sent.iter().zip(seen).map(|(sent, seen)| ms(seen.duration_since(*sent))).collect();
    times.sort_by(f64::total_cmp);
    figures.note("crowd_long_p50", "half of the letters seen within", percentile(&times, 50), "ms")?;
    figures.note("crowd_long_p99", "99 of 100 within", percentile(&times, 99), "ms")?;
    drop(to);
    hearing.abort();
    window.close().await
}

/// Letters that changes put in.
fn inserted(changes: &[Section]) -> usize {
    let parts = changes.iter().flat_map(|section| if let Section::Change(parts) = section { &parts[..] } else { &[] });
    parts.map(|part| if let Part::Line(line) = part { line.chars().count() } else { 0 }).sum()
}

/// Seconds that this process has had a processor.
fn processor() -> Result<f64> {
    let used = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(used.user_time()) + seconds(used.system_time()))
}
