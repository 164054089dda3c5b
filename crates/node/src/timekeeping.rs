//! The computer's clock, and whether it can be right. Signatures, tickets and connections name times, and a clock that was never
//! set is the commonest fault of small computers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorCode, Result};

/// Where the time comes from.
pub(crate) type Clock = fn() -> SystemTime;

/// The first day of the year in which this version was made: no clock that is right is before it.
const NOT_BEFORE: u64 = 1_767_225_600;
/// The first day of 2100: whoever still uses this version then will forgive.
const NOT_AFTER: u64 = 4_102_444_800;

/// Refuses a clock with which no connection can be made: what keeps times there cannot count back from 1970.
pub(crate) fn must_be_after_1970(now: SystemTime) -> Result<()> {
    match now.duration_since(UNIX_EPOCH) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::new(
            ErrorCode::Unreachable,
            "This computer’s clock says that it is before 1970, and with such a clock no other device can be reached. Nothing was \
             changed: set date and time, and start again. Commands that need no network work meanwhile.",
        )),
    }
}

/// What the clock says, as a day, and whether that can be right.
pub(crate) fn looked_at(now: SystemTime) -> (String, bool) {
    let Ok(since) = now.duration_since(UNIX_EPOCH) else { return ("a day before 1970".to_owned(), false) };
    let right = (NOT_BEFORE..NOT_AFTER).contains(&since.as_secs());
    (day(since), right)
}

/// A day in words that every language can read: year, month, day.
fn day(since: Duration) -> String {
    // Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: years begin in March.
    let days = since.as_secs() / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, is) in
            [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (NOT_BEFORE, "2026-01-01"), (NOT_AFTER - 1, "2099-12-31")]
        {
            assert_eq!(day(Duration::from_secs(seconds)), is);
        }
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_noticed() {
        assert_eq!(looked_at(at(NOT_BEFORE)), ("2026-01-01".to_owned(), true));
        assert_eq!(looked_at(at(NOT_BEFORE - 1)), ("2025-12-31".to_owned(), false));
        assert!(!looked_at(at(NOT_AFTER)).1);
        assert!(must_be_after_1970(at(0)).is_ok());
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert!(must_be_after_1970(before).is_err() && !looked_at(before).1);
    }
}
