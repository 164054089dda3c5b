//! The bench: measures, prints a table and writes it as JSON (`target/bench.json`).
//!
//! `bench [--quick] [--out FILE]`. `--quick` runs everything small: it shows that the bench works, and measures nothing.

mod figures;
mod flood;
mod gate;
mod keys;
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "it is a test's, which fails by panicking"
)]
mod mallory;
mod pages;
mod pair;
mod wire;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};

use figures::Figures;

fn main() -> Result<ExitCode> {
    let (quick, out) = arguments()?;
    if !wire::is_own()
        && let Some(status) = wire::again_in_own_network()?
    {
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut figures = Figures::new(quick, wire::is_own());
    figures.tell_machine()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        keys::measure(&mut figures, quick).await?;
        flood::measure(&mut figures, quick).await?;
        pages::measure(&mut figures, quick).await
    })?;
    figures.write(&out)?;
    let over = figures.over();
    if over > 0 && !quick {
        use std::io::Write;
        writeln!(std::io::stdout(), "{over} of the figures are over what they may be")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn arguments() -> Result<(bool, PathBuf)> {
    let (mut quick, mut out) = (false, None);
    let mut given = std::env::args_os().skip(1);
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--quick") => quick = true,
            Some("--out") => out = Some(PathBuf::from(given.next().context("--out FILE")?)),
            _ => bail!("usage: bench [--quick] [--out FILE]"),
        }
    }
    // Beside the folder of the profile that the bench was built in: target/bench.json.
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("bench.json"));
    let out = out.or_else(beside).context("a place for the figures")?;
    Ok((quick, out))
}
