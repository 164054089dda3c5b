//! Two devices, over loopback.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    collections::BTreeMap,
    fs::DirEntry,
    io::{self, BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

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
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
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

/// Two members who hold the same pages, two of which they called TU while they were apart.
fn two_who_called_a_page_the_same() -> (Profile, Profile) {
    let (maren, nils) = (Profile::named("Maren"), Profile::named("Nils"));
    maren.done(&["new", "Kettles"]);
    maren.done(&["page", "new", "Kettles", "TU (2)"]);
    let mut peer = maren.peer();
    let ticket = maren.done(&["invite", "Kettles"]);
    nils.done(&["join", ticket.trim_end(), "--wait", "60"]);
    for (who, text) in [(&maren, "Maren’s\n"), (&nils, "Nils’\n")] {
        who.done(&["page", "new", "Kettles", "TU"]);
        who.done_with(&["page", "write", "Kettles", "TU"], text.as_bytes());
    }
    let mut other = nils.peer();
    let has_all = |who: &Profile| {
        let found = who.json(&["search", "Kettles", "Nils’"])["hits"].as_array().unwrap().len()
            + who.json(&["search", "Kettles", "Maren’s"])["hits"].as_array().unwrap().len();
        found == 2 && who.json(&["page", "list", "Kettles"])["total"] == 3
    };
    while !has_all(&nils) {
        other.next();
    }
    while !has_all(&maren) {
        peer.next();
    }
    assert_eq!((peer.end(), other.end()), (Some(0), Some(0)));
    (maren, nils)
}

/// The files at the top of a folder, by name.
fn files(folder: &std::path::Path) -> BTreeMap<String, String> {
    let named = |entry: io::Result<DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(named).collect()
}

#[test]
fn members_who_hold_the_same_pages_export_the_same_files() {
    let (maren, nils) = two_who_called_a_page_the_same();
    let report = maren.json(&["export", "Kettles", "to"]);
    assert_eq!(report["renamed"].as_array().unwrap().len(), 2, "both are called so: {report}");
    nils.done(&["export", "Kettles", "to"]);
    let written = files(&maren.dir().join("to"));
    assert_eq!(written, files(&nils.dir().join("to")));
    assert_eq!((written.len(), written["TU (2).md"].as_str()), (3, ""));
}

#[test]
fn an_export_is_taken_back_to_the_very_pages_on_any_members_device() {
    let (maren, nils) = two_who_called_a_page_the_same();
    nils.done(&["page", "new", "Kettles", ".git/x"]);
    nils.done(&["export", "Kettles", "to"]);
    let to = nils.dir().join("to");
    let done = |report: Value| {
        [&report["made"], &report["changed"], &report["same"], &report["skippedTotal"]].map(Value::as_u64)
    };
    assert_eq!(done(nils.json(&["import", "Kettles", "to"])), [0, 0, 4, 0].map(Some));
    std::fs::remove_dir_all(to.join("_git")).unwrap();

    // On the other’s device too: each text goes to its page.
    let elsewhere = to.to_str().unwrap();
    assert_eq!(done(maren.json(&["import", "Kettles", elsewhere])), [0, 0, 3, 0].map(Some));
    let (name, text) = files(&to).into_iter().find(|(_, text)| text == "Nils’\n").unwrap();
    std::fs::write(to.join(&name), format!("{text}And more.\n")).unwrap();
    assert_eq!(done(maren.json(&["import", "Kettles", elsewhere])), [0, 1, 2, 0].map(Some));
    maren.done(&["export", "Kettles", "to"]);
    assert_eq!(files(&maren.dir().join("to")), files(&to));

    // A file of their common name is of no page for sure, if it has not the text of one.
    std::fs::write(to.join("TU.md"), "Maren’s\n").unwrap();
    assert_eq!(done(maren.json(&["import", "Kettles", elsewhere])), [0, 0, 4, 0].map(Some));
    std::fs::write(to.join("TU.md"), "another\n").unwrap();
    let report = maren.json(&["import", "Kettles", elsewhere]);
    assert_eq!(report["skipped"][0]["path"], "TU.md", "{report}");
    assert_eq!(done(report), [0, 0, 3, 1].map(Some));
    maren.done(&["export", "Kettles", "again"]);
    let before = files(&maren.dir().join("to"));
    assert_eq!(files(&maren.dir().join("again")), before, "no page has another text");
}
