//! The gate: what judging costs, apart from all that goes on around it.

use std::{hint::black_box, path::Path, thread, time::Instant};

use anyhow::{Context, Result, anyhow, ensure};
use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document, Nonce, Page, PageId, Splice,
};
use commonplace_store::{Reader, Store};
use commonplace_trust::{
    Arrival, DeviceKey, Fork, Gate, Standing, Verdict, VerifiedAttestation, VerifiedChange, actor_of, gate,
};

use crate::{
    figures::percentile,
    keys::{PACE, TIMES},
    pair::ms,
};

/// Who writes is not what is measured.
struct Everybody;

impl Standing for Everybody {
    fn may_write(&self, _: &DeviceId, _: &DocId) -> Verdict {
        Verdict::Allowed
    }

    fn is_cut(&self, _: &DocId, _: &ChangeHash) -> bool {
        false
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

/// Milliseconds within which half of the keystrokes of people new in a page are judged, in a profile that nothing has open.
pub(crate) fn keystroke(home: &Path, commons: &str, page: &str, keys: usize) -> Result<f64> {
    let (commons, doc) = (commons.parse::<CommonsId>()?, DocId::Page(page.parse::<PageId>()?));
    let store = Store::open(home)?;
    let mut document = Document::new(DocKind::Page);
    gate::apply(&mut document, store.changes(commons, doc, None)?)?;
    let saved = document.save();
    // Made before any is judged: making one loads the page, after which the processor has nothing else at hand.
    let arrivals = (0..keys).map(|key| typed(&saved, commons, doc, key, keys)).collect::<Result<Vec<_>>>()?;
    let mut times = Vec::with_capacity(keys);
    for arrival in arrivals {
        let history = store.history(commons, doc)?;
        let start = Instant::now();
        let passed = Gate { commons, history: &history, standing: &Everybody }.pass(arrival);
        times.push(ms(start.elapsed()));
        history.sound()?;
        ensure!(passed.changes.len() == 1, "a keystroke was not let through: {:?}", passed.refused);
    }
    times.sort_by(f64::total_cmp);
    percentile(&times, 50).context("no keys")
}

/// What Automerge alone needs for a page, in milliseconds.
pub(crate) struct Bare {
    /// To load its compact form.
    pub(crate) load: f64,
    /// To apply a letter that somebody else typed: half of them within, and 99 of 100.
    pub(crate) half: f64,
    pub(crate) most: f64,
    /// Bytes of its compact form.
    pub(crate) saved: usize,
}

/// Measures that for a page of a profile that nothing has open.
pub(crate) fn bare(home: &Path, commons: &str, page: &str, keys: usize) -> Result<Bare> {
    let (commons, doc) = (commons.parse::<CommonsId>()?, DocId::Page(page.parse::<PageId>()?));
    let store = Store::open(home)?;
    let mut document = Document::new(DocKind::Page);
    gate::apply(&mut document, store.changes(commons, doc, None)?)?;
    let saved = document.save();
    let load = load_time(&saved)?;
    let (device, nonce) = (DeviceKey::from_seed(&[9; 32]), Nonce::new([7; 16]));
    let mut page = Page::from_document(Document::load(DocKind::Page, &saved)?).context("no page")?;
    page.document_mut().set_actor(actor_of(commons, doc, device.id(), nonce));
    let middle = page.body_len() / 2;
    let mut times = Vec::with_capacity(keys);
    for key in 0..u32::try_from(keys)? {
        let splice = Splice { at: middle + key, delete: 0, insert: "k".to_owned() };
        let local = page.edit(&[splice])?.context("a letter changes something")?;
        let (change, _) = VerifiedChange::local(local, &device, commons, doc, nonce)?;
        let start = Instant::now();
        gate::apply(&mut document, vec![change])?;
        times.push(ms(start.elapsed()));
        // As they are typed: what is done without a pause is in the caches of the processor.
        thread::sleep(PACE);
    }
    times.sort_by(f64::total_cmp);
    let of = |of_hundred| percentile(&times, of_hundred).context("no keys");
    Ok(Bare { load, half: of(50)?, most: of(99)?, saved: saved.len() })
}

/// Milliseconds that Automerge needs to load a page at best, in a thread of its own, as an engine that was just started has one.
pub(crate) fn load_time(saved: &[u8]) -> Result<f64> {
    let load = || {
        let start = Instant::now();
        let document = Document::load(DocKind::Page, saved)?;
        let took = ms(start.elapsed());
        black_box(document);
        Ok(took)
    };
    let mut best = f64::MAX;
    for _ in 0..TIMES {
        let took: Result<f64> = thread::scope(|scope| scope.spawn(load).join()).map_err(|_| anyhow!("it fell over"))?;
        best = best.min(took?);
    }
    Ok(best)
}

/// A letter that somebody who never wrote there puts into the page, at another place for each key.
fn typed(saved: &[u8], commons: CommonsId, doc: DocId, key: usize, keys: usize) -> Result<Arrival> {
    let device = DeviceKey::from_seed(&[u8::try_from(key % 251)? + 1; 32]);
    let nonce = Nonce::new([7; 16]);
    let mut page = Page::from_document(Document::load(DocKind::Page, saved)?).context("no page")?;
    page.document_mut().set_actor(actor_of(commons, doc, device.id(), nonce));
    let at = u32::try_from(page.body_len() as usize * key / keys)?;
    let splice = Splice { at, delete: 0, insert: "k".to_owned() };
    let local = page.edit(&[splice])?.context("a letter changes something")?;
    let (change, said) = VerifiedChange::local(local, &device, commons, doc, nonce)?;
    Ok(Arrival { doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] })
}

/// What judging all of a commons costs, in seconds.
pub(crate) struct Judged {
    /// All of it.
    pub(crate) whole: f64,
    /// Bytes of all changes and what vouches for them, packed together.
    pub(crate) packed: usize,
    /// What it costs to check signatures and hashes and to read the changes, with no look at their operations.
    pub(crate) unlooked: f64,
}

/// How long the gate takes for all that a profile holds of a commons, with nothing of it known before: what a device that joins
/// judges. Nothing may have the profile open.
pub(crate) fn all(home: &Path, commons: &str) -> Result<Judged> {
    let commons = commons.parse::<CommonsId>()?;
    let store = Store::open(home)?;
    let mut judged = Judged { whole: 0.0, unlooked: 0.0, packed: 0 };
    let mut all = Vec::new();
    for (doc, _) in store.digests(commons)? {
        let arrival = arrival(&store, commons, doc)?;
        let count = arrival.changes.len();
        all.extend(arrival.changes.iter().flatten());
        for said in &arrival.attestations {
            all.extend(postcard::to_stdvec(said)?);
        }
        let start = Instant::now();
        for said in &arrival.attestations {
            black_box(VerifiedAttestation::verify(*said, commons, doc));
        }
        for bytes in &arrival.changes {
            black_box(VerifiedChange::from_store(bytes.clone())?);
        }
        judged.unlooked += start.elapsed().as_secs_f64();
        // Of a document that is not there nothing is known.
        let history = store.history(CommonsId::new([0; 32]), doc)?;
        let start = Instant::now();
        let passed = Gate { commons, history: &history, standing: &Everybody }.pass(arrival);
        judged.whole += start.elapsed().as_secs_f64();
        ensure!(passed.changes.len() == count, "{} of {count} let through", passed.changes.len());
    }
    judged.packed = zstd::bulk::compress(&all, zstd::DEFAULT_COMPRESSION_LEVEL)?.len();
    Ok(judged)
}

fn arrival(reader: &Reader, commons: CommonsId, doc: DocId) -> Result<Arrival> {
    let changes = reader.changes(commons, doc, None)?;
    let changes = changes.iter().map(|change| change.bytes().to_vec()).collect();
    Ok(Arrival { doc, attestations: reader.frontier(commons, doc)?, changes })
}
