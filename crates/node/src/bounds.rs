//! How much of its own a member's devices may have this one keep. A test that is to see what happens at a bound sets a low one.
//!
//! Deliberately absent: bounds of one frame, change or record, which are what every device holds every other to and are constants
//! where those are read. `docs/bounds.md` has them all.

use commonplace_trust::room::MAX_ACTORS;

/// Bounds on what members' devices bring of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Actors of a device in a document.
    pub actors: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { actors: MAX_ACTORS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_that_are_written_down() {
        assert_eq!(Bounds::default(), Bounds { actors: 4_096 });
    }
}
