//! Several writers at once, each in a replica of their own.
//!
//! What one typed reaches another through the gate, with its attestation, at the moment at which the recording says that the
//! other had it. What somebody types without others having seen a part of it is one change, as when the engine gathers typing.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use anyhow::{Context, Result, ensure};
use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Nonce, Page, PageEdit, PageId, Splice,
};
use commonplace_tests::trace::{Text, Trace, Txn};
use commonplace_trust::{
    Arrival, Attestation, Chosen, Deed, DeviceKey, Fork, Gate, History, Known, Mark, Past, Standing, Verdict,
    VerifiedChange, actor_of, chunk, gate,
};

const COMMONS: CommonsId = CommonsId::new([1; 32]);
const NONCE: Nonce = Nonce::new([2; 16]);

fn doc() -> DocId {
    DocId::Page(PageId::new([3; 16]))
}

/// Moments that a replica has: of each writer the newest, as a count.
type Clock = Vec<usize>;

/// All who write are members.
struct Members(HashSet<DeviceId>);

impl Standing for Members {
    fn may_write(&self, device: &DeviceId, _: &DocId) -> Verdict {
        if self.0.contains(device) { Verdict::Allowed } else { Verdict::Unknown }
    }

    fn is_cut(&self, _: &DocId, _: &ChangeHash) -> bool {
        false
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

#[derive(Default)]
struct Kept {
    changes: HashMap<ChangeHash, (Known, commonplace_trust::Clock)>,
    bytes: BTreeMap<(Actor, u64), Vec<u8>>,
    tips: HashMap<Actor, (u64, ChangeHash)>,
    /// All of them, in the order in which they came.
    order: Vec<Vec<u8>>,
}

impl Kept {
    fn keep(&mut self, change: &VerifiedChange) {
        let clock = change.clock(|hash| self.clock(hash)).expect("each comes after those it builds on");
        self.changes.insert(change.hash(), (change.known(), clock));
        self.bytes.insert((change.actor(), change.max_op()), change.bytes().to_vec());
        self.tips.insert(change.actor(), (change.seq(), change.hash()));
        self.order.push(change.bytes().to_vec());
    }
}

impl History for Kept {
    fn change(&self, hash: &ChangeHash) -> Option<Known> {
        self.changes.get(hash).map(|(known, _)| *known)
    }
    fn clock(&self, hash: &ChangeHash) -> Option<commonplace_trust::Clock> {
        self.changes.get(hash).map(|(_, clock)| clock.clone())
    }
    fn reaching(&self, actor: &Actor, counter: u64) -> Option<Cow<'_, [u8]>> {
        let found = self.bytes.range((*actor, counter)..=(*actor, u64::MAX)).next();
        found.map(|(_, bytes)| Cow::Borrowed(&bytes[..]))
    }
    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)> {
        self.tips.get(actor).copied()
    }
    // Asked of a device that writes in two ways; nobody does here.
    fn numbered(&self, _: &Actor, _: u64) -> Option<Cow<'_, [u8]>> {
        None
    }
    fn vouched(&self, _: &Actor) -> Vec<Attestation> {
        Vec::new()
    }
}

/// A change as it travels, and the count of its writer's moments after it.
struct Sent {
    bytes: Vec<u8>,
    attestation: Attestation,
    after: usize,
}

struct Writer {
    key: DeviceKey,
    page: Page,
    kept: Kept,
    held: Clock,
    sent: Vec<Sent>,
    /// How many changes of each other writer were taken.
    taken: Vec<usize>,
    typed: Vec<Splice>,
}

impl Writer {
    fn new(number: usize, writers: usize) -> Result<Self> {
        let key = DeviceKey::from_seed(&[u8::try_from(number + 1)?; 32]);
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(COMMONS, doc(), key.id(), NONCE));
        let (kept, sent, typed) = (Kept::default(), Vec::new(), Vec::new());
        Ok(Self { key, page, kept, held: vec![0; writers], sent, taken: vec![0; writers], typed })
    }

    /// Makes one change of what was typed.
    fn commit(&mut self, own: usize) -> Result<()> {
        let typed = std::mem::take(&mut self.typed);
        if typed.is_empty() {
            return Ok(());
        }
        let local = self.page.edit(&typed)?.context("an edit that changes nothing")?;
        let (change, said) = VerifiedChange::local(local, &self.key, COMMONS, doc(), NONCE)?;
        self.kept.keep(&change);
        self.sent.push(Sent { bytes: change.bytes().to_vec(), attestation: *said.get(), after: self.held[own] });
        Ok(())
    }

    /// Takes changes of another writer through the gate.
    fn take(&mut self, arrival: Arrival, members: &Members) -> Result<()> {
        let count = arrival.changes.len();
        let passed = Gate { commons: COMMONS, history: &self.kept, standing: members }.pass(arrival);
        ensure!(passed.refused.is_empty() && passed.waiting.is_empty(), "not let through: {:?}", passed.refused);
        ensure!(passed.changes.len() == count, "{} of {count} let through", passed.changes.len());
        passed.changes.iter().for_each(|change| self.kept.keep(change));
        gate::apply(self.page.document_mut(), passed.changes)?;
        Ok(())
    }
}

/// Brings a writer to what it had at a moment.
fn meet(writers: &mut [Writer], at: usize, wanted: &Clock, members: &Members) -> Result<()> {
    for other in (0..writers.len()).filter(|other| *other != at) {
        ensure!(writers[at].held[other] <= wanted[other], "the recording goes back behind what a writer had seen");
        if writers[at].held[other] == wanted[other] {
            continue;
        }
        let from = writers[at].taken[other];
        let sent: Vec<&Sent> =
            writers[other].sent[from..].iter().take_while(|sent| sent.after <= wanted[other]).collect();
        let last = sent.last().context("nothing to send")?;
        ensure!(last.after == wanted[other], "a change was cut in the wrong place");
        let arrival = Arrival {
            doc: doc(),
            attestations: vec![last.attestation],
            changes: sent.iter().map(|sent| sent.bytes.clone()).collect(),
        };
        let count = sent.len();
        writers[at].take(arrival, members)?;
        writers[at].taken[other] += count;
        writers[at].held[other] = wanted[other];
    }
    Ok(())
}

/// The moments after which another writer, or nobody, goes on: what was typed up to there must be a change of its own.
fn ends_of_runs(txns: &[Txn]) -> Vec<bool> {
    let mut ends = vec![false; txns.len()];
    for txn in txns {
        for parent in txn.parents.iter().filter(|parent| txns[**parent].agent != txn.agent) {
            ends[*parent] = true;
        }
    }
    ends
}

/// What was known just before each moment, and who made how many moments in all.
fn clocks(txns: &[Txn], writers: usize) -> Result<(Vec<Clock>, Clock)> {
    let mut after: Vec<Clock> = Vec::with_capacity(txns.len());
    let (mut before, mut made) = (Vec::with_capacity(txns.len()), vec![0; writers]);
    for txn in txns {
        let mut clock = vec![0; writers];
        for parent in &txn.parents {
            let parent = after.get(*parent).context("a moment that comes later")?;
            clock.iter_mut().zip(parent).for_each(|(a, b)| *a = (*a).max(*b));
        }
        ensure!(clock[txn.agent] == made[txn.agent], "a writer goes on from elsewhere than where they were");
        made[txn.agent] += 1;
        before.push(clock.clone());
        clock[txn.agent] += 1;
        after.push(clock);
    }
    Ok((before, made))
}

/// Types a recording of several writers again; all end in the recorded text.
pub(crate) fn typed_again(trace: &Trace) -> Result<()> {
    let count = trace.num_agents;
    let mut writers: Vec<Writer> = (0..count).map(|number| Writer::new(number, count)).collect::<Result<_>>()?;
    let members = Members(writers.iter().map(|writer| writer.key.id()).collect());
    let (before, all) = clocks(&trace.txns, count)?;
    let ends = ends_of_runs(&trace.txns);
    // Each writer's text, which knows where code points lie in UTF-16; read anew from the page after meeting others.
    let mut texts: Vec<Text> = vec![Text::new(""); count];
    for ((txn, wanted), end) in trace.txns.iter().zip(&before).zip(ends) {
        let at = txn.agent;
        if writers[at].held != *wanted {
            writers[at].commit(at)?;
            meet(&mut writers, at, wanted, &members)?;
            texts[at] = Text::new(&writers[at].page.body());
        }
        for patch in &txn.patches {
            let edit = texts[at].edit(patch)?;
            writers[at].typed.push(Splice { at: edit.at, delete: edit.delete, insert: edit.insert });
        }
        writers[at].held[at] += 1;
        if end {
            writers[at].commit(at)?;
        }
    }
    for (at, writer) in writers.iter_mut().enumerate() {
        writer.commit(at)?;
    }
    for at in 0..count {
        meet(&mut writers, at, &all, &members)?;
    }
    for (at, writer) in writers.iter().enumerate() {
        ensure!(writer.page.body() == trace.end_content, "writer {at} has another text");
        ensure!(writer.past()?.text() == trace.end_content, "writer {at} finds another text in its past");
    }
    taken_back(&mut writers[0])
}

impl Writer {
    fn past(&self) -> Result<Past> {
        let mut past = Past::default();
        for change in &self.kept.order {
            past.take(&Deed::read(change, DocKind::Page)?)?;
        }
        Ok(past)
    }

    /// Takes back all that an actor did from one change to another; the numbers of the first and last change that do.
    fn take_back(&mut self, actor: Actor, first: u64, last: u64) -> Result<(u64, u64)> {
        let mut chosen = Chosen::default();
        chosen.add(actor, first, last);
        let reversal = self.past()?.reversal(&chosen);
        let edit = PageEdit { splices: reversal.splices, mark_keys: Mark::keys(), ..PageEdit::default() };
        let marks = |range: Range<usize>| Mark::of(&chosen, &reversal.origins[range]);
        let mut seqs = Vec::new();
        for local in self.page.make(&edit, &chunk::OWN, marks)? {
            let (change, _) = VerifiedChange::local(local, &self.key, COMMONS, doc(), NONCE)?;
            self.kept.keep(&change);
            seqs.push(change.seq());
        }
        seqs.first().copied().zip(seqs.last().copied()).context("nothing to take back")
    }
}

/// Takes back the middle of what a writer typed, and that again: the text is as it was.
fn taken_back(writer: &mut Writer) -> Result<()> {
    let before = writer.page.body();
    let own = actor_of(COMMONS, doc(), writer.key.id(), NONCE);
    let (typed, _) = writer.kept.tips[&own];
    let (first, last) = writer.take_back(own, typed / 3 + 1, typed * 2 / 3)?;
    ensure!(writer.page.body() != before && writer.past()?.text() == writer.page.body(), "taken back otherwise");
    writer.take_back(own, first, last)?;
    ensure!(writer.page.body() == before, "not as it was before");
    Ok(())
}
