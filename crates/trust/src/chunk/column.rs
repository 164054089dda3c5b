//! The columns of a change's operations: run-length encoded values, differences and booleans.
//!
//! Each reader gives value after value, or whole runs, and keeps nothing but where it is: what a column claims is never
//! expanded. A column has one acceptable form, the one that Automerge's own writer gives it: equal neighbours in one run,
//! the others together in one literal run, no runs of nothing, no column without a value. So what was read could be
//! written only as it was.

use super::{ChunkError, MAX_OP_COUNTER, number::Bytes};

/// A value that a run-length encoded column can hold.
pub(crate) trait Value<'a>: Copy + PartialEq {
    fn read(data: &mut Bytes<'a>) -> Result<Self, ChunkError>;
}

impl Value<'_> for u64 {
    fn read(data: &mut Bytes<'_>) -> Result<Self, ChunkError> {
        data.unsigned()
    }
}

impl Value<'_> for i64 {
    fn read(data: &mut Bytes<'_>) -> Result<Self, ChunkError> {
        data.signed()
    }
}

impl<'a> Value<'a> for &'a str {
    fn read(data: &mut Bytes<'a>) -> Result<Self, ChunkError> {
        std::str::from_utf8(data.string()?).map_err(|_| ChunkError::Malformed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Start,
    Same,
    Literal,
    Nulls,
}

/// A run-length encoded column.
#[derive(Debug, Clone)]
pub(crate) struct Runs<'a, V> {
    data: Bytes<'a>,
    form: Form,
    /// The value at hand, and how often it still comes.
    current: Option<V>,
    left: u64,
    /// Values of the present literal run that are not read yet.
    literal: u64,
    any: bool,
}

impl<'a, V: Value<'a>> Runs<'a, V> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data: Bytes::new(data), form: Form::Start, current: None, left: 0, literal: 0, any: false }
    }

    /// Sees to it that there is a value at hand.
    fn fill(&mut self) -> Result<(), ChunkError> {
        if self.left > 0 {
            return Ok(());
        }
        if self.literal == 0 {
            let count = self.data.signed()?;
            match count {
                0 => {
                    self.left = self.data.unsigned()?;
                    if self.left == 0 || self.form == Form::Nulls {
                        return Err(ChunkError::Canonical);
                    }
                    self.current = None;
                    self.form = Form::Nulls;
                    return Ok(());
                }
                1 => return Err(ChunkError::Canonical),
                2.. => {
                    self.value()?;
                    self.left = count.unsigned_abs();
                    self.form = Form::Same;
                    return Ok(());
                }
                _ => {
                    if self.form == Form::Literal {
                        return Err(ChunkError::Canonical);
                    }
                    self.literal = count.unsigned_abs();
                    self.form = Form::Literal;
                }
            }
        }
        self.value()?;
        self.literal -= 1;
        self.left = 1;
        Ok(())
    }

    fn value(&mut self) -> Result<(), ChunkError> {
        let value = V::read(&mut self.data)?;
        // Equal neighbours belong to one run. After nulls there is no neighbour: `current` is empty then.
        if self.current == Some(value) {
            return Err(ChunkError::Canonical);
        }
        self.current = Some(value);
        self.any = true;
        Ok(())
    }

    /// The value at hand and how often it comes from here on, at least.
    pub(crate) fn run(&mut self) -> Result<(Option<V>, u64), ChunkError> {
        self.fill()?;
        Ok((self.current, self.left))
    }

    /// Goes on by so many values, at most as many as [`Runs::run`] said.
    pub(crate) fn pass(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
    }

    /// The next value.
    pub(crate) fn next(&mut self) -> Result<Option<V>, ChunkError> {
        let (value, _) = self.run()?;
        self.pass(1);
        Ok(value)
    }

    /// The next value of a column that has no nulls.
    pub(crate) fn some(&mut self) -> Result<V, ChunkError> {
        self.next()?.ok_or(ChunkError::Malformed)
    }

    /// Whether it was read to its end, and had a value at all: a column without one is left out.
    pub(crate) fn done(&self) -> Result<(), ChunkError> {
        if self.left > 0 || self.literal > 0 || !self.data.is_empty() {
            return Err(ChunkError::Malformed);
        }
        if self.any { Ok(()) } else { Err(ChunkError::Canonical) }
    }
}

/// A column of which each value is given as the difference to the one before it.
#[derive(Debug, Clone)]
pub(crate) struct Differences<'a> {
    runs: Runs<'a, i64>,
    at: i64,
}

impl<'a> Differences<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { runs: Runs::new(data), at: 0 }
    }

    /// The next value, an operation's counter.
    pub(crate) fn next(&mut self) -> Result<Option<u64>, ChunkError> {
        let Some(difference) = self.runs.next()? else {
            return Ok(None);
        };
        self.at = self.at.checked_add(difference).ok_or(ChunkError::Number)?;
        match u64::try_from(self.at) {
            Ok(counter) if counter <= MAX_OP_COUNTER => Ok(Some(counter)),
            _ => Err(ChunkError::Number),
        }
    }

    pub(crate) fn done(&self) -> Result<(), ChunkError> {
        self.runs.done()
    }
}

/// A column of booleans: how many are false, then how many are true, and so on.
#[derive(Debug, Clone)]
pub(crate) struct Booleans<'a> {
    data: Bytes<'a>,
    value: bool,
    left: u64,
    begun: bool,
}

impl<'a> Booleans<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data: Bytes::new(data), value: true, left: 0, begun: false }
    }

    pub(crate) fn run(&mut self) -> Result<(bool, u64), ChunkError> {
        while self.left == 0 {
            self.left = self.data.unsigned()?;
            // Only the first run, of false, may be empty.
            if self.left == 0 && self.begun {
                return Err(ChunkError::Canonical);
            }
            self.begun = true;
            self.value = !self.value;
        }
        Ok((self.value, self.left))
    }

    pub(crate) fn pass(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
    }

    pub(crate) fn next(&mut self) -> Result<bool, ChunkError> {
        let (value, _) = self.run()?;
        self.pass(1);
        Ok(value)
    }

    pub(crate) fn done(&self) -> Result<(), ChunkError> {
        if self.left == 0 && self.data.is_empty() { Ok(()) } else { Err(ChunkError::Malformed) }
    }

    /// How many values it has, if no more than `most`. Costs its bytes.
    pub(crate) fn count(mut self, most: u64) -> Result<u64, ChunkError> {
        let mut total = 0_u64;
        while !self.data.is_empty() {
            let (_, run) = self.run()?;
            total = total.checked_add(run).filter(|sum| *sum <= most).ok_or(ChunkError::TooManyOps)?;
            self.pass(run);
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(data: &[u8], count: usize) -> Result<Vec<Option<u64>>, ChunkError> {
        let mut runs = Runs::new(data);
        let values = (0..count).map(|_| runs.next()).collect::<Result<_, _>>()?;
        runs.done().map(|()| values)
    }

    #[test]
    fn runs_read_in_their_one_form_only() {
        assert_eq!(all(&[2, 7, 0x7e, 8, 9, 0, 2], 6), Ok(vec![Some(7), Some(7), Some(8), Some(9), None, None]));
        assert_eq!(all(&[0, 1, 0x7f, 7], 2), Ok(vec![None, Some(7)]));
        for (wrong, count) in [
            (&[1, 7][..], 1),            // a run of one
            (&[2, 7, 2, 7], 4),          // two runs that are one
            (&[0x7e, 7, 7], 2),          // equal neighbours in a literal run
            (&[0x7f, 7, 0x7f, 8], 2),    // two literal runs that are one
            (&[0x7f, 7, 2, 7], 3),       // a literal value that belongs to the run behind it
            (&[2, 7, 0x7f, 7], 3),       // and to the one before it
            (&[0, 1, 0, 1, 0x7f, 7], 3), // two runs of nulls
            (&[0, 0, 0x7f, 7], 1),       // nulls, none of them
            (&[0, 2], 2),                // nothing but nulls
            (&[2, 7, 0x7f, 8], 2),       // more than asked for
            (&[3, 7], 2),                // a run that goes on
            (&[2, 7], 3),                // less than asked for
        ] {
            assert!(all(wrong, count).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn booleans_read_in_their_one_form_only() {
        let count = |data: &[u8]| Booleans::new(data).count(10);
        assert_eq!(count(&[0, 3, 2]), Ok(5));
        assert_eq!(count(&[10]), Ok(10));
        assert_eq!(count(&[10, 1]), Err(ChunkError::TooManyOps));
        assert_eq!(count(&[1, 0, 1]), Err(ChunkError::Canonical));
        assert_eq!(count(&[0, 0]), Err(ChunkError::Canonical));
    }

    #[test]
    fn booleans_are_done_when_all_were_asked_for() {
        let mut two = Booleans::new(&[1, 1]);
        for value in [false, true] {
            assert_eq!(two.done(), Err(ChunkError::Malformed), "there is more in the bytes, or in a run");
            assert_eq!(two.next(), Ok(value));
        }
        assert_eq!(two.done(), Ok(()));
        let mut run = Booleans::new(&[2]);
        assert_eq!((run.next(), run.done()), (Ok(false), Err(ChunkError::Malformed)));
    }

    #[test]
    fn differences_stay_among_counters() {
        let mut good = Differences::new(&[0x7e, 5, 0x7d]);
        assert_eq!((good.next(), good.next(), good.done()), (Ok(Some(5)), Ok(Some(2)), Ok(())));
        assert_eq!(Differences::new(&[0x7f, 0x7f]).next(), Err(ChunkError::Number));
        let read = |low: u8| Differences::new(&[0x7f, low, 0x80, 0x80, 0x80, 0x08]).next();
        assert_eq!((read(0x80), read(0x81)), (Ok(Some(MAX_OP_COUNTER)), Err(ChunkError::Number)));
    }
}
