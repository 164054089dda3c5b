//! Changes that the gate does not let in.

use commonplace_governance::body::member_of;
use commonplace_model::{DocId, Folder, Ledger, Nonce, Page, PageId, Statement, Tag, Title};
use commonplace_node::view::PageQuery;
use commonplace_sync::Input;
use commonplace_trust::{Arrival, Attestation, Signature, VerifiedAttestation, VerifiedChange, actor_of};

use crate::{
    mallory::{Mallory, Talk, soon},
    stage::Stage,
};

const NONCE: Nonce = Nonce::new([4; 16]);

impl Mallory {
    /// A page of one change, as an engine would make it.
    fn page(&self, id: u8, title: &str) -> (DocId, VerifiedChange, VerifiedAttestation) {
        let doc = DocId::Page(PageId::new([id; 16]));
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(self.commons, doc, self.key.id(), NONCE));
        let (title, folder): (Title, Folder) = (title.parse().unwrap(), Folder::default());
        let made = page.begin(&title, &folder, "a text of some length").unwrap().unwrap();
        let (change, attestation) = VerifiedChange::local(made, &self.key, self.commons, doc, NONCE).unwrap();
        (doc, change, attestation)
    }

    /// A tag on Ines's page, said in the ledger of another member.
    fn in_anothers_ledger(&self, page: PageId) -> Arrival {
        let doc = DocId::Ledger(member_of(self.commons, self.host));
        let mut ledger = Ledger::default();
        ledger.document_mut().set_actor(actor_of(self.commons, doc, self.key.id(), NONCE));
        let tag: Tag = "forged".parse().unwrap();
        let made = ledger.state(&[Statement::Tag { page, tag }], &[]).unwrap().unwrap();
        let (change, said) = VerifiedChange::local(made, &self.key, self.commons, doc, NONCE).unwrap();
        arrival(doc, &said, change.bytes().to_vec())
    }
}

fn arrival(doc: DocId, said: &VerifiedAttestation, change: Vec<u8>) -> Arrival {
    Arrival { doc, attestations: vec![*said.get()], changes: vec![change] }
}

/// Sends changes as if they had just been made, and hears what the engine keeps of them.
async fn pushes(talk: &mut Talk, arrivals: Vec<Arrival>) {
    for arrival in arrivals {
        talk.hands(Input::LocalChange(arrival)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gate_refuses_changes_nothing() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let mut talk = mallory.meets().await;
    let (doc, change, said) = mallory.page(1, "Corrupt");
    let mut corrupt = change.bytes().to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let mut short = change.bytes().to_vec();
    short.truncate(40);
    let (elsewhere, _, _) = mallory.page(2, "Copied");
    let copied = VerifiedAttestation::sign(&mallory.key, mallory.commons, elsewhere, NONCE, 1, change.hash());
    let DocId::Page(page) = talk.brought.iter().map(|a| a.doc).find(|d| matches!(d, DocId::Page(_))).unwrap() else {
        panic!("the page came")
    };
    pushes(
        &mut talk,
        vec![
            arrival(doc, &said, corrupt),
            arrival(doc, &said, short),
            arrival(doc, &said, vec![0xff; 4_000]),
            mallory.in_anothers_ledger(page),
            // Vouched for as another document's, then vouched for anew.
            arrival(elsewhere, &said, change.bytes().to_vec()),
            arrival(elsewhere, &copied, change.bytes().to_vec()),
            // Nobody vouches for it.
            Arrival { doc, attestations: vec![], changes: vec![change.bytes().to_vec()] },
        ],
    )
    .await;
    stage.is_told(&["a device of Mallory", "not let in", "safe"]).await;
    stage.types_on().await;
    stage.was_told_nothing_else();
    drop(talk);
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brings_what_only_a_proof_stands_for_before_the_proof_is_at_no_fault() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let mut talk = mallory.meets().await;
    let (doc, change, said) = mallory.page(1, "Unproved");
    let word = Attestation { signature: Signature::NONE, ..*said.get() };
    let unproved = Arrival { doc, attestations: vec![word], changes: vec![change.bytes().to_vec()] };
    let (next, good, signed) = mallory.page(2, "Kettles");
    pushes(&mut talk, vec![unproved, arrival(next, &signed, good.bytes().to_vec())]).await;
    let listed = async || {
        let list = stage.tomas.engine.page_list(stage.commons.clone(), PageQuery::default()).await.unwrap();
        list.rows.iter().map(|row| row.title.clone()).collect::<Vec<_>>()
    };
    stage.tomas.until("what came after it is there", async || listed().await.contains(&"Kettles".to_owned())).await;
    assert!(!listed().await.contains(&"Unproved".to_owned()));
    stage.types_on().await;
    stage.was_told_nothing_else();
    drop(talk);
    assert!(mallory.offers().await.is_some(), "it is not left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_heads_than_a_change_can_build_on_keep_nobody_from_writing() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let mut talk = mallory.meets().await;
    let doc = DocId::Page(stage.page.parse().unwrap());
    // Each under a nonce of its own, and on nothing but the genesis; the last one can be seen.
    const HEADS: u32 = 600;
    let heads = (0..HEADS).map(|n| {
        let mut nonce = [7; 16];
        nonce[..4].copy_from_slice(&n.to_le_bytes());
        let nonce = Nonce::new(nonce);
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), nonce));
        let made = if n + 1 < HEADS {
            page.begin(&"Toasters".parse().unwrap(), &Folder::default(), "").unwrap()
        } else {
            page.set_deleted(true).unwrap()
        };
        let (change, said) = VerifiedChange::local(made.unwrap(), &mallory.key, mallory.commons, doc, nonce).unwrap();
        arrival(doc, &said, change.bytes().to_vec())
    });
    pushes(&mut talk, heads.collect()).await;
    for device in [&stage.ines, &stage.tomas] {
        let deleted = async || {
            let list = device.engine.page_list(stage.commons.clone(), PageQuery::default()).await.unwrap();
            list.rows.is_empty()
        };
        device.until("all of it has come", deleted).await;
    }
    stage.ines.engine.page_restore(stage.commons.clone(), stage.page.clone()).await.unwrap();
    stage.types_on().await;
    stage.was_told_nothing_else();
    drop(talk);
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_changes_that_were_refused_the_good_ones_are_taken() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let mut talk = mallory.meets().await;
    let (doc, change, said) = mallory.page(3, "Kettles");
    let mut corrupt = change.bytes().to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    pushes(&mut talk, vec![arrival(doc, &said, corrupt), arrival(doc, &said, change.bytes().to_vec())]).await;
    let has = async |device: &crate::device::Device| {
        let shown = device.engine.page_show(stage.commons.clone(), "Kettles".into()).await;
        shown.is_ok_and(|page| page.body == "a text of some length")
    };
    for device in [&stage.ines, &stage.tomas] {
        device.until("the page is there", async || has(device).await).await;
    }
    soon("typing", stage.types_on()).await;
}
