//! The demonstration: two installations of the real app meet on a network of their own and write one page.
//!
//! Every step is told in plain words as it happens and leaves a picture of both windows. It needs no display and touches
//! neither the machine's network nor anybody's profile; whatever ends it, nothing of it stays but the pictures.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "telling the steps is what it is for")]

mod steps;
mod teller;

use std::process::ExitCode;

use commonplace_tests::desktop::enclosure::{Outcome, enclose};

fn main() -> ExitCode {
    match enclose(&[], steps::all) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(reason)) => {
            eprintln!("The demonstration cannot be given here: {reason}.");
            eprintln!("It opens two windows on virtual displays, in a network of its own that only this machine sees.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\n  The demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
