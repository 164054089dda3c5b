//! One person's devices in their windows: paired with a code, refused, revoked, and brought back by a phrase.

use anyhow::ensure;
use commonplace_tests::desktop::{Window, marked};

use crate::stage::{COMMONS, MAREN, Stage, TOMAS, tell};

/// Another commons of Maren's.
const SEEDS: &str = "Seed library";
/// What her second device is called.
const TABLET: &str = "Tablet";

fn at(dialog: &str, step: &str) -> String {
    format!("{}[data-step=\"{step}\"]", marked(dialog))
}

fn device(name: &str) -> String {
    format!("{}[data-name=\"{name}\"]", marked("device-row"))
}

/// Maren's first device, with a commons of `pages` pages beside the guide.
fn desk(stage: &Stage, pages: usize) -> anyhow::Result<Window> {
    let desk = stage.maren.open()?;
    desk.introduce(MAREN)?;
    desk.found(COMMONS)?;
    desk.import(&stage.pages(pages)?)?;
    Ok(desk)
}

/// Has a ticket for a device made.
fn offer(desk: &Window) -> anyhow::Result<String> {
    desk.click(&marked("nav-you"))?;
    desk.click(&marked("device-add"))?;
    desk.wait_for_text(&marked("device-ticket"), "commonplace://device/")?;
    Ok(desk.read(&marked("device-ticket"))?.trim().to_owned())
}

/// Gives a ticket to a device on which the first question is asked.
fn give(tablet: &Window, ticket: &str) -> anyhow::Result<()> {
    if !tablet.shows(&marked("join-device"))? {
        tablet.click(&marked("welcome-device"))?;
    }
    tablet.fill(&marked("device-ticket-in"), ticket)?;
    tablet.fill(&marked("device-name"), TABLET)?;
    tablet.click(&marked("device-pair"))
}

/// Waits until both show a code, and the same.
fn compare(desk: &Window, tablet: &Window) -> anyhow::Result<()> {
    let (here, there) = (desk.read(&marked("pairing-code"))?, tablet.read(&marked("pairing-code"))?);
    ensure!(here == there, "the codes are {here:?} and {there:?}");
    desk.wait_for(&at("add-device", "code"))?;
    tablet.wait_for(&at("join-device", "code"))
}

#[test]
fn a_second_device_is_paired_and_then_revoked() -> anyhow::Result<()> {
    tell("devices::a_second_device_is_paired_and_then_revoked", |stage| {
        let desk = desk(stage, 40)?;
        desk.click(&marked("nav-add"))?;
        desk.found(SEEDS)?;

        let ticket = offer(&desk)?;
        desk.wait_for(&format!("{}[data-here=true]", marked("device-row")))?;
        desk.picture("ticket")?;
        let tablet = stage.tomas.open()?;
        give(&tablet, &ticket)?;
        compare(&desk, &tablet)?;
        desk.picture("code")?;
        tablet.picture("code")?;
        desk.click(&marked("device-approve"))?;
        desk.wait_for(&at("add-device", "added"))?;
        tablet.wait_for(&at("join-device", "paired"))?;
        for commons in [COMMONS, SEEDS] {
            tablet.wait_for(&format!("{}[data-name=\"{commons}\"][data-coming=false]", marked("arrival")))?;
        }
        tablet.picture("arrived")?;
        tablet.click(&marked("device-begin"))?;
        tablet.arrive(COMMONS)?;
        tablet.wait_for_pages(41)?;

        // One member, who writes from either.
        desk.click(&marked("device-added"))?;
        desk.wait_for(&format!("{}[data-here=true]", device(TABLET)))?;
        desk.picture("devices")?;
        desk.press_on(&format!("{}[data-name=\"{COMMONS}\"]", marked("spine")))?;
        desk.open_page("Kettles")?;
        tablet.open_page("Kettles")?;
        tablet.write_at_end("\nFrom the tablet.")?;
        desk.wait_for_words("From the tablet.")?;
        desk.click(&marked("nav-people"))?;
        let members = desk.texts(&marked("people-row"))?;
        ensure!(members.len() == 1 && members[0].contains(TABLET), "the members are {members:?}");

        desk.click(&marked("nav-you"))?;
        desk.click(&format!("{} {}", device(TABLET), marked("device-revoke")))?;
        desk.picture("revoke")?;
        desk.click(&marked("revoke-go"))?;
        desk.wait_for(&format!("{}[data-revoked=true]", device(TABLET)))?;
        // The other says so at once, wherever it is, and takes no more words.
        tablet.wait_for_text(&marked("status-line"), "revoked")?;
        tablet.wait_for_text(&marked("left"), "revoked this one")?;
        let before = tablet.text()?;
        tablet.click(".cm-content")?;
        tablet.type_keys("not any more")?;
        ensure!(tablet.text()? == before, "a revoked device went on to write {:?}", tablet.text()?);
        tablet.picture("revoked")?;
        tablet.click(&marked("nav-you"))?;
        tablet.wait_for_text(&device(TABLET), "revoked")
    })
}

#[test]
fn what_does_not_pair_is_said_in_words_on_both() -> anyhow::Result<()> {
    tell("devices::what_does_not_pair_is_said_in_words_on_both", |stage| {
        let desk = desk(stage, 1)?;
        let tablet = stage.tomas.open()?;
        give(&tablet, "see you on Thursday")?;
        tablet.wait_for_text(&marked("problem"), "not a ticket for a device")?;

        // Refused.
        let ticket = offer(&desk)?;
        give(&tablet, &ticket)?;
        compare(&desk, &tablet)?;
        desk.click(&marked("device-refuse"))?;
        desk.wait_for_text(&marked("problem"), "You refused")?;
        tablet.wait_for_text(&marked("problem"), "did not approve")?;
        // And used up by it.
        tablet.click(&marked("device-pair"))?;
        tablet.wait_for_text(&marked("problem"), "used already")?;

        // Stopped on the new one.
        desk.click(&marked("device-again"))?;
        desk.wait_for(&at("add-device", "ticket"))?;
        let ticket = desk.read(&marked("device-ticket"))?.trim().to_owned();
        give(&tablet, &ticket)?;
        compare(&desk, &tablet)?;
        tablet.click(&marked("device-stop"))?;
        tablet.wait_gone(&marked("join-device"))?;
        desk.wait_for_text(&marked("problem"), "stopped, or its connection broke")?;

        // Out of reach.
        desk.click(&marked("device-again"))?;
        desk.wait_for(&at("add-device", "ticket"))?;
        let ticket = desk.read(&marked("device-ticket"))?.trim().to_owned();
        stage.tomas.place().unplug()?;
        give(&tablet, &ticket)?;
        tablet.wait_for_text(&marked("problem"), "not reached")?;
        stage.tomas.place().plug_in()?;
        tablet.click(&marked("device-pair"))?;
        compare(&desk, &tablet)?;
        desk.click(&marked("device-approve"))?;
        tablet.wait_for(&at("join-device", "paired"))
    })
}

#[test]
fn a_lost_device_comes_back_by_its_phrase() -> anyhow::Result<()> {
    tell("devices::a_lost_device_comes_back_by_its_phrase", |stage| {
        let (maren, tomas) = stage.together()?;
        maren.write_at_end("\nBefore it was lost.")?;
        tomas.wait_for_words("Before it was lost.")?;
        maren.click(&marked("nav-you"))?;
        maren.click(&marked("phrase-open"))?;
        maren.click(&marked("phrase-go"))?;
        maren.wait_for(&at("phrase", "words"))?;
        maren.picture("words")?;
        let words: Vec<String> = maren
            .texts(&marked("phrase-word"))?
            .iter()
            .map(|word| word.replace(|c: char| !c.is_alphabetic(), ""))
            .collect();
        ensure!(words.len() == 24, "there are {} words", words.len());
        maren.kill()?;

        let again = stage.noor.open()?;
        again.click(&marked("welcome-restore"))?;
        let swapped = [&words[1..], &words[..1]].concat().join(" ");
        again.fill(&marked("restore-words"), &swapped)?;
        again.click(&marked("restore-go"))?;
        again.wait_for_text(&marked("problem"), "not the 24 words")?;
        again.fill(&marked("restore-words"), &words.join(" "))?;
        again.click(&marked("restore-go"))?;
        again.wait_for(&at("restore", "done"))?;
        again.click(&marked("restore-go"))?;
        again.introduce(MAREN)?;
        let ticket = tomas.invite()?;
        again.join(&ticket)?;
        again.arrive(COMMONS)?;
        again.open_page("Kettles")?;
        again.wait_for_words("Before it was lost.")?;
        again.write_at_end("\nAnd after.")?;
        tomas.wait_for_words("And after.")?;
        tomas.click(&marked("nav-people"))?;
        tomas.wait_for(&format!("{}[data-name=\"{MAREN}\"][data-here=true]", marked("people-row")))?;
        let members = tomas.texts(&marked("people-row"))?;
        ensure!(members.len() == 2, "besides {TOMAS} there are {members:?}");
        Ok(())
    })
}
