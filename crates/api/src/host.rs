//! A host: an engine with its profile open, served on the local socket for whoever comes second.

use std::{os::unix::fs::DirBuilderExt, path::PathBuf};

use commonplace_node::{Engine, OpenOptions, profile, view::Event};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Mutex, broadcast};

use crate::{ApiError, Command, command, server::Server};

/// Set to `loopback`, it keeps every host to the loopback interface, without looking for devices: for tests.
pub const BIND_VARIABLE: &str = "COMMONPLACE_BIND";

/// What kind of program has a profile open, for those who come second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", rename_all = "lowercase")]
pub enum HostKind {
    /// The desktop app.
    App,
    /// An always-on peer.
    Peer,
    /// A command that will be over soon.
    Command,
    /// One that does not say, or of a kind that this version does not know.
    #[default]
    Unknown,
}

impl From<String> for HostKind {
    fn from(said: String) -> Self {
        match said.as_str() {
            "app" => Self::App,
            "peer" => Self::Peer,
            "command" => Self::Command,
            _ => Self::Unknown,
        }
    }
}

/// How to open a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether to listen for other devices and look for them.
    pub online: bool,
    /// Whether to keep to the loopback interface, without looking for devices; see also [`BIND_VARIABLE`].
    pub loopback: bool,
    /// What opens it.
    pub kind: HostKind,
}

/// An engine with its profile open.
pub struct Host {
    engine: Engine,
    server: Mutex<Option<Server>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Host {
    /// Opens the profile in `home`, else that of [`crate::HOME_VARIABLE`], else the person's own, and serves it on the local
    /// socket.
    ///
    /// # Errors
    /// When another process has it open, a newer version wrote it, or it cannot be read or written.
    pub async fn open(home: Option<PathBuf>, options: Options) -> Result<Self, ApiError> {
        let home = profile::home_dir(home)?;
        // The socket's folder is its owner's. If this fails, the engine says why.
        let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&home);
        let loopback = options.loopback || std::env::var_os(BIND_VARIABLE).is_some_and(|bind| bind == "loopback");
        let engine = Engine::open(OpenOptions { home, online: options.online, loopback }).await?;
        let server = match Server::start(engine.clone(), options) {
            Ok(server) => Some(server),
            Err(error) => {
                // All else works: only the command line is refused while this host runs.
                tracing::warn!(%error, "the local socket cannot be served");
                None
            }
        };
        Ok(Self { engine, server: Mutex::new(server) })
    }

    /// Carries out a command by its name.
    ///
    /// # Errors
    /// When there is no such command, its arguments are not what it takes, or the engine refuses.
    pub async fn call(&self, name: &str, args: Value) -> Result<Value, ApiError> {
        command::dispatch(&self.engine, name, args).await
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn run<C: Command>(&self, args: C) -> Result<C::Reply, ApiError> {
        args.run(&self.engine).await
    }

    /// Whether a recovery phrase can take the place of this profile's key, once it is closed; see [`crate::restore`].
    ///
    /// # Errors
    /// When the words are no such phrase, or the profile is in a commons.
    pub async fn can_restore(&self, phrase: &str) -> Result<(), ApiError> {
        profile::check_phrase(phrase)?;
        let status = self.engine.status().await?;
        if !status.commons.is_empty() {
            return Err(profile::is_used(std::path::Path::new(&status.home)).into());
        }
        Ok(())
    }

    /// What happens, from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.engine.events()
    }

    /// Answers what was begun, makes everything durable, says goodbye to other devices and lets go of the profile. Calls
    /// after it fail.
    pub async fn close(&self) {
        let server = self.server.lock().await.take();
        let Some(mut server) = server else {
            return self.engine.close().await;
        };
        server.finish().await;
        self.engine.close().await;
        server.end().await;
    }
}
