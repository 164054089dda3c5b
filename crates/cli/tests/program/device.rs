//! One person's devices.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

use serde_json::Value;

use crate::profile::Profile;

/// A command that goes on, ended with the test.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(profile: &Profile, args: &[&str]) -> Self {
        let mut command = profile.command(args);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { lines: BufReader::new(child.stdout.take().unwrap()), child }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap() == 0 {
            let mut errors = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("it ended: {errors}");
        }
        line.trim_end().to_owned()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_second_device_is_added_with_a_code_and_revoked() {
    let (desk, phone) = (Profile::named("Maren"), Profile::fresh());
    desk.done(&["new", "Kettles"]);
    desk.done(&["page", "new", "Kettles", "Tea"]);
    let peer = desk.peer();
    let mut add = Running::start(&desk, &["device", "add", "--wait", "60"]);
    let ticket = add.line();
    assert!(ticket.starts_with("commonplace://device/"), "{ticket}");
    let mut join = Running::start(&phone, &["device", "join", &ticket, "--device-name", "Phone"]);
    let (here, there) = (add.line(), join.line());
    let code = there.strip_prefix("Code: ").unwrap().split('.').next().unwrap().to_owned();
    assert!(here.ends_with(&code) && here.starts_with("Phone ("), "{here} / {there}");
    assert!(add.line().contains("commonplace device approve"));
    assert_eq!(desk.done(&["device", "approve", &code]), "Phone is your device now, in “Kettles”.\n");
    assert_eq!(add.line(), "Phone is your device now, in “Kettles”.");
    assert_eq!(join.line(), "This device is Maren’s now, in “Kettles”.");
    assert_eq!((add.end(), join.end()), (Some(0), Some(0)));
    assert_eq!(phone.json(&["page", "list", "Kettles"])["total"], 1);
    let listed = desk.json(&["device", "list"]);
    let devices = listed[0]["devices"].as_array().unwrap();
    assert_eq!((devices.len(), &devices[0]["this"], &devices[1]["deviceName"]), (2, &true.into(), &"Phone".into()));
    assert!(desk.done(&["device", "list", "Kettles"]).contains("added just now by Maren’s desk"));
    assert_eq!(phone.refused(&["device", "revoke", "Phone"], b"")["code"], "badArgument");
    assert_eq!(desk.refused(&["device", "revoke", "Tablet"], b"")["code"], "notFound");
    let revoked = desk.json(&["device", "revoke", "Phone", "Kettles"]);
    assert_eq!(revoked["commons"][0]["name"], "Kettles");
    assert!(desk.done(&["device", "list"]).contains("revoked"));
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn a_code_that_differs_adds_nothing() {
    let (desk, phone) = (Profile::named("Maren"), Profile::fresh());
    assert_eq!(desk.refused(&["device", "add"], b"")["code"], "notFound");
    desk.done(&["new", "Kettles"]);
    assert_eq!(desk.refused(&["device", "approve", "123", "456"], b"")["code"], "notFound");
    assert_eq!(desk.refused(&["device", "decline"], b"")["code"], "notFound");
    assert_eq!(phone.refused(&["device", "join", "hello"], b"")["code"], "ticketMalformed");
    // Without a peer the command itself is the host; what was not the code cannot be approved.
    let mut add = Running::start(&desk, &["--json", "device", "add", "--wait", "60", "--yes-code", "none"]);
    let ticket = add.json()["ticket"].as_str().unwrap().to_owned();
    assert_eq!(phone.refused_once(&["device", "join", &ticket])["code"], "declined");
    assert_eq!(add.json()["type"], "pairing");
    assert_eq!(add.end(), Some(1));
    assert_eq!(desk.json(&["device", "list"])[0]["devices"].as_array().unwrap().len(), 1);
    assert_eq!(phone.json(&["device", "list"]), serde_json::json!([]));
    assert_eq!(desk.refused_once(&["device", "add", "--wait", "1"])["code"], "timedOut");
}

#[test]
fn a_phrase_brings_a_key_back_to_an_empty_home_only() {
    let (desk, again) = (Profile::named("Maren"), Profile::fresh());
    let words = desk.done(&["device", "phrase"]);
    assert_eq!(words.split_whitespace().count(), 24);
    let output = desk.run(&["--json", "device", "phrase"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["phrase"], words.trim_end());
    assert!(json["warning"].as_str().unwrap().contains("can write as this device"), "{json}");
    let restore = ["init", "--name", "Maren", "--from-phrase"];
    let (first, rest) = words.trim_end().split_once(' ').unwrap();
    let swapped = format!("{rest} {first}");
    for bad in ["", "abandon", &swapped, &words.replace(first, "kettle pot")] {
        assert_eq!(again.refused(&restore, bad.as_bytes())["code"], "badArgument", "{bad}");
        assert!(!again.home().exists());
    }
    again.done_with(&restore, words.to_uppercase().as_bytes());
    let device = |profile: &Profile| profile.json(&["status"])["profile"]["device"].clone();
    assert_eq!(device(&again), device(&desk));
    // While it is in no commons, nothing is lost with a key; from then on it keeps the one that it has.
    again.done_with(&restore, words.as_bytes());
    again.done(&["new", "Kettles"]);
    assert_eq!(again.refused(&restore, words.as_bytes())["code"], "exists");
    assert_eq!(device(&again), device(&desk));
}
