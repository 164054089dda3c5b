//! How the app was started: which profile it is to open, and with which ticket.
//!
//! `--home` (or `COMMONPLACE_HOME`) names a profile other than the person's own; the engine knows where that one lies. A
//! ticket link is only told apart from other arguments here: whether it is any good, the engine says in the window.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// What `commonplace-desktop` understands, in a line.
pub(crate) const USAGE: &str = "usage: commonplace-desktop [--home DIR] [TICKET]";

/// The same with what it means.
pub(crate) const HELP: &str = "\
A knowledge commons that lives on its members' own devices: the desktop app.

usage: commonplace-desktop [--home DIR] [TICKET]

  TICKET       a ticket link, commonplace://join/… or commonplace://device/…; the window shows what it is, and nothing is
               joined or paired without you
  --home DIR   the profile's folder; otherwise that of COMMONPLACE_HOME, otherwise your own
  --help       print this
  --version    print the version

If the app is running on the profile already, its window is raised. The command line, commonplace, works without a window.";

/// What a link to the app begins with, in whichever case.
const SCHEME: &str = "commonplace:";

/// Characters of a link that are kept: more than any ticket has, so that a longer one is still seen to be none.
const LONGEST_LINK: usize = 4_096;

/// Name on the session bus, followed by the profile's own part.
const BUS_NAME: &str = "org.commonplace.Commonplace";

/// What the program is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// Open the window.
    Window(Options),
    /// Say how it is used, and end.
    Help,
    /// Say which version it is, and end.
    Version,
}

/// What was asked for on the command line and in the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The profile's folder, absolute; nothing for the person's own.
    pub(crate) home: Option<PathBuf>,
    /// A link that is to be shown in the window: a ticket, or what looks like one.
    pub(crate) link: Option<String>,
}

/// Why a command line was not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `--home` stood last.
    #[error("--home wants a folder after it")]
    NoFolder,
    /// There was a second link.
    #[error("the app takes one ticket at a time")]
    TwoLinks,
    /// Something that the app does not know.
    #[error("{0:?} is not something the app knows")]
    Unknown(OsString),
}

impl Start {
    /// Reads the arguments after the program's name; `--home` goes before `COMMONPLACE_HOME`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Refusal> {
        Self::read(arguments, std::env::var_os("COMMONPLACE_HOME"))
    }

    fn read(arguments: impl IntoIterator<Item = OsString>, environment: Option<OsString>) -> Result<Self, Refusal> {
        let mut home = environment.filter(|home| !home.is_empty());
        let mut link = None;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            if text == "--home" {
                home = Some(arguments.next().filter(|home| !home.is_empty()).ok_or(Refusal::NoFolder)?);
            } else if let Some(folder) = text.strip_prefix("--home=") {
                home = Some(OsString::from(folder));
            } else if matches!(&*text, "--help" | "-h") {
                return Ok(Self::Help);
            } else if matches!(&*text, "--version" | "-V") {
                return Ok(Self::Version);
            } else if text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME)) {
                if link.replace(text.chars().take(LONGEST_LINK).collect()).is_some() {
                    return Err(Refusal::TwoLinks);
                }
            } else {
                return Err(Refusal::Unknown(argument));
            }
        }
        // A relative folder means this process's working directory, and is told so to nobody else.
        let home = home.map(|home| std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(home)));
        Ok(Self::Window(Options { home, link }))
    }
}

impl Options {
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

    /// Where the webview keeps its own data: with the profile, so that all there is lies in one folder and two profiles
    /// share nothing.
    ///
    /// The webview may come to it before the engine does, and would make the profile's folder readable by all; so both are
    /// made here, for their owner only. If that fails, the engine will say why.
    pub(crate) fn webview_data(&self) -> Option<PathBuf> {
        let folder = commonplace_api::home_dir(self.home.clone()).ok()?.join("webview");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.ok().map(|()| folder)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn started(arguments: &[&str], environment: Option<&str>) -> Result<Start, Refusal> {
        Start::read(arguments.iter().map(OsString::from), environment.map(OsString::from))
    }

    fn read(arguments: &[&str], environment: Option<&str>) -> Result<Options, Refusal> {
        started(arguments, environment).map(|start| match start {
            Start::Window(options) => options,
            other => panic!("{arguments:?} opened no window: {other:?}"),
        })
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
        for stray in ["https://example.org/join", "commonplace", "notes.md", ""] {
            assert_eq!(read(&[stray], None), Err(Refusal::Unknown(OsString::from(stray))), "{stray}");
        }
    }

    #[test]
    fn a_link_is_taken_as_it_is() {
        for link in
            ["commonplace://join/abc", "COMMONPLACE://JOIN/ABC", "commonplace://join/", "commonplace:ü", "commonplace:"]
        {
            assert_eq!(read(&[link], None).unwrap().link.as_deref(), Some(link));
        }
        let both = Options { home: Some(PathBuf::from("/a")), link: Some("commonplace://join/x".to_owned()) };
        assert_eq!(read(&["commonplace://join/x", "--home", "/a"], None), Ok(both.clone()));
        assert_eq!(read(&["--home=/a", "commonplace://join/x"], None), Ok(both));
        assert_eq!(read(&["--home", "commonplace:/a"], None).unwrap().link, None);
        assert_eq!(read(&["commonplace:a", "commonplace:b"], None), Err(Refusal::TwoLinks));
    }

    #[test]
    fn no_link_is_longer_than_it_needs_to_be() {
        let long = format!("commonplace://join/{}", "ä".repeat(100_000));
        assert_eq!(read(&[&long], None).unwrap().link.unwrap().chars().count(), LONGEST_LINK);
    }

    #[test]
    fn help_and_version_are_asked_for() {
        for (argument, start) in
            [("--help", Start::Help), ("-h", Start::Help), ("--version", Start::Version), ("-V", Start::Version)]
        {
            assert_eq!(started(&["--home", "/a", argument], None), Ok(start), "{argument}");
        }
        assert!(HELP.contains(USAGE));
    }

    #[test]
    fn the_webview_keeps_its_data_with_the_profile_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let place = std::env::temp_dir().join(format!("commonplace-webview-{}", std::process::id()));
        let home = place.join("profile");
        let options = Options { home: Some(home.clone()), link: None };
        assert_eq!(options.webview_data(), Some(home.join("webview")));
        for folder in [&home, &home.join("webview")] {
            assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        }
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn profiles_have_names_of_their_own() {
        let name = |home: &str| read(&["--home", home], None).unwrap().instance_name();
        assert_eq!(name("/nowhere/a"), name("/nowhere/a"));
        assert_ne!(name("/nowhere/a"), name("/nowhere/b"));
        assert_ne!(name("/nowhere/a"), read(&[], None).unwrap().instance_name());
    }
}
