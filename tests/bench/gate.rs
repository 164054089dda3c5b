//! The gate: what judging costs, apart from all that goes on around it.

use std::{hint::black_box, path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document, Nonce, Page, PageId, Splice,
};
use commonplace_store::{Reader, Store};
use commonplace_trust::{
    Arrival, DeviceKey, Fork, Gate, Standing, Verdict, VerifiedAttestation, VerifiedChange, actor_of, gate,
};

use crate::{figures::percentile, pair::ms};

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
    /// What it costs to check signatures and hashes and to read the changes, with no look at their operations.
    pub(crate) unlooked: f64,
}

/// How long the gate takes for all that a profile holds of a commons, with nothing of it known before: what a device that joins
/// judges. Nothing may have the profile open.
pub(crate) fn all(home: &Path, commons: &str) -> Result<Judged> {
    let commons = commons.parse::<CommonsId>()?;
    let store = Store::open(home)?;
    let mut judged = Judged { whole: 0.0, unlooked: 0.0 };
    for (doc, _) in store.digests(commons)? {
        let arrival = arrival(&store, commons, doc)?;
        let count = arrival.changes.len();
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
    Ok(judged)
}

fn arrival(reader: &Reader, commons: CommonsId, doc: DocId) -> Result<Arrival> {
    let changes = reader.changes(commons, doc, None)?;
    let changes = changes.iter().map(|change| change.bytes().to_vec()).collect();
    Ok(Arrival { doc, attestations: reader.frontier(commons, doc)?, changes })
}
