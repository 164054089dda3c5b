//! The two tables of `ARCHITECTURE.md`, read from the page itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};

/// Heading of the table of crate edges.
const EDGES: &str = "## Who may use whom";
/// Heading of the table of outside crates.
const CONFINED: &str = "## Outside crates with one home";

/// What the page says.
pub(crate) struct Rules {
    /// For every crate of ours, those that it may use.
    pub(crate) edges: BTreeMap<String, BTreeSet<String>>,
    /// Outside crates that only some of ours may name.
    pub(crate) confined: Vec<Confined>,
}

/// Outside crates and the only crates of ours that may name them.
pub(crate) struct Confined {
    names: BTreeSet<String>,
    pub(crate) homes: BTreeSet<String>,
}

impl Confined {
    /// Whether the row is about this outside crate; a name that ends in `*` stands for all that begin so.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|listed| match listed.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => listed == name,
        })
    }
}

impl Rules {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
        let mut edges = BTreeMap::new();
        for (names, uses) in table(&page, EDGES)? {
            for name in names {
                ensure!(edges.insert(name.clone(), uses.clone()).is_none(), "{name} has two rows under {EDGES:?}");
            }
        }
        let confined = table(&page, CONFINED)?.into_iter().map(|(names, homes)| Confined { names, homes }).collect();
        Ok(Self { edges, confined })
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

type Row = (BTreeSet<String>, BTreeSet<String>);

/// The rows of the table under a heading: the names in code marks in its first and in its second column.
fn table(page: &str, heading: &str) -> anyhow::Result<Vec<Row>> {
    let below = page.split_once(&format!("\n{heading}\n")).with_context(|| format!("no heading {heading:?}"))?.1;
    let lines = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let mut rows = Vec::new();
    for line in lines.skip(2) {
        let mut cells = line.trim_matches('|').split('|');
        let (Some(first), Some(second)) = (cells.next(), cells.next()) else {
            anyhow::bail!("a row of one cell under {heading:?}: {line}");
        };
        rows.push((code_names(first), code_names(second)));
    }
    ensure!(!rows.is_empty(), "no rows under {heading:?}");
    Ok(rows)
}

/// What stands between pairs of backticks.
fn code_names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
