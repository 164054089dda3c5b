//! A relay of our own: iroh's, in a namespace, on a thread of this process.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::mpsc,
    thread::JoinHandle,
};

use anyhow::{Context, Result, anyhow};
use iroh_relay::{
    defaults::DEFAULT_RELAY_QUIC_PORT,
    server::{CertConfig, QuicConfig, RelayConfig, Server, ServerConfig, TlsConfig},
};
use nix::sched::{CloneFlags, setns};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::sync::oneshot;

const PLAIN: u16 = 3340;
const SEALED: u16 = 8443;

/// A relay that ends when this is dropped.
#[derive(Debug)]
pub struct Relay {
    url: String,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// One that only passes packets on, over plain HTTP.
    ///
    /// # Errors
    /// When it does not start.
    pub fn plain(namespace: &str, address: &str) -> Result<Self> {
        let mut config = ServerConfig::default();
        config.relay = Some(RelayConfig::new(everywhere(PLAIN)));
        Self::start(namespace, format!("http://{address}:{PLAIN}"), config)
    }

    /// One with a certificate, which also tells devices by which address they are seen; the certificate is written to `trust`, for
    /// those who are to believe it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn sealed(namespace: &str, address: &str, trust: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec![address.to_owned()])?;
        fs::write(trust, made.cert.pem())?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())?;
        let mut relay = RelayConfig::new(everywhere(PLAIN));
        relay.tls = Some(TlsConfig::new(everywhere(SEALED), CertConfig::Manual { server_config: tls }));
        let mut config = ServerConfig::default();
        config.relay = Some(relay);
        config.quic = Some(QuicConfig::new(everywhere(DEFAULT_RELAY_QUIC_PORT)));
        Self::start(namespace, format!("https://{address}:{SEALED}"), config)
    }

    fn start(namespace: &str, url: String, config: ServerConfig) -> Result<Self> {
        let place = File::open(format!("/run/netns/{namespace}")).context("the relay's namespace")?;
        let (end, ended) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let run = || -> Result<()> {
                // This thread alone goes there, and all that the relay spawns stays on it.
                setns(place, CloneFlags::CLONE_NEWNET)?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let server = Server::spawn(config).await.map_err(|error| anyhow!("{error:#}"))?;
                    ready.send(Ok(())).context("nobody waits for the relay")?;
                    // Its handle was dropped, or will be.
                    let _ = ended.await;
                    drop(server);
                    Ok(())
                })
            };
            if let Err(error) = run() {
                let _ = ready.send(Err(error));
            }
        });
        started.recv().context("the relay's thread")?.context("the relay")?;
        Ok(Self { url, end: Some(end), thread: Some(thread) })
    }

    /// Where devices find it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn everywhere(port: u16) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, port).into()
}
