//! The bench works: run small, it gives every figure. What it then measures is worth nothing.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[test]
fn the_bench_gives_every_figure() -> Result<()> {
    let folder = tempfile::TempDir::with_prefix("commonplace-bench-")?;
    let out = folder.path().join("bench.json");
    let done = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--quick").arg("--out").arg(&out).output()?;
    ensure!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    let report: Value = serde_json::from_slice(&fs::read(&out)?)?;
    let figures = report["figures"].as_array().context("no figures")?;
    for key in [
        "key_p50",
        "key_p99",
        "key_long_p99",
        "long_shown",
        "long_editable",
        "long_durable",
        "import_rate",
        "join_rate",
        "join_indexed_rate",
        "warm_one",
        "disk_ratio",
        "open",
        "start",
        "memory_idle",
        "import_growth",
        "join_growth",
    ] {
        let value = figures.iter().find(|figure| figure["key"] == key).and_then(|figure| figure["value"].as_f64());
        ensure!(value.is_some_and(|value| value > 0.0 && value.is_finite()), "{key}: {value:?}");
    }
    Ok(())
}
