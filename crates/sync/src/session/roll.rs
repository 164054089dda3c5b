//! The exchange of records: ids when the rolls differ, then what the other side lacks by its ids.

use std::collections::BTreeSet;

use commonplace_model::RecordId;

use super::{FRAME_CHANGES, MAX_RECORDS, Reason, Turn};
use crate::{
    frame::{Frame, Parcel, Summary},
    replica::Replica,
    session::Effect,
};

/// Ids in a frame.
const IDS: usize = 4_096;
/// Records fetched at a time.
const RECORDS: usize = 16;

/// Where the exchange stands.
#[derive(Default)]
pub(super) struct Roll {
    state: State,
    /// Records handed on and not yet stored, in batches.
    storing: usize,
}

#[derive(Default)]
enum State {
    /// The other side's digest is not known.
    #[default]
    Fresh,
    /// Ours is taken.
    Taken(Vec<RecordId>),
    /// They differ.
    Differs(Exchange),
    /// Both sides have sent what the other one lacked.
    Equal,
}

struct Exchange {
    mine: Vec<RecordId>,
    /// How many of them are told; nothing when all are.
    told: Option<usize>,
    theirs: BTreeSet<RecordId>,
    sending: Sending,
    received_last: bool,
}

enum Sending {
    /// The other side has not told all its ids.
    Listening,
    /// These it lacks.
    Records(Vec<RecordId>),
    /// It has been sent them.
    Sent,
}

impl Roll {
    /// Takes note of what is here.
    pub(super) fn begin(&mut self, replica: &dyn Replica) -> Summary {
        let mut ids = replica.record_ids();
        ids.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for id in &ids {
            hasher.update(id.as_bytes());
        }
        let summary = Summary { count: ids.len() as u64, digest: *hasher.finalize().as_bytes() };
        self.state = State::Taken(ids);
        summary
    }

    pub(super) fn compare(&mut self, theirs: &Summary) {
        let State::Taken(mine) = std::mem::take(&mut self.state) else { return };
        let mut hasher = blake3::Hasher::new();
        for id in &mine {
            hasher.update(id.as_bytes());
        }
        self.state = if mine.len() as u64 == theirs.count && *hasher.finalize().as_bytes() == theirs.digest {
            State::Equal
        } else {
            let sending = Sending::Listening;
            State::Differs(Exchange { mine, told: Some(0), theirs: BTreeSet::new(), sending, received_last: false })
        };
    }

    pub(super) fn told(&mut self, ids: Vec<RecordId>, last: bool) -> Result<(), Reason> {
        match &mut self.state {
            State::Differs(exchange) if matches!(exchange.sending, Sending::Listening) => {
                exchange.theirs.extend(ids);
                if exchange.theirs.len() > MAX_RECORDS {
                    return Err(Reason::TooMuch("records"));
                }
                if last {
                    let theirs = std::mem::take(&mut exchange.theirs);
                    let lacking = exchange.mine.iter().filter(|id| !theirs.contains(id)).copied().collect();
                    exchange.sending = Sending::Records(lacking);
                }
                Ok(())
            }
            _ => Err(Reason::Unexpected("ids of records")),
        }
    }

    pub(super) fn arrived(&mut self, records: Vec<Parcel>, last: bool, turn: &mut Turn<'_>) -> Result<(), Reason> {
        if last {
            match &mut self.state {
                State::Differs(exchange) if !exchange.received_last => exchange.received_last = true,
                _ => return Err(Reason::Unexpected("records")),
            }
        }
        if !records.is_empty() {
            self.storing += 1;
            turn.effects.push(Effect::ArrivedRecords(records.into_iter().map(|parcel| parcel.0).collect()));
        }
        Ok(())
    }

    pub(super) fn stored(&mut self) {
        self.storing = self.storing.saturating_sub(1);
    }

    /// Whether the other side has been sent all that it lacked.
    pub(super) fn is_sent(&self) -> bool {
        match &self.state {
            State::Equal => true,
            State::Differs(exchange) => matches!(exchange.sending, Sending::Sent),
            State::Fresh | State::Taken(_) => false,
        }
    }

    /// Whether both sides have, and what came is stored.
    pub(super) fn is_complete(&self) -> bool {
        let received = match &self.state {
            State::Differs(exchange) => exchange.received_last,
            _ => true,
        };
        self.is_sent() && received && self.storing == 0
    }

    pub(super) fn next_frame(&mut self, replica: &dyn Replica) -> Option<Frame> {
        let State::Differs(exchange) = &mut self.state else { return None };
        if let Some(from) = exchange.told {
            let to = exchange.mine.len().min(from + IDS);
            let last = to == exchange.mine.len();
            exchange.told = (!last).then_some(to);
            return Some(Frame::RecordIds { ids: exchange.mine[from..to].to_vec(), last });
        }
        let Sending::Records(lacking) = &mut exchange.sending else { return None };
        let (mut records, mut bytes, mut taken) = (Vec::new(), 0, 0);
        while taken < lacking.len() && bytes < FRAME_CHANGES {
            let some = &lacking[taken..lacking.len().min(taken + RECORDS)];
            taken += some.len();
            let found = replica.records(some);
            bytes += found.iter().map(Vec::len).sum::<usize>();
            records.extend(found.into_iter().map(Parcel));
        }
        lacking.drain(..taken);
        let last = lacking.is_empty();
        if last {
            exchange.sending = Sending::Sent;
        }
        Some(Frame::Records { records, last })
    }
}

/// Sends records that are new here.
pub(super) fn push(records: Vec<Vec<u8>>, turn: &mut Turn<'_>) -> Result<(), Reason> {
    let (mut some, mut bytes) = (Vec::new(), 0);
    for record in records {
        bytes += record.len();
        some.push(Parcel(record));
        if bytes > FRAME_CHANGES {
            turn.send(&Frame::Records { records: std::mem::take(&mut some), last: false })?;
            bytes = 0;
        }
    }
    if !some.is_empty() {
        turn.send(&Frame::Records { records: some, last: false })?;
    }
    Ok(())
}
