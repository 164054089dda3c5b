//! A profile of its own at a place: what one person has on one device.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use super::lan::Place;
use super::pictures::Album;
use super::window::Window;

/// Names another app than the one beside this program.
const BINARY: &str = "COMMONPLACE_DESKTOP";
/// Size of a window, unless told otherwise.
const SIZE: (u32, u32) = (1280, 800);

/// A person's device: where it is plugged in, and what is kept on it.
#[derive(Debug)]
pub struct Installation {
    name: String,
    place: Rc<Place>,
    album: Rc<Album>,
    /// All of the person's own folders; the profile is in it.
    folder: TempDir,
}

impl Installation {
    /// A new device at `place`. Its windows' pictures go into `album` under `name`.
    ///
    /// # Errors
    /// When no folder can be made for it.
    pub fn new(name: &str, place: Rc<Place>, album: Rc<Album>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("device-").tempdir()?;
        Ok(Self { name: name.to_owned(), place, album, folder })
    }

    /// Opens the app.
    ///
    /// # Errors
    /// When its window does not come up.
    pub fn open(&self) -> anyhow::Result<Window> {
        self.open_sized(SIZE)
    }

    /// Opens the app on a display of this size.
    ///
    /// # Errors
    /// When its window does not come up.
    pub fn open_sized(&self, size: (u32, u32)) -> anyhow::Result<Window> {
        Window::open(self, size).with_context(|| format!("the window of {} did not open", self.name))
    }

    /// Carries out a command of the command line on this device, through the app where that is open. Gives what it printed.
    ///
    /// # Errors
    /// When it is refused.
    pub fn commonplace(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let program = crate::cli::program()?;
        let program = program.to_str().context("the program's name is no text")?;
        let done = self.command(program).arg("--home").arg(self.home()).args(arguments).output()?;
        ensure!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8(done.stdout)?)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is plugged in.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where its pictures go.
    pub(super) fn album(&self) -> &Rc<Album> {
        &self.album
    }

    /// The profile's folder.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    /// A command at this device's place that sees nothing of the machine's own person.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = self.place.command(program);
        let folder = self.folder.path();
        for variable in
            ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"]
        {
            command.env(variable, folder);
        }
        for variable in ["WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "COMMONPLACE_HOME"] {
            command.env_remove(variable);
        }
        command.env("LC_ALL", "C.UTF-8").env("NO_AT_BRIDGE", "1").env("GDK_BACKEND", "x11").env("GIO_USE_VFS", "local");
        command
    }
}

/// The root of this checkout.
pub(super) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// The app: the one named by `COMMONPLACE_DESKTOP`, or the one built beside this program.
pub(super) fn desktop_binary() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os(BINARY).filter(|named| !named.is_empty()) {
        return Ok(std::path::absolute(PathBuf::from(named))?);
    }
    let here = std::env::current_exe()?;
    let beside =
        here.ancestors().skip(1).take(2).map(|folder| folder.join("commonplace-desktop")).find(|path| path.is_file());
    match beside {
        Some(path) => Ok(path),
        None => bail!("there is no commonplace-desktop beside {}; `make build` makes it", here.display()),
    }
}
