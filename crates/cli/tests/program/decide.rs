//! Deciding by the command line, in words and JSON, alone and between two devices.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use serde_json::{Value, json};

use crate::profile::Profile;

fn id_of(resolution: &Value) -> String {
    resolution["decision"]["row"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_act_of_an_open_commons_counts_at_once() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    for page in ["Tea", "Coffee"] {
        profile.done(&["page", "new", "Kettles", page]);
    }
    let acts: [&[&str]; 9] = [
        &["text", "Be kind."],
        &["purpose", "Hot drinks"],
        &["licence", "CC0-1.0"],
        &["admission", "vouched"],
        &["hide", "Tea"],
        &["restore", "Tea"],
        &["anew", "Tea", "Coffee"],
        &["end", "Maren"],
        &["grant", "Maren"],
    ];
    for act in acts {
        let args = [&["propose", "Kettles"], act, &["--reason", "why not"]].concat();
        let done = profile.json(&args);
        let outcome = &done["decision"]["row"]["outcome"];
        assert!(outcome == "forNow" || outcome == "forGood", "{act:?}: {done}");
        assert_eq!(done["decision"]["reason"], "why not", "{act:?}");
    }
    assert!(profile.done(&["propose", "Kettles", "name", "Pots"]).starts_with("This counts from now on."));
    profile.done_with(&["propose", "Pots", "text"], "Be kind,\nand tidy.\n".as_bytes());
    let charter = profile.json(&["charter", "Pots"]);
    assert_eq!((&charter["name"], &charter["text"]), (&json!("Pots"), &json!("Be kind,\nand tidy.")));
    assert_eq!((&charter["licence"], &charter["admission"]), (&json!("CC0-1.0"), &json!("vouched")));
    let words = profile.done(&["charter", "Pots"]);
    assert!(words.contains("Purpose: Hot drinks\n") && words.contains("any member can undo it"), "{words}");
    let all = profile.json(&["decisions", "Pots"]);
    assert_eq!(all.as_array().unwrap().len(), 11);
    assert!(profile.done(&["decisions", "Pots"]).contains("by Maren  stands for good"));
    assert_eq!(profile.json(&["page", "show", "Pots", "Tea"])["anew"]["title"], "Coffee");
}

#[test]
fn a_proposal_is_answered_and_explained() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles", "--deciding", "consent"]);
    assert_eq!(profile.json(&["list"])[0]["deciding"], "consent");
    assert!(profile.done(&["charter", "Kettles"]).contains("Deciding: consent, 50 %\n"));
    let id = id_of(&profile.json(&["propose", "Kettles", "model", "consent", "80", "--reason", "more of us"]));
    profile.json(&["vote", "Kettles", &id, "object"]);
    let shown = profile.done(&["decisions", "Kettles", "--show", &id]);
    assert!(shown.contains("Because: more of us\n") && shown.contains("  Maren  objects\n"), "{shown}");
    assert!(shown.contains("Maren objects. It goes on when that is withdrawn.\n"), "{shown}");
    assert!(profile.done(&["decisions", "Kettles"]).contains("suspended by 1 objection"));
    profile.json(&["vote", "Kettles", &id, "withdraw"]);
    assert!(profile.done(&["vote", "Kettles", &id[..8], "yes"]).contains("stands for good"));
    let with_commons = profile.json(&["decisions", "show", "Kettles", &id]);
    assert_eq!(with_commons, profile.json(&["decisions", "show", &id[..8]]));
    assert_eq!(with_commons["row"]["outcome"], "forGood");
    assert_eq!(profile.json(&["charter", "Kettles"])["quorum"], 80);

    for model in [&["majority"][..], &["stewards", "1", "Maren"][..], &["open"][..]] {
        let id = id_of(&profile.json(&[&["propose", "Kettles", "model"], model].concat()));
        assert_eq!(profile.json(&["vote", "Kettles", &id, "yes"])["row"]["outcome"], "forGood", "{model:?}");
        assert_eq!(profile.json(&["charter", "Kettles"])["deciding"], model[0]);
        if model[0] == "stewards" {
            let last = profile.refused(&["propose", "Kettles", "end", "Maren"], b"");
            assert!(last["message"].as_str().unwrap().contains("nobody who decides"), "{last}");
        }
    }
    let hide = id_of(&profile.json(&["propose", "Kettles", "name", "Pots"]));
    let refused: [(&[&str], &str); 12] = [
        (&["vote", "Pots", &hide, "yes"], "badArgument"),
        (&["vote", "Pots", "nosuchid", "yes"], "notFound"),
        (&["decisions", "show", "nosuchid"], "notFound"),
        (&["decisions", "Pans"], "notFound"),
        (&["charter", "Pans"], "notFound"),
        (&["propose", "Pots", "name", ""], "badArgument"),
        (&["propose", "Pots", "model", "consent", "0"], "badArgument"),
        (&["propose", "Pots", "model", "stewards", "0"], "badArgument"),
        (&["propose", "Pots", "remove", "Nobody"], "notFound"),
        (&["propose", "Pots", "readmit", "Maren"], "notFound"),
        (&["propose", "Pots", "admit", "Nobody"], "notFound"),
        (&["propose", "Pots", "roster"], "exists"),
    ];
    for (args, code) in refused {
        assert_eq!(profile.refused(args, b"")["code"], code, "{args:?}");
    }
    let wrong: [&[&str]; 5] = [
        &["decisions"],
        &["decisions", "show"],
        &["vote", "Pots", &hide, "perhaps"],
        &["new", "Pans", "--deciding", "dice"],
        &["propose", "Pots"],
    ];
    for args in wrong {
        assert_eq!(profile.run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_hidden_page_is_listed_only_when_asked_for() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    profile.done(&["propose", "Kettles", "hide", "Tea"]);
    assert_eq!(profile.json(&["page", "list", "Kettles"])["total"], 0);
    assert_eq!(profile.json(&["page", "list", "Kettles", "--hidden"])["rows"][0]["title"], "Tea");
    let shown = profile.run(&["page", "show", "Kettles", "Tea"]);
    assert!(String::from_utf8(shown.stderr).unwrap().contains("hid this page"));
}

#[test]
fn tickets_are_listed_and_closed_and_vouchers_let_in() {
    let (maren, nils) = (Profile::named("Maren"), Profile::named("Nils"));
    maren.done(&["new", "Kettles"]);
    assert_eq!(maren.done(&["tickets", "Kettles"]), "No ticket was made yet.\n");
    assert_eq!(maren.done(&["asking", "Kettles"]), "Nobody asks to be let in.\n");
    assert_eq!(maren.refused(&["vouch", "Kettles", "Nils"], b"")["code"], "notFound");
    let peer = maren.peer();
    maren.done(&["propose", "Kettles", "admission", "vouched"]);
    let ticket = maren.done(&["invite", "Kettles", "--uses", "2"]);
    let ticket = ticket.trim_end();
    assert!(maren.done(&["tickets", "Kettles"]).contains("open  0 of 2 came  by Maren"));
    assert_eq!(nils.refused(&["join", ticket], b"")["code"], "notAllowed");
    assert!(maren.done(&["asking", "Kettles"]).contains("Nils  waits"));
    assert_eq!(maren.done(&["vouch", "Kettles", "nils"]), "You vouch for Nils: they can come in by their ticket.\n");
    assert_eq!(maren.json(&["asking", "Kettles"])[0]["vouched"], true);
    nils.json(&["join", ticket, "--wait", "60"]);
    assert_eq!(maren.json(&["charter", "Kettles"])["waiting"][0]["name"], "Nils");

    let id = maren.json(&["tickets", "Kettles"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(maren.json(&["ticket", "close", "Kettles", &id[..8]])["state"], "closed");
    assert_eq!(maren.refused(&["ticket", "close", "Kettles", ticket], b"")["code"], "exists");
    let third = Profile::named("Ines");
    assert_eq!(third.refused(&["join", ticket, "--wait", "20"], b"")["code"], "ticketClosed");

    // He becomes an elector with the next decision, and can be removed and taken back by her word.
    maren.done(&["propose", "Kettles", "roster"]);
    assert_eq!(maren.json(&["charter", "Kettles"])["electors"].as_array().unwrap().len(), 2);
    let removed = maren.done(&["propose", "Kettles", "remove", "Nils", "--reason", "He asked for it."]);
    assert!(removed.contains("Nils is a member no longer"), "{removed}");
    let list = maren.done(&["decisions", "Kettles"]);
    let line = list.lines().next().unwrap();
    assert!(line.contains("removed Nils") && line.contains("by Maren  counts, by their own word"), "{list}");
    assert!(list.contains("let Nils in"), "{list}");
    let shown = maren.done(&["decisions", "show", "Kettles", line.split_whitespace().next().unwrap()]);
    assert!(
        shown.starts_with("removed Nils\nBy Maren (") && shown.contains("Because: He asked for it.\nOwn word:"),
        "{shown}"
    );
    assert_eq!(maren.json(&["people", "Kettles"]).as_array().unwrap().len(), 1);
    maren.done(&["propose", "Kettles", "readmit", "Nils"]);
    assert_eq!(maren.json(&["people", "Kettles"]).as_array().unwrap().len(), 2);
    assert_eq!(peer.end(), Some(0));
}
