//! Waiting for something to become true, with an end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Pause between two looks. What is looked at is another process, which cannot be subscribed to from here.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks again and again until `look` finds what it wants, at most for `limit`.
///
/// # Errors
/// When the time is over, with `what` was waited for; or when `look` fails.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("waited {} s in vain: {what}", limit.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}
