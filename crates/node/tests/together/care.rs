//! Care after the fact, between engines over loopback: what changed, taking it back, muting, flags.

use commonplace_node::{
    ErrorCode,
    view::{ChangeQuery, ChangeRun, FlagQuery, Reverted},
};

use crate::device::{Device, equal, insert, pair};

async fn changes(device: &Device, commons: &str, query: ChangeQuery) -> Vec<ChangeRun> {
    device.engine.changes(commons.to_owned(), query).await.expect("lists").runs
}

fn by(member: &str) -> ChangeQuery {
    ChangeQuery { by: Some(member.to_owned()), ..ChangeQuery::default() }
}

async fn revert(device: &Device, commons: &str, changes: &[&ChangeRun], dry: bool) -> Reverted {
    let changes = changes.iter().map(|run| run.id.clone()).collect();
    device.engine.revert(commons.to_owned(), changes, None, None, dry).await.expect("takes back")
}

async fn flagged(device: &Device, commons: &str) -> usize {
    device.engine.flags(commons.to_owned(), FlagQuery::default()).await.expect("lists").flags.len()
}

async fn text(device: &Device, commons: &str, page: &str) -> String {
    device.engine.page_show(commons.to_owned(), page.to_owned()).await.expect("shows").body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_did_is_seen_and_taken_back_and_others_text_stays() {
    let (ines, tomas, commons) = pair().await;
    let page =
        ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs and dust".into())).await.unwrap().id;
    tomas.until_text(&commons, &page, "crumbs and dust").await;
    // Tomás types, stroke by stroke, in a window, and deletes; Ines writes on.
    let opened = tomas.engine.editor_open(commons.clone(), page.clone()).await.unwrap();
    for (n, letter) in (0..).zip(["B", "U", "Y"]) {
        let update = insert(15 + n, n, letter);
        let pushed = tomas.engine.editor_push(opened.session, n, vec![update]).await.unwrap();
        assert!(pushed.accepted);
    }
    tomas.engine.editor_close(opened.session).await.unwrap();
    tomas.engine.page_write(commons.clone(), page.clone(), "BUYcrumbs dust".into()).await.unwrap();
    ines.until_text(&commons, &page, "BUYcrumbs dust").await;
    ines.engine.page_write(commons.clone(), page.clone(), "BUYcrumbs dust, and springs".into()).await.unwrap();

    let runs = changes(&ines, &commons, by("tomás")).await;
    let on_page: Vec<_> = runs.iter().filter(|run| run.page.as_ref().is_some_and(|row| row.id == page)).collect();
    let [run] = on_page.as_slice() else { panic!("{runs:?}") };
    assert_eq!(run.who.as_ref().map(|who| who.name.as_str()), Some("Tomás"));
    assert_eq!((run.inserted, run.inserted_text.as_str()), (3, "BUY"));
    assert_eq!((run.deleted, run.deleted_text.as_str()), (4, "and "));
    assert_eq!(run.summary, "wrote 3 characters and deleted 4 characters");
    // The same run has the same id on both.
    tomas.until_text(&commons, &page, "BUYcrumbs dust, and springs").await;
    let there = changes(&tomas, &commons, ChangeQuery { page: Some(page.clone()), ..by("Tomás") }).await;
    assert_eq!(there.iter().map(|run| &run.id).collect::<Vec<_>>(), vec![&run.id]);

    let dry = revert(&ines, &commons, &[run], true).await;
    assert_eq!((dry.pages[0].out, dry.pages[0].back, dry.pages[0].change.is_none()), (3, 4, true));
    assert_eq!((dry.pages[0].out_text.as_str(), dry.pages[0].back_text.as_str()), ("BUY", "and "));
    assert_eq!(text(&ines, &commons, &page).await, "BUYcrumbs dust, and springs");
    let done = revert(&ines, &commons, &[run], false).await;
    assert_eq!(done.pages[0].done, vec!["3 characters taken out", "4 characters brought back"]);
    assert_eq!(text(&ines, &commons, &page).await, "crumbs and dust, and springs");
    tomas.until_text(&commons, &page, "crumbs and dust, and springs").await;

    // Once more there is nothing to do, also on the other device.
    for device in [&ines, &tomas] {
        let again = revert(device, &commons, &[run], false).await;
        assert!(again.pages[0].done.is_empty() && again.pages[0].change.is_none(), "{again:?}");
        assert!(again.pages[0].left.iter().any(|words| words.contains("Brought back already")), "{again:?}");
    }
    // What took it back is a change like any other: it says what it takes back, and can be taken back. It is one by itself, although
    // she wrote just before.
    let change = done.pages[0].change.clone().expect("it changed");
    for device in [&ines, &tomas] {
        let query = ChangeQuery { page: Some(page.clone()), limit: Some(1), ..by("Ines") };
        let runs = changes(device, &commons, query).await;
        assert_eq!((&runs[0].id, &runs[0].takes_back), (&change, &vec![run.id.clone()]), "{runs:?}");
    }
    tomas.engine.revert(commons.clone(), vec![change], None, None, false).await.unwrap();
    ines.until_text(&commons, &page, "BUYcrumbs dust, and springs").await;
    equal(&ines, &tomas, &commons).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_somebody_wrote_since_goes_at_once() {
    let (ines, tomas, commons) = pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
    let bare = ines.engine.page_new(commons.clone(), "Bare".into(), None).await.unwrap().id;
    tomas.until_text(&commons, &page, "crumbs").await;
    tomas.until_text(&commons, &bare, "").await;
    tomas.engine.page_rename(commons.clone(), page.clone(), "Ads/Buy now".into()).await.unwrap();
    tomas.engine.page_write(commons.clone(), page.clone(), "crumbs BUY".into()).await.unwrap();
    tomas.engine.page_delete(commons.clone(), bare.clone()).await.unwrap();
    let spam = tomas.engine.page_new(commons.clone(), "Spam".into(), Some("buy".into())).await.unwrap().id;
    let shared = tomas.engine.page_new(commons.clone(), "Offers".into(), Some("buy".into())).await.unwrap().id;
    tomas.engine.tag(commons.clone(), page.clone(), vec!["buy".into()]).await.unwrap();
    ines.until_text(&commons, &shared, "buy").await;
    ines.until_text(&commons, &page, "crumbs BUY").await;
    ines.until("the tag is there", async || ines.engine.tags(commons.clone()).await.unwrap().len() == 1).await;
    ines.engine.page_write(commons.clone(), shared.clone(), "buy well".into()).await.unwrap();

    let done =
        ines.engine.revert(commons.clone(), Vec::new(), Some("Tomás".into()), Some("1d".into()), false).await.unwrap();
    let of = |id: &str| done.pages.iter().find(|p| p.page.as_ref().is_some_and(|row| row.id == id)).expect("done");
    assert_eq!(of(&page).done, vec!["4 characters taken out", "title is “Toasters” again", "it is at the top again"]);
    assert_eq!(of(&bare).done, vec!["the page is restored"]);
    assert!(of(&spam).page.as_ref().is_some_and(|row| row.deleted), "nobody else wrote in it");
    assert_eq!(of(&shared).done, vec!["3 characters taken out"]);
    assert!(!done.refused.is_empty() && done.refused.iter().all(|no| no.reason.contains("only they can take it back")));
    assert_eq!(text(&ines, &commons, &shared).await, " well");
    assert_eq!(ines.engine.tags(commons.clone()).await.unwrap().len(), 1, "a ledger has one writer");
    // He takes back himself what he said.
    let said = changes(&tomas, &commons, by("Tomás")).await;
    let said: Vec<_> = said.iter().filter(|run| run.page.is_none() && run.summary.contains("#buy")).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].revertible);
    let own = revert(&tomas, &commons, &said, false).await;
    assert_eq!(own.pages[0].done, vec!["1 statement taken back"]);
    ines.until("the tag is gone", async || ines.engine.tags(commons.clone()).await.unwrap().is_empty()).await;
    equal(&ines, &tomas, &commons).await;
    for refused in [
        ines.engine.revert(commons.clone(), Vec::new(), None, None, false).await,
        ines.engine.revert(commons.clone(), Vec::new(), Some("Tomás".into()), None, false).await,
        ines.engine.revert(commons.clone(), Vec::new(), Some("Tomás".into()), Some("soon".into()), false).await,
    ] {
        assert_eq!(refused.unwrap_err().code, ErrorCode::BadArgument);
    }
    let none = ines.engine.revert(commons.clone(), vec!["abcdefgh.1-2".into()], None, None, false).await;
    assert_eq!(none.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_is_seen_by_all_and_taken_off_by_whoever_put_it() {
    let (ines, tomas, commons) = pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
    tomas.until_text(&commons, &page, "crumbs").await;
    let run = changes(&tomas, &commons, ChangeQuery { page: Some(page.clone()), ..ChangeQuery::default() }).await;
    tomas.engine.flag(commons.clone(), "Toasters".into(), Some("who says so?".into())).await.unwrap();
    tomas.engine.flag(commons.clone(), run[0].id.clone(), None).await.unwrap();
    ines.until("both flags are there", async || flagged(&ines, &commons).await == 2).await;
    let flags = ines.engine.page_show(commons.clone(), page.clone()).await.unwrap().flags;
    let told: Vec<_> =
        flags.flags.iter().map(|f| (f.who.name.as_str(), f.change.as_deref(), f.reason.as_str())).collect();
    assert_eq!(told, vec![("Tomás", None, "who says so?"), ("Tomás", Some(run[0].id.as_str()), "")]);
    let run = changes(&ines, &commons, ChangeQuery { page: Some(page.clone()), ..ChangeQuery::default() }).await;
    assert_eq!(run[0].flags.len(), 1);
    assert_eq!(ines.engine.unflag(commons.clone(), page.clone()).await.unwrap_err().code, ErrorCode::NotFound);
    let left = tomas.engine.unflag(commons.clone(), page.clone()).await.unwrap();
    assert_eq!(left.flags.len(), 1);
    ines.until("one is off", async || flagged(&ines, &commons).await == 1).await;
    let long = tomas.engine.flag(commons.clone(), page, Some("x".repeat(2_000))).await;
    assert_eq!(long.unwrap_err().code, ErrorCode::BadArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_muted_is_not_seen_and_their_text_stays() {
    let (mut ines, tomas, commons) = pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
    tomas.until_text(&commons, &page, "crumbs").await;
    let opened = tomas.engine.editor_open(commons.clone(), page.clone()).await.unwrap();
    tomas.engine.editor_caret(opened.session, Some(2), Some(2)).await.unwrap();
    let of_tomas = async |device: &Device| {
        let people = device.engine.people(commons.clone()).await.unwrap();
        people.into_iter().find(|person| person.name == "Tomás").expect("a member")
    };
    ines.until("Tomás is on the page", async || of_tomas(&ines).await.page.is_some()).await;
    let carets = async |device: &Device| {
        let opened = device.engine.editor_open(commons.clone(), page.clone()).await.unwrap();
        device.engine.editor_close(opened.session).await.unwrap();
        opened.carets.len()
    };
    assert_eq!(carets(&ines).await, 1);
    let muted = ines.engine.mute(commons.clone(), "Tomás".into()).await.unwrap();
    assert_eq!(muted.iter().map(|named| named.name.as_str()).collect::<Vec<_>>(), vec!["Tomás"]);
    let seen = of_tomas(&ines).await;
    assert!(seen.muted && !seen.here && seen.page.is_none() && !seen.writing && seen.last_seen.is_none());
    assert_eq!(carets(&ines).await, 0);
    // Nobody else is told, and what he writes comes as before.
    assert!(!of_tomas(&tomas).await.muted);
    tomas.engine.page_write(commons.clone(), page.clone(), "crumbs and dust".into()).await.unwrap();
    ines.until_text(&commons, &page, "crumbs and dust").await;
    assert_eq!(ines.engine.mute(commons.clone(), "Ines".into()).await.unwrap_err().code, ErrorCode::BadArgument);
    // It is kept.
    ines.go_offline().await;
    assert!(of_tomas(&ines).await.muted);
    assert_eq!(ines.engine.muted(commons.clone()).await.unwrap().len(), 1);
    assert!(ines.engine.unmute(commons.clone(), "Tomás".into()).await.unwrap().is_empty());
    assert!(!of_tomas(&ines).await.muted);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_fails_in_one_page_the_others_are_done_and_it_is_named() {
    let mut ines = Device::new("Ines").await;
    let commons = ines.found("Repair Café").await;
    let (mut pages, mut chosen) = (Vec::new(), Vec::new());
    for title in ["Irons", "Kettles", "Toasters"] {
        let id = ines.engine.page_new(commons.clone(), title.into(), Some("crumbs".into())).await.unwrap().id;
        let spam = format!("BUY MY {}", title.to_uppercase());
        ines.engine.page_write(commons.clone(), id.clone(), spam).await.unwrap();
        let query = ChangeQuery { page: Some(id.clone()), ..ChangeQuery::default() };
        let [run] = &changes(&ines, &commons, query).await[..] else { panic!("one run") };
        // Its last change alone.
        let (actor, numbers) = run.id.split_once('.').unwrap();
        let last = numbers.split_once('-').unwrap().1;
        chosen.push(format!("{actor}.{last}-{last}"));
        pages.push(id);
    }
    ines.damage("BUY MY KETTLES").await;
    let lost = (pages.remove(1), chosen[1].clone());
    for dry in [true, false] {
        let done = ines.engine.revert(commons.clone(), chosen.clone(), None, None, dry).await.unwrap();
        let [failed] = done.failed.as_slice() else { panic!("{done:?}") };
        assert_eq!(failed.changes, vec![lost.1.clone()]);
        assert_eq!(failed.page.as_ref().map(|row| row.id.as_str()), Some(lost.0.as_str()));
        assert!(!failed.reason.is_empty());
        assert_eq!(done.pages.iter().filter(|page| !page.done.is_empty()).count(), 2, "{done:?}");
    }
    for page in &pages {
        assert_eq!(text(&ines, &commons, page).await, "crumbs");
    }
}
