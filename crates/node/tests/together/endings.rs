//! Members who are removed or leave, between engines over loopback.

use commonplace_node::{
    Error, ErrorCode,
    view::{Deciding, Event, HowOut, Out, PageQuery, Proposed},
};

use crate::device::{self, Device, equal};

/// Ines, who founded a commons, Tomás and Noor, all three with the same page.
async fn three() -> (Device, Device, Device, String, String) {
    let (ines, tomas, commons) = device::pair().await;
    let noor = Device::new("Noor").await;
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    noor.engine.join(ticket, Some(20)).await.expect("joins");
    let page = ines.engine.page_new(commons.clone(), "Toasters".into(), Some("crumbs".into())).await.unwrap().id;
    for other in [&tomas, &noor] {
        other.until_text(&commons, &page, "crumbs").await;
    }
    tomas.meet(&noor).await;
    (ines, tomas, noor, commons, page)
}

async fn remove(device: &Device, commons: &str, member: &str) -> Result<(), Error> {
    let proposed = Proposed::Remove { member: member.to_owned() };
    device.engine.propose(commons.to_owned(), proposed, None).await.map(drop)
}

async fn titles(device: &Device, commons: &str) -> Vec<String> {
    let list = device.engine.page_list(commons.to_owned(), PageQuery::default()).await.unwrap();
    list.rows.into_iter().map(|row| row.title).collect()
}

async fn until_members(device: &Device, commons: &str, count: usize) {
    device
        .until("the members are so many", async || {
            device.engine.people(commons.to_owned()).await.unwrap().len() == count
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_keeps_what_they_hold_and_changes_nothing_any_more() {
    let (ines, tomas, noor, commons, page) = three().await;
    noor.engine.page_new(commons.clone(), "Kettles".into(), Some("boil".into())).await.unwrap();
    noor.engine.tag(commons.clone(), page.clone(), vec!["electrical".into()]).await.unwrap();
    for other in [&ines, &tomas] {
        other.until("Noor's page is there", async || titles(other, &commons).await.len() == 2).await;
        other.until("Noor's tag is there", async || other.engine.tags(commons.clone()).await.unwrap().len() == 1).await;
    }
    let mut heard = noor.engine.events();
    remove(&ines, &commons, "noor").await.expect("removes her");
    device::until(&mut heard, |event| {
        matches!(event, Event::Trouble { message } if message.starts_with("Ines removed you, so this device is no member’s of “Repair Café” any more"))
    })
    .await;
    until_members(&tomas, &commons, 2).await;
    let view = noor.engine.commons_list().await.unwrap().into_iter().find(|c| c.id == commons).unwrap();
    assert!(view.left);
    assert_eq!(view.out, Some(Out { how: HowOut::Removed, said: "Ines removed you.".to_owned() }));
    for refused in [
        noor.engine.page_append(commons.clone(), page.clone(), "\nmore".into()).await.map(drop),
        noor.engine.page_new(commons.clone(), "Irons".into(), None).await.map(drop),
        noor.engine.tag(commons.clone(), page.clone(), vec!["x".into()]).await.map(drop),
        noor.engine.invite(commons.clone(), None, None).await.map(drop),
        noor.engine.import(commons.clone(), env!("CARGO_MANIFEST_DIR").to_owned()).await.map(drop),
        remove(&noor, &commons, "Ines").await,
    ] {
        assert_eq!(refused.unwrap_err().code, ErrorCode::NotAMember);
    }
    // What she had written stays, and she can read it.
    for device in [&ines, &tomas, &noor] {
        assert_eq!(titles(device, &commons).await, ["Kettles", "Toasters"]);
        assert_eq!(device.engine.tags(commons.clone()).await.unwrap().len(), 1);
        let findings = device.engine.doctor(true).await.unwrap();
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    }
    // The others go on, and she does not hear of it.
    ines.engine.page_append(commons.clone(), page.clone(), "\nand dust".into()).await.unwrap();
    tomas.until_text(&commons, &page, "crumbs\nand dust").await;
    ines.until("they have parted", async || {
        let status = ines.engine.status().await.unwrap();
        status.connected.iter().all(|device| !device.commons.contains(&commons) || device.name != "Noor")
    })
    .await;
    assert_eq!(noor.engine.page_show(commons.clone(), page.clone()).await.unwrap().body, "crumbs");

    // A new ticket lets her in again, and she has what was written since.
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    let back = noor.engine.join(ticket, Some(20)).await.expect("joins again");
    assert!(!back.left && back.out.is_none());
    assert!(back.arriving, "what was written meanwhile is still to come");
    noor.until_text(&commons, &page, "crumbs\nand dust").await;
    noor.engine.page_append(commons.clone(), page.clone(), "\nand springs".into()).await.unwrap();
    tomas.until_text(&commons, &page, "crumbs\nand dust\nand springs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_meanwhile_counts_as_far_as_others_built_on_it() {
    let (mut ines, tomas, mut noor, commons, page) = three().await;
    ines.go_offline().await;
    noor.engine.page_append(commons.clone(), page.clone(), "\nseen by Tomás".into()).await.unwrap();
    tomas.until_text(&commons, &page, "crumbs\nseen by Tomás").await;
    tomas.engine.page_append(commons.clone(), page.clone(), "\nindeed".into()).await.unwrap();
    noor.until_text(&commons, &page, "crumbs\nseen by Tomás\nindeed").await;
    noor.engine.page_append(commons.clone(), page.clone(), "\nnever built on".into()).await.unwrap();
    noor.engine.page_new(commons.clone(), "Spam".into(), Some("buy".into())).await.unwrap();
    let there = "crumbs\nseen by Tomás\nindeed\nnever built on";
    tomas.until_text(&commons, &page, there).await;
    tomas.until("the page is there", async || titles(&tomas, &commons).await.len() == 2).await;
    noor.go_offline().await;

    // Ines knows nothing of all that.
    remove(&ines, &commons, "Noor").await.expect("removes her");
    ines.go_online().await;
    let stays = "crumbs\nseen by Tomás\nindeed";
    for device in [&tomas, &ines] {
        device.until_text(&commons, &page, stays).await;
        device.until("the page is gone", async || titles(device, &commons).await == ["Toasters"]).await;
    }
    equal(&ines, &tomas, &commons).await;
    // Noor comes back, hears of it, and nothing of hers comes in by anybody.
    noor.go_online().await;
    noor.until("she is told", async || {
        noor.engine.commons_list().await.unwrap().iter().any(|c| c.id == commons && c.left)
    })
    .await;
    tomas.engine.page_append(commons.clone(), page.clone(), "\nand dust".into()).await.unwrap();
    ines.until_text(&commons, &page, "crumbs\nseen by Tomás\nindeed\nand dust").await;
    // Somebody new has it from either.
    let leo = Device::new("Leo").await;
    let ticket = tomas.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    leo.engine.join(ticket, Some(20)).await.expect("joins");
    leo.until_text(&commons, &page, "crumbs\nseen by Tomás\nindeed\nand dust").await;
    for device in [&ines, &tomas, &leo] {
        assert_eq!(titles(device, &commons).await, ["Toasters"]);
        let findings = device.engine.doctor(true).await.unwrap();
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    }
    // What she holds is still what she wrote.
    assert_eq!(noor.engine.page_show(commons.clone(), page.clone()).await.unwrap().body, there);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_taken_out_is_looked_over_again() {
    let (mut ines, tomas, mut noor, commons, page) = three().await;
    ines.go_offline().await;
    noor.engine.page_append(commons.clone(), page.clone(), "\nnever built on".into()).await.unwrap();
    noor.engine.page_new(commons.clone(), "Spam".into(), Some("buy".into())).await.unwrap();
    tomas.until_text(&commons, &page, "crumbs\nnever built on").await;
    tomas.until("the page is there", async || titles(&tomas, &commons).await.len() == 2).await;
    noor.go_offline().await;
    remove(&ines, &commons, "Noor").await.expect("removes her");

    tomas.disk_gives(false);
    ines.go_online().await;
    until_members(&tomas, &commons, 2).await;
    assert_eq!(titles(&tomas, &commons).await.len(), 2, "all is as it was");
    tomas.disk_gives(true);
    // The next record has all of it looked over, whatever is known of the last time.
    ines.engine.invite(commons.clone(), None, None).await.unwrap();
    tomas.until_text(&commons, &page, "crumbs").await;
    tomas.until("the page is gone", async || titles(&tomas, &commons).await == ["Toasters"]).await;
    equal(&ines, &tomas, &commons).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_leaves_their_work_and_keeps_a_copy() {
    let (ines, tomas, noor, commons, page) = three().await;
    let window = noor.engine.editor_open(commons.clone(), page.clone()).await.unwrap();
    let update = device::insert(6, 6, " and dust");
    assert!(noor.engine.editor_push(window.session, window.version, vec![update]).await.unwrap().accepted);
    noor.engine.leave(commons.clone(), Some("I move away.".to_owned()), None).await.expect("leaves");
    for other in [&ines, &tomas] {
        until_members(other, &commons, 2).await;
        other.until_text(&commons, &page, "crumbs and dust").await;
    }
    assert_eq!(noor.engine.page_show(commons.clone(), page.clone()).await.unwrap().body, "crumbs and dust");
    let view = noor.engine.commons_list().await.unwrap().into_iter().find(|c| c.id == commons).unwrap();
    assert_eq!(view.out, Some(Out { how: HowOut::Left, said: "You left.".to_owned() }));
    assert_eq!(noor.engine.leave(commons.clone(), None, None).await.unwrap_err().code, ErrorCode::NotAMember);
    let ines_again = remove(&ines, &commons, "Noor").await.unwrap_err();
    assert_eq!(ines_again.code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_remove_each_other_are_both_gone_everywhere() {
    let (mut ines, mut tomas, noor, commons, page) = three().await;
    ines.go_offline().await;
    tomas.go_offline().await;
    ines.engine.page_append(commons.clone(), page.clone(), "\nby Ines".into()).await.unwrap();
    remove(&ines, &commons, "Tomás").await.expect("removes him");
    remove(&tomas, &commons, "Ines").await.expect("removes her");
    for device in [&mut ines, &mut tomas] {
        device.go_online().await;
    }
    until_members(&noor, &commons, 1).await;
    for device in [&ines, &tomas] {
        device
            .until("they are told", async || {
                device.engine.commons_list().await.unwrap().iter().any(|c| c.id == commons && c.left)
            })
            .await;
    }
    assert!(!noor.engine.commons_list().await.unwrap().iter().any(|c| c.id == commons && c.left));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_would_leave_nobody_who_decides_is_told_before() {
    let (ines, tomas, commons) = device::pair().await;
    assert_eq!(ines.engine.leaving(commons.clone()).await.unwrap().says, Vec::<String>::new());
    let model =
        Proposed::Model { deciding: Deciding::Stewards, needed: Some(1), stewards: vec!["Ines".into()], quorum: None };
    ines.engine.propose(commons.clone(), model, None).await.expect("stewards decide");
    let says = ines.engine.leaving(commons.clone()).await.unwrap().says;
    assert!(matches!(&says[..], [one] if one.contains("steward")), "{says:?}");
    let refused = ines.engine.leave(commons.clone(), None, None).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotAllowed);
    assert!(refused.message.contains("Make another member a steward first"), "{}", refused.message);
    assert!(!ines.engine.commons_list().await.unwrap()[0].left);
    // Who is no steward leaves as ever.
    tomas
        .until("he knows who decides", async || {
            tomas.engine.charter(commons.clone()).await.unwrap().deciding == Deciding::Stewards
        })
        .await;
    tomas.engine.leave(commons.clone(), None, None).await.expect("leaves");
    until_members(&ines, &commons, 1).await;
    let says = ines.engine.leaving(commons.clone()).await.unwrap().says;
    assert!(matches!(&says[..], [one] if one.contains("only member")), "{says:?}");
    ines.engine.leave(commons.clone(), None, Some(true)).await.expect("leaves all the same");
    assert!(ines.engine.commons_list().await.unwrap()[0].left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_for_a_removal_is_kept_and_told() {
    let (ines, tomas, commons) = device::pair().await;
    let reason = Some("sold our tools".to_owned());
    let proposed = Proposed::Remove { member: "Tomás".to_owned() };
    let said = ines.engine.propose(commons.clone(), proposed, reason).await.expect("removes him").said;
    assert!(said.contains("Tomás is a member no longer"), "{said}");
    tomas.until("he is out", async || tomas.engine.commons_list().await.unwrap()[0].left).await;
    let out = tomas.engine.commons_list().await.unwrap()[0].out.clone().unwrap();
    assert_eq!(out.how, HowOut::Removed);
    assert_eq!(out.said, "Ines removed you (“sold our tools”).");
    // With a new ticket he comes in like anybody.
    let ticket = ines.engine.invite(commons.clone(), None, None).await.unwrap().ticket;
    assert!(!tomas.engine.join(ticket, Some(20)).await.expect("joins again").left);
}
