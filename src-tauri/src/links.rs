//! Where links lead: the app's own pages stay in the window, the web opens in the person's browser, all else nowhere.
//!
//! Pages are written by others, so a link is never trusted: only a few schemes leave the app, and the program that opens
//! them gets the address as one argument, never through a shell.

use tauri::Url;

/// The pages that the window itself may show.
#[derive(Debug)]
pub(crate) struct OwnPages {
    /// Where Vite serves them, under `tauri dev`.
    served: Option<Url>,
}

impl OwnPages {
    /// The interface shipped in the app, or the one served from `served` under `tauri dev`.
    pub(crate) fn new(served: Option<Url>) -> Self {
        Self { served: if tauri::is_dev() { served } else { None } }
    }

    /// Whether the window may go there.
    pub(crate) fn contains(&self, url: &Url) -> bool {
        match url.scheme() {
            "tauri" => url.host_str() == Some("localhost"),
            "about" => url.path() == "blank",
            _ => self.served.as_ref().is_some_and(|served| served.origin() == url.origin()),
        }
    }
}

/// Whether a link may be handed to another program.
fn leads_outside(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https" | "mailto")
}

/// Opens a link with the program the person chose for it.
pub(crate) fn open_outside(url: &Url) {
    if !leads_outside(url) {
        tracing::info!(scheme = url.scheme(), "a link that leads nowhere was not followed");
        return;
    }
    let address = url.to_string();
    tauri::async_runtime::spawn(async move {
        match tokio::process::Command::new("xdg-open").arg(&address).status().await {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "a link could not be opened"),
            Err(error) => tracing::warn!("a link could not be opened: {error}"),
        }
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_window_keeps_to_its_own_pages() {
        let own = OwnPages { served: None };
        assert!(own.contains(&url("tauri://localhost/index.html")));
        assert!(own.contains(&url("about:blank")));
        for elsewhere in ["https://example.org/", "http://localhost:5173/", "file:///etc/passwd", "data:text/html,x"] {
            assert!(!own.contains(&url(elsewhere)), "{elsewhere}");
        }
    }

    #[test]
    fn while_developing_vite_is_home() {
        let own = OwnPages { served: Some(url("http://localhost:5173")) };
        assert!(own.contains(&url("http://localhost:5173/index.html")));
        assert!(!own.contains(&url("http://localhost:9/")));
    }

    #[test]
    fn only_the_web_and_mail_leave_the_app() {
        assert!(leads_outside(&url("https://example.org/a?b#c")));
        assert!(leads_outside(&url("mailto:maren@example.org")));
        for nowhere in ["file:///etc/passwd", "javascript:alert(1)", "ssh://host", "commonplace://join/x"] {
            assert!(!leads_outside(&url(nowhere)), "{nowhere}");
        }
    }
}
