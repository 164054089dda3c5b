//! Chance with a seed: a story that went wrong can be told again.
//!
//! The seed is printed. It is new in each run unless `COMMONPLACE_SEED` names one. What processes and networks do beside it
//! is not in anybody's hands.

use std::{
    hash::{BuildHasher, RandomState},
    io::{Write, stderr},
};

use anyhow::{Context, Result};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// Names the seed of a story that is to be told again.
const SEED: &str = "COMMONPLACE_SEED";

/// Draws numbers.
#[derive(Debug, Clone)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// With the seed that the environment names, else with one that no run had before; says which.
    ///
    /// # Errors
    /// When the environment names something else than a number.
    pub fn begin(story: &str) -> Result<Self> {
        let seed = match std::env::var(SEED).ok().filter(|seed| !seed.is_empty()) {
            Some(named) => named.parse().with_context(|| format!("{SEED} is no number: {named}"))?,
            None => RandomState::new().hash_one(story),
        };
        writeln!(stderr(), "{story}: told again with {SEED}={seed}")?;
        Ok(Self(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.random()
    }

    /// A number below this one, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end.max(1)
    }

    /// A place in a list of so many.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    /// Something small often and something large now and then: between these powers of two, each magnitude as often as any other.
    pub fn magnitude(&mut self, low: u32, high: u32) -> u64 {
        let power = low + u32::try_from(self.below(u64::from(high - low))).unwrap_or_default();
        (1 << power) + self.below(1 << power)
    }

    /// Words that hardly get smaller by compressing, about so many bytes.
    pub fn words(&mut self, bytes: usize) -> String {
        let mut words = String::with_capacity(bytes + 16);
        while words.len() < bytes {
            let mut letters = self.any();
            for _ in 0..4 + self.below(6) {
                words.push(char::from(b'a' + u8::try_from(letters % 26).unwrap_or_default()));
                letters /= 26;
            }
            words.push(if self.below(12) == 0 { '\n' } else { ' ' });
        }
        words
    }
}
