//! Joining one partition of both sides. What matches is counted and forgotten; everything else is a
//! suspect that is looked at exactly.

use tuikuan_domain::reconcile::{Class, Line, Ours, judge};
use tuikuan_terms::Fen;

use super::CompareError;
use super::sides::{TheirLine, read_our_code, read_their_code, unpack};
use super::spill::{Entry, Sealed};

/// A number that does not simply match.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) number: String,
    pub(super) line: Option<TheirLine>,
    /// 0, or which repetition of the number in the bill.
    pub(super) repetition: u32,
}

/// How many match, and what does not.
pub(super) fn join(
    ours: &Sealed,
    theirs: &Sealed,
    partition: usize,
) -> Result<(u64, Vec<Suspect>), CompareError> {
    let our_entries = ours.partition(partition)?;
    let their_entries = theirs.partition(partition)?;
    let (mut left, mut right) = (our_entries.as_slice(), their_entries.as_slice());
    let (mut matched, mut suspects) = (0_u64, Vec::new());
    loop {
        let next = match (left.first(), right.first()) {
            (Some(a), Some(b)) => a.key.min(b.key),
            (Some(only), None) | (None, Some(only)) => only.key,
            (None, None) => break,
        };
        let held = take(&mut left, next);
        let lines = take(&mut right, next);
        let rest = match (held, lines) {
            ([one], [line, rest @ ..]) if matches_quietly(one, line) => {
                matched = matched.saturating_add(1);
                (rest, 1)
            }
            (_, all) => (all, 0),
        };
        let (lines, first) = rest;
        for (line, repetition) in lines.iter().zip(first..) {
            suspects.push(suspect_line(theirs, line, repetition)?);
        }
        // A refund of ours that no line names.
        if first == 0 && lines.is_empty() {
            for entry in held {
                let number = String::from_utf8_lossy(&ours.details(entry)?).into_owned();
                suspects.push(Suspect {
                    number,
                    line: None,
                    repetition: 0,
                });
            }
        }
    }
    Ok((matched, suspects))
}

/// Cuts the entries with this key off the front.
fn take<'a>(entries: &mut &'a [Entry], key: u128) -> &'a [Entry] {
    let count = entries.iter().take_while(|entry| entry.key == key).count();
    let (same, rest) = entries.split_at(count);
    *entries = rest;
    same
}

fn matches_quietly(ours: &Entry, line: &Entry) -> bool {
    let compared = || {
        let (status, place) = read_our_code(ours.code)?;
        let ours = Ours {
            amount: Fen::new(ours.amount).ok()?,
            status,
            place,
        };
        let line = Line {
            amount: Fen::new(line.amount).ok()?,
            state: read_their_code(line.code)?,
        };
        judge(Some(ours), Some(line))
    };
    compared() == Some(Class::Matched)
}

fn suspect_line(theirs: &Sealed, entry: &Entry, repetition: u32) -> Result<Suspect, CompareError> {
    let details = theirs.details(entry)?;
    let line = read_their_code(entry.code)
        .and_then(|state| unpack(&details, entry.amount, state))
        .ok_or_else(|| CompareError::Scratch {
            source: std::io::Error::from(std::io::ErrorKind::InvalidData),
        })?;
    Ok(Suspect {
        number: line.number.clone(),
        line: Some(line),
        repetition,
    })
}
