//! What follows from proofs that a device wrote in two ways: what falls, what does not, and how often documents are looked over.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use commonplace_governance::{Body, Introduction, Invitation, JoinRequest};
use commonplace_model::{ChangeHash, CommonsId, DocId, Document, Nonce, Page, PageId, Splice};
use commonplace_store::{Batch, DocBatch, Projection};
use commonplace_trust::{Arrival, DeviceKey, Gate, VerifiedAttestation, VerifiedChange, VerifiedTwins, actor_of, gate};

use super::{Engine, OpenOptions};
use crate::{core::Core, view::Event};

const NONCE: Nonce = Nonce::new([6; 16]);
const EARLIER: Nonce = Nonce::new([5; 16]);

/// A change, and what its writer says of it.
type Made = (VerifiedChange, VerifiedAttestation);

/// An engine, and others who are members of its commons and have none.
struct Stage {
    _home: tempfile::TempDir,
    engine: Engine,
    commons: CommonsId,
    liar: DeviceKey,
    accomplice: DeviceKey,
}

impl Stage {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = OpenOptions { home: home.path().to_owned(), online: false, loopback: true };
        let engine = Engine::open(options).await.unwrap();
        engine.init("Ines".into(), None, None).await.unwrap();
        let id = engine.commons_new("Kettles".into(), None, None, None).await.unwrap().id;
        let commons: CommonsId = id.parse().unwrap();
        let [ticket, liar, accomplice] = [1, 2, 3].map(|n| DeviceKey::from_seed(&[n; 32]));
        let asked = [&liar, &accomplice].map(|key| {
            let person = Introduction { name: "Mallory".into(), ink: 1, device_name: "Contraption".into() };
            JoinRequest::sign(commons, &ticket, key, person)
        });
        let invitation = Invitation { key: ticket.id(), uses: 2, expires_at: u64::MAX };
        let comes = move |core: &mut Core| {
            core.write_record(commons, &Body::Invitation(invitation))?;
            for request in asked {
                core.write_records(commons, |roll, key| Ok(vec![roll.admit_request(request, key)?]))?;
            }
            Ok(())
        };
        engine.ask(comes).await.unwrap();
        Self { _home: home, engine, commons, liar, accomplice }
    }

    async fn page(&self, title: &str, body: &str) -> DocId {
        let made =
            self.engine.page_new(self.commons.to_string(), title.to_owned(), Some(body.to_owned())).await.unwrap();
        DocId::Page(made.id.parse().unwrap())
    }

    async fn body(&self, doc: DocId) -> String {
        let DocId::Page(page) = doc else { panic!("a page") };
        self.engine.page_show(self.commons.to_string(), page.to_string()).await.unwrap().body
    }

    /// What the liar makes of a page as it is here, writing these texts before all else, one change each.
    async fn writes(&self, doc: DocId, nonce: Nonce, texts: &[&str]) -> Vec<Made> {
        self.writes_on(doc, self.changes(doc).await, nonce, texts)
    }

    /// The same, as if it had not made this change, its last.
    async fn writes_without(&self, doc: DocId, last: ChangeHash, texts: &[&str]) -> Vec<Made> {
        let mut known = self.changes(doc).await;
        known.retain(|change| change.hash() != last);
        self.writes_on(doc, known, NONCE, texts)
    }

    async fn changes(&self, doc: DocId) -> Vec<VerifiedChange> {
        let commons = self.commons;
        self.engine.ask(move |core| Ok(core.store.changes(commons, doc, None)?)).await.unwrap()
    }

    fn writes_on(&self, doc: DocId, known: Vec<VerifiedChange>, nonce: Nonce, texts: &[&str]) -> Vec<Made> {
        self.written_by(&self.liar, doc, known, nonce, texts)
    }

    fn written_by(
        &self,
        key: &DeviceKey,
        doc: DocId,
        known: Vec<VerifiedChange>,
        nonce: Nonce,
        texts: &[&str],
    ) -> Vec<Made> {
        let commons = self.commons;
        let mut document = Document::new(doc.into());
        gate::apply(&mut document, known).unwrap();
        document.set_actor(actor_of(commons, doc, key.id(), nonce));
        let mut page = Page::from_document(document).unwrap();
        let mut write = |text: &&str| {
            let splice = Splice { at: 0, delete: 0, insert: (*text).to_owned() };
            VerifiedChange::local(page.edit(&[splice]).unwrap().unwrap(), key, commons, doc, nonce).unwrap()
        };
        texts.iter().map(&mut write).collect()
    }

    /// Such changes come as from another device, vouched for by what is said of the last. Gives the proofs that are found.
    async fn takes(&self, doc: DocId, made: &[Made]) -> Vec<VerifiedTwins> {
        let commons = self.commons;
        let said = made.last().map(|(_, said)| *said.get()).into_iter().collect();
        let changes = made.iter().map(|(change, _)| change.bytes().to_vec()).collect();
        let take = move |core: &mut Core| {
            let passed = {
                let history = core.store.history(commons, doc)?;
                let standing = &core.commons[&commons].roll;
                Gate { commons, history: &history, standing }.pass(Arrival { doc, attestations: said, changes })
            };
            let (changes, attestations) = (passed.changes, passed.attestations);
            let batch = DocBatch { doc, changes, attestations, projection: Projection::Later, local: false, at: 1 };
            core.store.write(Batch { commons, docs: vec![batch] })?;
            core.documents.forget((commons, doc));
            Ok(passed.twins)
        };
        self.engine.ask(take).await.unwrap()
    }

    async fn finds(&self, proofs: Vec<VerifiedTwins>) {
        let commons = self.commons;
        let find = move |core: &mut Core| {
            core.twins_found(commons, proofs);
            Ok(())
        };
        self.engine.ask(find).await.unwrap();
        // They are put in after what was asked.
        self.engine.ask(|_| Ok(())).await.unwrap();
    }

    /// How often documents were looked over, and records in the roll.
    async fn counts(&self) -> (u64, usize) {
        let commons = self.commons;
        self.engine.ask(move |core| Ok((core.looks.get(), core.commons[&commons].records.len()))).await.unwrap()
    }

    async fn is_caught(&self) -> bool {
        let (commons, liar) = (self.commons, self.liar.id());
        let is_out = move |core: &mut Core| {
            let roll = &core.commons[&commons].roll;
            Ok(roll.caught().any(|(device, _)| *device == liar) && roll.ended().any(|device| *device == liar))
        };
        self.engine.ask(is_out).await.unwrap()
    }

    /// The liar writes in two ways in so many pages, where they part after a change that both share. Gives the proofs.
    async fn lies(&self, pages: usize) -> (Vec<DocId>, Vec<Vec<VerifiedTwins>>) {
        let (mut docs, mut proofs) = (Vec::new(), Vec::new());
        for n in 0..pages {
            let doc = self.page(&format!("Kettle {n}"), "kettle").await;
            let one = self.writes(doc, NONCE, &["a ", "blue "]).await;
            self.takes(doc, &one[..1]).await;
            let other = self.writes(doc, NONCE, &["red "]).await;
            self.takes(doc, &one[1..]).await;
            let found = self.takes(doc, &other).await;
            assert!(found.len() == 1 && found[0].fork().is_some_and(|fork| fork.from() == 2));
            docs.push(doc);
            proofs.push(found);
        }
        (docs, proofs)
    }
}

/// How often documents are looked over, and how many records there are more, for proofs about so many pages.
async fn for_proofs(pages: usize, together: bool) -> (u64, usize) {
    let stage = Stage::new().await;
    let (docs, proofs) = stage.lies(pages).await;
    let before = stage.counts().await;
    if together {
        stage.finds(proofs.concat()).await;
    } else {
        for proof in proofs.clone() {
            stage.finds(proof).await;
        }
    }
    let after = stage.counts().await;
    for doc in docs {
        assert_eq!(stage.body(doc).await, "a kettle");
    }
    assert!(stage.is_caught().await);
    // Who says them again says nothing, and nothing is done for it.
    stage.finds(proofs.concat()).await;
    assert_eq!(stage.counts().await, after);
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_about_many_pages_cost_each_a_few_looks() {
    for together in [true, false] {
        let (few, many) = (for_proofs(4, together).await, for_proofs(16, together).await);
        assert!(few.0 <= 7 * 4 && many.0 <= 7 * 16, "{few:?} and {many:?}");
        assert_eq!((few.1, many.1), (4, 16), "a record for each");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_not_shown_where_ways_part_nothing_falls_whoever_says_so() {
    let stage = Stage::new().await;
    let (doc, elsewhere) = (stage.page("Kettle", "kettle").await, stage.page("Pot", "pot").await);
    let made = stage.writes(doc, NONCE, &["a ", "blue "]).await;
    stage.takes(doc, &made).await;
    let other = stage.writes(elsewhere, NONCE, &["tea"]).await;
    stage.takes(elsewhere, &other).await;

    // The accomplice shows that the liar wrote in two ways, and neither where nor what there is of its work.
    let (commons, key) = (stage.commons, stage.accomplice.clone());
    let other_said = VerifiedAttestation::sign(&stage.liar, commons, doc, NONCE, 2, ChangeHash::new([7; 32]));
    let weak = VerifiedTwins::of_words(commons, doc, [*made[1].1.get(), *other_said.get()]).unwrap();
    assert_eq!(weak.fork(), None);
    let put_in = move |core: &mut Core| {
        let mut roll = core.commons[&commons].roll.clone();
        let records = roll.prove(&weak, vec![], &key).unwrap();
        core.add_records(commons, records)
    };
    let mut heard = stage.engine.events();
    stage.engine.ask(put_in).await.unwrap();
    assert!(stage.is_caught().await);
    assert!(said(&mut heard).contains("nothing is taken out"));
    assert_eq!((stage.body(doc).await, stage.body(elsewhere).await), ("blue a kettle".into(), "teapot".into()));
    // What counts was named for those who have it not.
    let named = move |core: &mut Core| {
        let cuts = core.commons[&commons].roll.cuts();
        Ok(cuts.flat_map(|(doc, tips)| tips.iter().map(|tip| (*doc, *tip))).collect::<BTreeSet<_>>())
    };
    let tips = BTreeSet::from([(doc, made[1].0.hash()), (elsewhere, other[0].0.hash())]);
    assert_eq!(stage.engine.ask(named).await.unwrap(), tips);

    // The other way comes: by what is shown now that falls which is not common, and nothing else.
    let before = stage.counts().await;
    let twin = stage.writes_without(doc, made[1].0.hash(), &["red "]).await;
    let found = stage.takes(doc, &twin).await;
    assert_eq!(found.iter().filter_map(VerifiedTwins::fork).map(|fork| fork.from()).collect::<Vec<_>>(), [2]);
    stage.finds(found).await;
    assert_eq!((stage.body(doc).await, stage.body(elsewhere).await), ("a kettle".into(), "teapot".into()));
    assert_eq!(stage.counts().await.1, before.1 + 1);
    assert!(said(&mut heard).contains("from then on is taken out"));
}

/// What trouble was told since.
fn said(heard: &mut tokio::sync::broadcast::Receiver<Event>) -> String {
    let all = std::iter::from_fn(|| heard.try_recv().ok());
    all.filter_map(|event| if let Event::Trouble { message } = event { Some(message) } else { None }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_device_wrote_before_it_wrote_in_two_ways_stays() {
    let stage = Stage::new().await;
    let doc = stage.page("Kettle", "kettle").await;
    let earlier = stage.writes(doc, EARLIER, &["old "]).await;
    stage.takes(doc, &earlier).await;
    let one = stage.writes(doc, NONCE, &["blue "]).await;
    let other = stage.writes(doc, NONCE, &["red "]).await;
    stage.takes(doc, &one).await;
    let found = stage.takes(doc, &other).await;
    assert_eq!(found.iter().filter_map(VerifiedTwins::fork).map(|fork| fork.from()).collect::<Vec<_>>(), [1]);
    stage.finds(found).await;
    assert_eq!(stage.body(doc).await, "old kettle");
    let home = stage.engine.home().to_owned();
    stage.engine.close().await;
    let engine = Engine::open(OpenOptions { home, online: false, loopback: true }).await.unwrap();
    let DocId::Page(page) = doc else { panic!("a page") };
    let shown = engine.page_show(stage.commons.to_string(), PageId::to_string(&page)).await.unwrap();
    assert_eq!(shown.body, "old kettle", "nor does it go when the profile is opened again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_shown_is_there_when_ones_own_work_is_written_anew() {
    let stage = Stage::new().await;
    let doc = stage.page("Kettle", "kettle").await;
    let DocId::Page(page) = doc else { panic!("a page") };
    let [one, other] = [stage.writes(doc, NONCE, &["blue "]).await, stage.writes(doc, NONCE, &["red "]).await];
    let beside = stage.written_by(&stage.accomplice, doc, stage.changes(doc).await, NONCE, &["the "]);
    stage.takes(doc, &one).await;
    let (commons, id) = (stage.commons, stage.commons.to_string());
    let window = stage.engine.editor_open(id.clone(), page.to_string()).await.unwrap();
    stage.engine.page_append(id, page.to_string(), " of mine".to_owned()).await.unwrap();
    let waits = move |core: &mut Core| {
        core.documents.gathered.entry((commons, doc)).or_default().rests(std::time::Duration::from_secs(3_600));
        let (changes, attestations): (Vec<_>, Vec<_>) = beside.into_iter().unzip();
        core.gather(commons, page, &changes)?;
        let batch = DocBatch { doc, changes, attestations, projection: Projection::Later, local: false, at: 1 };
        core.store.write(Batch { commons, docs: vec![batch] })?;
        core.gathered_is_stored(commons, &[doc]);
        Ok(core.documents.gathered[&(commons, doc)].hashes().len())
    };
    assert_eq!(stage.engine.ask(waits).await.unwrap(), 1);
    let found = stage.takes(doc, &other).await;
    stage.finds(found).await;
    let shown = move |core: &mut Core| Ok(core.editors.open[&(commons, page)].log.text());
    let body = stage.body(doc).await;
    assert_eq!((stage.engine.ask(shown).await.unwrap(), body.as_str()), (body.clone(), "the kettle\n of mine"));
    stage.engine.editor_close(window.session).await.unwrap();
}
