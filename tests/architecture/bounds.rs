//! `docs/bounds.md`, held to the sources: what it names is there, and no bound is missing from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::{page::root, sources::rust_files};

/// What the page names, by file: constants and tests.
type Named = BTreeMap<String, BTreeSet<String>>;

/// Names in code marks that are a path and something in it.
fn named(page: &str) -> Named {
    let mut named = Named::new();
    let names = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    for (path, name) in names.filter_map(|name| name.rsplit_once("::")) {
        named.entry(path.to_owned()).or_default().insert(name.to_owned());
    }
    named
}

/// Whether a source file has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    let is_it = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('))
    };
    let lines: Vec<_> = text.lines().collect();
    let marked = |at: usize| {
        let above = lines[..at].iter().rev().map(|line| line.trim_start()).take_while(|line| line.starts_with("#["));
        above.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    (0..lines.len()).any(|at| is_it(lines[at]) && marked(at))
}

/// The bounds that a source file declares.
fn bounds(text: &str) -> BTreeSet<String> {
    let declared = text.lines().filter_map(|line| line.split_once("const MAX_"));
    declared.map(|(_, rest)| rest.split(':').next().unwrap_or(rest)).map(|name| format!("MAX_{name}")).collect()
}

/// What the page names and is not there, and bounds that it does not name.
fn at_odds(page: &str, crates: &Path) -> anyhow::Result<Vec<String>> {
    let named = named(page);
    let mut odd = Vec::new();
    for (path, names) in &named {
        let Ok(text) = fs::read_to_string(crates.join(path)) else {
            odd.push(format!("there is no {path}"));
            continue;
        };
        let declared = bounds(&text);
        let is_there =
            |name: &&String| if name.starts_with("MAX_") { declared.contains(*name) } else { has_test(&text, name) };
        odd.extend(names.iter().filter(|name| !is_there(name)).map(|name| format!("there is no {name} in {path}")));
    }
    for package in fs::read_dir(crates)? {
        let sources = package?.path().join("src");
        for file in rust_files(&sources)? {
            let path = file.strip_prefix(crates)?.to_str().context("a path that is no text")?.to_owned();
            let missing = bounds(&fs::read_to_string(&file)?);
            let here = named.get(&path);
            let missing = missing.iter().filter(|name| here.is_none_or(|names| !names.contains(*name)));
            odd.extend(missing.map(|name| format!("{name} of {path} has no row")));
        }
    }
    Ok(odd)
}

#[test]
fn the_page_of_bounds_names_what_is_there_and_all_of_it() -> anyhow::Result<()> {
    let page = fs::read_to_string(root().join("docs/bounds.md")).context("docs/bounds.md")?;
    ensure!(named(&page).len() > 40, "it names next to nothing");
    let odd = at_odds(&page, &root().join("crates"))?;
    ensure!(odd.is_empty(), "docs/bounds.md:\n{}", odd.join("\n"));
    Ok(())
}

#[test]
fn a_name_that_is_not_there_is_found() -> anyhow::Result<()> {
    let odd = at_odds(
        "| `trust/src/chunk.rs::MAX_OPS`, `trust/src/chunk.rs::MAX_OPERAS`, `trust/src/no.rs::x` |",
        &root().join("crates"),
    )?;
    assert!(odd.contains(&"there is no MAX_OPERAS in trust/src/chunk.rs".to_owned()));
    assert!(odd.contains(&"there is no trust/src/no.rs".to_owned()));
    assert!(odd.contains(&"MAX_DEPS of trust/src/chunk.rs has no row".to_owned()));
    assert!(!odd.iter().any(|odd| odd.contains("MAX_OPS ")));
    let text = "#[test]\n#[ignore]\nfn one() {}\n\nfn two() {}\n#[tokio::test(flavor = \"x\")]\nasync fn three() {}\n";
    assert!(has_test(text, "one") && !has_test(text, "two") && has_test(text, "three") && !has_test(text, "thre"));
    Ok(())
}
