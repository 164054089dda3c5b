//! What was measured: a table for people, JSON for comparison over time.

use std::{fs, io::Write, path::Path};

use anyhow::Result;
use serde::Serialize;

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What was measured, as a stable key.
    pub(crate) key: &'static str,
    /// The same in words.
    pub(crate) what: String,
    /// How much; nothing where this machine could not tell.
    pub(crate) value: Option<f64>,
    /// Of what.
    pub(crate) unit: &'static str,
    /// The most that it may be.
    pub(crate) most: Option<f64>,
}

/// All measurements of a run, and where it ran.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    machine: Machine,
    quick: bool,
    figures: Vec<Figure>,
}

/// Where the run took place; figures of two machines are not to be compared.
#[derive(Debug, Default, Serialize)]
struct Machine {
    processor: String,
    processors: usize,
    memory_mb: u64,
    system: String,
    kernel: String,
    /// Whether the loopback interface was the bench's own, so that its counters count nothing else.
    own_network: bool,
    profile: &'static str,
}

impl Figures {
    pub(crate) fn new(quick: bool, own_network: bool) -> Self {
        Self { machine: Machine::here(own_network), quick, figures: Vec::new() }
    }

    /// Notes a measurement, and tells it at once.
    pub(crate) fn note(&mut self, key: &'static str, what: &str, value: Option<f64>, unit: &'static str) -> Result<()> {
        self.add(Figure { key, what: what.to_owned(), value, unit, most: None })
    }

    /// Notes a measurement that may not be more than so much.
    pub(crate) fn hold(
        &mut self,
        key: &'static str,
        what: &str,
        value: f64,
        unit: &'static str,
        most: f64,
    ) -> Result<()> {
        self.add(Figure { key, what: what.to_owned(), value: Some(value), unit, most: Some(most) })
    }

    fn add(&mut self, figure: Figure) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let value = figure.value.map_or_else(|| "unknown".to_owned(), shown);
        let verdict = match (figure.value, figure.most) {
            (Some(value), Some(most)) if value > most => format!("  OVER {}", shown(most)),
            (Some(_), Some(most)) => format!("  ≤ {}", shown(most)),
            _ => String::new(),
        };
        writeln!(out, "  {:<58} {value:>12} {:<12}{verdict}", figure.what, figure.unit)?;
        self.figures.push(figure);
        Ok(())
    }

    /// Begins a part of the table.
    pub(crate) fn part(title: &str) -> Result<()> {
        writeln!(std::io::stdout(), "\n{title}")?;
        Ok(())
    }

    /// Says where the run takes place.
    pub(crate) fn tell_machine(&self) -> Result<()> {
        let m = &self.machine;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}, {} processors, {} MB; {}, {}", m.processor, m.processors, m.memory_mb, m.system, m.kernel)?;
        if m.profile != "release" {
            writeln!(out, "*** built without optimisation: these figures say nothing about what is shipped")?;
        }
        if !m.own_network {
            writeln!(out, "*** no network of its own could be made: traffic is not counted")?;
        }
        Ok(())
    }

    /// Writes all as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, serde_json::to_vec_pretty(self)?)?;
        writeln!(std::io::stdout(), "\nwritten to {}", path.display())?;
        Ok(())
    }

    /// Measurements beyond what they may be.
    pub(crate) fn over(&self) -> usize {
        self.figures.iter().filter(|f| f.value.zip(f.most).is_some_and(|(value, most)| value > most)).count()
    }
}

impl Machine {
    fn here(own_network: bool) -> Self {
        let line = |file: &str, key: &str| -> Option<String> {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line[key.len()..].trim_start_matches([' ', '\t', ':', '=']).trim_matches('"').to_owned())
        };
        let memory = line("/proc/meminfo", "MemTotal").unwrap_or_default();
        Self {
            processor: line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_mb: memory.split(' ').next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() / 1_024,
            system: line("/etc/os-release", "PRETTY_NAME").unwrap_or_else(|| std::env::consts::OS.to_owned()),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            own_network,
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
        }
    }
}

/// A number with as many places as it deserves.
fn shown(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The value below which so many of a hundred lie.
pub(crate) fn percentile(sorted: &[f64], of_hundred: usize) -> Option<f64> {
    let at = (sorted.len() * of_hundred).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied()
}
