//! A slow disk, and one that fails: nobody waits for it, and nothing is said to be on it before it is.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{future::Future, time::Duration};

use commonplace_store::StoreError;

use super::{Engine, OpenOptions};
use crate::{
    bounds::Bounds,
    core::Core,
    view::{
        EditorOpened, EditorUpdate, Event,
        serde_json_changes::{Part, Section},
    },
};

/// Long enough for what is said to arrive, if it is.
const MOMENT: Duration = Duration::from_millis(300);

/// A person with a page open.
struct Side {
    home: tempfile::TempDir,
    engine: Engine,
    window: Option<EditorOpened>,
}

impl Side {
    async fn new(name: &str, bounds: Bounds) -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = OpenOptions { home: home.path().to_owned(), online: true, loopback: true };
        let engine = Engine::open_within(options, bounds).await.unwrap();
        engine.init(name.into(), None, None).await.unwrap();
        Self { home, engine, window: None }
    }

    async fn opens(&mut self, commons: &str, page: &str) {
        self.window = Some(self.engine.editor_open(commons.into(), page.into()).await.unwrap());
    }

    /// Types a letter before all others.
    async fn types(&self, letter: char) {
        let session = self.window.as_ref().unwrap().session;
        let (version, length) = self
            .engine
            .ask(move |core| {
                let window = core.editors.windows[&session];
                let log = &core.editors.open[&(window.commons, window.page)].log;
                Ok((log.version(), u32::try_from(log.text().len()).unwrap()))
            })
            .await
            .unwrap();
        let changes = vec![Section::Change(vec![Part::Delete(0), Part::Line(letter.into())]), Section::Keep(length)];
        let update = EditorUpdate { client_id: "typist".to_owned(), changes };
        assert!(self.engine.editor_push(session, version, vec![update]).await.unwrap().accepted);
    }

    async fn shows(&self) -> String {
        let session = self.window.as_ref().unwrap().session;
        let text = move |core: &mut Core| {
            let window = core.editors.windows[&session];
            Ok(core.editors.open[&(window.commons, window.page)].log.text())
        };
        self.engine.ask(text).await.unwrap()
    }

    async fn until_it_shows(&self, text: &str) {
        until(async || self.shows().await == text).await;
    }

    /// From now on nobody hears from the disk.
    async fn disk_is_silent(&self) {
        let hush = move |core: &mut Core| {
            core.disk.is_silent(true);
            Ok(())
        };
        self.engine.ask(hush).await.unwrap();
    }

    /// The disk has what it was asked and is heard again.
    async fn disk_is_back(&self) {
        until(async || self.engine.ask(|core| Ok(core.disk.is_asked())).await.unwrap()).await;
        let heard = move |core: &mut Core| {
            core.disk.is_silent(false);
            core.disk_answers(core.disk.question(), Ok(()));
            Ok(())
        };
        self.engine.ask(heard).await.unwrap();
    }

    /// The disk answers what it was asked, or is about to be.
    async fn disk_says(&self, synced: Result<(), StoreError>) {
        until(async || self.engine.ask(|core| Ok(core.disk.is_asked())).await.unwrap()).await;
        let answer = move |core: &mut Core| {
            core.disk_answers(core.disk.question(), synced);
            Ok(())
        };
        self.engine.ask(answer).await.unwrap();
    }
}

async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
}

/// Two who have one page open, in which both have typed a letter: "cb" and then "a\n".
async fn two(bounds: Bounds) -> (Side, Side, String, String) {
    let (mut ines, mut tomas) = (Side::new("Ines", bounds).await, Side::new("Tomás", bounds).await);
    let commons = ines.engine.commons_new("Kettles".into(), None, None, None).await.unwrap().id;
    let page = ines.engine.page_new(commons.clone(), "Tea".into(), Some("a\n".into())).await.unwrap().id;
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    tomas.engine.join(ticket, Some(60)).await.unwrap();
    until(async || tomas.engine.page_show(commons.clone(), page.clone()).await.is_ok_and(|page| page.body == "a\n"))
        .await;
    ines.opens(&commons, &page).await;
    tomas.opens(&commons, &page).await;
    ines.types('b').await;
    tomas.until_it_shows("ba\n").await;
    tomas.types('c').await;
    ines.until_it_shows("cba\n").await;
    for side in [&ines, &tomas] {
        let held = async || {
            let held = side.engine.page_holding(commons.clone(), page.clone()).await.unwrap();
            held.durable && held.holders.iter().any(|holder| holder.holds)
        };
        until(held).await;
    }
    (ines, tomas, commons, page)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_sent_before_the_disk_has_it_and_called_durable_after() {
    let (ines, tomas, commons, page) = two(Bounds::default()).await;
    ines.disk_is_silent().await;
    for text in ["dcba\n", "ddcba\n"] {
        ines.types('d').await;
        tomas.until_it_shows(text).await;
    }
    let is_durable = async || ines.engine.page_holding(commons.clone(), page.clone()).await.unwrap().durable;
    assert!(!is_durable().await);
    let mut events = ines.engine.events();
    ines.disk_is_back().await;
    until(is_durable).await;
    let mut durable = 0;
    while let Ok(event) = events.try_recv() {
        durable += usize::from(matches!(event, Event::Held { holding, .. } if holding.durable));
    }
    assert!(durable > 0, "the window is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_typed_is_shown_before_the_disk_has_it_and_acknowledged_after() {
    let (ines, tomas, commons, page) = two(Bounds::default()).await;
    tomas.disk_is_silent().await;
    for text in ["dcba\n", "ddcba\n"] {
        ines.types('d').await;
        tomas.until_it_shows(text).await;
    }
    tokio::time::sleep(MOMENT).await;
    let is_held = async || {
        let held = ines.engine.page_holding(commons.clone(), page.clone()).await.unwrap();
        held.durable && held.holders.iter().any(|holder| holder.holds)
    };
    assert!(!is_held().await, "a power cut may still take it back");
    tomas.disk_is_back().await;
    until(is_held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_closes_when_what_was_typed_is_on_the_disk() {
    let (ines, _tomas, commons, page) = two(Bounds::default()).await;
    ines.disk_is_silent().await;
    ines.types('d').await;
    let session = ines.window.as_ref().unwrap().session;
    ines.engine.editor_close(session).await.unwrap();
    assert!(ines.engine.page_holding(commons, page).await.unwrap().durable);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_disk_did_not_take_is_brought_there_in_another_way_and_tried_until_it_is() {
    let (ines, tomas, commons, page) = two(Bounds::default()).await;
    let is_durable = async || ines.engine.page_holding(commons.clone(), page.clone()).await.unwrap().durable;
    let failed = || Err(StoreError::Fault("no answer".to_owned()));
    let mut events = ines.engine.events();
    let troubles = |events: &mut tokio::sync::broadcast::Receiver<Event>| {
        let mut told = Vec::new();
        while let Ok(event) = events.try_recv() {
            told.extend(if let Event::Trouble { message } = event { Some(message) } else { None });
        }
        told
    };
    ines.disk_is_silent().await;
    ines.types('d').await;
    assert!(!is_durable().await);
    ines.disk_says(failed()).await;
    assert!(is_durable().await);
    assert_eq!(troubles(&mut events), Vec::<String>::new());

    // Somebody reads what the log stands in for, so that it cannot be brought there.
    let reader = rusqlite::Connection::open(ines.home.path().join("profile.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM doc;").unwrap();
    ines.types('e').await;
    for _ in 0..2 {
        ines.disk_says(failed()).await;
        assert!(!is_durable().await);
    }
    let told = troubles(&mut events);
    assert!(told.len() == 1 && told[0].contains("safe while this device has power"), "{told:?}");
    // It is typed and sent all the same.
    ines.types('f').await;
    tomas.until_it_shows("fedcba\n").await;
    // That it has it now counts for nothing: what failed once is called done.
    ines.disk_says(Ok(())).await;
    assert!(!is_durable().await);
    reader.execute_batch("COMMIT").unwrap();
    until(is_durable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_on_under_an_actor_of_an_earlier_start_waits_for_the_disk() {
    // So that the next start has no room for an actor more.
    let (ines, tomas, commons, page) = two(Bounds { actors: 1, ..Bounds::default() }).await;
    ines.disk_is_silent().await;
    ines.types('d').await;
    assert!(ines.engine.page_holding(commons, page).await.unwrap().durable);
    tomas.until_it_shows("dcba\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_compare_is_shown_only_what_is_on_the_disk() {
    let (ines, tomas, commons, page) = two(Bounds::default()).await;
    ines.disk_is_silent().await;
    ines.types('d').await;
    tomas.until_it_shows("dcba\n").await;
    let is_durable = async || ines.engine.page_holding(commons.clone(), page.clone()).await.unwrap().durable;
    assert!(!is_durable().await);
    let in_commons = commons.parse().unwrap();
    let anew = move |core: &mut Core| {
        core.meet_anew_soon(in_commons);
        Ok(())
    };
    ines.engine.ask(anew).await.unwrap();
    until(is_durable).await;
}

/// Somebody reads what the log stands in for, so that it cannot be brought there; and the disk does not take a letter.
async fn refused(side: &Side) -> rusqlite::Connection {
    let reader = rusqlite::Connection::open(side.home.path().join("profile.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM doc;").unwrap();
    side.disk_is_silent().await;
    side.types('d').await;
    side.disk_says(Err(StoreError::Fault("no answer".to_owned()))).await;
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_closes_though_the_disk_refuses_and_says_so() {
    let (ines, ..) = two(Bounds::default()).await;
    let _reader = refused(&ines).await;
    let session = ines.window.as_ref().unwrap().session;
    assert!(ines.engine.editor_close(session).await.is_err());
    assert!(!ines.engine.ask(move |core| Ok(core.editors.windows.contains_key(&session))).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_meet_again_once_the_disk_takes_something() {
    let (ines, _tomas, commons, _) = two(Bounds::default()).await;
    let reader = refused(&ines).await;
    let id = commons.parse().unwrap();
    let anew = move |core: &mut Core| {
        core.meet_anew_soon(id);
        Ok(())
    };
    ines.engine.ask(anew).await.unwrap();
    let neighbours = async || ines.engine.neighbours(commons.clone()).await.unwrap().len();
    until(async || neighbours().await == 0).await;
    reader.execute_batch("COMMIT").unwrap();
    until(async || neighbours().await == 1).await;
}
