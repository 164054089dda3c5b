//! Pages of a large text: a command does not build them anew from all their changes, nor at all where it is refused.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use commonplace_model::{CommonsId, DocId, Page, PageId};

use super::{Engine, OpenOptions};
use crate::{
    core::Core,
    error::ErrorCode,
    view::{
        EditorUpdate,
        serde_json_changes::{Part, Section},
    },
};

async fn open(home: &std::path::Path) -> Engine {
    Engine::open(OpenOptions { home: home.to_owned(), online: false, loopback: true }).await.unwrap()
}

/// A page, and how many changes somebody who loads it has to make again.
async fn to_build(engine: &Engine, commons: CommonsId, page: PageId) -> u64 {
    engine.ask(move |core| Ok(core.store.since_snapshot(commons, DocId::Page(page))?.changes)).await.unwrap()
}

async fn is_built(engine: &Engine, commons: CommonsId, page: PageId) -> bool {
    engine.ask(move |core| Ok(core.documents.is_loaded(commons, DocId::Page(page)))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_page_is_built_from_few_changes() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir.path().join("home")).await;
    engine.init("Maren".into(), None, None).await.unwrap();
    let commons = engine.commons_new("Kettles".into(), None, None, None).await.unwrap().id;
    let in_commons: CommonsId = commons.parse().unwrap();
    let large = "a line of a large page\n".repeat(12_000);
    let folder = dir.path().join("notes");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("Taken in.md"), &large).unwrap();
    engine.import(commons.clone(), folder.to_str().unwrap().to_owned()).await.unwrap();
    engine.page_new(commons.clone(), "Made".into(), Some(large.clone())).await.unwrap();
    engine.page_new(commons.clone(), "Written".into(), None).await.unwrap();
    engine.page_write(commons.clone(), "Written".into(), large.clone()).await.unwrap();
    engine.close().await;

    let engine = open(&dir.path().join("home")).await;
    for name in ["Taken in", "Made", "Written"] {
        let id = engine.page_show(commons.clone(), name.into()).await.unwrap().row.id;
        let page: PageId = id.parse().unwrap();
        assert_eq!(to_build(&engine, in_commons, page).await, 0, "{name}");
        // A small edit makes no new one worth its while.
        engine.page_append(commons.clone(), id.clone(), "and the last".into()).await.unwrap();
        assert_eq!(to_build(&engine, in_commons, page).await, 1, "{name}");
        assert_eq!(engine.page_show(commons.clone(), id).await.unwrap().body, format!("{large}and the last"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_page_that_is_closed_is_compacted_when_it_is_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).await;
    engine.init("Maren".into(), None, None).await.unwrap();
    let commons = engine.commons_new("Kettles".into(), None, None, None).await.unwrap().id;
    let in_commons: CommonsId = commons.parse().unwrap();
    let mut pages = Vec::new();
    for (name, lines) in [("short", 10), ("long", 3_000)] {
        let text = "a line of a page\n".repeat(lines);
        let id = engine.page_new(commons.clone(), name.into(), Some(text)).await.unwrap().id;
        let window = engine.editor_open(commons.clone(), id.clone()).await.unwrap();
        let end = u32::try_from(window.text.len()).unwrap();
        let changes = vec![Section::Keep(end), Section::Change(vec![Part::Delete(0), Part::Line(".".into())])];
        let update = EditorUpdate { client_id: "typist".into(), changes };
        assert!(engine.editor_push(window.session, window.version, vec![update]).await.unwrap().accepted);
        pages.push((window.session, id));
    }
    let [short, long]: [PageId; 2] = std::array::from_fn(|n| pages[n].1.parse().unwrap());
    // While somebody has it open nothing is made of it.
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
    let next = move |core: &mut Core| {
        core.compact_when_quiet(in_commons, DocId::Page(long))?;
        Ok((core.to_compact.len(), core.next_to_compact()))
    };
    assert_eq!(engine.ask(next).await.unwrap(), (1, None));
    assert_eq!(to_build(&engine, in_commons, long).await, 2);
    for (session, _) in &pages {
        engine.editor_close(*session).await.unwrap();
    }
    while to_build(&engine, in_commons, long).await > 0 {
        ticks.tick().await;
    }
    assert_eq!(to_build(&engine, in_commons, short).await, 2);
    // As it is now, and not as it was.
    engine.close().await;
    let engine = open(dir.path()).await;
    let body = engine.page_show(commons.clone(), pages[1].1.clone()).await.unwrap().body;
    assert_eq!(body, "a line of a page\n".repeat(3_000) + ".");
    assert_eq!(to_build(&engine, in_commons, long).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_the_page_is_built() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).await;
    engine.init("Maren".into(), None, None).await.unwrap();
    let commons = engine.commons_new("Kettles".into(), None, None, None).await.unwrap().id;
    let in_commons: CommonsId = commons.parse().unwrap();
    let id = engine.page_new(commons.clone(), "Tea".into(), Some("tea\n".into())).await.unwrap().id;
    let page: PageId = id.parse().unwrap();
    engine.close().await;

    let engine = open(dir.path()).await;
    let much = "x".repeat(Page::MAX_BODY_BYTES - 3);
    let refused = engine.page_append(commons.clone(), id.clone(), much).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::TooLarge);
    let refused = engine.page_write(commons.clone(), id.clone(), "x".repeat(Page::MAX_BODY_BYTES + 1)).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::TooLarge);
    assert!(!is_built(&engine, in_commons, page).await);
    engine.page_append(commons.clone(), id.clone(), "milk\n".into()).await.unwrap();
    assert!(is_built(&engine, in_commons, page).await);
    assert_eq!(engine.page_show(commons, id).await.unwrap().body, "tea\nmilk\n");
}
