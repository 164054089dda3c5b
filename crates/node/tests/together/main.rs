//! Engines that meet over loopback: what one writes the others have, whatever happens in between.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod care;
mod deciding;
mod device;
mod devices;
mod endings;
mod neighbours;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use commonplace_governance::{Genesis, Introduction};
use commonplace_node::{
    Bounds, Engine, ErrorCode, OpenOptions,
    view::{Event, Proposed},
};
use device::{Device, equal, insert};

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_lets_in_once() {
    let (ines, tomas, noor) = (Device::new("Ines").await, Device::new("Tomás").await, Device::new("Noor").await);
    let commons = ines.found("Repair Café").await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("Mostly crumbs.\n".into())).await.unwrap();
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;

    let joined = tomas.engine.join(ticket.clone(), Some(20)).await.expect("lets him in");
    assert_eq!((joined.id.as_str(), joined.name.as_str()), (commons.as_str(), "Repair Café"));
    tomas.until_text(&commons, &page.id, "Mostly crumbs.\n").await;

    assert_eq!(noor.engine.join(ticket.clone(), Some(20)).await.unwrap_err().code, ErrorCode::TicketUsedUp);
    assert_eq!(tomas.engine.join(ticket, Some(20)).await.unwrap_err().code, ErrorCode::AlreadyIn);
    assert_eq!(noor.engine.commons_list().await.unwrap(), vec![]);
    let names: Vec<_> = ines.engine.people(commons).await.unwrap().into_iter().map(|p| (p.name, p.here)).collect();
    assert_eq!(names, vec![("Ines".to_owned(), true), ("Tomás".to_owned(), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_was_interrupted_goes_on_with_the_same_ticket() {
    let (ines, mut tomas, commons) = device::pair().await;
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    tomas.interrupt_arrival(&commons).await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap();
    assert_eq!(tomas.engine.join(ticket.clone(), Some(20)).await.unwrap_err().code, ErrorCode::Unreachable);
    tomas.go_online().await;
    let joined = tomas.engine.join(ticket.clone(), Some(20)).await.expect("goes on");
    assert_eq!((joined.id.as_str(), joined.left), (commons.as_str(), false));
    tomas.until_text(&commons, &page.id, "crumbs").await;
    tomas.until("all has come", async || !tomas.engine.commons_list().await.unwrap()[0].arriving).await;
    assert_eq!(tomas.engine.join(ticket, Some(20)).await.unwrap_err().code, ErrorCode::AlreadyIn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_started_more_often_than_others_have_room_for_writes_on() {
    let bounds = Bounds { actors: 2, ..Bounds::default() };
    let (mut ines, tomas) = (Device::within("Ines", bounds).await, Device::within("Tomás", bounds).await);
    let commons = ines.found("Repair Café").await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("0".into())).await.unwrap().id;
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    tomas.engine.join(ticket, Some(20)).await.expect("lets him in");
    let mut text = "0".to_owned();
    for start in ["1", "2", "3", "4"] {
        // Each start of the app writes under an actor of its own.
        ines.go_online().await;
        ines.engine.page_append(commons.clone(), page.clone(), start.into()).await.unwrap();
        text.push_str(&format!("\n{start}"));
        tomas.until_text(&commons, &page, &text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_disk_did_not_take_comes_when_there_is_room() {
    let (ines, tomas, commons) = device::pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
    tomas.until_text(&commons, &page, "crumbs").await;
    // A window shows what came before it is stored.
    let window = tomas.engine.editor_open(commons.clone(), page.clone()).await.unwrap();
    let mut heard = tomas.engine.events();
    tomas.disk_takes(false);
    ines.engine.page_append(commons.clone(), page.clone(), "\nand dust".into()).await.unwrap();
    device::until(&mut heard, |event| matches!(event, Event::Trouble { .. })).await;
    // It is not shown as if it were there.
    let shown = tomas.engine.page_show(commons.clone(), page.clone()).await.unwrap();
    assert_eq!(shown.body, "crumbs");
    let mut text: Vec<u16> = window.text.encode_utf16().collect();
    device::apply(&mut text, &tomas.engine.editor_pull(window.session, window.version).await.unwrap());
    assert_eq!(String::from_utf16_lossy(&text), "crumbs");
    let holding = ines.engine.page_holding(commons.clone(), page.clone()).await.unwrap();
    assert!(holding.holders.iter().all(|holder| !holder.holds), "{holding:?}");
    tomas.disk_takes(true);
    tomas.until_text(&commons, &page, "crumbs\nand dust").await;
    ines.until_held(&commons, &page, "Tomás").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_cannot_be_seen_or_mislead_are_refused() {
    let ines = Device::new("Ines").await;
    let commons = ines.found("Repair Café").await;
    for bad in ["\u{200b}", "\u{3164}", "Ines\u{202e}senI", "\u{2066}Ines", "In\u{1b}[2Jes", "a\nb", "\u{feff}Ines"] {
        let asked = [
            ines.engine.init(bad.into(), None, None).await.map(drop),
            ines.engine.init("Ines".into(), None, Some(bad.into())).await.map(drop),
            ines.engine.commons_new(bad.into(), None, None, None).await.map(drop),
            ines.engine.propose(commons.clone(), Proposed::Name { name: bad.into() }, None).await.map(drop),
            ines.engine.page_new(commons.clone(), bad.into(), None).await.map(drop),
            ines.engine.page_new(commons.clone(), format!("{bad}/Tea"), None).await.map(drop),
        ];
        for refused in asked {
            let error = refused.unwrap_err();
            assert_eq!(error.code, ErrorCode::BadArgument, "{bad:?}");
            assert!(error.message.contains("Nothing was changed"), "{}", error.message);
        }
    }
    for good in ["می\u{200c}خواهم", "👩\u{200d}👩\u{200d}👧", "I ❤\u{fe0f}"] {
        ines.engine.init(good.into(), None, Some(good.into())).await.expect("takes the name");
        ines.engine.page_new(commons.clone(), format!("{good}/{good}"), None).await.expect("makes the page");
    }
    assert_eq!(ines.engine.commons_list().await.unwrap()[0].name, "Repair Café");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tickets_are_refused_in_words() {
    let (ines, tomas) = (Device::new("Ines").await, Device::new("Tomás").await);
    let commons = ines.found("Repair Café").await;
    let ticket = ines.engine.invite(commons, None, None).await.unwrap().ticket;
    for bad in ["", "hello", "commonplace://join/k7f2", &ticket[..ticket.len() - 3]] {
        let error = tomas.engine.join(bad.to_owned(), Some(1)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TicketMalformed, "{bad}");
        assert!(error.message.contains("Nothing was sent"), "{}", error.message);
    }
    ines.engine.close().await;
    let error = tomas.engine.join(ticket, Some(1)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    let nobody = Device::unnamed().await;
    assert_eq!(nobody.engine.commons_new("X".into(), None, None, None).await.unwrap_err().code, ErrorCode::NoProfile);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_made_for_so_many_and_so_long_and_not_for_more() {
    let ines = Device::new("Ines").await;
    let commons = ines.found("Repair Café").await;
    let invites = async |uses, hours| ines.engine.invite(commons.clone(), Some(uses), Some(hours)).await;
    let (uses, hours) = (10_000, 24 * 366);
    assert_eq!(invites(uses, hours).await.expect("makes it").uses, uses);
    for (uses, hours) in [(uses + 1, 1), (1, hours + 1), (0, 1), (1, 0)] {
        assert_eq!(invites(uses, hours).await.unwrap_err().code, ErrorCode::BadArgument);
    }
    assert_eq!(ines.engine.tickets(commons.clone()).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_one_leaves_the_one_before() {
    let ines = Device::new("Ines").await;
    let before = ines.engine.status().await.unwrap().profile;
    for device_name in ["", " ", "two\nlines"] {
        let refused = ines.engine.init("Ineke".into(), None, Some(device_name.into())).await.unwrap_err();
        assert!(refused.code == ErrorCode::BadArgument && refused.message.contains("name of a device"), "{refused}");
        assert_eq!(ines.engine.status().await.unwrap().profile, before);
    }
    assert!(before.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_back_to_an_earlier_name_is_called_that_again() {
    let ines = Device::new("Ines").await;
    let commons = ines.found("Kettles").await;
    let name = async || ines.engine.people(commons.clone()).await.unwrap()[0].name.clone();
    for called in ["Ineke", "Ines", "Ines"] {
        ines.engine.init(called.into(), None, None).await.unwrap();
        assert_eq!(name().await, called);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_engine_ends_the_others_were_last_here_just_now() {
    let (mut ines, _tomas, commons) = device::pair().await;
    let now = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let before = now();
    ines.go_offline().await;
    let people = ines.engine.people(commons).await.unwrap();
    let seen = people.iter().find(|person| !person.you).unwrap().last_seen;
    assert!(seen.is_some_and(|seen| (before..=now()).contains(&seen)), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_appears_on_the_other_side_with_caret_and_name() {
    let (ines, tomas, commons) = device::pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap();
    tomas.until_text(&commons, &page.id, "crumbs").await;

    let mut heard = tomas.engine.events();
    let here = ines.engine.editor_open(commons.clone(), page.id.clone()).await.unwrap();
    let there = tomas.engine.editor_open(commons.clone(), page.id.clone()).await.unwrap();
    assert_eq!(there.text, "crumbs");
    let pushed = ines.engine.editor_push(here.session, here.version, vec![insert(6, 6, " 😀 and dust")]).await.unwrap();
    assert!(pushed.accepted);
    ines.engine.editor_caret(here.session, Some(9), Some(9)).await.unwrap();

    let mut text: Vec<u16> = there.text.encode_utf16().collect();
    device::until(&mut heard, |event| match event {
        Event::Editor { session, updates } if *session == there.session => {
            device::apply(&mut text, updates);
            String::from_utf16_lossy(&text) == "crumbs 😀 and dust"
        }
        _ => false,
    })
    .await;
    device::until(&mut heard, |event| match event {
        Event::Carets { carets, .. } => carets.iter().any(|c| c.name == "Ines" && c.head == Some(9)),
        _ => false,
    })
    .await;

    // A push on an old version is not taken, and the pull gives what is missing.
    let late = tomas.engine.editor_push(there.session, there.version, vec![insert(6, 0, "late ")]).await.unwrap();
    assert!(!late.accepted);
    let missed = tomas.engine.editor_pull(there.session, there.version).await.unwrap();
    let mut again: Vec<u16> = "crumbs".encode_utf16().collect();
    device::apply(&mut again, &missed);
    assert_eq!(String::from_utf16_lossy(&again), "crumbs 😀 and dust");

    ines.until_held(&commons, &page.id, "Tomás").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_write_apart_and_nothing_is_lost() {
    let (mut ines, mut tomas, commons) = device::pair().await;
    let page = ines.engine.page_new(commons.clone(), "Kettles".into(), Some("one\ntwo\nthree\n".into())).await.unwrap();
    tomas.until_text(&commons, &page.id, "one\ntwo\nthree\n").await;

    ines.go_offline().await;
    tomas.go_offline().await;
    ines.engine.page_write(commons.clone(), page.id.clone(), "zero\none\ntwo\nthree\n".into()).await.unwrap();
    tomas.engine.page_append(commons.clone(), page.id.clone(), "four\n".into()).await.unwrap();
    tomas.engine.page_new(commons.clone(), "guides/Irons".into(), Some("hot".into())).await.unwrap();
    ines.engine.tag(commons.clone(), page.id.clone(), vec!["#Electrical".into()]).await.unwrap();
    tomas.engine.tag(commons.clone(), page.id.clone(), vec!["electrical".into(), "water".into()]).await.unwrap();
    assert_eq!(ines.engine.commons_list().await.unwrap()[0].only_here, 2, "the page and the ledger");

    ines.go_online().await;
    tomas.go_online().await;
    let whole = "zero\none\ntwo\nthree\nfour\n";
    ines.until_text(&commons, &page.id, whole).await;
    tomas.until_text(&commons, &page.id, whole).await;
    equal(&ines, &tomas, &commons).await;
    let tags = ines.engine.tags(commons.clone()).await.unwrap();
    let said: Vec<_> = tags.iter().map(|t| (t.tag.as_str(), t.people, t.mine)).collect();
    assert_eq!(said, vec![("electrical", 2, true), ("water", 1, false)]);
    assert_eq!(tomas.engine.page_show(commons.clone(), "guides/Irons".into()).await.unwrap().body, "hot");
    ines.until("nothing is only here", async || ines.engine.commons_list().await.unwrap()[0].only_here == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_travel_through_a_third_device() {
    let (mut ines, tomas, commons) = device::pair().await;
    let mut noor = Device::new("Noor").await;
    let ticket = tomas.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    ines.go_offline().await;
    let page = ines.engine.page_new(commons.clone(), "Lamps".into(), Some("dim".into())).await.unwrap();
    // Ines meets Tomás, and is gone before Noor comes.
    ines.go_online().await;
    tomas.until_text(&commons, &page.id, "dim").await;
    ines.go_offline().await;
    noor.engine.join(ticket, Some(20)).await.expect("lets her in");
    noor.until_text(&commons, &page.id, "dim").await;
    noor.engine.page_append(commons.clone(), page.id.clone(), "bright".into()).await.unwrap();
    tomas.until_text(&commons, &page.id, "dim\nbright").await;
    noor.go_offline().await;
    ines.go_online().await;
    ines.until_text(&commons, &page.id, "dim\nbright").await;
    assert_eq!(ines.engine.people(commons).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whom_one_does_not_know_yet_is_let_in_by_the_roll() {
    let (mut ines, mut tomas, commons) = device::pair().await;
    let noor = Device::new("Noor").await;
    // Tomás lets Noor in while Ines is away, and goes.
    ines.go_offline().await;
    let ticket = tomas.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    noor.engine.join(ticket, Some(20)).await.expect("lets her in");
    noor.until("the roll has come", async || noor.engine.people(commons.clone()).await.unwrap().len() == 3).await;
    tomas.go_offline().await;
    let page = noor.engine.page_new(commons.clone(), "Lamps".into(), Some("bright".into())).await.unwrap();
    // Ines has never heard of Noor.
    ines.go_online().await;
    ines.meet(&noor).await;
    ines.until_text(&commons, &page.id, "bright").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renaming_and_deleting_are_shared_and_reversible() {
    let (ines, tomas, commons) = device::pair().await;
    let page = ines.engine.page_new(commons.clone(), "Kettles".into(), Some("water".into())).await.unwrap();
    tomas.until_text(&commons, &page.id, "water").await;
    tomas.engine.page_rename(commons.clone(), "Kettles".into(), "kitchen/Kettles and pots".into()).await.unwrap();
    ines.until("the name has come", async || {
        ines.engine.page_show(commons.clone(), "kitchen/Kettles and pots".into()).await.is_ok()
    })
    .await;
    ines.engine.page_delete(commons.clone(), page.id.clone()).await.unwrap();
    tomas
        .until("it is deleted", async || {
            tomas.engine.page_show(commons.clone(), page.id.clone()).await.unwrap().row.deleted
        })
        .await;
    // What is meant for it from now on is meant for a page that is there, and whoever says it does not know.
    let (there, id) = (commons.clone(), page.id.clone());
    let refused = [
        tomas.engine.page_write(there.clone(), id.clone(), "tea".into()).await.unwrap_err(),
        tomas.engine.page_append(there.clone(), id.clone(), "tea".into()).await.unwrap_err(),
        tomas.engine.page_rename(there.clone(), id.clone(), "Pots".into()).await.unwrap_err(),
        tomas.engine.page_delete(there.clone(), id.clone()).await.unwrap_err(),
        tomas.engine.tag(there, id, vec!["tea".into()]).await.unwrap_err(),
    ];
    assert!(refused.iter().all(|e| e.message.contains("is deleted. Nothing was changed")), "{refused:?}");
    tomas.engine.page_restore(commons.clone(), page.id.clone()).await.unwrap();
    ines.until("it is back", async || {
        !ines.engine.page_show(commons.clone(), page.id.clone()).await.unwrap().row.deleted
    })
    .await;
    assert_eq!(ines.engine.page_show(commons, page.id).await.unwrap().body, "water");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_named_oddly_goes_on_and_is_shown_harmlessly() {
    let (mut ines, tomas) = (Device::new("Ines").await, Device::new("Tomás").await);
    let founder = Introduction { name: "Ines\u{202e}senI".to_owned(), ink: 3, device_name: "\u{200b}".to_owned() };
    let genesis = Genesis {
        name: "Repair\u{2066} Café\nLicence: MIT".to_owned(),
        purpose: String::new(),
        licence: "ours, mostly".to_owned(),
        deciding: 0,
        founder,
        nonce: [1; 16],
    };
    let id = ines.plant(genesis).await;
    let ticket = ines.engine.invite(id.clone(), None, None).await.expect("invites");
    assert_eq!(ticket.name, "Repair\u{fffd} Café\u{fffd}Licence: MIT");
    let commons = tomas.engine.join(ticket.ticket, Some(20)).await.expect("joins");
    for device in [&ines, &tomas] {
        let view = device.engine.commons_list().await.unwrap().remove(0);
        assert_eq!((view.name.as_str(), view.licence.as_str()), (ticket.name.as_str(), "ours, mostly"));
        // It is called what it is seen to be called.
        let charter = device.engine.charter(ticket.name.clone()).await.unwrap();
        assert_eq!((charter.commons, charter.name), (commons.id.clone(), ticket.name.clone()));
        let people = device.engine.people(id.clone()).await.unwrap();
        let ines = people.iter().find(|person| person.name != "Tomás").unwrap();
        assert_eq!((ines.name.as_str(), ines.devices[0].as_str()), ("Ines\u{fffd}senI", "\u{fffd}"));
    }
    let licence = |licence: &str| Proposed::Licence { licence: licence.to_owned() };
    let error = tomas.engine.propose(id.clone(), licence("ours, mostly"), None).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::BadArgument);
    tomas.engine.propose(id.clone(), licence("CC0-1.0"), None).await.expect("another licence");
    ines.until("it has come", async || ines.engine.commons_list().await.unwrap()[0].licence == "CC0-1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_before_1970_is_noticed_before_anything_is_dialled() {
    let before = || SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let home = tempfile::tempdir().unwrap();
    let options = |online| OpenOptions { home: home.path().to_owned(), online, loopback: true };
    let error = Engine::open_by(options(true), before).await.unwrap_err();
    assert!(error.message.contains("before 1970") && error.message.contains("set date and time"), "{}", error.message);
    assert!(!home.path().join("profile.db").exists(), "nothing was made");
    // What is here can be read all the same, and the doctor says what is wrong.
    let engine = Engine::open_by(options(false), before).await.expect("opens without the network");
    let clock = async |engine: &Engine| {
        let findings = engine.doctor(false).await.unwrap();
        findings.into_iter().find(|finding| finding.check == "clock").unwrap()
    };
    let found = clock(&engine).await;
    assert!(!found.ok && found.advice.contains("date and time"), "{found:?}");
    engine.close().await;
    let engine = Engine::open_by(options(true), || SystemTime::UNIX_EPOCH + Duration::from_secs(86_400)).await.unwrap();
    let found = clock(&engine).await;
    assert!(!found.ok && found.detail.contains("1970-01-02"), "{found:?}");
    engine.close().await;
    let engine = Engine::open(options(false)).await.unwrap();
    assert!(clock(&engine).await.ok);
}
