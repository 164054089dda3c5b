//! A member's device sends ten thousand messages of one kind as fast as they go, while somebody types.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use commonplace_governance::{Body, Invitation, Roll, body::member_of};
use commonplace_model::{DocId, Folder, Ledger, LocalChange, Nonce, Page, PageId, Splice, Statement, Tag, Title};
use commonplace_sync::Input;
use commonplace_trust::{Arrival, DeviceKey, Draft, VerifiedChange, VerifiedRecord, actor_of};

use crate::{
    figures::{Figures, percentile},
    keys::typed,
    mallory::Mallory,
    pages::resident,
    pair::{Side, join},
};

const NONCE: Nonce = Nonce::new([9; 16]);

/// What is sent.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Keys,
    Tags,
    Records,
}

impl Kind {
    const ALL: [(Self, &'static str, [&'static str; 4]); 3] = [
        (
            Self::Keys,
            "changes of a page",
            ["flood_keys_sent", "flood_keys_here_p99", "flood_keys_there_p99", "flood_keys_memory"],
        ),
        (
            Self::Tags,
            "tags in a ledger",
            ["flood_tags_sent", "flood_tags_here_p99", "flood_tags_there_p99", "flood_tags_memory"],
        ),
        (
            Self::Records,
            "records of the roll",
            ["flood_records_sent", "flood_records_here_p99", "flood_records_there_p99", "flood_records_memory"],
        ),
    ];
}

/// Measures typing under each kind of flood.
pub(crate) async fn measure(figures: &mut Figures, quick: bool) -> Result<()> {
    let (messages, keys) = if quick { (200, 20) } else { (10_000, 500) };
    for (kind, words, names) in Kind::ALL {
        Figures::part(&format!("A member sends {messages} {words}, one by one, while another types"))?;
        one_kind(figures, kind, names, messages, keys).await?;
    }
    Ok(())
}

async fn one_kind(
    figures: &mut Figures,
    kind: Kind,
    names: [&'static str; 4],
    messages: usize,
    keys: usize,
) -> Result<()> {
    let (first, second) = (Side::new("Maren").await?, Side::new("Tomás").await?);
    let commons = first.engine.commons_new("Bench".to_owned(), None, None, None).await?.id;
    join(&first, &second, &commons).await?;
    let body = "Who empties it, fills it.\n".repeat(200);
    let page = first.engine.page_new(commons.clone(), "short".to_owned(), Some(body)).await?.id;
    let ticket = first.engine.invite(commons.clone(), Some(1), None).await?.ticket;
    let mallory = Mallory::join(&ticket).await;
    let mut talk = mallory.meets().await;
    let mut frames = Vec::new();
    for input in flood(&mallory, kind, messages)? {
        frames.extend(talk.says(input).0);
    }
    let (mut to, mut from) = (talk.to, talk.from);
    let before = resident(std::process::id())?.unwrap_or_default();
    let hearing = tokio::spawn(async move { while let Ok(Some(_)) = from.next().await {} });
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        for frame in &frames {
            if to.send(frame).await.is_err() {
                break;
            }
            sent += 1;
        }
        // The stream stays open: what was sent may still be on its way.
        (sent, start.elapsed(), to)
    });
    let times = typed(&first, &second, &commons, &page, keys).await?;
    let (sent, took, to) = tokio::time::timeout(Duration::from_secs(600), sending).await??;
    let after = resident(std::process::id())?.unwrap_or_default();
    figures.note(names[0], &format!("frames taken in {:.1} s", took.as_secs_f64()), Some(f64::from(sent)), "frames")?;
    let here = percentile(&times.here, 99).context("no keys")?;
    figures.hold(names[1], "99 of 100 keys taken here within", here, "ms", 16.0)?;
    figures.note(names[2], "99 of 100 keys seen there within", percentile(&times.there, 99), "ms")?;
    figures.note(names[3], "memory of all in this process, grown by", Some(after - before), "MB")?;
    drop(to);
    hearing.abort();
    first.engine.close().await;
    second.engine.close().await;
    ensure!(sent > 0, "nothing was sent");
    Ok(())
}

/// The messages, as a session is given them.
fn flood(mallory: &Mallory, kind: Kind, messages: usize) -> Result<Vec<Input>> {
    match kind {
        Kind::Keys => {
            let doc = DocId::Page(PageId::new([5; 16]));
            let mut page = Page::default();
            page.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), NONCE));
            let (title, folder): (Title, Folder) = ("flood".parse()?, Folder::default());
            let mut all = vec![vouched(mallory, doc, page.begin(&title, &folder, "")?.context("a page")?)?];
            for at in 0..u32::try_from(messages)? - 1 {
                let key = Splice { at, delete: 0, insert: "x".to_owned() };
                all.push(vouched(mallory, doc, page.edit(&[key])?.context("a key")?)?);
            }
            Ok(all)
        }
        Kind::Tags => {
            let doc = DocId::Ledger(member_of(mallory.commons, mallory.key.id()));
            let mut ledger = Ledger::default();
            ledger.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), NONCE));
            let tags = (0..messages).map(|n| {
                let tag: Tag = format!("tag{n}").parse()?;
                let said = ledger.state(&[Statement::Tag { page: PageId::new([5; 16]), tag }], &[])?;
                vouched(mallory, doc, said.context("a tag")?)
            });
            tags.collect()
        }
        Kind::Records => {
            let known = mallory.records.iter().map(|bytes| VerifiedRecord::verify(bytes.clone()));
            let mut roll = Roll::fold(mallory.commons, &known.collect::<Result<Vec<_>, _>>()?)?;
            let invitation = |n: u64| {
                let seed = std::array::from_fn(|at| n.to_le_bytes().get(at).copied().unwrap_or(7));
                Body::Invitation(Invitation { key: DeviceKey::from_seed(&seed).id(), uses: 1, expires_at: u64::MAX })
            };
            let mut last = roll.write(&invitation(0), &mallory.key)?;
            let mut all = vec![Input::LocalRecords(vec![last.bytes().to_vec()])];
            for n in 1..messages as u64 {
                // Each on the one before, without working out each time what counts.
                let draft = Draft { parents: vec![last.id()], body: invitation(n).encode(), ..last.draft().clone() };
                last = VerifiedRecord::sign(draft, &mallory.key)?;
                all.push(Input::LocalRecords(vec![last.bytes().to_vec()]));
            }
            Ok(all)
        }
    }
}

/// A change as its device sends it when it was just made.
fn vouched(mallory: &Mallory, doc: DocId, change: LocalChange) -> Result<Input> {
    let (change, said) = VerifiedChange::local(change, &mallory.key, mallory.commons, doc, NONCE)?;
    let arrival = Arrival { doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] };
    Ok(Input::LocalChange(arrival))
}
