//! Where there are more devices than one meets with: changes go on from neighbour to neighbour, and all know who is here.

use commonplace_node::Bounds;
use commonplace_sync::neighbours;

use crate::device::{Device, equal};

/// Six devices that all can reach each other, and meet with few.
async fn six(meetings: neighbours::Bounds) -> (Vec<Device>, String) {
    let (devices, commons) = around_one(meetings).await;
    for (n, one) in devices.iter().enumerate().skip(1) {
        for other in &devices[n + 1..] {
            one.meet(other).await;
        }
    }
    (devices, commons)
}

/// Six devices, of which the first one can be reached by all others and those by nobody else.
async fn around_one(meetings: neighbours::Bounds) -> (Vec<Device>, String) {
    let bounds = Bounds { meetings, ..Bounds::default() };
    let mut devices = Vec::new();
    for name in ["Ines", "Tomás", "Noor", "Ayo", "Mei", "Jun"] {
        devices.push(Device::within(name, bounds).await);
    }
    let commons = devices[0].found("Repair Café").await;
    let ticket = devices[0].engine.invite(commons.clone(), Some(5), None).await.expect("invites").ticket;
    for other in &devices[1..] {
        other.engine.join(ticket.clone(), Some(20)).await.expect("joins");
    }
    (devices, commons)
}

async fn met(device: &Device, commons: &str) -> usize {
    device.engine.neighbours(commons.to_owned()).await.expect("tells").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_go_on_from_neighbour_to_neighbour() {
    let bounds = neighbours::Bounds { all: 2, own: 2, most: 4 };
    let (devices, commons) = six(bounds).await;
    for device in &devices {
        device
            .until("all six are here", async || {
                let people = device.engine.people(commons.clone()).await.expect("lists");
                people.len() == 6 && people.iter().all(|person| person.here)
            })
            .await;
        device.until("it has few neighbours", async || (1..=bounds.most).contains(&met(device, &commons).await)).await;
    }
    for (n, device) in devices.iter().enumerate() {
        let title = format!("Page {n}");
        device.engine.page_new(commons.clone(), title, Some(format!("From {n}."))).await.expect("writes");
    }
    for device in &devices {
        device
            .until("all six pages are here", async || {
                let list = device.engine.page_list(commons.clone(), Default::default()).await.expect("lists");
                list.rows.len() == 6
            })
            .await;
    }
    for other in &devices[1..] {
        equal(&devices[0], other, &commons).await;
    }
    let mut sessions = 0;
    for device in &devices {
        let met = met(device, &commons).await;
        // One that was just opened may be there for a moment.
        assert!((1..=bounds.most + 1).contains(&met), "{met} neighbours");
        sessions += met;
    }
    assert!(sessions < 6 * 5, "everybody meets everybody");
    // All are still here, whoever they meet with.
    let people = devices[5].engine.people(commons.clone()).await.expect("lists");
    assert!(people.iter().all(|person| person.here));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_a_neighbour_meets_another() {
    let (mut devices, commons) = six(neighbours::Bounds { all: 2, own: 2, most: 4 }).await;
    let page = devices[0].engine.page_new(commons.clone(), "Toasters".into(), Some("0".into())).await.unwrap().id;
    for device in &devices {
        device.until_text(&commons, &page, "0").await;
    }
    // Two that are away while somebody writes get it from whomever they meet when they are back.
    for n in [1, 2] {
        devices[n].go_offline().await;
    }
    devices[5].engine.page_append(commons.clone(), page.clone(), "5".into()).await.unwrap();
    for n in [0, 3, 4] {
        devices[n].until_text(&commons, &page, "0\n5").await;
    }
    for n in [1, 2] {
        devices[n].go_online().await;
    }
    for device in &devices {
        device.until_text(&commons, &page, "0\n5").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn around_one_that_is_all_they_know_nobody_is_left_out() {
    let (devices, commons) = around_one(neighbours::Bounds { all: 2, own: 1, most: 2 }).await;
    devices[0].until("it meets all", async || met(&devices[0], &commons).await == 5).await;
    // Nobody takes another's place: whatever is written goes on to all at once, and the meetings stay as they are.
    for n in 0..6 {
        let title = format!("Page {n}");
        devices[n].engine.page_new(commons.clone(), title, Some(format!("From {n}."))).await.expect("writes");
        for device in &devices {
            device
                .until("the page is here", async || {
                    let list = device.engine.page_list(commons.clone(), Default::default()).await.expect("lists");
                    list.rows.len() == n + 1
                })
                .await;
        }
        assert_eq!(met(&devices[0], &commons).await, 5);
    }
}
