//! The source files of a crate, and which outside crates they name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, Package};

/// Dependencies that none of their crate's source files names. They cost every build its time and every user its trust.
pub(crate) fn unused(workspace: &Metadata) -> anyhow::Result<Vec<String>> {
    let mut unused = Vec::new();
    for package in &workspace.packages {
        let text = all_text(package)?;
        for dependency in &package.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
            let from_build_script = dependency.kind == DependencyKind::Build;
            let named = if from_build_script { &text.build_script } else { &text.sources };
            if !names(named, &name) {
                unused.push(format!("{} does not use {}", package.name, dependency.name));
            }
        }
    }
    Ok(unused)
}

/// Whether the text names a crate: the whole word, and as the beginning of a path. Prose may well say "bytes".
fn names(text: &str, name: &str) -> bool {
    let inside_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let starts_word = !text[..at].chars().next_back().is_some_and(inside_word);
        let after = &text[at + name.len()..];
        starts_word && ["::", ";", " as "].iter().any(|follows| after.starts_with(follows))
    })
}

struct Text {
    sources: String,
    build_script: String,
}

/// What a package's targets are compiled from: all Rust files beside and below each target's root.
fn all_text(package: &Package) -> anyhow::Result<Text> {
    let mut text = Text { sources: String::new(), build_script: String::new() };
    for target in &package.targets {
        let root = target.src_path.as_std_path();
        if target.is_custom_build() {
            text.build_script.push_str(&fs::read_to_string(root)?);
            continue;
        }
        for file in rust_files(root.parent().context("a source file in no folder")?)? {
            text.sources.push_str(&fs::read_to_string(&file)?);
        }
    }
    Ok(text)
}

pub(crate) fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[test]
fn a_crate_is_named_by_a_path() {
    assert!(names("use serde::Serialize;", "serde"));
    assert!(names("use commonplace_api as api;", "commonplace_api"));
    assert!(!names("use serde_json::Value;", "serde"));
    assert!(!names("let observes::x", "serves"));
    assert!(!names("// these are bytes from a peer", "bytes"));
}
