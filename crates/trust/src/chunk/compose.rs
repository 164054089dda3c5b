//! Writing a change of characters in the one encoding that it can be read in.

use commonplace_model::{Actor, ChangeHash, DocKind};

use super::{
    COLUMNS, Column, MAX_OTHER_ACTORS,
    number::{write_signed, write_unsigned},
};
use crate::{
    deed::{Act, OpId},
    outline::{DELETE, PUT},
};

/// Where in the body an act is, and the character that comes there; nothing of an act elsewhere.
type Stroke = (Option<OpId>, Option<char>);

fn stroke(act: &Act) -> Option<Stroke> {
    match act {
        Act::Insert { after, character } => Some((*after, Some(*character))),
        Act::Delete { element } => Some((Some(*element), None)),
        Act::Put { .. } | Act::Take { .. } => None,
    }
}

/// What a change is beside its acts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    /// In order.
    pub(crate) deps: &'a [ChangeHash],
    pub(crate) actor: Actor,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
}

/// Writes changes, and keeps what it needs for that.
#[derive(Debug, Default)]
pub(crate) struct Composer {
    actors: Vec<Actor>,
    strokes: Vec<Stroke>,
    columns: [Vec<u8>; COLUMNS.len()],
    numbers: Vec<Option<u64>>,
    differences: Vec<Option<i64>>,
    contents: Vec<u8>,
}

impl Composer {
    /// Appends what of a change is hashed: its kind, length and contents. Acts that are not on the body are passed over. False, and
    /// nothing is appended, where it would name more actors than a change may.
    pub(crate) fn write(&mut self, head: &Head<'_>, acts: &[Act], out: &mut Vec<u8>) -> bool {
        self.strokes.clear();
        self.strokes.extend(acts.iter().filter_map(stroke));
        self.name_actors(head.actor);
        if self.actors.len() as u64 > 1 + MAX_OTHER_ACTORS {
            return false;
        }
        self.write_columns();
        let contents = &mut self.contents;
        contents.clear();
        write_unsigned(head.deps.len() as u64, contents);
        head.deps.iter().for_each(|dep| contents.extend_from_slice(dep.as_bytes()));
        write_actor(&head.actor, contents);
        write_unsigned(head.seq, contents);
        write_unsigned(head.start_op, contents);
        // Neither time nor message.
        contents.extend_from_slice(&[0, 0]);
        write_unsigned(self.actors.len() as u64 - 1, contents);
        self.actors.iter().skip(1).for_each(|actor| write_actor(actor, contents));
        let present = || COLUMNS.iter().zip(&self.columns).filter(|(_, data)| !data.is_empty());
        write_unsigned(present().count() as u64, contents);
        for (column, data) in present() {
            write_unsigned(*column as u64, contents);
            write_unsigned(data.len() as u64, contents);
        }
        present().for_each(|(_, data)| contents.extend_from_slice(data));
        out.push(CHANGE);
        write_unsigned(contents.len() as u64, out);
        out.extend_from_slice(contents);
        true
    }

    /// The actors that it names: its own, then the others in order.
    fn name_actors(&mut self, own: Actor) {
        self.actors.clear();
        self.actors.push(DocKind::Page.genesis_actor());
        let mut last = own;
        for (place, _) in &self.strokes {
            if let Some(id) = place
                && id.actor != last
            {
                last = id.actor;
                self.actors.push(last);
            }
        }
        self.actors.retain(|actor| *actor != own);
        self.actors.sort_unstable();
        self.actors.dedup();
        self.actors.insert(0, own);
    }

    fn write_columns(&mut self) {
        self.columns.iter_mut().for_each(Vec::clear);
        let (actors, strokes) = (std::mem::take(&mut self.actors), std::mem::take(&mut self.strokes));
        let (own, others) = actors.split_first().map_or((None, &[][..]), |(own, others)| (Some(own), others));
        // Mostly it is the first.
        let number = |actor: &Actor| match own {
            Some(own) if own == actor => Some(0),
            _ => others.binary_search(actor).ok().map(|at| at as u64 + 1),
        };
        let body = number(&DocKind::Page.genesis_actor());
        let places = || strokes.iter().map(|(place, _)| *place);
        let deleted = || strokes.iter().filter(|(_, character)| character.is_none()).filter_map(|(place, _)| *place);
        self.write_numbers(Column::ObjectActor, strokes.iter().map(|_| body));
        self.write_numbers(Column::ObjectCounter, strokes.iter().map(|_| Some(DocKind::Page.genesis_max_op())));
        self.write_numbers(Column::KeyActor, places().map(|place| place.and_then(|id| number(&id.actor))));
        // At the beginning there is no actor, and the counter is 0.
        self.write_differences(Column::KeyCounter, places().map(|place| place.map_or(0, |id| id.counter)));
        self.write_inserts(&strokes);
        let action = |character: Option<char>| if character.is_some() { PUT } else { DELETE };
        self.write_numbers(Column::Action, strokes.iter().map(|(_, character)| Some(action(*character))));
        let meta = |character: char| (character.len_utf8() as u64) << 4 | TEXT;
        self.write_numbers(Column::ValueMeta, strokes.iter().map(|(_, character)| Some(character.map_or(NULL, meta))));
        let values = self.column(Column::Value);
        for character in strokes.iter().filter_map(|(_, character)| *character) {
            values.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.write_numbers(
            Column::PredCount,
            strokes.iter().map(|(_, character)| Some(u64::from(character.is_none()))),
        );
        self.write_numbers(Column::PredActor, deleted().map(|id| number(&id.actor)));
        self.write_differences(Column::PredCounter, deleted().map(|id| id.counter));
        (self.actors, self.strokes) = (actors, strokes);
    }

    fn column(&mut self, column: Column) -> &mut Vec<u8> {
        let at = COLUMNS.iter().position(|other| *other == column).unwrap_or_default();
        &mut self.columns[at]
    }

    fn write_numbers(&mut self, column: Column, values: impl Iterator<Item = Option<u64>>) {
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        numbers.extend(values);
        write_runs(&numbers, write_unsigned, self.column(column));
        self.numbers = numbers;
    }

    fn write_differences(&mut self, column: Column, values: impl Iterator<Item = u64>) {
        let mut differences = std::mem::take(&mut self.differences);
        differences.clear();
        let mut before = 0_u64;
        differences.extend(values.map(|value| {
            let difference = value.wrapping_sub(std::mem::replace(&mut before, value));
            Some(difference.cast_signed())
        }));
        write_runs(&differences, write_signed, self.column(column));
        self.differences = differences;
    }

    /// How many do not insert, then how many do, and so on.
    fn write_inserts(&mut self, strokes: &[Stroke]) {
        let column = self.column(Column::Insert);
        let (mut count, mut inserts) = (0, false);
        for (_, character) in strokes {
            if character.is_some() != inserts {
                write_unsigned(std::mem::take(&mut count), column);
                inserts = !inserts;
            }
            count += 1;
        }
        write_unsigned(count, column);
    }
}

/// The kind of chunk that a change is.
const CHANGE: u8 = 1;
const NULL: u64 = 0;
const TEXT: u64 = 6;

fn write_actor(actor: &Actor, out: &mut Vec<u8>) {
    write_unsigned(Actor::LEN as u64, out);
    out.extend_from_slice(actor.as_bytes());
}

/// Values in runs: equal neighbours in one, the others together in a literal one, nothing where there are only nulls.
fn write_runs<T: Copy + PartialEq>(values: &[Option<T>], write: impl Fn(T, &mut Vec<u8>), out: &mut Vec<u8>) {
    if values.iter().all(Option::is_none) {
        return;
    }
    let mut rest = values;
    while let [first, ..] = rest {
        let same = rest.iter().take_while(|value| *value == first).count();
        let taken = match first {
            None => {
                out.push(0);
                write_unsigned(same as u64, out);
                same
            }
            Some(value) if same > 1 => {
                write_signed(same as i64, out);
                write(*value, out);
                same
            }
            Some(_) => {
                let pairs = rest.windows(2).take_while(|pair| pair[0].is_some() && pair[0] != pair[1]).count();
                // The last value of all has no neighbour to differ from.
                let literal = if pairs + 1 == rest.len() && rest[pairs].is_some() { rest.len() } else { pairs };
                write_signed(-(literal as i64), out);
                rest[..literal].iter().flatten().for_each(|value| write(*value, out));
                literal
            }
        };
        rest = &rest[taken..];
    }
}
