//! The two honest devices of each test, and what has to hold for them.

use commonplace_node::{
    Bounds,
    view::{EditorOpened, Event, PageQuery},
};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::device::{self, Device, insert};

/// Ines, who has a page open, and Tomás, who is connected to her.
pub(crate) struct Stage {
    pub(crate) ines: Device,
    pub(crate) tomas: Device,
    pub(crate) commons: String,
    pub(crate) page: String,
    heard: Receiver<Event>,
    window: EditorOpened,
    text: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::within(Bounds::default()).await
    }

    /// The two hold members' devices to these bounds.
    pub(crate) async fn within(bounds: Bounds) -> Self {
        let (ines, tomas, commons) = device::pair_within(bounds).await;
        let heard = ines.engine.events();
        let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
        tomas.until_text(&commons, &page, "crumbs").await;
        ines.engine.tag(commons.clone(), page.clone(), vec!["electrical".into()]).await.unwrap();
        let window = ines.engine.editor_open(commons.clone(), page.clone()).await.unwrap();
        Self { ines, tomas, commons, page, heard, window, text: "crumbs".to_owned() }
    }

    /// A ticket for so many.
    pub(crate) async fn ticket(&self, uses: u32) -> String {
        self.ines.engine.invite(self.commons.clone(), Some(uses), None).await.unwrap().ticket
    }

    /// Ines types some keys, and Tomás has them.
    pub(crate) async fn types_on(&mut self) {
        for key in [" ", "a", "n", "d", " ", "d", "u", "s", "t"] {
            let len = u32::try_from(self.text.len()).unwrap();
            let update = insert(len, len, key);
            let pushed =
                self.ines.engine.editor_push(self.window.session, self.window.version, vec![update]).await.unwrap();
            assert!(pushed.accepted, "nobody else writes in this page");
            self.window.version = pushed.version;
            self.text.push_str(key);
        }
        self.tomas.until_text(&self.commons, &self.page, &self.text).await;
    }

    /// Waits until Ines is told something with all these words.
    pub(crate) async fn is_told(&mut self, words: &[&str]) {
        let told = |event: &Event| match event {
            Event::Trouble { message } => words.iter().all(|word| message.contains(word)),
            _ => false,
        };
        device::until(&mut self.heard, told).await;
    }

    /// Nothing that she was not told yet is trouble.
    pub(crate) fn was_told_nothing_else(&mut self) {
        loop {
            match self.heard.try_recv() {
                Ok(Event::Trouble { message }) => panic!("told without need: {message}"),
                Ok(_) => {}
                Err(TryRecvError::Empty) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// What the two hold is what they wrote, and somebody new can come and write.
    pub(crate) async fn ends_well(mut self, members: usize) {
        self.types_on().await;
        for device in [&self.ines, &self.tomas] {
            let list = device.engine.page_list(self.commons.clone(), PageQuery::default()).await.unwrap();
            let titles: Vec<_> = list.rows.iter().map(|row| row.title.as_str()).collect();
            assert_eq!(titles, ["Toasters"]);
            let tags = device.engine.tags(self.commons.clone()).await.unwrap();
            assert_eq!(tags.iter().map(|t| (t.tag.as_str(), t.people)).collect::<Vec<_>>(), [("electrical", 1)]);
            assert_eq!(device.engine.people(self.commons.clone()).await.unwrap().len(), members);
            let findings = device.engine.doctor(true).await.unwrap();
            assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
        }
        let noor = Device::new("Noor").await;
        noor.engine.join(self.ticket(1).await, Some(30)).await.expect("lets her in");
        noor.until_text(&self.commons, &self.page, &self.text).await;
        noor.engine.page_new(self.commons.clone(), "Irons".into(), Some("hot".into())).await.unwrap();
        self.ines
            .until("what Noor wrote is listed", async || {
                let list = self.ines.engine.page_list(self.commons.clone(), PageQuery::default()).await.unwrap();
                list.rows.iter().any(|row| row.title == "Irons")
            })
            .await;
    }
}
