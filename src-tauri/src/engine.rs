//! The engine behind the window, and the two commands by which the interface reaches it.
//!
//! The profile is opened beside the window, not before it. Until that is done, calls wait; if it fails, every call is
//! answered with the reason, so that the interface can show it. Events go to each window in the order in which the
//! engine made them; a window that could not keep up is told so by [`Event::Missed`] and asks anew.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use commonplace_api::{ApiError, Event, Host, HostKind, Options};
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::{State, Webview};
use tokio::sync::SetOnce;
use tokio::sync::broadcast::error::RecvError;

type Opening = SetOnce<Result<Host, ApiError>>;

/// The engine, once it is open, and who listens to it.
pub(crate) struct Engine {
    opening: Arc<Opening>,
    /// The task that feeds each webview, by label: a webview that was loaded anew replaces its former listener.
    listeners: Mutex<HashMap<String, tauri::async_runtime::JoinHandle<()>>>,
}

impl Engine {
    /// Begins to open the profile in `home`, or the person's own.
    pub(crate) fn start(home: Option<PathBuf>) -> Self {
        let opening = Arc::new(Opening::new());
        let opened = Arc::clone(&opening);
        tauri::async_runtime::spawn(async move {
            let host = Host::open(home, Options { online: true, kind: HostKind::App, ..Options::default() }).await;
            if let Err(error) = &host {
                tracing::error!("the profile could not be opened: {error}");
            }
            // Nothing else ever sets it.
            let _ = opened.set(host);
        });
        Self { opening, listeners: Mutex::default() }
    }

    async fn host(&self) -> Result<&Host, ApiError> {
        self.opening.wait().await.as_ref().map_err(Clone::clone)
    }

    /// Makes everything durable and leaves the network. Calls after it fail.
    pub(crate) async fn close(&self) {
        if let Ok(host) = self.host().await {
            host.close().await;
        }
    }

    fn replace_listener(&self, label: String, listener: tauri::async_runtime::JoinHandle<()>) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = listeners.insert(label, listener) {
            former.abort();
        }
    }
}

/// Carries out one command of the engine, by name. Which there are, with their arguments and replies, `commonplace-api`
/// declares.
#[tauri::command]
pub(crate) async fn call(command: String, args: Value, engine: State<'_, Engine>) -> Result<Value, ApiError> {
    engine.host().await?.call(&command, args).await
}

/// Sends every event of the engine into `channel`, from now on. It returns when nothing can be missed any more, so an
/// interface that listens first and asks for state afterwards has all of it.
#[tauri::command]
pub(crate) async fn listen(
    channel: Channel<Event>,
    webview: Webview,
    engine: State<'_, Engine>,
) -> Result<(), ApiError> {
    let mut events = engine.host().await?.events();
    let listener = tauri::async_runtime::spawn(async move {
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "the window could not keep up");
                    Event::Missed
                }
                Err(RecvError::Closed) => return,
            };
            if channel.send(event).is_err() {
                return;
            }
        }
    });
    engine.replace_listener(webview.label().to_owned(), listener);
    Ok(())
}
