//! Eight devices write for some minutes while cables are pulled and processes killed at random, and lose nothing.
//!
//! A word is *told* to be written when the program said so to whoever wrote it. Each told word is unlike all others, so at the end
//! it is looked for by itself. How long they write: `COMMONPLACE_SOAK_MINUTES`, five if it is not set. The waiting between acts is
//! part of the story; what comes after the last one is waited for by what is to be true.

use std::{
    fmt::{self, Display},
    io::{Write, stderr},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use commonplace_api::{
    Client, Options,
    command::{editor_close, editor_open, editor_push, page_append, page_new, page_rename, tag},
};
use commonplace_node::view::{
    EditorUpdate, Finding, TagRow,
    serde_json_changes::{Part, Section},
};
use commonplace_tests::{
    cli::{Device, Peer, Place},
    draw::Draw,
    namespaces::{Addressing, Lan, with_networks},
    patience::until,
    story,
};

const NAMES: [&str; 8] = ["Maren", "Tomás", "悠", "Ilse", "Yusuf", "Nana", "Óscar", "Wiebke"];
/// Pages in which all write.
const SHARED: usize = 5;
const MINUTES: &str = "COMMONPLACE_SOAK_MINUTES";
/// What may come before and after the writing.
const AROUND: Duration = Duration::from_secs(900);
/// Milliseconds between two acts.
const PAUSE: (u64, u64) = (100, 700);
/// Devices off the network at the same time.
const APART: usize = 5;
/// Processes that are killed, and how many acts such a device misses at most.
const DEATHS: u32 = 2;
const DEAD_FOR: u64 = 40;
/// How long eight devices may take to become equal.
const EQUAL: Duration = Duration::from_secs(240);

/// How long they write.
fn minutes() -> Result<Duration> {
    let minutes = match std::env::var(MINUTES).ok().filter(|minutes| !minutes.is_empty()) {
        Some(minutes) => minutes.parse().with_context(|| format!("{MINUTES} is no number: {minutes}"))?,
        None => 5,
    };
    Ok(Duration::from_secs(60 * minutes))
}

/// A device, and how it is.
struct One {
    device: Device,
    peer: Option<Peer>,
    joined: bool,
    /// Acts until it is started again.
    dead_for: u64,
}

/// What was done.
#[derive(Default)]
struct Done {
    appended: u32,
    inserted: u32,
    pages: u32,
    renamed: u32,
    tagged: u32,
    refused: u32,
    cut: u32,
    killed: u32,
}

impl Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { appended, inserted, pages, renamed, tagged, refused, cut, killed } = self;
        write!(
            f,
            "{appended} appended, {inserted} put in the middle, {pages} pages, {renamed} renamed, {tagged} tagged, {refused} refused; \
             {cut} cables pulled, {killed} killed"
        )
    }
}

struct Story<'a> {
    lan: &'a Lan,
    all: Vec<One>,
    commons: String,
    /// Ids of the shared pages.
    shared: Vec<String>,
    draw: Draw,
    limit: Duration,
    /// Words told to be written.
    words: Vec<String>,
    /// Of which it is not told how often they were: their process died over them.
    doubtful: Vec<String>,
    tags: Vec<String>,
    done: Done,
    runtime: tokio::runtime::Runtime,
}

/// A way to the peer of a device. There is one: this process must not open a profile.
async fn reach(device: &Device) -> Result<Client> {
    let options = Options { online: true, loopback: true, ..Options::default() };
    let client = Client::connect_or_open(Some(device.home().to_owned()), options).await?;
    ensure!(client.is_remote().await, "no process has the profile open");
    Ok(client)
}

/// Puts a word into a page where it is drawn, as a window does: made on a version of the text, and again when that is old.
async fn insert(device: &Device, commons: &str, page: &str, word: &str, at: u64) -> Result<()> {
    let client = reach(device).await?;
    let opened = client.call(editor_open::Args { commons: commons.to_owned(), page: page.to_owned() }).await?;
    let (session, mut version, mut text) = (opened.session, opened.version, opened.text);
    for _ in 0..20 {
        // What is between two words is a character of one unit.
        let gaps: Vec<_> = text.match_indices([' ', '\n']).map(|(gap, _)| gap + 1).chain([0]).collect();
        let gap = gaps[usize::try_from(at % gaps.len() as u64)?];
        let units = |text: &str| u32::try_from(text.encode_utf16().count());
        let (before, after) = (units(&text[..gap])?, units(&text[gap..])?);
        let put = Section::Change(vec![Part::Delete(0), Part::Line(format!("{word} "))]);
        let kept = |units: u32| (units > 0).then_some(Section::Keep(units));
        let changes = kept(before).into_iter().chain([put]).chain(kept(after)).collect();
        let updates = vec![EditorUpdate { client_id: "story".to_owned(), changes }];
        if client.call(editor_push::Args { session, version, updates }).await?.accepted {
            client.call(editor_close::Args { session }).await?;
            client.close().await;
            return Ok(());
        }
        let again = client.call(editor_open::Args { commons: commons.to_owned(), page: page.to_owned() }).await?;
        (version, text) = (again.version, again.text);
        client.call(editor_close::Args { session: again.session }).await?;
    }
    bail!("somebody else was faster twenty times");
}

impl Story<'_> {
    fn word(&mut self) -> String {
        format!("w{:x}", self.draw.any())
    }

    fn alive(&mut self) -> Option<usize> {
        let alive: Vec<_> = (0..self.all.len()).filter(|at| self.all[*at].peer.is_some()).collect();
        (!alive.is_empty()).then(|| alive[self.draw.place(alive.len())])
    }

    /// One act of one device.
    fn write(&mut self) -> Result<()> {
        let Some(at) = self.alive() else { return Ok(()) };
        let (word, place, kind) = (self.word(), self.draw.any(), self.draw.below(100));
        let page = self.shared[self.draw.place(SHARED)].clone();
        let (device, commons) = (&self.all[at].device, self.commons.clone());
        let done: Result<()> = self.runtime.block_on(async {
            if (45..70).contains(&kind) {
                return insert(device, &commons, &page, &word, place).await;
            }
            let client = reach(device).await?;
            match kind {
                0..45 => drop(client.call(page_append::Args { commons, page, text: word.clone() }).await?),
                70..80 => {
                    let (name, body) = (format!("of {word}"), Some(format!("{word}\n")));
                    drop(client.call(page_new::Args { commons, name, body }).await?);
                }
                80..88 => {
                    let name = format!("folder {}/called {word}", place % 3);
                    drop(client.call(page_rename::Args { commons, page, name }).await?);
                }
                _ => drop(client.call(tag::Args { commons, page, tags: vec![word.clone()] }).await?),
            }
            client.close().await;
            Ok(())
        });
        if let Err(error) = done {
            self.done.refused += 1;
            writeln!(stderr(), "{} was refused: {error:#}", NAMES[at])?;
            self.doubtful.push(word);
            return Ok(());
        }
        let count = match kind {
            0..45 => &mut self.done.appended,
            45..70 => &mut self.done.inserted,
            70..80 => &mut self.done.pages,
            80..88 => &mut self.done.renamed,
            _ => &mut self.done.tagged,
        };
        *count += 1;
        match kind {
            0..80 => self.words.push(word),
            80..88 => {}
            _ => self.tags.push(word),
        }
        Ok(())
    }

    /// Kills a device while it writes. What it was told to be written is, and what it was not may be.
    fn kill(&mut self) -> Result<()> {
        let Some(at) = self.alive() else { return Ok(()) };
        let (word, moment) = (self.word(), Duration::from_millis(self.draw.below(400)));
        let page = self.shared[self.draw.place(SHARED)].clone();
        let dead_for = self.draw.below(DEAD_FOR);
        let one = &mut self.all[at];
        let peer = one.peer.take().context("it is alive")?;
        let (device, commons) = (&one.device, &self.commons);
        let told = thread::scope(|scope| {
            let writing = scope.spawn(|| device.run(["page", "append", commons, &page, &word]));
            sleep(moment);
            let killed = peer.kill();
            (killed, writing.join())
        });
        told.0?;
        let done = told.1.map_err(|_| anyhow::anyhow!("writing panicked"))??;
        ensure!(!done.stderr.contains("panicked"), "{}", done.stderr);
        let told = if done.status.success() { &mut self.words } else { &mut self.doubtful };
        told.push(word);
        one.dead_for = dead_for;
        self.done.killed += 1;
        Ok(())
    }

    /// Pulls a cable, or puts one in again.
    fn plug(&mut self) -> Result<()> {
        let at = self.draw.place(self.all.len());
        if !self.all[at].joined {
            self.lan.mend(at)?;
            self.all[at].joined = true;
        } else if self.all.iter().filter(|one| !one.joined).count() < APART {
            self.lan.cut(at)?;
            self.all[at].joined = false;
            self.done.cut += 1;
        }
        Ok(())
    }

    fn start_again(&mut self, now: bool) -> Result<()> {
        for one in self.all.iter_mut().filter(|one| one.peer.is_none()) {
            one.dead_for = one.dead_for.saturating_sub(1);
            if now || one.dead_for == 0 {
                one.peer = Some(one.device.peer_for(self.limit)?);
            }
        }
        Ok(())
    }

    /// They write until the time is over.
    fn go(&mut self, time: Duration) -> Result<()> {
        let begin = Instant::now();
        // Deaths are in the middle of it, each in its own part.
        let mut deaths: Vec<_> = (1..=DEATHS).map(|n| time * n / (DEATHS + 1)).collect();
        while begin.elapsed() < time {
            self.start_again(false)?;
            match self.draw.below(100) {
                0..8 => self.plug()?,
                _ if deaths.first().is_some_and(|death| begin.elapsed() >= *death) => {
                    deaths.remove(0);
                    self.kill()?;
                }
                _ => self.write()?,
            }
            sleep(Duration::from_millis(PAUSE.0 + self.draw.below(PAUSE.1 - PAUSE.0)));
        }
        Ok(())
    }

    /// All cables are in and all run: they become equal, and hold what was told to be written.
    fn end(&mut self) -> Result<()> {
        for at in 0..self.all.len() {
            self.lan.mend(at)?;
        }
        self.start_again(true)?;
        let devices: Vec<_> = self.all.iter().map(|one| &one.device).collect();
        let lacking = |files: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<&String> {
            let text: String = files.iter().map(|(_, text)| String::from_utf8_lossy(text)).collect();
            self.words.iter().filter(|word| text.matches(word.as_str()).count() != 1).collect()
        };
        let equal = story::converge(&devices, &self.commons, EQUAL, |files| lacking(files).is_empty());
        equal.with_context(|| {
            let of =
                |one: &One| story::exported(&one.device, &self.commons).map(|files| format!("{:?}", lacking(&files)));
            let each: Vec<_> = self.all.iter().map(of).collect();
            format!("words that are not there once, of each: {each:?}")
        })?;
        until("the tags to be equal", EQUAL, || {
            let all: Result<Vec<Vec<(String, u64)>>> =
                devices.iter().map(|device| tags(device, &self.commons)).collect();
            let all = all?;
            let whole = self.tags.iter().all(|tag| all[0].iter().any(|(there, _)| there == tag));
            Ok((whole && all.iter().all(|tags| *tags == all[0])).then_some(()))
        })?;
        until("all to be acknowledged", EQUAL, || {
            let only: Result<Vec<_>> =
                devices.iter().map(|device| Ok(story::commons(device, &self.commons)?.only_here)).collect();
            Ok(only?.iter().all(|only| *only == 0).then_some(()))
        })?;
        for device in &devices {
            let findings: Vec<Finding> = device.json(["doctor"])?;
            ensure!(findings.iter().all(|finding| finding.ok), "the doctor says: {findings:?}");
        }
        for one in &mut self.all {
            one.peer.take().context("all run")?.stop()?;
        }
        Ok(())
    }
}

/// Tags in use and on how many pages, in order.
fn tags(device: &Device, commons: &str) -> Result<Vec<(String, u64)>> {
    let rows: Vec<TagRow> = device.json(["tags", commons])?;
    let mut tags: Vec<_> = rows.into_iter().map(|row| (row.tag, row.pages)).collect();
    tags.sort();
    Ok(tags)
}

/// Eight members of a commons with pages that all know.
fn begin<'a>(lan: &'a Lan, draw: Draw, limit: Duration) -> Result<Story<'a>> {
    let mut all = Vec::new();
    for (at, name) in NAMES.into_iter().enumerate() {
        let device = Device::named(Place::Namespace(lan.host(at).namespace.clone()), name)?;
        let peer = Some(device.peer_for(limit)?);
        all.push(One { device, peer, joined: true, dead_for: 0 });
    }
    let first = &all[0].device;
    let commons = story::found(first, "The Kettle")?;
    let mut shared = Vec::new();
    for n in 0..SHARED {
        let made: commonplace_node::view::PageRow = first.json(["page", "new", &commons, &format!("shared {n}")])?;
        first.feed(["page", "write", &commons, &made.id], b"It begins. And it ends.\n")?;
        shared.push(made.id);
    }
    let ticket = story::ticket(first, &commons, 7)?;
    for one in &all[1..] {
        ensure!(story::join(&one.device, &ticket)? == commons, "joined another commons");
    }
    let devices: Vec<_> = all.iter().map(|one| &one.device).collect();
    story::converge(&devices, &commons, EQUAL, |files| files.len() == SHARED)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (words, doubtful, tags, done) = (Vec::new(), Vec::new(), Vec::new(), Done::default());
    Ok(Story { lan, all, commons, shared, draw, limit, words, doubtful, tags, done, runtime })
}

#[test]
fn eight_devices_write_while_cables_are_pulled_and_lose_nothing() -> Result<()> {
    with_networks("eight::eight_devices_write_while_cables_are_pulled_and_lose_nothing", || {
        let (time, draw) = (minutes()?, Draw::begin("eight devices")?);
        let lan = Lan::new(Addressing::NoDefaultRoute, 8)?;
        let mut story = begin(&lan, draw, time + AROUND)?;
        story.go(time)?;
        writeln!(stderr(), "They wrote: {}; of {} words it was not told.", story.done, story.doubtful.len())?;
        // Nobody is refused but whoever's process died.
        ensure!(story.done.refused == 0, "{} acts were refused", story.done.refused);
        if !time.is_zero() {
            ensure!(story.done.cut > 0 && story.done.killed > 0, "nothing happened to them");
        }
        story.end()
    })
}
