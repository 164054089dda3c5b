//! The door, at which anybody may knock.

use commonplace_governance::{JoinRequest, Ticket};
use commonplace_net::{FrameReceiver, FrameSender, MAX_JOIN_FRAME};
use commonplace_node::view::{Admission, Proposed};
use commonplace_trust::DeviceKey;

use crate::{
    mallory::{Door, Mallory, ended, hear, introduction},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn garbage_at_the_door_lets_nobody_in() {
    let mut stage = Stage::new().await;
    let ticket = stage.ticket(2).await;
    let (member, stranger) = (Mallory::join(&ticket).await, Mallory::stranger(&ticket).await);
    for device in [&member, &stranger] {
        for bytes in [vec![], vec![0xff; MAX_JOIN_FRAME], vec![0; 200], Door::Ticket(ticket.clone()).bytes()] {
            let (mut to, mut from) = device.at_door().await;
            to.send(&bytes).await.unwrap();
            ended(&mut from).await;
        }
        let mut odd = introduction("M");
        odd.name = "M".repeat(5_000);
        let (mut to, mut from) = device.at_door().await;
        to.send(&Door::Knock(odd).bytes()).await.unwrap();
        assert!(matches!(hear(&mut from).await, Some(Door::No(_))));
    }
    stage.types_on().await;
    stage.was_told_nothing_else();
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_another_signed_is_refused_and_uses_nothing_up() {
    let mut stage = Stage::new().await;
    let text = stage.ticket(1).await;
    let ticket: Ticket = text.parse().unwrap();
    let stranger = Mallory::stranger(&text).await;
    let (another, wrong) = (DeviceKey::from_seed(&[9; 32]), DeviceKey::from_seed(&[8; 32]));
    let person = || introduction("Mallory");
    let mut forged = JoinRequest::sign(ticket.commons, &ticket.key(), &another, person());
    let stolen = forged.clone();
    forged.device = stranger.key.id();
    let guessed = JoinRequest::sign(ticket.commons, &wrong, &stranger.key, person());
    for request in [stolen, forged, guessed] {
        let (mut to, mut from) = stranger.at_door().await;
        to.send(&Door::Ask(Box::new(request)).bytes()).await.unwrap();
        assert!(matches!(hear(&mut from).await, Some(Door::No(_))));
    }
    stage.types_on().await;
    // The ticket still lets in whoever asks well.
    Mallory::join(&text).await;
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_without_end_of_membership_in_nothing_is_not_listened_to() {
    let mut stage = Stage::new().await;
    let stranger = Mallory::stranger(&stage.ticket(1).await).await;
    let (mut to, mut from) = stranger.at_door().await;
    // More is to follow and never does: who is not known to speak of a commons of ours is answered at once.
    let records = vec![vec![7; 1_000]; 60];
    to.send(&Door::Prove { offer: [1; 32], nonce: [2; 16], records, more: true }.bytes()).await.unwrap();
    assert!(matches!(hear(&mut from).await, Some(Door::No(_))));
    ended(&mut from).await;
    stage.types_on().await;
    stage.ends_well(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knocks_without_a_pause_stands_there_once() {
    let mut stage = Stage::new().await;
    let stranger = Mallory::stranger(&stage.ticket(1).await).await;
    let mut at_door: Option<(FrameSender, FrameReceiver)> = None;
    for _ in 0..50 {
        let (mut to, mut from) = stranger.at_door().await;
        to.send(&Door::Knock(introduction("Mallory")).bytes()).await.unwrap();
        // Of two, one is answered when the other takes its place.
        if let Some((to_before, mut before)) = at_door.take() {
            let (answer, left) = tokio::select! {
                answer = hear(&mut before) => (answer, (to, from)),
                answer = hear(&mut from) => (answer, (to_before, before)),
            };
            assert!(matches!(answer, Some(Door::No(_))));
            at_door = Some(left);
        } else {
            at_door = Some((to, from));
        }
    }
    let knocks = stage.ines.engine.knocks().await.unwrap();
    assert_eq!(knocks.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(), ["Mallory"]);
    stage.types_on().await;
    drop(at_door);
    let gone = async || stage.ines.engine.knocks().await.unwrap().is_empty();
    stage.ines.until("nobody stands at the door", gone).await;
    // Who stands there is answered by the name that they gave, and nobody by another.
    let (mut to, mut from) = stranger.at_door().await;
    to.send(&Door::Knock(introduction("Mallory")).bytes()).await.unwrap();
    let knocks = async || !stage.ines.engine.knocks().await.unwrap().is_empty();
    stage.ines.until("somebody stands at the door", knocks).await;
    let refused = stage.ines.engine.knock_answer("Tomás".to_owned(), None).await.unwrap_err();
    assert!(refused.message.contains("knocks here now"), "{}", refused.message);
    stage.ines.engine.knock_answer("mallory".to_owned(), None).await.unwrap();
    assert!(matches!(hear(&mut from).await, Some(Door::No(_))));
    stage.ends_well(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_stand_at_the_door_and_not_one_more() {
    let mut stage = Stage::new().await;
    let ticket = stage.ticket(1).await;
    let stand = async |many: usize| {
        let knocks = async || stage.ines.engine.knocks().await.unwrap().len() == many;
        stage.ines.until("they stand at the door", knocks).await;
    };
    let knock = || Door::Knock(introduction("Mallory")).bytes();
    let mut standing = Vec::new();
    for many in 1..=16 {
        let stranger = Mallory::stranger(&ticket).await;
        let (mut to, from) = stranger.at_door().await;
        to.send(&knock()).await.unwrap();
        stand(many).await;
        standing.push((stranger, to, from));
    }
    let late = Mallory::stranger(&ticket).await;
    for _ in 0..3 {
        let (mut to, mut from) = late.at_door().await;
        to.send(&knock()).await.unwrap();
        assert!(matches!(hear(&mut from).await, Some(Door::No(_))));
    }
    stand(16).await;
    // One goes, and there is room.
    drop(standing.pop());
    stand(15).await;
    let (mut to, _from) = late.at_door().await;
    to.send(&knock()).await.unwrap();
    stand(16).await;
    stage.types_on().await;
    stage.was_told_nothing_else();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_ask_and_wait_the_last_are_remembered() {
    let mut stage = Stage::new().await;
    let vouched = Proposed::Admission { admission: Admission::Vouched };
    stage.ines.engine.propose(stage.commons.clone(), vouched, None).await.unwrap();
    let text = stage.ticket(100).await;
    let ticket: Ticket = text.parse().unwrap();
    let mut names = Vec::new();
    for n in 0..66 {
        let stranger = Mallory::stranger(&text).await;
        names.push(format!("Mallory {n}"));
        let request = JoinRequest::sign(ticket.commons, &ticket.key(), &stranger.key, introduction(&names[n]));
        // Who asks again takes no second place.
        for _ in 0..2 {
            let (mut to, mut from) = stranger.at_door().await;
            to.send(&Door::Ask(Box::new(request.clone())).bytes()).await.unwrap();
            assert!(matches!(hear(&mut from).await, Some(Door::No(_))));
        }
        if n >= 62 {
            let asking = stage.ines.engine.asking(stage.commons.clone()).await.unwrap();
            let asking: Vec<_> = asking.into_iter().map(|asking| asking.name).collect();
            assert_eq!(asking, names[names.len().saturating_sub(64)..]);
        }
    }
    stage.types_on().await;
    stage.was_told_nothing_else();
}
