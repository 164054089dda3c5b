//! How the app was started: which profile it is to open.
//!
//! `--home` (or `COMMONPLACE_HOME`) names a profile other than the person's own; the engine knows where that one lies.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// What `commonplace-desktop` understands.
pub(crate) const USAGE: &str = "usage: commonplace-desktop [--home DIR]";

/// Name on the session bus, followed by the profile's own part.
const BUS_NAME: &str = "org.commonplace.Commonplace";

/// What was asked for on the command line and in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// The profile's folder, absolute; nothing for the person's own.
    pub(crate) home: Option<PathBuf>,
}

/// Why a command line was not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `--home` stood last.
    #[error("--home wants a folder after it")]
    NoFolder,
    /// Something that the app does not know.
    #[error("{0:?} is not something the app knows")]
    Unknown(OsString),
}

impl Options {
    /// Reads the arguments after the program's name; `--home` goes before `COMMONPLACE_HOME`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Refusal> {
        Self::read(arguments, std::env::var_os("COMMONPLACE_HOME"))
    }

    fn read(arguments: impl IntoIterator<Item = OsString>, environment: Option<OsString>) -> Result<Self, Refusal> {
        let mut home = environment.filter(|home| !home.is_empty());
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            if text == "--home" {
                home = Some(arguments.next().filter(|home| !home.is_empty()).ok_or(Refusal::NoFolder)?);
            } else if let Some(folder) = text.strip_prefix("--home=") {
                home = Some(OsString::from(folder));
            } else {
                return Err(Refusal::Unknown(argument));
            }
        }
        // A relative folder means this process's working directory, and is told so to nobody else.
        let home = home.map(|home| std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(home)));
        Ok(Self { home })
    }

    /// A name on the session bus that is the same for every start on one profile and differs between profiles.
    ///
    /// A miss (two spellings of one folder, or builds whose hash differs) does no harm: the profile's own lock still
    /// keeps the second one out, with a message instead of a raised window.
    pub(crate) fn instance_name(&self) -> String {
        match &self.home {
            None => BUS_NAME.to_owned(),
            Some(home) => {
                let mut hasher = DefaultHasher::new();
                std::fs::canonicalize(home).as_ref().unwrap_or(home).hash(&mut hasher);
                format!("{BUS_NAME}.profile_{:016x}", hasher.finish())
            }
        }
    }

    /// Where the webview keeps its own data: with the profile, so that two profiles share nothing.
    ///
    /// The webview may come to it before the engine does, and would make the profile's folder readable by all; so it is
    /// made here, for its owner only. If that fails, the engine will say why.
    pub(crate) fn webview_data(&self) -> Option<PathBuf> {
        let home = self.home.as_ref()?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(home);
        made.ok().map(|()| home.join("webview"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn read(arguments: &[&str], environment: Option<&str>) -> Result<Options, Refusal> {
        Options::read(arguments.iter().map(OsString::from), environment.map(OsString::from))
    }

    #[test]
    fn argument_goes_before_environment() {
        let options = read(&["--home", "/a"], Some("/b")).unwrap();
        assert_eq!(options.home, Some(PathBuf::from("/a")));
        assert_eq!(read(&["--home=/c"], None).unwrap().home, Some(PathBuf::from("/c")));
        assert_eq!(read(&[], Some("/b")).unwrap().home, Some(PathBuf::from("/b")));
        assert_eq!(read(&[], Some("")).unwrap().home, None);
    }

    #[test]
    fn a_wrong_command_line_is_refused() {
        assert_eq!(read(&["--home"], None), Err(Refusal::NoFolder));
        assert_eq!(read(&["--hoem", "/a"], None), Err(Refusal::Unknown(OsString::from("--hoem"))));
    }

    #[test]
    fn profiles_have_names_of_their_own() {
        let name = |home: &str| read(&["--home", home], None).unwrap().instance_name();
        assert_eq!(name("/nowhere/a"), name("/nowhere/a"));
        assert_ne!(name("/nowhere/a"), name("/nowhere/b"));
        assert_ne!(name("/nowhere/a"), read(&[], None).unwrap().instance_name());
    }
}
