//! Tells the steps, and takes the pictures.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use commonplace_tests::desktop::Window;

/// Tells one step after the other, numbered.
pub(crate) struct Teller {
    number: u32,
    terminal: bool,
    colour: bool,
}

impl Teller {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { number: 0, terminal, colour: terminal && std::env::var_os("NO_COLOR").is_none() }
    }

    /// Does a step, and photographs these windows when it is done.
    pub(crate) fn step<T>(
        &mut self,
        words: &str,
        windows: &[&Window],
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.number += 1;
        if self.terminal {
            // Replaced by the line with its outcome.
            print!("  … {words}");
            std::io::stdout().flush()?;
        }
        let start = Instant::now();
        let done = work().and_then(|value| {
            for window in windows {
                window.picture(&format!("{:02}", self.number))?;
            }
            Ok(value)
        });
        let start_of_line = if self.terminal { "\r" } else { "" };
        let took = start.elapsed().as_secs_f64();
        match &done {
            Ok(_) => println!(
                "{start_of_line}  {} {words} {}",
                self.paint("32", "✓"),
                self.paint("2", &format!("({took:.1} s)"))
            ),
            Err(_) => println!("{start_of_line}  {} {words}", self.paint("31", "✗")),
        }
        done
    }

    fn paint(&self, code: &str, words: &str) -> String {
        if self.colour { format!("\x1b[{code}m{words}\x1b[0m") } else { words.to_owned() }
    }
}
