//! The manual of the command line, `docs/cli.md`, is carried out: what it shows is what happens.
//!
//! In a block marked `console`, lines after `$ ` are commands, run one after the other by one shell each in the manual's own
//! folder and profile. What follows up to the next command has to be what it prints, on either output; `…` stands for any
//! characters of a line. `[exit 1]` at the end names an exit code that is not 0.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

use crate::profile::{PROGRAM, Profile};

/// A command of the manual, and what it shows.
struct Example {
    line: usize,
    command: String,
    shows: Vec<String>,
}

fn examples(manual: &str) -> Vec<Example> {
    let (mut examples, mut inside) = (Vec::<Example>::new(), false);
    for (at, line) in manual.lines().enumerate() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => {
                    examples.push(Example { line: at + 1, command: command.to_owned(), shows: Vec::new() });
                }
                (None, Some(example)) => example.shows.push(line.to_owned()),
                (None, None) => panic!("line {}: a block begins with a command", at + 1),
            },
            (false, _) => {}
        }
    }
    examples
}

/// Whether a line is as the manual shows it.
fn is_like(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn the_manual_tells_the_truth() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    let examples = examples(&manual);
    assert!(examples.len() >= 20, "the manual has {} examples", examples.len());
    let profile = Profile::fresh();
    let programs = std::path::Path::new(PROGRAM).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for Example { line, command, mut shows } in examples {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(profile.dir()).env("PATH", &path);
        shell.env("COMMONPLACE_HOME", profile.home()).env("COMMONPLACE_BIND", "loopback");
        let output = shell.output().unwrap();
        let exit = match shows.last().and_then(|last| last.strip_prefix("[exit ")?.strip_suffix(']')?.parse().ok()) {
            Some(exit) => {
                shows.pop();
                exit
            }
            None => 0,
        };
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = said.lines().collect();
        let agrees = lines.len() == shows.len() && lines.iter().zip(&shows).all(|(line, shown)| is_like(line, shown));
        assert!(agrees, "docs/cli.md, line {line}: `{command}` says\n{said}and the manual\n{}", shows.join("\n"));
        assert_eq!(output.status.code(), Some(exit), "docs/cli.md, line {line}: `{command}`");
    }
}

#[test]
fn a_wrong_manual_would_be_found() {
    assert!(is_like("a b c", "a … c") && is_like("a b c", "…") && is_like("", "…") && is_like("a", "a"));
    assert!(!is_like("a b c", "a … d") && !is_like("a b", "a") && !is_like("b", "a…") && !is_like("ab", "a…b…b"));
    let found = examples("x\n```console\n$ one\nsays\n$ two\n```\n");
    assert_eq!((found.len(), found[0].shows.len(), found[1].command.as_str()), (2, 1, "two"));
}
