//! Holds the crates to `ARCHITECTURE.md`.
//!
//! The page has two tables, and they are read here rather than written again: which crate may use which, and which
//! outside crates are named in one place only. `cargo metadata` says what is really so. Every dependency is also looked for
//! in the sources that are said to need it.

mod bounds;
mod packages;
mod page;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use page::{Confined, Rules};

/// What the name of every crate of ours begins with.
const PREFIX: &str = "commonplace-";

#[test]
fn crates_use_only_what_the_page_lists() -> anyhow::Result<()> {
    let violations = forbidden_edges(&actual_edges(&workspace()?), &Rules::read()?.edges);
    ensure!(violations.is_empty(), "not in ARCHITECTURE.md:\n{}", violations.join("\n"));
    Ok(())
}

#[test]
fn the_page_lists_every_crate_and_no_other() -> anyhow::Result<()> {
    let listed: BTreeSet<_> = Rules::read()?.edges.into_keys().collect();
    let actual: BTreeSet<_> = actual_edges(&workspace()?).into_keys().collect();
    ensure!(listed == actual, "ARCHITECTURE.md lists {listed:?}, the workspace has {actual:?}");
    Ok(())
}

#[test]
fn outside_crates_stay_where_the_page_puts_them() -> anyhow::Result<()> {
    let violations = strays(&workspace()?, &Rules::read()?.confined);
    ensure!(violations.is_empty(), "not in ARCHITECTURE.md:\n{}", violations.join("\n"));
    Ok(())
}

#[test]
fn every_dependency_is_used() -> anyhow::Result<()> {
    let unused = sources::unused(&workspace()?)?;
    ensure!(unused.is_empty(), "{}", unused.join("\n"));
    Ok(())
}

#[test]
fn arrows_point_one_way() -> anyhow::Result<()> {
    let edges = Rules::read()?.edges;
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    while settled.len() < edges.len() {
        let next = edges
            .iter()
            .find(|(name, uses)| {
                !settled.contains(name.as_str()) && uses.iter().all(|used| settled.contains(used.as_str()))
            })
            .with_context(|| format!("a circle, or a name without a row, beyond {settled:?}"))?;
        settled.insert(next.0);
    }
    Ok(())
}

#[test]
fn an_edge_that_is_not_listed_is_found() {
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let listed = BTreeMap::from([("model".to_owned(), set(&[])), ("trust".to_owned(), set(&["model"]))]);
    let actual = BTreeMap::from([("model".to_owned(), set(&["trust"])), ("trust".to_owned(), set(&["model"]))]);
    assert_eq!(forbidden_edges(&actual, &listed), ["model → trust"]);
}

fn workspace() -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(page::root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .context("cargo metadata")
}

/// A crate's name without what all of ours have in common.
fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// Which of our crates each of our crates names, tests included: a test that reaches past a layer ties it down as well.
fn actual_edges(workspace: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let ours: BTreeSet<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let uses = |package: &Package| {
        let named = package.dependencies.iter().map(|dependency| dependency.name.as_str());
        named
            .filter(|name| ours.contains(name) && *name != package.name.as_str())
            .map(|name| short(name).to_owned())
            .collect()
    };
    workspace.packages.iter().map(|package| (short(&package.name).to_owned(), uses(package))).collect()
}

fn forbidden_edges(
    actual: &BTreeMap<String, BTreeSet<String>>,
    listed: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let none = BTreeSet::new();
    let edges = actual.iter().flat_map(|(from, uses)| uses.iter().map(move |to| (from, to)));
    edges
        .filter(|(from, to)| !listed.get(*from).unwrap_or(&none).contains(*to))
        .map(|(from, to)| format!("{from} → {to}"))
        .collect()
}

/// Outside crates named elsewhere than the page allows. Dependencies of tests are free: a test may well use a clock.
fn strays(workspace: &Metadata, confined: &[Confined]) -> Vec<String> {
    let mut strays = Vec::new();
    for package in &workspace.packages {
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
        {
            let rule = confined.iter().find(|rule| rule.covers(&dependency.name));
            if rule.is_some_and(|rule| !rule.homes.contains(short(&package.name))) {
                strays.push(format!("{} names {}", short(&package.name), dependency.name));
            }
        }
    }
    strays
}
