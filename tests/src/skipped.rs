//! Suites that cannot run on this machine say so, loudly; where everything must run, they fail.

use std::{fs::OpenOptions, io::Write};

use anyhow::{Context, Result, ensure};

/// Names the file in which skipped suites are listed.
const LIST: &str = "COMMONPLACE_SKIPPED";

/// Notes that a suite is left out and why.
///
/// # Errors
/// With `CI` set, always: nothing is left out there.
pub fn skipped(suite: &str, why: &str) -> Result<()> {
    let line = format!("{suite}: {why}");
    let mut out = std::io::stderr();
    writeln!(out, "\n*** SKIPPED {line}\n")?;
    if let Some(list) = std::env::var_os(LIST) {
        let mut list =
            OpenOptions::new().create(true).append(true).open(&list).context("the list of skipped suites")?;
        writeln!(list, "{line}")?;
    }
    ensure!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "skipped where nothing may be: {line}");
    Ok(())
}
