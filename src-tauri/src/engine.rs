//! The engine behind the window, the two commands by which the interface reaches it, and a third that has it begin anew
//! with the key of a recovery phrase.
//!
//! The profile is opened beside the window, not before it. Until that is done, calls wait; if it fails, every call is
//! answered with the reason, so that the interface can show it. Events go to each window in the order in which the
//! engine made them; a window that could not keep up is told so by [`Event::Missed`] and asks anew.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use commonplace_api::{ApiError, ErrorCode, Event, Host, HostKind, Options};
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::{State, Webview};
use tokio::sync::SetOnce;
use tokio::sync::broadcast::error::RecvError;

type Opening = SetOnce<Result<Arc<Host>, ApiError>>;

/// The engine, once it is open, and who listens to it.
pub(crate) struct Engine {
    home: Option<PathBuf>,
    opening: Mutex<Arc<Opening>>,
    /// Held while a recovery phrase is used.
    restoring: tokio::sync::Mutex<()>,
    /// The task that feeds each webview, by label: a webview that was loaded anew replaces its former listener.
    listeners: Mutex<HashMap<String, tauri::async_runtime::JoinHandle<()>>>,
}

impl Engine {
    /// Begins to open the profile in `home`, or the person's own.
    pub(crate) fn start(home: Option<PathBuf>) -> Self {
        let opening = Mutex::new(begin(home.clone()));
        Self { home, opening, restoring: tokio::sync::Mutex::default(), listeners: Mutex::default() }
    }

    async fn host(&self) -> Result<Arc<Host>, ApiError> {
        let opening = Arc::clone(&self.opening.lock().unwrap_or_else(PoisonError::into_inner));
        opening.wait().await.clone()
    }

    /// Gives the profile, which is in no commons yet, the key of a recovery phrase, and opens it anew.
    async fn restore(&self, phrase: String) -> Result<(), ApiError> {
        let _one_at_a_time = self.restoring.lock().await;
        let host = self.host().await?;
        host.can_restore(&phrase).await?;
        host.close().await;
        let home = self.home.clone();
        let restored = tauri::async_runtime::spawn_blocking(move || commonplace_api::restore(home, &phrase)).await;
        // Also when that failed: then it is as it was.
        *self.opening.lock().unwrap_or_else(PoisonError::into_inner) = begin(self.home.clone());
        restored.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?.map_err(ApiError::from)
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

/// Begins to open the profile in `home`, or the person's own.
fn begin(home: Option<PathBuf>) -> Arc<Opening> {
    let opening = Arc::new(Opening::new());
    let opened = Arc::clone(&opening);
    tauri::async_runtime::spawn(async move {
        let host = Host::open(home, Options { online: true, kind: HostKind::App, ..Options::default() }).await;
        if let Err(error) = &host {
            tracing::error!("the profile could not be opened: {error}");
        }
        // Nothing else ever sets it.
        let _ = opened.set(host.map(Arc::new));
    });
    opening
}

/// Begins anew with the key of a recovery phrase, where the profile is in no commons yet. Whoever listened listens anew.
#[tauri::command]
pub(crate) async fn restore(phrase: String, engine: State<'_, Engine>) -> Result<(), ApiError> {
    engine.restore(phrase).await
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
