//! What others write in an open page and is not applied at once: it loses nothing, and finds its place.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use commonplace_model::{CommonsId, DocId, Document, Nonce, Page, PageId, Splice};
use commonplace_store::{Batch, DocBatch, Projection};
use commonplace_trust::{DeviceKey, VerifiedAttestation, VerifiedChange, actor_of, gate};

use super::{Engine, OpenOptions};
use crate::{
    core::Core,
    gathering::RETRY,
    view::{
        EditorOpened, EditorUpdate, Event,
        serde_json_changes::{Part, Section},
    },
};

/// So long that nothing is applied by itself while a test runs.
const LONG: Duration = Duration::from_secs(3_600);

struct Stage {
    home: tempfile::TempDir,
    engine: Engine,
    commons: CommonsId,
    page: PageId,
    window: EditorOpened,
}

type Made = (VerifiedChange, VerifiedAttestation);

struct Writer {
    key: DeviceKey,
    nonce: Nonce,
    commons: CommonsId,
    doc: DocId,
    page: Page,
}

impl Writer {
    /// Writes before all else.
    fn writes(&mut self, text: &str) -> Made {
        let splice = Splice { at: 0, delete: 0, insert: text.to_owned() };
        let made = self.page.edit(&[splice]).unwrap().unwrap();
        VerifiedChange::local(made, &self.key, self.commons, self.doc, self.nonce).unwrap()
    }
}

impl Stage {
    /// A page that a window has open, in which two others wrote, which took long to apply.
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = OpenOptions { home: home.path().to_owned(), online: false, loopback: true };
        let engine = Engine::open(options).await.unwrap();
        engine.init("Maren".into(), None, None).await.unwrap();
        let id = engine.commons_new("Kettles".into(), None, None, None).await.unwrap().id;
        let page = engine.page_new(id.clone(), "Tea".into(), Some("tea\n".into())).await.unwrap().id;
        let window = engine.editor_open(id.clone(), page.clone()).await.unwrap();
        let (commons, page) = (id.parse().unwrap(), page.parse().unwrap());
        let stage = Self { home, engine, commons, page, window };
        for (who, text) in [(1, "1"), (2, "2")] {
            stage.comes(vec![stage.writes(who, text).await], true).await;
        }
        assert_eq!(stage.shown().await, "21tea\n");
        let key = (commons, DocId::Page(page));
        let cost = move |core: &mut Core| {
            core.documents.gathered.get_mut(&key).unwrap().rests(LONG);
            Ok(())
        };
        stage.engine.ask(cost).await.unwrap();
        stage
    }

    /// Somebody else, who has the page as it is stored here.
    async fn writer(&self, who: u8) -> Writer {
        let (commons, doc) = (self.commons, DocId::Page(self.page));
        let known = self.engine.ask(move |core| Ok(core.store.changes(commons, doc, None)?)).await.unwrap();
        let (key, nonce) = (DeviceKey::from_seed(&[who; 32]), Nonce::new([who; 16]));
        let mut document = Document::new(doc.into());
        gate::apply(&mut document, known).unwrap();
        document.set_actor(actor_of(commons, doc, key.id(), nonce));
        Writer { key, nonce, commons, doc, page: Page::from_document(document).unwrap() }
    }

    async fn writes(&self, who: u8, text: &str) -> Made {
        self.writer(who).await.writes(text)
    }

    /// It comes, and is stored, or the disk does not take it.
    async fn comes(&self, made: Vec<Made>, stored: bool) {
        let (commons, page) = (self.commons, self.page);
        let doc = DocId::Page(page);
        let come = move |core: &mut Core| {
            let (changes, attestations): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            core.gather(commons, page, &changes)?;
            if stored {
                let projection = Projection::Later;
                let batch = DocBatch { doc, changes, attestations, projection, local: false, at: 1 };
                core.store.write(Batch { commons, docs: vec![batch] })?;
                core.gathered_is_stored(commons, &[doc]);
                // Of a page that is open the lists hear later.
                core.warm_up(commons, doc);
            } else {
                core.forget_unstored(commons, &[doc]);
            }
            Ok(())
        };
        self.engine.ask(come).await.unwrap();
    }

    /// Somebody types in the window, behind the first so many letters.
    async fn types(&self, at: u32, text: &str) {
        let version = self.version().await;
        let length = u32::try_from(self.shown().await.len()).unwrap();
        let mut changes = vec![Section::Keep(at)];
        changes.push(Section::Change(vec![Part::Delete(0), Part::Line(text.to_owned())]));
        changes.push(Section::Keep(length - at));
        changes.retain(|section| !matches!(section, Section::Keep(0)));
        let update = EditorUpdate { client_id: "typist".to_owned(), changes };
        let pushed = self.engine.editor_push(self.window.session, version, vec![update]).await.unwrap();
        assert!(pushed.accepted);
    }

    /// The engine looks what is due at this moment.
    async fn ticks(&self, at: Instant) {
        let tick = move |core: &mut Core| {
            core.tick_gathered(at);
            Ok(())
        };
        self.engine.ask(tick).await.unwrap();
    }

    /// The disk takes no change of a page any more, as when it is full; or takes them again.
    fn disk_takes(&self, takes: bool) {
        let full = "CREATE TRIGGER full BEFORE INSERT ON change BEGIN SELECT RAISE(ABORT, 'full'); END";
        let db = rusqlite::Connection::open(self.home.path().join("profile.db")).unwrap();
        db.execute_batch(if takes { "DROP TRIGGER full" } else { full }).unwrap();
    }

    async fn version(&self) -> u32 {
        let key = (self.commons, self.page);
        self.engine.ask(move |core| Ok(core.editors.open[&key].log.version())).await.unwrap()
    }

    /// The text in the window.
    async fn shown(&self) -> String {
        let key = (self.commons, self.page);
        self.engine.ask(move |core| Ok(core.editors.open[&key].log.text())).await.unwrap()
    }

    /// How many changes wait.
    async fn waiting(&self) -> usize {
        let key = (self.commons, DocId::Page(self.page));
        let count = move |core: &mut Core| Ok(core.documents.gathered.get(&key).map_or(0, |g| g.hashes().len()));
        self.engine.ask(count).await.unwrap()
    }

    /// The page as a command shows it.
    async fn body(&self) -> String {
        self.engine.page_show(self.commons.to_string(), self.page.to_string()).await.unwrap().body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_stored_and_shown_as_soon_as_somebody_reads() {
    let stage = Stage::new().await;
    let mut events = stage.engine.events();
    stage.comes(vec![stage.writes(1, "3").await], true).await;
    stage.comes(vec![stage.writes(2, "4").await], true).await;
    assert_eq!((stage.waiting().await, stage.shown().await), (2, "21tea\n".to_owned()));
    assert_eq!(stage.body().await, "4321tea\n");
    assert_eq!((stage.waiting().await, stage.shown().await), (0, "4321tea\n".to_owned()));
    let mut told = 0;
    while let Ok(event) = events.try_recv() {
        told += usize::from(matches!(event, Event::Editor { session, .. } if session == stage.window.session));
    }
    assert_eq!(told, 1, "both are told together");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_applied_when_its_rest_is_over() {
    let stage = Stage::new().await;
    stage.comes(vec![stage.writes(1, "3").await], true).await;
    let later = Instant::now() + 4 * LONG;
    stage.ticks(later).await;
    assert_eq!((stage.waiting().await, stage.shown().await), (0, "321tea\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_wait_as_may_and_not_one_more() {
    let stage = Stage::new().await;
    let mut writer = stage.writer(1).await;
    let made: Vec<_> = (0..1_000).map(|_| writer.writes("x")).collect();
    let (last, before) = made.split_last().unwrap();
    stage.comes(before.to_vec(), true).await;
    assert_eq!((stage.waiting().await, stage.shown().await), (999, "21tea\n".to_owned()));
    stage.comes(vec![last.clone()], true).await;
    assert_eq!((stage.waiting().await, stage.shown().await.len()), (0, 1_006));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_meanwhile_finds_its_place() {
    for (drops, compacts) in [(false, false), (true, false), (true, true)] {
        let stage = Stage::new().await;
        stage.comes(vec![stage.writes(1, "34").await], true).await;
        if compacts {
            // As the thread does that reads what is stored, for the lists.
            let (commons, doc) = (stage.commons, DocId::Page(stage.page));
            let compact = move |core: &mut Core| {
                let whole = crate::documents::build(&core.store, commons, doc, &Default::default())?;
                Ok(core.store.compact(commons, doc, &whole.document.save())?)
            };
            stage.engine.ask(compact).await.unwrap();
        }
        if drops {
            // As when something that was to be written could not be.
            let key = (stage.commons, DocId::Page(stage.page));
            let forget = move |core: &mut Core| {
                core.documents.forget(key);
                Ok(())
            };
            stage.engine.ask(forget).await.unwrap();
        }
        stage.types(2, "x").await;
        let flush = |commons, page| move |core: &mut Core| core.flush_page(commons, page);
        stage.engine.ask(flush(stage.commons, stage.page)).await.unwrap();
        assert_eq!((stage.waiting().await, stage.shown().await), (1, "21xtea\n".to_owned()));
        stage.types(3, "y").await;
        assert_eq!(stage.body().await, "3421xytea\n");
        assert_eq!(stage.shown().await, "3421xytea\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_stored_is_not_applied() {
    let stage = Stage::new().await;
    stage.comes(vec![stage.writes(1, "3").await], true).await;
    stage.types(0, "x").await;
    stage.comes(vec![stage.writes(2, "4").await], false).await;
    assert_eq!((stage.waiting().await, stage.shown().await), (1, "x21tea\n".to_owned()));
    let body = stage.body().await;
    assert_eq!(body, stage.shown().await);
    assert!(body.contains('3') && body.contains('x') && !body.contains('4'), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_what_was_typed_cannot_be_stored_the_rest_waits_and_is_tried_again() {
    let stage = Stage::new().await;
    stage.comes(vec![stage.writes(1, "3").await], true).await;
    stage.types(0, "x").await;
    stage.disk_takes(false);
    let later = Instant::now() + 4 * LONG;
    stage.ticks(later).await;
    assert_eq!((stage.waiting().await, stage.shown().await), (1, "x21tea\n".to_owned()));
    stage.disk_takes(true);
    stage.ticks(later + RETRY / 2).await;
    assert_eq!(stage.waiting().await, 1, "it is not tried without a pause");
    stage.ticks(later + RETRY).await;
    let shown = stage.shown().await;
    assert_eq!((stage.waiting().await, stage.body().await), (0, shown.clone()));
    assert!(shown.contains('3') && shown.contains('x'), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_again_and_again_for_what_does_not_wait_any_more() {
    let stage = Stage::new().await;
    stage.comes(vec![stage.writes(1, "3").await], false).await;
    assert_eq!((stage.waiting().await, stage.shown().await), (0, "21tea\n".to_owned()));
    let later = Instant::now() + 4 * LONG;
    let tick = move |core: &mut Core| {
        core.next_tick = None;
        core.tick_gathered(later);
        Ok(core.next_tick)
    };
    assert_eq!(stage.engine.ask(tick).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_closed_has_all_of_it() {
    let stage = Stage::new().await;
    stage.comes(vec![stage.writes(1, "3").await], true).await;
    stage.engine.editor_close(stage.window.session).await.unwrap();
    let (commons, page) = (stage.commons, stage.page);
    let listed = stage.engine.ask(move |core| Ok(core.store.page_text(commons, page)?)).await.unwrap();
    assert_eq!(listed.as_deref(), Some("321tea\n"));
    assert_eq!((stage.waiting().await, stage.body().await), (0, "321tea\n".to_owned()));
}
