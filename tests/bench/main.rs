//! The bench: measures, prints a table and writes it as JSON (`target/bench.json`).
//!
//! `bench [--quick] [--only PART] [--out FILE]`. `--quick` runs everything small: it shows that the bench works, and measures
//! nothing. Parts are `keys`, `history`, `crowd`, `stream`, `flood` and `pages`.

#[cfg(feature = "compare")]
mod compare;
mod crowd;
mod figures;
mod flood;
mod gate;
mod history;
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
#[cfg(feature = "compare")]
mod stream;
mod wire;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};

use figures::Figures;

#[cfg(feature = "compare")]
const PARTS: &[&str] = &["keys", "history", "crowd", "stream", "flood", "pages"];
#[cfg(not(feature = "compare"))]
const PARTS: &[&str] = &["keys", "history", "crowd", "flood", "pages"];

fn main() -> Result<ExitCode> {
    let Arguments { quick, only, out } = arguments()?;
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    if !wire::is_own()
        && let Some(status) = wire::again_in_own_network()?
    {
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut figures = Figures::new(quick, wire::is_own());
    figures.tell_machine()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if wanted("keys") {
            keys::measure(&mut figures, quick).await?;
        }
        if wanted("history") {
            history::measure(&mut figures, quick).await?;
        }
        if wanted("crowd") {
            crowd::measure(&mut figures, quick).await?;
        }
        #[cfg(feature = "compare")]
        if wanted("stream") {
            stream::measure(&mut figures, quick).await?;
        }
        if wanted("flood") {
            flood::measure(&mut figures, quick).await?;
        }
        if wanted("pages") {
            pages::measure(&mut figures, quick).await?;
        }
        anyhow::Ok(())
    })?;
    figures.write(&out)?;
    let over = figures.over();
    if over > 0 && !quick {
        use std::io::Write;
        writeln!(std::io::stdout(), "{over} of the figures are over what they may be")?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Arguments {
    quick: bool,
    only: Option<String>,
    out: PathBuf,
}

fn arguments() -> Result<Arguments> {
    let (mut quick, mut only, mut out) = (false, None, None);
    let mut given = std::env::args_os().skip(1);
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--quick") => quick = true,
            Some("--only") => {
                let part = given.next().and_then(|part| part.into_string().ok());
                only = Some(
                    part.filter(|part| PARTS.contains(&part.as_str()))
                        .with_context(|| format!("--only {}", PARTS.join(", ")))?,
                );
            }
            Some("--out") => out = Some(PathBuf::from(given.next().context("--out FILE")?)),
            _ => bail!("usage: bench [--quick] [--only PART] [--out FILE]"),
        }
    }
    // Beside the folder of the profile that the bench was built in: target/bench.json.
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("bench.json"));
    let out = out.or_else(beside).context("a place for the figures")?;
    Ok(Arguments { quick, only, out })
}
