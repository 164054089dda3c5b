//! A device of a test: an engine over loopback with a profile of its own.

use std::time::Duration;

use commonplace_governance::{Genesis, Roll};
use commonplace_node::{
    Bounds, Engine, OpenOptions,
    view::{
        EditorUpdate, EditorUpdates, Event, PageQuery,
        serde_json_changes::{Part, Section},
    },
};
use commonplace_trust::DeviceKey;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Nothing in these tests takes longer than a moment; this is when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Device {
    pub(crate) engine: Engine,
    home: tempfile::TempDir,
    bounds: Bounds,
}

impl Device {
    pub(crate) async fn unnamed() -> Self {
        Self::unnamed_within(Bounds::default()).await
    }

    async fn unnamed_within(bounds: Bounds) -> Self {
        // With RUST_LOG set a failing test tells what the engines did.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let home = tempfile::tempdir().expect("a folder");
        let engine = open(home.path(), true, bounds).await;
        Self { engine, home, bounds }
    }

    pub(crate) async fn new(name: &str) -> Self {
        Self::within(name, Bounds::default()).await
    }

    /// One that holds members' devices to these bounds.
    pub(crate) async fn within(name: &str, bounds: Bounds) -> Self {
        let device = Self::unnamed_within(bounds).await;
        device.engine.init(name.to_owned(), None, None).await.expect("takes the name");
        device
    }

    pub(crate) async fn found(&self, name: &str) -> String {
        self.engine.commons_new(name.to_owned(), None, None, None).await.expect("founds").id
    }

    pub(crate) async fn go_offline(&mut self) {
        self.engine.close().await;
        self.engine = open(self.home.path(), false, self.bounds).await;
    }

    pub(crate) async fn go_online(&mut self) {
        self.engine.close().await;
        self.engine = open(self.home.path(), true, self.bounds).await;
    }

    /// Leaves the profile as a join does that was killed after it was let in: what else there is has not come.
    pub(crate) async fn interrupt_arrival(&mut self, commons: &str) {
        self.engine.close().await;
        let mut store = commonplace_store::Store::open_begun(self.home.path(), true).expect("opens");
        store.set_setting(&format!("arriving/{commons}"), &[1]).expect("stores");
        drop(store);
        self.engine = open(self.home.path(), false, self.bounds).await;
    }

    /// Puts a commons into the profile that another program founded with this device's key.
    pub(crate) async fn plant(&mut self, genesis: Genesis) -> String {
        self.engine.close().await;
        let seed = std::fs::read(self.home.path().join("device.key")).expect("a key");
        let key = DeviceKey::from_seed(&seed.try_into().expect("of 32 bytes"));
        let (roll, record) = Roll::found(genesis, &key).expect("founds");
        let mut store = commonplace_store::Store::open_begun(self.home.path(), true).expect("opens");
        store.add_commons(roll.commons(), &[record]).expect("stores");
        drop(store);
        self.engine = open(self.home.path(), true, self.bounds).await;
        roll.commons().to_string()
    }

    /// Damages the change on the disk that wrote these words.
    pub(crate) async fn damage(&mut self, words: &str) {
        self.engine.close().await;
        let path = self.home.path().join("profile.db");
        let mut bytes = std::fs::read(&path).expect("reads");
        let places: Vec<usize> =
            (0..bytes.len() - words.len()).filter(|at| bytes[*at..].starts_with(words.as_bytes())).collect();
        // A change begins with these bytes, and is short.
        let begins = |at: &usize| bytes[*at..].starts_with(&[0x85, 0x6f, 0x4a, 0x83]);
        let change = places.iter().find_map(|at| (at.saturating_sub(160)..*at).rev().find(begins));
        bytes[change.expect("a change that wrote them")] ^= 0xff;
        std::fs::write(&path, bytes).expect("writes");
        self.engine = open(self.home.path(), true, self.bounds).await;
    }

    /// The disk takes no change of a page any more, as when it is full; or takes them again.
    pub(crate) fn disk_takes(&self, takes: bool) {
        self.disk(if takes {
            "DROP TRIGGER full"
        } else {
            "CREATE TRIGGER full BEFORE INSERT ON change BEGIN SELECT RAISE(ABORT, 'full'); END"
        });
    }

    /// Nothing can be taken out of a page's changes any more; or it can again.
    pub(crate) fn disk_gives(&self, gives: bool) {
        self.disk(if gives {
            "DROP TRIGGER stuck"
        } else {
            "CREATE TRIGGER stuck BEFORE DELETE ON change BEGIN SELECT RAISE(ABORT, 'stuck'); END"
        });
    }

    fn disk(&self, how: &str) {
        let db = rusqlite::Connection::open(self.home.path().join("profile.db")).expect("opens");
        db.busy_timeout(PATIENCE).expect("waits");
        db.execute_batch(how).expect("is so from now on");
    }

    /// Makes the two meet though neither knows where the other is: there is no looking for devices over loopback.
    pub(crate) async fn meet(&self, other: &Self) {
        let commons = self.found("Zest: a reason to meet").await;
        let ticket = self.engine.invite(commons, None, None).await.expect("invites").ticket;
        other.engine.join(ticket, Some(20)).await.expect("joins");
    }

    /// Waits until something holds, looking again whenever anything happens here.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let mut events = self.engine.events();
        let wait = async {
            while !holds().await {
                match tokio::time::timeout(Duration::from_millis(500), events.recv()).await {
                    Ok(Err(RecvError::Closed)) => panic!("the engine closed while waiting until {what}"),
                    // A quiet half second is no reason to give up.
                    _ => continue,
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
    }

    pub(crate) async fn until_text(&self, commons: &str, page: &str, text: &str) {
        self.until(&format!("the page is {text:?}"), async || {
            let shown = self.engine.page_show(commons.to_owned(), page.to_owned()).await;
            shown.is_ok_and(|page| page.body == text)
        })
        .await;
    }

    pub(crate) async fn until_held(&self, commons: &str, page: &str, by: &str) {
        self.until(&format!("{by} holds it"), async || {
            let holding = self.engine.page_holding(commons.to_owned(), page.to_owned()).await.expect("tells");
            holding.holders.iter().any(|h| h.name == by && h.holds)
        })
        .await;
    }
}

async fn open(home: &std::path::Path, online: bool, bounds: Bounds) -> Engine {
    let options = OpenOptions { home: home.to_owned(), online, loopback: true };
    Engine::open_within(options, bounds).await.expect("opens")
}

/// Ines, who founded a commons, and Tomás, who joined it.
pub(crate) async fn pair() -> (Device, Device, String) {
    pair_within(Bounds::default()).await
}

/// The same two, holding members' devices to these bounds.
pub(crate) async fn pair_within(bounds: Bounds) -> (Device, Device, String) {
    let (ines, tomas) = (Device::within("Ines", bounds).await, Device::within("Tomás", bounds).await);
    let commons = ines.found("Repair Café").await;
    let ticket = ines.engine.invite(commons.clone(), None, None).await.expect("invites").ticket;
    tomas.engine.join(ticket, Some(20)).await.expect("joins");
    (ines, tomas, commons)
}

/// Waits for an event.
pub(crate) async fn until(events: &mut Receiver<Event>, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    let wait = async {
        loop {
            match events.recv().await {
                Ok(event) if wanted(&event) => return event,
                Ok(other) => tracing::debug!(?other, "not yet"),
                Err(error) => panic!("no more events: {error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the event comes")
}

/// A window's update that inserts text in a page of `len` units.
pub(crate) fn insert(len: u32, at: u32, text: &str) -> EditorUpdate {
    let mut parts = vec![Part::Delete(0)];
    parts.extend(text.split('\n').map(|line| Part::Line(line.to_owned())));
    let mut changes = vec![Section::Change(parts)];
    if at > 0 {
        changes.insert(0, Section::Keep(at));
    }
    if len > at {
        changes.push(Section::Keep(len - at));
    }
    EditorUpdate { client_id: "window".to_owned(), changes }
}

/// Makes updates in a text as an editor would.
pub(crate) fn apply(text: &mut Vec<u16>, updates: &EditorUpdates) {
    for update in &updates.updates {
        let mut at = 0;
        for section in &update.changes {
            match section {
                Section::Keep(units) => at += *units as usize,
                Section::Change(parts) => {
                    let Some(Part::Delete(delete)) = parts.first() else { panic!("no deletion") };
                    let lines: Vec<_> = parts[1..]
                        .iter()
                        .map(|part| match part {
                            Part::Line(line) => line.as_str(),
                            Part::Delete(_) => panic!("no line"),
                        })
                        .collect();
                    let units: Vec<u16> = lines.join("\n").encode_utf16().collect();
                    let end = at + *delete as usize;
                    let len = units.len();
                    text.splice(at..end, units);
                    at += len;
                }
            }
        }
        assert!(at == text.len(), "an update covers the whole text");
    }
}

/// The two have the same pages with the same text.
pub(crate) async fn equal(one: &Device, other: &Device, commons: &str) {
    let pages = async |device: &Device| {
        let list = device.engine.page_list(commons.to_owned(), PageQuery::default()).await.expect("lists");
        let mut pages = Vec::new();
        for row in list.rows {
            let page = device.engine.page_show(commons.to_owned(), row.id.clone()).await.expect("shows");
            pages.push((row.id, row.path, row.title, page.body, page.tags));
        }
        pages
    };
    one.until("the two are equal", async || pages(one).await == pages(other).await).await;
}
