//! Numbers and lists as sentences say them.

use std::fmt::Display;

/// So many of something.
pub(crate) fn count<N: Copy + Display + PartialEq + From<u8>>(n: N, one: &str, several: &str) -> String {
    if n == N::from(1) { format!("1 {one}") } else { format!("{n} {several}") }
}

/// Words as a sentence lists them.
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
