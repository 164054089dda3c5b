//! One person's devices, between engines over loopback.

use commonplace_governance::DeviceTicket;
use commonplace_node::{
    Bounds, ErrorCode, Result,
    view::{Event, OwnDevice, Paired, PairingView},
};

use crate::device::{self, Device, equal};

/// Has a new device use a ticket, and gives what both show; the new one waits on.
async fn shown(old: &Device, new: &Device, ticket: String) -> (PairingView, PairingView, Waiting) {
    let (mut heard_old, mut heard_new) = (old.engine.events(), new.engine.events());
    let engine = new.engine.clone();
    let waiting = tokio::spawn(async move { engine.device_join(ticket, Some("Phone".into()), Some(20)).await });
    let (mut here, mut there) = (None, None);
    let note = |shown: &mut Option<PairingView>, event: &Event| {
        if let Event::Pairing { pairing: Some(pairing) } = event {
            *shown = Some(pairing.clone());
        }
        shown.is_some()
    };
    device::until(&mut heard_new, |event| note(&mut there, event)).await;
    device::until(&mut heard_old, |event| note(&mut here, event)).await;
    (here.unwrap(), there.unwrap(), waiting)
}

type Waiting = tokio::task::JoinHandle<Result<Paired>>;

/// A new device of a person's, paired with one that they have.
async fn paired(old: &Device) -> Device {
    let new = Device::unnamed().await;
    pair(old, &new).await;
    new
}

async fn pair(old: &Device, new: &Device) -> (Paired, Paired) {
    let ticket = old.engine.device_add().await.expect("makes a ticket").ticket;
    let (here, there, waiting) = shown(old, new, ticket).await;
    assert_eq!(here.code, there.code);
    assert!(here.approves && !there.approves);
    let at_old = old.engine.device_approve(here.code).await.expect("takes it in");
    (at_old, waiting.await.unwrap().expect("is taken in"))
}

async fn own(device: &Device, commons: &str) -> Vec<OwnDevice> {
    let all = device.engine.device_list(Some(commons.to_owned())).await.unwrap();
    all.into_iter().next().unwrap().devices
}

async fn names(device: &Device) -> Vec<String> {
    device.engine.commons_list().await.unwrap().into_iter().map(|c| c.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_of_one_person_write_as_one_member() {
    let (ines, tomas, commons) = device::pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap();
    ines.found("Allotments").await;
    let phone = Device::unnamed().await;
    let (at_old, at_new) = pair(&ines, &phone).await;
    assert_eq!(names(&phone).await, ["Allotments", "Repair Café"]);
    assert_eq!((at_old.device_name.as_str(), at_new.name.as_str(), at_new.commons.len()), ("Phone", "Ines", 2));
    let profile = phone.engine.status().await.unwrap().profile.unwrap();
    assert_eq!((profile.name.as_str(), profile.device_name.as_str()), ("Ines", "Phone"));
    phone.until_text(&commons, &page.id, "crumbs").await;

    phone.engine.page_append(commons.clone(), page.id.clone(), "and dust".into()).await.unwrap();
    phone.engine.tag(commons.clone(), page.id.clone(), vec!["electrical".into()]).await.unwrap();
    ines.engine.tag(commons.clone(), page.id.clone(), vec!["kitchen".into()]).await.unwrap();
    for device in [&ines, &tomas, &phone] {
        device.until_text(&commons, &page.id, "crumbs\nand dust").await;
        device
            .until("both tags are one person's", async || {
                let tags = device.engine.tags(commons.clone()).await.unwrap();
                tags.len() == 2 && tags.iter().all(|tag| tag.people == 1)
            })
            .await;
        let people = device.engine.people(commons.clone()).await.unwrap();
        assert_eq!(people.len(), 2);
        let ines = people.iter().find(|p| p.name == "Ines").unwrap();
        assert_eq!((ines.devices.len(), ines.tagged), (2, 1));
    }
    let tags = phone.engine.tags(commons.clone()).await.unwrap();
    assert!(tags.iter().all(|tag| tag.mine), "{tags:?}");
    // Either may take back what the other said.
    phone.engine.untag(commons.clone(), page.id.clone(), vec!["kitchen".into()]).await.unwrap();
    ines.until("it is off", async || ines.engine.tags(commons.clone()).await.unwrap().len() == 1).await;

    let listed = own(&ines, &commons).await;
    let told: Vec<_> = listed.iter().map(|d| (d.this, d.here, d.revoked, d.by.is_some(), d.since.is_some())).collect();
    assert_eq!(told, [(true, true, false, false, false), (false, true, false, true, true)]);
    assert_eq!(own(&phone, &commons).await[0].device_name, "Phone");
    equal(&ines, &phone, &commons).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_device_of_a_person_has_room_of_its_own() {
    let bounds = Bounds { actors: 2, ..Bounds::default() };
    let (mut ines, tomas, commons) = device::pair_within(bounds).await;
    let mut phone = Device::within("Ines", bounds).await;
    pair(&ines, &phone).await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("0".into())).await.unwrap().id;
    phone.until_text(&commons, &page, "0").await;
    let mut text = "0".to_owned();
    for start in 1..=3 {
        // Each start of the app writes under an actor of its own, as long as there is room.
        ines.go_online().await;
        phone.go_online().await;
        for (device, name) in [(&ines, "laptop"), (&phone, "phone")] {
            device.until_text(&commons, &page, &text).await;
            let line = format!("{name} {start}");
            device.engine.page_append(commons.clone(), page.clone(), line.clone()).await.unwrap();
            text = format!("{text}\n{line}");
            tomas.until_text(&commons, &page, &text).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_adds_nothing_and_uses_the_ticket_up() {
    let (ines, _, commons) = device::pair().await;
    let phone = Device::unnamed().await;
    let ticket = ines.engine.device_add().await.unwrap().ticket;
    let (here, _, waiting) = shown(&ines, &phone, ticket.clone()).await;
    let wrong = if here.code == "000 000" { "000001" } else { "000000" };
    assert_eq!(ines.engine.device_approve(wrong.into()).await.unwrap_err().code, ErrorCode::Declined);
    assert_eq!(waiting.await.unwrap().unwrap_err().code, ErrorCode::Declined);
    // The right one is too late now, and so is the ticket.
    assert_eq!(ines.engine.device_approve(here.code).await.unwrap_err().code, ErrorCode::NotFound);
    let again = phone.engine.device_join(ticket, None, Some(20)).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::TicketUsedUp);
    assert_eq!((own(&ines, &commons).await.len(), names(&phone).await.len()), (1, 0));
    assert!(phone.engine.status().await.unwrap().profile.is_none());
    // A new ticket does.
    pair(&ines, &phone).await;
    assert_eq!(own(&ines, &commons).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_can_stop_waiting_and_the_old_one_is_told() {
    let ines = Device::new("Ines").await;
    let commons = ines.found("Repair Café").await;
    let phone = Device::unnamed().await;
    assert_eq!(phone.engine.device_decline().await.unwrap_err().code, ErrorCode::NotFound);
    let ticket = ines.engine.device_add().await.unwrap().ticket;
    let (here, _, waiting) = shown(&ines, &phone, ticket.clone()).await;
    phone.engine.device_decline().await.expect("stops");
    assert_eq!(waiting.await.unwrap().unwrap_err().code, ErrorCode::Declined);
    assert_eq!(phone.engine.device_pairing().await.unwrap(), None);
    ines.until("it is told", async || ines.engine.device_pairing().await.unwrap().is_none()).await;
    // Nothing is approved any more, and the ticket was one try.
    assert_eq!(ines.engine.device_approve(here.code).await.unwrap_err().code, ErrorCode::NotFound);
    let again = phone.engine.device_join(ticket, None, Some(20)).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::TicketUsedUp);
    assert_eq!(phone.engine.device_decline().await.unwrap_err().code, ErrorCode::NotFound, "nothing waits any more");
    pair(&ines, &phone).await;
    assert_eq!(own(&ines, &commons).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_stolen_ticket_gets_nothing() {
    let (ines, tomas, commons) = device::pair().await;
    let (stranger, phone) = (Device::new("Mallory").await, Device::unnamed().await);
    let ticket = ines.engine.device_add().await.unwrap().ticket;
    let (here, _, waiting) = shown(&ines, &stranger, ticket.clone()).await;
    // The person's own device comes second and is told; they see another device's code, and decline.
    let late = phone.engine.device_join(ticket, None, Some(20)).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::TicketUsedUp);
    assert!(!here.code.is_empty());
    assert_eq!(names(&stranger).await.len(), 0);
    ines.engine.device_decline().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().code, ErrorCode::Declined);
    assert_eq!(names(&stranger).await.len(), 0);
    assert_eq!((own(&ines, &commons).await.len(), own(&tomas, &commons).await.len()), (1, 1));
    assert_eq!(ines.engine.device_decline().await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_for_devices_are_refused_in_words() {
    let ines = Device::new("Ines").await;
    assert_eq!(ines.engine.device_add().await.unwrap_err().code, ErrorCode::NotFound, "in no commons");
    let commons = ines.found("Repair Café").await;
    let phone = Device::unnamed().await;
    let first = ines.engine.device_add().await.unwrap().ticket;
    let second = ines.engine.device_add().await.unwrap().ticket;
    let joins = async |ticket: String| phone.engine.device_join(ticket, None, Some(20)).await.unwrap_err().code;
    let own_ticket = ines.engine.device_join(second.clone(), None, Some(1)).await.unwrap_err();
    assert_eq!(own_ticket.code, ErrorCode::BadArgument);
    let to_commons = ines.engine.invite(commons, None, None).await.unwrap().ticket;
    for bad in ["hello", &second[..second.len() - 2], &to_commons] {
        assert_eq!(joins(bad.to_owned()).await, ErrorCode::TicketMalformed);
    }
    assert_eq!(joins(first).await, ErrorCode::Declined, "another was made since");
    let mut expired: DeviceTicket = second.parse().unwrap();
    expired.expires_at = 1;
    assert_eq!(joins(expired.to_string()).await, ErrorCode::TicketExpired);
    let mut guessed: DeviceTicket = second.parse().unwrap();
    guessed.secret[0] ^= 1;
    assert_eq!(joins(guessed.to_string()).await, ErrorCode::Declined, "a guessed secret uses nothing up");
    assert_eq!(ines.engine.device_approve("123456".into()).await.unwrap_err().code, ErrorCode::NotFound);
    ines.engine.close().await;
    let away = phone.engine.device_join(second, None, Some(1)).await.unwrap_err();
    assert_eq!(away.code, ErrorCode::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_device_writes_later_counts_nowhere() {
    let (ines, tomas, commons) = device::pair().await;
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
    let mut phone = paired(&ines).await;
    phone.until_text(&commons, &page, "crumbs").await;
    phone.engine.page_append(commons.clone(), page.clone(), "seen".into()).await.unwrap();
    for device in [&ines, &tomas] {
        device.until_text(&commons, &page, "crumbs\nseen").await;
    }
    let id = own(&ines, &commons).await.into_iter().find(|d| !d.this).unwrap().device;
    phone.go_offline().await;
    phone.engine.page_append(commons.clone(), page.clone(), "and never shared".into()).await.unwrap();
    let revoked = ines.engine.device_revoke("Phone".into(), None).await.expect("revokes it");
    assert_eq!((revoked.device, revoked.commons.len()), (id.clone(), 1));
    tomas
        .until("one device is left", async || {
            let people = tomas.engine.people(commons.clone()).await.unwrap();
            people.iter().any(|p| p.name == "Ines" && p.devices.len() == 1)
        })
        .await;
    phone.go_online().await;
    phone
        .until("it is told", async || {
            phone.engine.commons_list().await.unwrap().iter().any(|c| c.id == commons && c.left)
        })
        .await;
    let late = phone.engine.page_append(commons.clone(), page.clone(), "!".into()).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::NotAMember);
    let kept = phone.engine.page_show(commons.clone(), page.clone()).await.unwrap().body;
    assert_eq!(kept, "crumbs\nseen\nand never shared");
    tomas.engine.page_append(commons.clone(), page.clone(), "by all".into()).await.unwrap();
    for device in [&ines, &tomas] {
        device.until_text(&commons, &page, "crumbs\nseen\nby all").await;
        assert!(device.engine.doctor(true).await.unwrap().iter().all(|finding| finding.ok));
    }
    let listed = own(&ines, &commons).await;
    assert!(listed.iter().any(|d| d.device == id && d.revoked && !d.here), "{listed:?}");
    // Neither by itself nor by a new commons does it come back; by another pairing it does.
    let later = ines.found("Allotments").await;
    assert_eq!(own(&ines, &later).await.len(), 1);
    pair(&ines, &phone).await;
    // Then also what it wrote in between.
    let body = async |device: &Device| device.engine.page_show(commons.clone(), page.clone()).await.unwrap().body;
    phone.until("it has caught up", async || body(&phone).await.contains("by all")).await;
    phone.engine.page_append(commons.clone(), page.clone(), "again".into()).await.unwrap();
    let whole = body(&phone).await;
    for device in [&ines, &tomas] {
        device.until_text(&commons, &page, &whole).await;
    }
    assert_eq!(own(&ines, &later).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_device_cannot_be_revoked_nor_one_by_itself() {
    let ines = Device::new("Ines").await;
    let commons = ines.found("Repair Café").await;
    let me = own(&ines, &commons).await[0].device.clone();
    let only = ines.engine.device_revoke(me.clone(), None).await.unwrap_err();
    assert!(only.code == ErrorCode::BadArgument && only.message.contains("only device"), "{only}");
    let phone = paired(&ines).await;
    let itself = ines.engine.device_revoke(me[..8].to_owned(), Some("Repair Café".into())).await.unwrap_err();
    assert!(itself.code == ErrorCode::BadArgument && itself.message.contains("another of your devices"), "{itself}");
    assert_eq!(ines.engine.device_revoke("nothing".into(), None).await.unwrap_err().code, ErrorCode::NotFound);
    // The first one can be revoked by the second.
    phone.engine.device_revoke(me, None).await.expect("revokes it");
    ines.until("it is told", async || ines.engine.commons_list().await.unwrap().iter().all(|c| c.left)).await;
    assert_eq!(ines.engine.device_add().await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commons_that_either_comes_into_later_is_the_others_too() {
    let (ines, tomas, _) = device::pair().await;
    let phone = paired(&ines).await;
    let founded = ines.found("Allotments").await;
    phone.until("it has it", async || names(&phone).await.contains(&"Allotments".to_owned())).await;
    let elsewhere = tomas.found("Bicycles").await;
    let ticket = tomas.engine.invite(elsewhere.clone(), None, None).await.unwrap().ticket;
    phone.engine.join(ticket, Some(20)).await.expect("joins");
    ines.until("it has it", async || names(&ines).await.contains(&"Bicycles".to_owned())).await;
    for (device, commons) in [(&ines, &founded), (&phone, &founded), (&ines, &elsewhere), (&phone, &elsewhere)] {
        assert_eq!(own(device, commons).await.len(), 2);
    }
    let page = ines.engine.page_new(elsewhere.clone(), "Brakes".into(), Some("squeak".into())).await.unwrap().id;
    tomas.until_text(&elsewhere, &page, "squeak").await;
    let people = tomas.engine.people(elsewhere).await.unwrap();
    assert_eq!(people.len(), 2, "{people:?}");
}
