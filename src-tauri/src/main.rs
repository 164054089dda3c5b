//! The desktop shell: one window over the engine.
//!
//! The engine (`commonplace-api`) does the work; this crate gives it a window and nothing else. The interface reaches it
//! by two commands, [`engine::call`] and [`engine::listen`], has a recovery phrase used by a third, [`engine::restore`], and
//! asks by a fourth for the ticket that the app was opened with, [`ticket::opened_with`]. The window opens at once, while the profile is still being
//! opened, and it opens as well when the profile cannot be: the interface then shows why, in words.
//!
//! Deliberately absent: product logic, state of commons and pages, access to files from the webview (it may only ask the
//! person to choose one), and a second way to reach the engine.

mod engine;
mod links;
mod options;
mod ticket;
mod window;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use engine::Engine;
use options::{Options, Start};
use tauri::{Manager, RunEvent};
use ticket::Opened;

/// How long the interface may take to hand over what was typed when the app is told to end; it lets the window go after two seconds by itself.
const LONGEST_CLOSING: Duration = Duration::from_secs(4);

fn main() -> ExitCode {
    let options = match Start::parse(std::env::args_os().skip(1)) {
        Ok(Start::Window(options)) => options,
        Ok(Start::Help) => return answer(options::HELP),
        Ok(Start::Version) => return answer(concat!("commonplace-desktop ", env!("CARGO_PKG_VERSION"))),
        Err(refusal) => {
            // Runs before there is a window or a log: the terminal is the only place to say it.
            tell(&format!("commonplace-desktop: {refusal}\n{}", options::USAGE));
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("commonplace-desktop: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Opens the window and stays until it is closed.
fn run(options: Options) -> anyhow::Result<()> {
    // GTK would end the process with a backtrace instead of a word.
    let display = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some());
    ensure!(display, "there is no display to open a window on. The command line, commonplace, works without one.");
    let single_instance = tauri_plugin_single_instance::Builder::new()
        .dbus_id(options.instance_name())
        .callback(|app, arguments, _folder| {
            ticket::hand_on(app, &arguments);
            window::raise(app);
        })
        .build();
    let app = tauri::Builder::default()
        // First, so that a second start on one profile ends before it opens anything.
        .plugin(single_instance)
        .plugin(tauri_plugin_dialog::init())
        // Before the window is there: another start may hand a ticket on at any time.
        .manage(Opened::new(options.link.clone()))
        .invoke_handler(tauri::generate_handler![engine::call, engine::listen, engine::restore, ticket::opened_with])
        .setup(move |app| {
            app.manage(Engine::start(options.home.clone()));
            window::open(app, &options)?;
            quit_on_signal(app.handle().clone());
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the window could not be made ready; is there a display?")?;
    app.run(|app, event| {
        if matches!(event, RunEvent::Exit) {
            // Everything typed is durable, and peers know that we left, before the process ends.
            tauri::async_runtime::block_on(app.state::<Engine>().close());
        }
    });
    Ok(())
}

/// Ends the app as its window's close button would when the session or a terminal asks for it.
fn quit_on_signal(app: tauri::AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};

    tauri::async_runtime::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
        else {
            tracing::warn!("signals cannot be watched: the app ends at once when it is told to");
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
        // The interface hands over what was typed last, and lets the window go.
        if window::close(&app) {
            tokio::time::sleep(LONGEST_CLOSING).await;
        }
        app.exit(0);
    });
}

/// Says what was asked for. Whoever reads it may have read enough before the end.
fn answer(words: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{words}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "there is no window to say it in")]
fn tell(message: &str) {
    eprintln!("{message}");
}
