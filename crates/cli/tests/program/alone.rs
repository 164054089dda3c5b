//! One profile, without other devices.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::profile::Profile;

/// Goes through every command that needs no other device; `through` may be a peer that has the profile open.
fn every_command(profile: &Profile) {
    let id = profile.done(&["new", "Kettles", "--licence", "CC0-1.0", "--purpose", "Tea"]);
    let id = id.trim_end();
    assert!(id.len() > 40 && !id.contains(char::is_whitespace), "{id}");
    let all = profile.json(&["list"]);
    assert_eq!((&all[0]["id"], &all[0]["licence"]), (&json!(id), &json!("CC0-1.0")));
    assert_eq!(profile.json(&["status"])["commons"][0]["name"], "Kettles");

    assert_eq!(profile.json(&["page", "new", "kettles", "guides/Tea"])["path"], "guides");
    profile.json_with(&["page", "write", "Kettles", "Tea"], "Boil the water.\n".as_bytes());
    profile.json(&["page", "append", &id[..8], "guides/Tea", "Pour it."]);
    profile.json_with(&["page", "append", id, "Tea"], b"Wait");
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]), "Boil the water.\nPour it.\nWait");
    assert_eq!(profile.json(&["page", "show", "Kettles", "Tea"])["row"]["title"], "Tea");
    assert_eq!(profile.json(&["page", "rename", "Kettles", "Tea", "guides/Green tea"])["title"], "Green tea");

    assert_eq!(profile.json(&["tag", "Kettles", "Green tea", "drinks", "hot"])["tags"], json!(["drinks", "hot"]));
    assert_eq!(profile.json(&["untag", "Kettles", "Green tea", "hot"])["tags"], json!(["drinks"]));
    assert_eq!(profile.json(&["tags", "Kettles"])[0]["tag"], "drinks");
    assert_eq!(profile.json(&["page", "list", "Kettles", "--tag", "drinks"])["total"], 1);
    assert_eq!(profile.json(&["page", "list", "Kettles", "--tag", "cold"])["total"], 0);
    assert_eq!(profile.json(&["page", "list", "Kettles", "--folder", "guides", "--lately"])["total"], 1);
    assert_eq!(profile.json(&["people", "Kettles"])[0]["you"], true);
    assert_eq!(profile.json(&["search", "Kettles", "water"])["hits"][0]["row"]["title"], "Green tea");

    profile.json(&["page", "delete", "Kettles", "Green tea"]);
    assert_eq!(profile.json(&["page", "list", "Kettles"])["total"], 0);
    assert_eq!(profile.json(&["page", "list", "Kettles", "--deleted"])["total"], 1);
    profile.json(&["page", "restore", "Kettles", "Green tea"]);
    assert!(profile.done(&["page", "list", "Kettles"]).contains("guides/Green tea"));

    assert!(profile.done(&["invite", "Kettles"]).starts_with("commonplace://join/"));
    assert_eq!(profile.json(&["invite", "Kettles", "--uses", "3", "--hours", "1"])["uses"], 3);
    assert_eq!(profile.json(&["knocks"]), json!([]));
    let nobody = profile.refused(&["answer", "Ben", "--decline"], b"");
    assert!(nobody["message"].as_str().unwrap().contains("knocks here now"), "{nobody}");
    assert_eq!(profile.refused_once(&["knock", "zzz", "--wait", "1"])["code"], "notFound");
    let waits = profile.run(&["knock", "zzz", "--wait", "1"]);
    let said = String::from_utf8(waits.stderr).unwrap();
    assert!(said.starts_with("No device called “zzz” is near yet; waiting.\n"), "{said}");
    assert!(profile.json(&["doctor"]).as_array().unwrap().iter().all(|finding| finding["ok"] == true));
}

#[test]
fn a_home_folder_that_depends_on_the_current_one_is_refused() {
    let profile = Profile::fresh();
    let mut command = profile.command(&["--json", "status"]);
    command.env_remove("COMMONPLACE_HOME").env_remove("XDG_DATA_HOME").env("HOME", "relative");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["code"], "badArgument");
    assert!(error["message"].as_str().unwrap().contains("HOME"), "{error}");
    assert_eq!(fs::read_dir(profile.dir()).unwrap().count(), 0);
}

#[test]
fn the_doctor_finds_every_byte_of_a_page_that_the_disk_changed() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    profile.json_with(&["page", "write", "Kettles", "Tea"], b"Nobody but the disk writes zebra here.");
    let database = profile.home().join("profile.db");
    let sound = fs::read(&database).unwrap();
    let word = b"writes zebra";
    let places: Vec<usize> = (0..sound.len()).filter(|at| sound[*at..].starts_with(word)).collect();
    assert!(!places.is_empty(), "the text is in the database as it is");
    for place in places {
        let mut damaged = sound.clone();
        damaged[place + 7] = b'Z';
        fs::write(&database, &damaged).unwrap();
        let output = profile.run(&["doctor"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the page “Tea”") && said.contains("join from one of those"), "{said}");
    }
    fs::write(&database, &sound).unwrap();
    assert!(profile.done(&["doctor"]).contains("Every document is what its writers signed (1)."));
}

/// A profile with 400 pages, of which the disk lost those stretches of the database in which the text of “Page 17” is.
fn damaged() -> Profile {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    let from = profile.dir().join("from");
    fs::create_dir(&from).unwrap();
    for n in 0..400_u32 {
        // A short text is in the database as it is, and beside few others.
        let most = if n == 17 { 4 } else { 200_u32 };
        let words: String = (1..most).map(|k| format!("{:x} ", (n * 200 + k).wrapping_mul(2_654_435_761))).collect();
        fs::write(from.join(format!("Page {n}.md")), format!("zebra{n}. {words}")).unwrap();
    }
    profile.done(&["import", "Kettles", "from"]);
    let database = profile.home().join("profile.db");
    let mut bytes = fs::read(&database).unwrap();
    let mut lost = 0;
    let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    for stretch in bytes.chunks_mut(size).skip(1) {
        if stretch.windows(8).any(|word| word == b"zebra17.") {
            stretch[..64].fill(0xff);
            lost += 1;
        }
    }
    assert!(lost > 0, "the text is in the database as it is");
    fs::write(&database, &bytes).unwrap();
    profile
}

#[test]
fn the_doctor_calls_nothing_well_that_it_could_not_look_at() {
    let profile = damaged();
    let output = profile.run(&["--json", "doctor"]);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{findings}");
    let found = |check: &str| findings.as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap();
    for check in ["commons", "index", "store", "documents"] {
        assert_eq!(found(check)["ok"], false, "{findings}");
    }
    assert!(found("index")["detail"].as_str().unwrap().starts_with("Not checked"), "{findings}");
    assert!(found("disk")["detail"].as_str().unwrap().contains("MB are free"), "{findings}");
}

#[test]
fn an_export_of_a_damaged_profile_writes_all_that_can_be_read() {
    let profile = damaged();
    let output = profile.run(&["--json", "export", "Kettles", "to"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let unread: Vec<_> = report["unread"].as_array().unwrap().iter().map(|page| &page["path"]).collect();
    assert!(unread.contains(&&json!("Page 17.md")) && unread.len() < 40, "{unread:?}");
    let written = usize::try_from(report["written"].as_u64().unwrap()).unwrap();
    assert_eq!(written + unread.len(), 400, "{report}");
    for entry in fs::read_dir(profile.dir().join("to")).unwrap() {
        let entry = entry.unwrap();
        let was = fs::read(profile.dir().join("from").join(entry.file_name())).unwrap();
        assert_eq!(fs::read(entry.path()).unwrap(), was, "{entry:?}");
    }
    let words = profile.run(&["export", "Kettles", "again"]);
    let words = String::from_utf8_lossy(&words.stderr).into_owned();
    assert!(words.contains("Not read: ") && words.contains("could not be read; all others are written"), "{words}");
}

#[test]
fn every_command_works_alone() {
    let profile = Profile::named("Maren");
    assert_eq!(profile.json(&["init", "--name", "Maren", "--ink", "fern"])["ink"], "fern");
    every_command(&profile);
    assert_eq!(profile.json(&["nearby", "--wait", "0"]), json!([]));
}

#[test]
fn every_command_works_through_a_running_peer() {
    let profile = Profile::named("Maren");
    let peer = profile.peer();
    every_command(&profile);
    assert_eq!(profile.json(&["status"])["online"], true, "the peer answered, not a profile opened beside it");
    assert_eq!(profile.json(&["nearby"]), json!([]));
    assert_eq!(peer.end(), Some(0));
    assert_eq!(profile.json(&["page", "list", "Kettles"])["total"], 1, "what was done through it is there");
}

#[test]
fn a_peer_ends_by_itself_after_its_time() {
    let profile = Profile::named("Maren");
    let said = profile.done(&["peer", "--for", "0"]);
    assert!(said.is_empty() || said.contains("Listening at"), "{said}");
    let said = profile.done(&["--json", "peer", "--for", "1"]);
    for line in said.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["type"].is_string(), "{line}");
    }
}

#[test]
fn a_folder_comes_back_byte_for_byte() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    let files: [(&str, &[u8]); 4] = [
        ("Tea.md", "# Tea\r\n\u{feff}\n  no end".as_bytes()),
        ("guides/日本/茶.md", "お茶 ☕ 👩‍👩‍👧\n".as_bytes()),
        ("guides/Empty.md", b""),
        ("guides/Arabic.md", "شاي\n".as_bytes()),
    ];
    let from = profile.dir().join("from");
    for (name, bytes) in files {
        fs::create_dir_all(from.join(name).parent().unwrap()).unwrap();
        fs::write(from.join(name), bytes).unwrap();
    }
    fs::write(from.join("latin.md"), b"caf\xe9").unwrap();
    fs::write(from.join("large.md"), vec![b'a'; 5_000_001]).unwrap();
    std::os::unix::fs::symlink(&from, from.join("loop")).unwrap();

    let report = profile.json(&["import", "Kettles", "from"]);
    assert_eq!((&report["made"], report["skipped"].as_array().unwrap().len()), (&json!(4), 3));
    let output = profile.run(&["import", "Kettles", "from"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0 pages made, 0 changed, 4 the same, 3 left out.\n");
    let left_out = String::from_utf8_lossy(&output.stderr).into_owned();
    for name in ["latin.md", "large.md", "loop"] {
        assert!(left_out.contains(name), "{left_out}");
    }
    assert_eq!(profile.json(&["export", "Kettles", "to"])["written"], 4);
    for (name, bytes) in files {
        assert_eq!(fs::read(profile.dir().join("to").join(name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn markdown_is_taken_in_by_whatever_ending_and_once() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    let from = profile.dir().join("from");
    fs::create_dir(&from).unwrap();
    for name in ["UP.MD", "x.markdown", "both.Md", "both.md"] {
        fs::write(from.join(name), name).unwrap();
    }
    fs::write(from.join("no.mdx"), "not that").unwrap();
    let report = profile.json(&["import", "Kettles", "from"]);
    assert_eq!((&report["made"], &report["skippedTotal"]), (&json!(3), &json!(2)), "{report}");
    assert_eq!((&report["skipped"][0]["path"], &report["skipped"][1]["path"]), (&json!("both.Md"), &json!("no.mdx")));
    assert_eq!(profile.done(&["page", "show", "Kettles", "both"]), "both.md");
    assert_eq!(profile.done(&["page", "show", "Kettles", "UP"]), "UP.MD");
    // What an export writes beside them is taken for the same pages.
    assert_eq!(profile.json(&["export", "Kettles", "from"])["written"], 2);
    let report = profile.json(&["import", "Kettles", "from"]);
    assert_eq!((&report["made"], &report["changed"], &report["same"]), (&json!(0), &json!(0), &json!(5)), "{report}");
    assert_eq!(profile.json(&["page", "list", "Kettles"])["total"], 3);
}

#[test]
fn wrong_usage_is_told_apart_from_a_refusal() {
    let profile = Profile::named("Maren");
    let wrong: [&[&str]; 9] = [
        &["search", "Kettles", "tea", "--limit", "0"],
        &[],
        &["brew"],
        &["init"],
        &["page"],
        &["tag", "Kettles", "Tea"],
        &["join", "x", "--wait", "soon"],
        &["answer", "abcd"],
        &["init", "--name", "M", "--ink", "beige"],
    ];
    for args in wrong {
        let output = profile.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
        for args in [&[&["--json"], args].concat(), &[args, &["--json"]].concat()] {
            let output = profile.run(args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert!(output.stdout.is_empty(), "{args:?}");
            let json: Value = serde_json::from_slice(&output.stderr).unwrap();
            assert_eq!(json["code"], "usage", "{args:?}");
            let message = json["message"].as_str().unwrap();
            assert!(!message.is_empty() && !message.starts_with("error"), "{args:?}: {message}");
        }
    }
    // What is no option is a text like any other, and help stays help.
    let output = profile.run(&["brew", "--", "--json"]);
    assert!(output.status.code() == Some(2) && output.stderr.starts_with(b"error: "), "{output:?}");
    assert!(profile.done(&["--json", "--help"]).contains("Usage: commonplace"));
    assert!(profile.done(&["--json", "--version"]).starts_with("commonplace "));
    profile.done(&["new", "Kettles"]);
    let refused: [(&[&str], &str); 8] = [
        (&["init", "--name", "Maren", "--device-name", " "], "badArgument"),
        (&["page", "list", "Pans"], "notFound"),
        (&["page", "show", "Kettles", "Tea"], "notFound"),
        (&["new", ""], "badArgument"),
        (&["join", "commonplace://join/NOTATICKET"], "ticketMalformed"),
        (&["import", "Kettles", "no-such-folder"], "notFound"),
        (&["answer", "abcdefgh", "--decline"], "notFound"),
        (&["page", "new", "Kettles", "a\nb"], "badArgument"),
    ];
    for (args, code) in refused {
        assert_eq!(profile.refused(args, b"")["code"], code, "{args:?}");
    }
    assert_eq!(Profile::fresh().refused(&["new", "Kettles"], b"")["code"], "noProfile");
}

#[test]
fn a_licence_is_an_spdx_expression() {
    let profile = Profile::named("Maren");
    for (given, hint) in [
        ("cc-by-sa-4.0", "upper and lower case count, so write CC-BY-SA-4.0."),
        ("CC-BY-SA4.0", "Did you mean CC-BY-SA-4.0?"),
        ("ours", "there is no “ours”. Examples: CC-BY-SA-4.0"),
    ] {
        let refused = profile.refused(&["new", "Kettles", "--licence", given], b"");
        assert_eq!(refused["code"], "badArgument");
        assert!(refused["message"].as_str().unwrap().contains(hint), "{refused}");
    }
    profile.done(&["new", "Kettles", "--licence", "MIT OR Apache-2.0"]);
    assert_eq!(profile.json(&["list"])[0]["licence"], "MIT OR Apache-2.0");
    assert_eq!(profile.refused(&["propose", "Kettles", "licence", "mit"], b"")["code"], "badArgument");
    profile.done(&["propose", "Kettles", "licence", "LicenseRef-house-rules"]);
    assert_eq!(profile.json(&["list"])[0]["licence"], "LicenseRef-house-rules");
}

#[test]
fn names_that_mislead_are_refused() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    for name in ["\u{202e}aeT", "\u{200b}", "Te\u{1b}[1ma"] {
        for args in [&["init", "--name", name][..], &["new", name], &["page", "new", "Kettles", name]] {
            assert_eq!(profile.refused(args, b"")["code"], "badArgument", "{args:?}");
        }
    }
}

#[test]
fn the_last_one_is_told_before_leaving_and_lists_say_who_is_out() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    let refused = profile.refused(&["leave", "Kettles"], b"");
    assert_eq!(refused["code"], "notAllowed");
    let words = refused["message"].as_str().unwrap();
    assert!(words.contains("only member") && words.contains("--yes"), "{words}");
    assert!(!profile.done(&["list"]).contains("you left"));
    assert!(profile.done(&["leave", "Kettles", "--yes"]).starts_with("You are out."));
    for command in ["list", "status"] {
        assert!(profile.done(&[command]).contains("Kettles  (0 pages, 0 members, you left)"), "{command}");
    }
    assert_eq!(profile.json(&["list"])[0]["out"]["how"], "left");
    let refused = profile.refused(&["page", "new", "Kettles", "Tea"], b"");
    assert!(refused["message"].as_str().unwrap().starts_with("You left, so this device"), "{refused}");
}

#[test]
fn standard_input_has_to_be_text_that_a_page_can_hold() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    let write: [&str; 4] = ["page", "write", "Kettles", "Tea"];
    profile.done_with(&write, "as it was".as_bytes());
    assert_eq!(profile.refused(&write, b"caf\xe9")["code"], "notText");
    assert_eq!(profile.refused(&write, &vec![b'a'; 5_000_001])["code"], "tooLarge");
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]), "as it was");
    profile.done_with(&write, &vec![b'\n'; 5_000_000]);
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]).len(), 5_000_000);
}

#[test]
fn a_deleted_page_comes_back_whatever_else_has_its_name() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    let made = |name: &str| profile.json(&["page", "new", "Kettles", name])["id"].as_str().unwrap().to_owned();
    let first = made("Tea");
    profile.done(&["page", "delete", "Kettles", "Tea"]);
    let second = made("Tea");
    assert_eq!(profile.json(&["page", "restore", "Kettles", "Tea"])["id"], json!(first));
    assert_eq!(profile.json(&["page", "list", "Kettles"])["total"], 2);
    // What is not deleted cannot come back.
    for name in ["Tea", &first, &first[..8]] {
        let refused = profile.refused(&["page", "restore", "Kettles", name], b"");
        assert_eq!(refused["code"], "exists");
        assert!(refused["message"].as_str().unwrap().contains("is not deleted"), "{refused}");
    }
    assert_eq!(profile.refused(&["page", "restore", "Kettles", "Milk"], b"")["code"], "notFound");
    // Of several the beginning of an id says which.
    profile.done(&["page", "delete", "Kettles", &first]);
    profile.done(&["page", "delete", "Kettles", &second]);
    made("Tea");
    let refused = profile.refused(&["page", "restore", "Kettles", "Tea"], b"");
    assert_eq!(refused["code"], "ambiguous");
    for id in [&first, &second] {
        assert!(refused["message"].as_str().unwrap().contains(&id[..8]), "{refused}");
    }
    assert_eq!(profile.json(&["page", "restore", "Kettles", &second[..10]])["id"], json!(second));
    assert_eq!(profile.json(&["page", "restore", "Kettles", &first])["id"], json!(first));
}

#[test]
fn what_is_appended_begins_on_a_line_of_its_own() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    let append = |text: &[u8]| profile.done_with(&["page", "append", "Kettles", "Tea"], text);
    append(b"one");
    append(b"two");
    append(b"\nthree\n");
    append(b"four");
    append(b"");
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]), "one\ntwo\nthree\nfour");
}

#[test]
fn nothing_to_write_empties_a_page_only_when_that_is_said() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    profile.done_with(&["page", "write", "Kettles", "Tea"], b"as it was");
    let refused = profile.refused(&["page", "write", "Kettles", "Tea"], b"");
    assert_eq!(refused["code"], "badArgument");
    assert!(refused["message"].as_str().unwrap().contains("--empty"), "{refused}");
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]), "as it was");
    profile.done_with(&["page", "write", "Kettles", "Tea", "--empty"], b"anew");
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]), "anew");
    profile.done_with(&["page", "write", "Kettles", "Tea", "--empty"], b"");
    assert_eq!(profile.done(&["page", "show", "Kettles", "Tea"]), "");
}

#[test]
fn help_and_completions_are_there() {
    let profile = Profile::fresh();
    assert!(profile.done(&["help"]).contains("Usage: commonplace"));
    assert!(profile.done(&["help", "page", "write"]).contains("standard input"));
    for shell in ["bash", "zsh", "fish"] {
        let script = profile.done(&["completions", shell]);
        assert!(script.contains("restore"), "{shell}");
        let file = profile.dir().join(shell);
        fs::write(&file, script).unwrap();
        if Command::new(shell).arg("-c").arg(":").status().is_ok() {
            assert!(Command::new(shell).arg("-n").arg(&file).status().unwrap().success(), "{shell} reads the script");
        }
    }
    let manual = profile.dir().join("manual");
    fs::create_dir(&manual).unwrap();
    profile.done(&["manual", manual.to_str().unwrap()]);
    for page in ["commonplace.1", "commonplace-invite.1", "commonplace-page-write.1"] {
        assert!(fs::read_to_string(manual.join(page)).unwrap().contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(!manual.join("commonplace-manual.1").exists());
    assert!(!profile.home().exists(), "none of these opens a profile");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    profile.done_with(&["page", "write", "Kettles", "Tea"], &vec![b'a'; 1_000_000]);
    let script = format!("set -o pipefail; {} page show Kettles Tea | head -c 1", crate::profile::PROGRAM);
    let mut command = Command::new("bash");
    command.args(["-c", &script]).env("COMMONPLACE_HOME", profile.home());
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"a"[..]));
    assert!(output.stderr.is_empty());
}
