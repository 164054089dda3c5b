//! Two devices, over loopback.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::profile::Profile;

#[test]
fn a_ticket_brings_another_device_in_with_all_pages() {
    let (maren, nils) = (Profile::named("Maren"), Profile::named("Nils"));
    let from = maren.dir().join("from");
    std::fs::create_dir(&from).unwrap();
    for n in 0..60 {
        std::fs::write(from.join(format!("Page {n}.md")), format!("The {n}th page.\n")).unwrap();
    }
    maren.done(&["new", "Kettles"]);
    maren.done(&["import", "Kettles", "from"]);
    let peer = maren.peer();
    let ticket = maren.done(&["invite", "Kettles"]);
    let ticket = ticket.trim_end();

    let joined = nils.json(&["join", ticket, "--wait", "60"]);
    assert_eq!((&joined["name"], &joined["arriving"]), (&"Kettles".into(), &false.into()));
    nils.done(&["export", "Kettles", "to"]);
    for n in 0..60 {
        let name = format!("Page {n}.md");
        let there = std::fs::read(nils.dir().join("to").join(&name)).unwrap();
        assert_eq!(there, std::fs::read(from.join(&name)).unwrap(), "{name}");
    }
    assert_eq!(nils.json(&["page", "list", "Kettles"])["total"], 60);
    assert_eq!(maren.json(&["people", "Kettles"]).as_array().unwrap().len(), 2);

    assert_eq!(nils.refused(&["join", ticket], b"")["code"], "alreadyIn");
    let third = Profile::named("Ines");
    assert_eq!(third.refused(&["join", ticket, "--wait", "20"], b"")["code"], "ticketUsedUp");
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn a_ticket_whose_maker_is_away_says_so_and_stays_good() {
    let (maren, nils) = (Profile::named("Maren"), Profile::named("Nils"));
    maren.done(&["new", "Kettles"]);
    let peer = maren.peer();
    let ticket = maren.done(&["invite", "Kettles"]);
    assert_eq!(peer.end(), Some(0));
    let output = nils.run(&["--json", "join", ticket.trim_end(), "--wait", "1"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &error["code"]), (Some(1), &"unreachable".into()));
    assert_eq!(nils.json(&["list"]), serde_json::json!([]));
}

#[test]
fn the_second_peer_of_a_profile_takes_over() {
    let profile = Profile::named("Maren");
    let first = profile.peer();
    assert!(profile.done(&["status"]).contains("A peer has it open and listens for other devices."));
    let mut watching = profile.command(&["peer"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut line).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    let says = "Another peer has this profile open; this watches, and takes over when it ends.";
    assert!(line.trim_end().ends_with(says), "{line}");
    let mut second = profile.peer_beside("peer");
    assert_eq!(first.end(), Some(0));
    // It tells where it listens again, now on its own account.
    while second.next()["type"] != "listening" {}
    assert_eq!(profile.json(&["status"])["online"], true);
    assert_eq!(second.end(), Some(0));
}
