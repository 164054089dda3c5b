//! "Since when", as people write it.

use crate::error::{Error, Result};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Milliseconds since 1970 of what somebody wrote: how long before `now`, or a day, or a minute of it, both UTC.
pub(crate) fn read(text: &str, now: u64) -> Result<u64> {
    let text = text.trim();
    ago(text).map(|ago| now.saturating_sub(ago)).or_else(|| moment(text)).ok_or_else(|| {
        Error::bad(format!(
            "“{text}” is no time. Write how long ago (90m, 2h, 3d, 1w), a day (2026-11-25) or a minute of one \
             (2026-11-25T14:00, UTC)."
        ))
    })
}

fn ago(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let unit = match unit {
        's' => 1_000,
        'm' => MINUTE,
        'h' => 60 * MINUTE,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn moment(text: &str) -> Option<u64> {
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let numbers = |text: &str, sign: char| -> Option<Vec<u64>> {
        text.split(sign).map(|part| part.parse().ok().filter(|_| part.len() <= 4)).collect()
    };
    let &[year, month, day] = numbers(day, '-')?.as_slice() else { return None };
    let time = numbers(time.trim_end_matches('Z'), ':')?;
    let (hour, minute, second) = match *time.as_slice() {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = lengths.iter().take(usize::try_from(month).ok()? - 1);
    if !(1..=*lengths.get(usize::try_from(month).ok()? - 1)?).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let days = years + before.sum::<u64>() + day - 1;
    Some(days * DAY + (hour * 60 + minute) * MINUTE + second * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = 1_000 * DAY;
        assert_eq!(read("2h", now), Ok(now - 120 * MINUTE));
        assert_eq!(read("3d", now), Ok(997 * DAY));
        assert_eq!(read("9999w", now), Ok(0));
        assert_eq!(read("1970-01-02", now), Ok(DAY));
        assert_eq!(read("2000-03-01T00:01", now), Ok(951_868_860_000));
        assert_eq!(read("2026-11-25 14:00:05Z", now), Ok(1_795_615_205_000));
        for bad in
            ["", "h", "2", "2 hours", "-3d", "2025-02-29", "2025-13-01", "2025-01-01T24:00", "01-01-2025", "é", "1é"]
        {
            assert!(read(bad, now).is_err(), "{bad}");
        }
    }
}
