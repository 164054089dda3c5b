//! A strict, bounded reader of the frame of an Automerge change chunk, run before Automerge sees a byte.
//!
//! The binary format is public (<https://automerge.org/automerge-binary-format-spec/>). A change of 69 bytes can claim
//! five million operations in its run-length columns, so what the columns claim is counted here first, without
//! allocating anything for it.

use commonplace_model::{Actor, ChangeHash};

/// Bytes that one change may have.
pub const MAX_CHANGE_BYTES: usize = 512 * 1024;
/// Operations that one change may have. A body of 5 MB is written as many changes.
pub const MAX_OPS: u64 = 100_000;
/// Changes that one change may directly build on.
pub const MAX_DEPS: u64 = 256;
/// Actors that one change may name besides its own.
pub const MAX_OTHER_ACTORS: u64 = 1_024;
/// Columns that a change of any known version has, and then some.
const MAX_COLUMNS: u64 = 32;
/// The last operation counter that a change may reach; Automerge counts in 32 bits.
pub const MAX_OP_COUNTER: u64 = 1 << 31;

/// Why bytes are no acceptable change chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Beyond [`MAX_CHANGE_BYTES`].
    #[error("the change is larger than {MAX_CHANGE_BYTES} bytes")]
    TooLarge,
    /// It is no uncompressed chunk of one change, or ends before it should, or later.
    #[error("not one uncompressed change")]
    Malformed,
    /// A number is not in its shortest form, or too large.
    #[error("a number in the change is not in its canonical form")]
    Number,
    /// It claims more operations than [`MAX_OPS`], or counts them beyond [`MAX_OP_COUNTER`].
    #[error("the change claims more than {MAX_OPS} operations")]
    TooManyOps,
    /// It names too many dependencies, actors or columns.
    #[error("the change names too many others")]
    TooManyNames,
}

/// What a change says of itself, its operations left unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Changes that it directly builds on.
    pub deps: Vec<ChangeHash>,
    /// Who made it.
    pub actor: Actor,
    /// Its number among its actor's changes, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// The most operations that any of its columns claims.
    pub ops: u64,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ChunkError> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(ChunkError::Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ChunkError> {
        self.take(N)?.try_into().map_err(|_| ChunkError::Malformed)
    }

    /// Unsigned LEB128 in its shortest form.
    fn unsigned(&mut self) -> Result<u64, ChunkError> {
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

    /// Signed LEB128; enough for run lengths and times.
    fn signed(&mut self) -> Result<i64, ChunkError> {
        let mut value = 0_i64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array::<1>()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64 - (shift + 7);
                return Ok(if unused > 0 { (value << unused) >> unused } else { value });
            }
        }
        Err(ChunkError::Number)
    }

    fn length(&mut self) -> Result<usize, ChunkError> {
        usize::try_from(self.unsigned()?).map_err(|_| ChunkError::Malformed)
    }

    fn actor(&mut self) -> Result<Actor, ChunkError> {
        let len = self.length()?;
        Actor::from_slice(self.take(len)?).map_err(|_| ChunkError::Malformed)
    }
}

/// Reads the frame of a change.
///
/// # Errors
/// When the bytes are not one uncompressed change chunk within the bounds of this module.
pub fn read(bytes: &[u8]) -> Result<Header, ChunkError> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(ChunkError::TooLarge);
    }
    let mut reader = Reader(bytes);
    if reader.array::<4>()? != [0x85, 0x6f, 0x4a, 0x83] {
        return Err(ChunkError::Malformed);
    }
    let _checksum = reader.array::<4>()?;
    if reader.array::<1>()? != [1] {
        return Err(ChunkError::Malformed);
    }
    if reader.length()? != reader.0.len() {
        return Err(ChunkError::Malformed);
    }
    let dep_count = reader.unsigned()?;
    if dep_count > MAX_DEPS {
        return Err(ChunkError::TooManyNames);
    }
    let mut deps = Vec::new();
    for _ in 0..dep_count {
        deps.push(ChangeHash::new(reader.array()?));
    }
    let actor = reader.actor()?;
    let seq = reader.unsigned()?;
    let start_op = reader.unsigned()?;
    let _time = reader.signed()?;
    let message = reader.length()?;
    reader.take(message)?;
    let others = reader.unsigned()?;
    if others > MAX_OTHER_ACTORS {
        return Err(ChunkError::TooManyNames);
    }
    for _ in 0..others {
        reader.actor()?;
    }
    let ops = claimed_ops(&mut reader)?;
    if start_op == 0 || seq == 0 {
        return Err(ChunkError::Number);
    }
    if start_op.checked_add(ops).is_none_or(|end| end > MAX_OP_COUNTER) {
        return Err(ChunkError::TooManyOps);
    }
    Ok(Header { deps, actor, seq, start_op, ops })
}

/// The most operations that any column claims.
fn claimed_ops(reader: &mut Reader<'_>) -> Result<u64, ChunkError> {
    let count = reader.unsigned()?;
    if count > MAX_COLUMNS {
        return Err(ChunkError::TooManyNames);
    }
    let mut columns = Vec::new();
    for _ in 0..count {
        let spec = reader.unsigned()?;
        let len = reader.length()?;
        columns.push((spec, len));
    }
    let mut most = 0;
    for (spec, len) in columns {
        if spec & 8 != 0 {
            // A column deflated by itself: no version writes one in a change.
            return Err(ChunkError::Malformed);
        }
        let data = Reader(reader.take(len)?);
        // The low three bits are the column's type; 7 is raw bytes of values, whose count another column gives.
        most = most.max(match spec & 7 {
            4 => booleans(data)?,
            7 => 0,
            0 => group(data)?,
            kind => runs(data, kind)?,
        });
    }
    Ok(most)
}

fn bounded(total: &mut u64, more: u64) -> Result<(), ChunkError> {
    *total = total.checked_add(more).filter(|sum| *sum <= MAX_OPS).ok_or(ChunkError::TooManyOps)?;
    Ok(())
}

fn booleans(mut data: Reader<'_>) -> Result<u64, ChunkError> {
    let mut total = 0;
    while !data.0.is_empty() {
        let run = data.unsigned()?;
        bounded(&mut total, run)?;
    }
    Ok(total)
}

/// A value of a run-length column, and how far it stretches what other columns may claim.
fn value(data: &mut Reader<'_>, kind: u64) -> Result<u64, ChunkError> {
    match kind {
        3 => data.signed().map(|_| 0),
        5 => {
            let len = data.length()?;
            data.take(len).map(|_| 0)
        }
        _ => data.unsigned(),
    }
}

fn runs(mut data: Reader<'_>, kind: u64) -> Result<u64, ChunkError> {
    let mut total = 0;
    while !data.0.is_empty() {
        let run = data.signed()?;
        if run == 0 {
            let nulls = data.unsigned()?;
            bounded(&mut total, nulls)?;
        } else {
            bounded(&mut total, run.unsigned_abs())?;
            for _ in 0..if run > 0 { 1 } else { run.unsigned_abs() } {
                value(&mut data, kind)?;
            }
        }
    }
    Ok(total)
}

/// A group column holds, per operation, how many entries its companions have for it: those sums are bounded too.
fn group(mut data: Reader<'_>) -> Result<u64, ChunkError> {
    let (mut total, mut entries) = (0, 0);
    while !data.0.is_empty() {
        let run = data.signed()?;
        if run == 0 {
            let nulls = data.unsigned()?;
            bounded(&mut total, nulls)?;
        } else if run > 0 {
            bounded(&mut total, run.unsigned_abs())?;
            let each = data.unsigned()?;
            bounded(&mut entries, each.saturating_mul(run.unsigned_abs()))?;
        } else {
            bounded(&mut total, run.unsigned_abs())?;
            for _ in 0..run.unsigned_abs() {
                let each = data.unsigned()?;
                bounded(&mut entries, each)?;
            }
        }
    }
    Ok(total.max(entries))
}
