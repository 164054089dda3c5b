//! Numbers and strings of bytes as Automerge writes them: LEB128 in its shortest form, and no other.

use commonplace_model::Actor;

use super::ChunkError;

/// What is left to be read of some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], ChunkError> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(ChunkError::Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ChunkError> {
        self.take(N)?.try_into().map_err(|_| ChunkError::Malformed)
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array::<1>()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 || byte == 0 && shift > 0 {
                return Err(ChunkError::Number);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ChunkError::Number)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, ChunkError> {
        let mut value = 0_i64;
        let mut previous = 0_u8;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array::<1>()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // A last byte that only repeats the sign of the one before it says nothing.
                let idle = if previous & 0x40 == 0 { 0 } else { 0x7f };
                if shift > 0 && byte == idle || shift == 63 && byte != 0 && byte != 0x7f {
                    return Err(ChunkError::Number);
                }
                let unused = 64_u32.saturating_sub(shift + 7);
                return Ok((value << unused) >> unused);
            }
            previous = byte;
        }
        Err(ChunkError::Number)
    }

    pub(crate) fn length(&mut self) -> Result<usize, ChunkError> {
        usize::try_from(self.unsigned()?).map_err(|_| ChunkError::Malformed)
    }

    /// Bytes with their length before them.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], ChunkError> {
        let len = self.length()?;
        self.take(len)
    }

    pub(crate) fn actor(&mut self) -> Result<Actor, ChunkError> {
        Actor::from_slice(self.string()?).map_err(|_| ChunkError::Malformed)
    }
}

/// Appends a number as [`Bytes::unsigned`] reads it.
pub(crate) fn write_unsigned(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a number as [`Bytes::signed`] reads it.
pub(crate) fn write_signed(mut value: i64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 && low & 0x40 == 0 || value == -1 && low & 0x40 != 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written_signed(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        write_signed(value, &mut out);
        out
    }

    proptest! {
        #[test]
        fn numbers_survive(unsigned: u64, signed: i64, shift in 0..64_u32) {
            let (unsigned, signed) = (unsigned >> shift, signed >> shift);
            let mut out = Vec::new();
            write_unsigned(unsigned, &mut out);
            prop_assert_eq!(Bytes::new(&out).unsigned(), Ok(unsigned));
            prop_assert_eq!(Bytes::new(&written_signed(signed)).signed(), Ok(signed));
        }

        #[test]
        fn whatever_reads_is_the_only_way_to_write_it(bytes in proptest::collection::vec(any::<u8>(), 1..12)) {
            let mut rest = Bytes::new(&bytes);
            if let Ok(value) = rest.unsigned() {
                let mut out = Vec::new();
                write_unsigned(value, &mut out);
                prop_assert_eq!(&out[..], &bytes[..bytes.len() - rest.len()]);
            }
            let mut rest = Bytes::new(&bytes);
            if let Ok(value) = rest.signed() {
                prop_assert_eq!(&written_signed(value)[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_read() {
        for value in [i64::MIN, i64::MIN + 1, -65, -64, -1, 0, 63, 64, i64::MAX] {
            assert_eq!(Bytes::new(&written_signed(value)).signed(), Ok(value));
        }
        for value in [0, 127, 128, 1 << 63, u64::MAX] {
            let mut out = Vec::new();
            write_unsigned(value, &mut out);
            assert_eq!(Bytes::new(&out).unsigned(), Ok(value));
        }
        let beyond = [vec![0xff; 9], vec![0x02]].concat();
        assert_eq!(Bytes::new(&beyond).unsigned(), Err(ChunkError::Number));
        assert_eq!(Bytes::new(&[0x80, 0x00]).unsigned(), Err(ChunkError::Number));
        assert_eq!(Bytes::new(&[0x80, 0x00]).signed(), Err(ChunkError::Number));
        assert_eq!(Bytes::new(&[0xff, 0x7f]).signed(), Err(ChunkError::Number));
    }
}
