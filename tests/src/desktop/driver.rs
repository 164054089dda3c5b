//! What a window stands on: a display that nobody looks at, and the driver that types and clicks.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use fantoccini::{Client, ClientBuilder};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::installation::{Installation, desktop_binary};
use super::lan::Place;
use super::processes::Group;

/// The driver's port. Each place has its own loopback, so they do not meet.
const PORT: u16 = 4444;
/// How long display and driver may take to come up, also on a machine that is busy building.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether something is there.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A virtual display.
#[derive(Debug)]
pub(super) struct Display {
    _server: Group,
    name: String,
}

impl Display {
    pub(super) fn new((width, height): (u32, u32), log: &File) -> anyhow::Result<Self> {
        let mut server = Group::start(
            Command::new("Xvfb")
                // It chooses a free number itself and says which, once it is ready.
                .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-dpi", "96", "-screen", "0"])
                .arg(format!("{width}x{height}x24"))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(log.try_clone()?),
        )
        .context("Xvfb could not be started")?;
        let mut number = String::new();
        let output = server.leader().stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb ended before it had a display");
        Ok(Self { name: format!(":{}", number.trim()), _server: server })
    }
}

/// The driver, and through it the app.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) client: Client,
    /// Its threads are at the place of the window, so the driver's port is theirs too.
    pub(super) runtime: Runtime,
    _processes: Group,
}

impl Driver {
    /// Starts the app of this installation on `display`.
    pub(super) fn new(installation: &Installation, display: &Display, log: &File) -> anyhow::Result<Self> {
        let processes = Group::start(
            installation
                .command("dbus-run-session")
                .args(["--", "WebKitWebDriver", &format!("--port={PORT}")])
                .env("DISPLAY", &display.name)
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env("RUST_LOG", "warn,commonplace=debug")
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log.try_clone()?),
        )
        .context("WebKitWebDriver could not be started")?;
        let runtime = runtime_at(installation.place())?;
        let binary = desktop_binary()?;
        let home = installation.home();
        let client = runtime.block_on(async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
            // Connections are made by the runtime's own threads, not by this one, which is elsewhere.
            tokio::spawn(listening(address)).await??;
            let options = json!({ "binary": binary, "args": ["--home", home] });
            let capabilities = [("webkitgtk:browserOptions".to_owned(), options)].into_iter().collect();
            let connecting = async move {
                let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
                builder.capabilities(capabilities).connect(&format!("http://{address}")).await
            };
            anyhow::Ok(tokio::time::timeout(PATIENCE, tokio::spawn(connecting)).await.context("no session in time")???)
        })?;
        Ok(Self { client, runtime, _processes: processes })
    }
}

async fn listening(address: SocketAddr) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while let Err(error) = TcpStream::connect(address).await {
        if Instant::now() > until {
            bail!("WebKitWebDriver does not listen at {address}: {error}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// A runtime whose threads are at `place`.
fn runtime_at(place: &Place) -> anyhow::Result<Runtime> {
    let namespace = File::open(place.namespace())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(move || Place::enter(&namespace).expect("root of the enclosure may enter its own namespaces"))
        .build()?;
    Ok(runtime)
}
