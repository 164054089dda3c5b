//! The app's window: made when the app starts, raised when it is started again.

#[cfg(target_os = "linux")]
use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use tauri::webview::NewWindowResponse;
use tauri::{App, AppHandle, Manager, WebviewWindowBuilder};

use crate::links;
use crate::options::Options;

/// Label of the window, as in `tauri.conf.json` and the capabilities.
const MAIN: &str = "main";

/// How often within a minute the process that draws the window is begun anew: one that ends at once would be begun for ever.
#[cfg(target_os = "linux")]
const MOST: usize = 3;
#[cfg(target_os = "linux")]
const MINUTE: Duration = Duration::from_secs(60);

/// Opens the window described in `tauri.conf.json`. It never leaves the app's own pages: whatever else a click leads to
/// is handed to the person's browser.
pub(crate) fn open(app: &App, options: &Options) -> tauri::Result<()> {
    let windows = &app.config().app.windows;
    let config = windows.iter().find(|window| window.label == MAIN).ok_or(tauri::Error::WindowNotFound)?;
    let own = links::OwnPages::new(app.config().build.dev_url.clone());
    let mut window = WebviewWindowBuilder::from_config(app, config)?
        .on_navigation(move |url| {
            let stays = own.contains(url);
            if !stays {
                links::open_outside(url);
            }
            stays
        })
        .on_new_window(|url, _| {
            links::open_outside(&url);
            NewWindowResponse::Deny
        });
    if let Some(folder) = options.webview_data() {
        window = window.data_directory(folder);
    }
    let window = window.build()?;
    #[cfg(target_os = "linux")]
    window.with_webview(|shown| bring_back(&shown.inner()))?;
    Ok(())
}

/// Shows the page again when the process that draws it ended: it was out of memory, or fell over. What was written is the
/// engine's, which is in this process; without this, the window would stay empty for as long as it is open.
#[cfg(target_os = "linux")]
fn bring_back(shown: &webkit2gtk::WebView) {
    use webkit2gtk::WebViewExt;

    let times = RefCell::new(Vec::new());
    shown.connect_web_process_terminated(move |shown, why| {
        let (mut times, now) = (times.borrow_mut(), Instant::now());
        times.retain(|then: &Instant| now.duration_since(*then) < MINUTE);
        if times.len() >= MOST {
            tracing::error!(?why, "the process that draws the window ends again and again; the window stays empty");
            return;
        }
        times.push(now);
        tracing::error!(?why, "the process that draws the window ended; it is begun anew");
        shown.reload();
    });
}

/// Closes the window as its button would. False when there is none.
pub(crate) fn close(app: &AppHandle) -> bool {
    let Some(window) = app.get_webview_window(MAIN) else { return false };
    let closed = window.close();
    if let Err(error) = &closed {
        tracing::warn!("the window could not be closed: {error}");
    }
    closed.is_ok()
}

/// Brings the window to the front.
pub(crate) fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    let raised = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = raised {
        tracing::warn!("the window could not be raised: {error}");
    }
}
