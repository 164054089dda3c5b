//! A host and its clients: commands by name and by type, through the local socket, and from one host to the next.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use commonplace_api::{
    Client, ErrorCode, Event, Host, HostKind, Options,
    command::{self, commons_list, commons_new, init, page_list, page_new, page_show, status},
    view::PageQuery,
};
use serde_json::{Value, json};

/// Neither the network nor looking for devices.
const OFFLINE: Options = Options { online: false, loopback: true, kind: HostKind::Command };

fn home() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("cp").tempdir().unwrap()
}

async fn client(home: &Path) -> Client {
    Client::connect_or_open(Some(home.to_owned()), OFFLINE).await.unwrap()
}

async fn founded(client: &Client) -> String {
    client.call(init::Args { name: "Maren".to_owned(), ink: None, device_name: None }).await.unwrap();
    let new = commons_new::Args { name: "Kettles".to_owned(), purpose: None, licence: None, deciding: None };
    client.call(new).await.unwrap().id
}

fn new_page(commons: &str, name: &str) -> page_new::Args {
    page_new::Args { commons: commons.to_owned(), name: name.to_owned(), body: Some("Boil.\n".to_owned()) }
}

/// The socket as a program in another language would use it.
struct Raw {
    lines: BufReader<UnixStream>,
    to: UnixStream,
}

impl Raw {
    fn connect(home: &Path) -> Self {
        let to = UnixStream::connect(home.join("engine.sock")).unwrap();
        let mut raw = Self { lines: BufReader::new(to.try_clone().unwrap()), to };
        assert_eq!(raw.next()["commonplace"], 1);
        raw
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }

    fn say(&mut self, line: &str) -> Value {
        writeln!(self.to, "{line}").unwrap();
        self.next()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_carried_out_by_name_and_by_type() {
    let dir = home();
    let host = Host::open(Some(dir.path().to_owned()), OFFLINE).await.unwrap();
    let profile = host.call("init", json!({ "name": "Maren", "deviceName": "desk" })).await.unwrap();
    assert_eq!((&profile["name"], &profile["deviceName"]), (&json!("Maren"), &json!("desk")));
    assert_eq!(host.run(status::Args {}).await.unwrap().profile.unwrap().name, "Maren");
    assert_eq!(host.call("commons_list", Value::Null).await.unwrap(), json!([]));
    for (name, args) in [("page_lists", json!({})), ("status", json!({ "x": 1 })), ("init", json!({ "name": 1 }))] {
        assert_eq!(host.call(name, args).await.unwrap_err().code, ErrorCode::BadArgument, "{name}");
    }
    host.close().await;
    assert!(host.call("status", json!({})).await.is_err(), "a closed host carries nothing out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_carries_its_picture_and_is_read_back_from_one() {
    let dir = home();
    let client = client(dir.path()).await;
    let commons = founded(&client).await;
    let made = client.call(command::invite::Args { commons: commons.clone(), uses: None, hours: None }).await.unwrap();
    assert!(made.qr_svg.starts_with("<svg ") && made.ticket.starts_with("commonplace://join/"));
    let read = client.call(command::ticket_read::Args { ticket: made.ticket.clone() }).await.unwrap();
    assert_eq!((read.commons, read.already_in, read.qr_svg), (commons, true, made.qr_svg));
    let picture = command::ticket_from_picture::Args { picture: "bm8gcGljdHVyZQ==".to_owned() };
    assert_eq!(client.call(picture).await.unwrap_err().code, ErrorCode::BadArgument);
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_client_works_through_the_first() {
    let dir = home();
    let first = client(dir.path()).await;
    let commons = founded(&first).await;
    let second = client(dir.path()).await;
    assert!(!first.is_remote().await && second.is_remote().await);
    let mut events = second.events().await.unwrap();
    let row = first.call(new_page(&commons, "guides/Tea")).await.unwrap();
    loop {
        match events.next().await.unwrap() {
            Event::Pages { rows, .. } if rows.iter().any(|r| r.id == row.id) => break,
            _ => {}
        }
    }
    let shown = second.call(page_show::Args { commons, page: "Tea".to_owned() }).await.unwrap();
    assert_eq!(shown.body, "Boil.\n");
    let none = second.call(page_show::Args { commons: "nothing".to_owned(), page: "x".to_owned() }).await;
    assert_eq!(none.unwrap_err().code, ErrorCode::NotFound);
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_host_ends_its_client_takes_over() {
    let dir = home();
    let first = client(dir.path()).await;
    let commons = founded(&first).await;
    let second = client(dir.path()).await;
    let mut events = second.events().await.unwrap();
    first.close().await;
    while events.next().await.is_some() {}
    second.call(new_page(&commons, "Tea")).await.unwrap();
    assert!(!second.is_remote().await);
    let third = client(dir.path()).await;
    let list = third.call(page_list::Args { commons, query: PageQuery::default() }).await.unwrap();
    assert_eq!((third.is_remote().await, list.total), (true, 1));
    third.close().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_at_once_share_one_profile() {
    let dir = home();
    let first = client(dir.path()).await;
    let commons = founded(&first).await;
    first.close().await;
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let (home, commons) = (dir.path().to_owned(), commons.clone());
            // Each closes as soon as it is done, so the profile goes from hand to hand.
            tokio::spawn(async move {
                let client = client(&home).await;
                client.call(new_page(&commons, &format!("Page {n}"))).await.unwrap();
                client.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let last = client(dir.path()).await;
    let list = last.call(page_list::Args { commons, query: PageQuery::default() }).await.unwrap();
    assert_eq!(list.total, 12);
    last.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_and_harms_nothing() {
    let dir = home();
    let host = Host::open(Some(dir.path().to_owned()), OFFLINE).await.unwrap();
    let home = dir.path().to_owned();
    tokio::task::spawn_blocking(move || {
        let mut raw = Raw::connect(&home);
        assert_eq!(raw.say("nonsense")["error"]["code"], "badArgument");
        let reply = raw.say(r#"{"id":7,"command":"status","oops":1}"#);
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(7), &json!("badArgument")));
        assert_eq!(raw.say(r#"{"id":8}"#)["error"]["code"], "badArgument");
        assert_eq!(raw.say(r#"{"id":9,"command":"rm"}"#)["error"]["code"], "badArgument");
        let reply = raw.say(r#"{"id":10,"command":"status"}"#);
        assert_eq!((&reply["id"], &reply["ok"]["online"]), (&json!(10), &json!(false)));
        // The halves of a request may come apart, and a client may stop writing before it has read.
        raw.to.write_all(br#"{"id":11,"comm"#).unwrap();
        raw.to.write_all(b"and\":\"commons_list\"}\n").unwrap();
        raw.to.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(raw.next(), json!({ "id": 11, "ok": [] }));
        let mut rest = Vec::new();
        raw.lines.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
    })
    .await
    .unwrap();
    host.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_cut_off() {
    let dir = home();
    let host = Host::open(Some(dir.path().to_owned()), OFFLINE).await.unwrap();
    let home = dir.path().to_owned();
    tokio::task::spawn_blocking(move || {
        let mut raw = Raw::connect(&home);
        let chunk = vec![b'a'; 1 << 20];
        // It is refused after 32 of them; the rest meets a closed door.
        let sent = (0..40).take_while(|_| raw.to.write_all(&chunk).is_ok()).count();
        assert!((32..40).contains(&sent), "{sent} MiB were taken");
        assert_eq!(raw.next()["error"]["code"], "tooLarge");
        assert_eq!(Raw::connect(&home).say(r#"{"id":1,"command":"commons_list"}"#)["ok"], json!([]));
    })
    .await
    .unwrap();
    host.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_page_goes_through_the_socket_whatever_is_in_it() {
    let dir = home();
    let first = client(dir.path()).await;
    let commons = founded(&first).await;
    let second = client(dir.path()).await;
    // JSON writes each of these as six characters.
    let body = "\u{1}".repeat(4_000_000);
    let page = page_new::Args { commons: commons.clone(), name: "Large".to_owned(), body: Some(body.clone()) };
    second.call(page).await.unwrap();
    let shown = second.call(page_show::Args { commons: commons.clone(), page: "Large".to_owned() }).await.unwrap();
    assert!(shown.body == body);
    let page = page_new::Args { commons, name: "Larger".to_owned(), body: Some("\u{1}".repeat(6_000_000)) };
    assert_eq!(second.call(page).await.unwrap_err().code, ErrorCode::TooLarge);
    assert_eq!(second.call(commons_list::Args {}).await.unwrap().len(), 1, "the connection is still good");
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_hosts_socket_is_replaced_and_a_living_ones_is_private() {
    let dir = home();
    let place = dir.path().join("engine.sock");
    // Bound and forgotten, as a killed process leaves it.
    drop(UnixListener::bind(&place).unwrap());
    assert!(place.exists());
    let client = client(dir.path()).await;
    assert!(!client.is_remote().await);
    assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
    client.close().await;
    assert!(!place.exists(), "a host takes its socket with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_profiles_folder_is_its_owners() {
    let dir = home();
    let home = dir.path().join("deep/profile");
    let client = client(&home).await;
    assert_eq!(std::fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_in_a_very_deep_folder_is_reached_as_well() {
    let dir = home();
    let deep = dir.path().join("a".repeat(120));
    let first = client(&deep).await;
    let second = client(&deep).await;
    assert!(second.is_remote().await);
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_another_version_is_named() {
    let dir = home();
    let listener = UnixListener::bind(dir.path().join("engine.sock")).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"{\"commonplace\":99,\"version\":\"9.8.7\",\"more\":true}\n").unwrap();
    });
    let error = Client::connect_or_open(Some(dir.path().to_owned()), OFFLINE).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProfileInUse);
    assert!(error.message.contains("9.8.7"), "{error}");
    other.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_of_everything_in_order() {
    let dir = home();
    let host = Host::open(Some(dir.path().to_owned()), OFFLINE).await.unwrap();
    host.call("init", json!({ "name": "Maren" })).await.unwrap();
    let home = dir.path().to_owned();
    let seen = tokio::task::spawn_blocking(move || {
        let mut raw = Raw::connect(&home);
        assert_eq!(raw.say(r#"{"id":1,"listen":true}"#), json!({ "id": 1, "ok": null }));
        writeln!(raw.to, r#"{{"id":2,"command":"commons_new","args":{{"name":"Kettles"}}}}"#).unwrap();
        let mut kinds = Vec::new();
        loop {
            let line = raw.next();
            if line["closing"] == true {
                return kinds;
            }
            kinds.push(line["event"]["type"].as_str().map_or_else(|| line["id"].to_string(), str::to_owned));
            if kinds.contains(&"2".to_owned()) && kinds.contains(&"commons".to_owned()) {
                return kinds;
            }
        }
    })
    .await
    .unwrap();
    assert!(seen.contains(&"commons".to_owned()), "{seen:?}");
    host.close().await;
}
