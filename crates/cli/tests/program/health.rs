//! How an always-on device is, as a service manager and whoever gathers figures see it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    process::Stdio,
    time::Duration,
};

use crate::profile::{Peer, Profile};

/// How long the peer may take to say something.
const LIMIT: Duration = Duration::from_secs(60);

/// What it says to the service manager, until something has these words.
fn told(socket: &UnixDatagram, words: &str) -> String {
    let mut all = String::new();
    let mut message = [0; 4_096];
    while !all.contains(words) {
        let size = socket.recv(&mut message).unwrap();
        all.push_str(std::str::from_utf8(&message[..size]).unwrap());
        all.push('\n');
    }
    all
}

fn figures(address: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// The value of a figure, with its labels.
fn figure(figures: &str, name: &str) -> Option<String> {
    let rest = figures.lines().find_map(|line| line.strip_prefix(name))?;
    Some(rest.trim().to_owned())
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_how_it_is_and_that_it_lives() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    let path = profile.dir().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut command = profile.command(&["--json", "peer"]);
    // A sign of life is due each three seconds, so the next one comes without anything happening.
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "3000000").stdout(Stdio::piped());
    let mut peer = Peer::of(command.spawn().unwrap());
    while peer.next()["type"] != "listening" {}
    let first = told(&socket, "WATCHDOG=1");
    assert!(first.contains("READY=1"), "{first}");
    let line = "STATUS=Well: 1 commons, 1 page, 0 other devices here, 1 document with edits held nowhere else.";
    assert!(first.contains(line), "{first}");
    let health = loop {
        let event = peer.next();
        if event["type"] == "health" {
            break event;
        }
    };
    assert_eq!(
        (&health["type"], format!("STATUS={}", health["words"].as_str().unwrap())),
        (&"health".into(), line.to_owned())
    );
    told(&socket, "WATCHDOG=1");
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn figures_are_given_where_they_are_asked_for() {
    let profile = Profile::named("Maren");
    profile.done(&["new", "Kettles"]);
    profile.done(&["page", "new", "Kettles", "Tea"]);
    let commons = profile.json(&["list"])[0]["id"].as_str().unwrap()[..10].to_owned();
    let mut command = profile.command(&["--json", "peer", "--metrics", "127.0.0.1:0"]);
    let mut peer = Peer::of(command.stdout(Stdio::piped()).spawn().unwrap());
    let address = loop {
        let event = peer.next();
        if event["type"] == "metrics" {
            break event["address"].as_str().unwrap().to_owned();
        }
    };
    while peer.next()["type"] != "health" {}
    let all = figures(&address);
    let of = |name: &str| figure(&all, &format!("commonplace_{name}{{commons=\"{commons}\"}}"));
    assert_eq!(
        (of("pages"), of("only_here"), of("members")),
        (Some("1".into()), Some("1".into()), Some("1".into())),
        "{all}"
    );
    assert_eq!(figure(&all, "commonplace_online").as_deref(), Some("1"), "{all}");
    assert!(!all.contains("Kettles") && !all.contains("Maren"), "figures name nobody: {all}");
    assert_eq!(peer.end(), Some(0));
    // An address that is taken is said so, and nothing is left running.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = profile.run(&["peer", "--metrics", &address]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains(&address), "{said}");
    assert_eq!(profile.run(&["peer", "--metrics", "here"]).status.code(), Some(2));
}
