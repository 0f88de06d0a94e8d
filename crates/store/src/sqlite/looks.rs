//! What the first door is held against, read for many callers at once. After each commit SQLite
//! forgets every page that a reading connection holds, so that a look alone fetches all pages on its
//! way again; callers that look at the same time share one snapshot and its pages. It is taken after
//! the last of them asked: each sees every write that was answered before.

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tuikuan_domain::OrderRef;
use tuikuan_terms::{MchId, OutRefundNo, SubMchId};

use crate::error::ReadError;
use crate::records::Situation;
use crate::sqlite::read::{at_one_instant, looked_up};

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) mch_id: MchId,
    pub(super) sub_mch_id: Option<SubMchId>,
    pub(super) number: OutRefundNo,
    pub(super) order: OrderRef,
}

impl Look {
    /// What one look alone finds.
    pub(super) fn alone(&self, connection: &Connection) -> Result<Situation, ReadError> {
        at_one_instant(connection, |snapshot| self.inside(snapshot))
    }

    fn inside(&self, snapshot: &Connection) -> Result<Situation, ReadError> {
        let merchant = (&self.mch_id, self.sub_mch_id.as_ref());
        looked_up(snapshot, merchant, &self.number, &self.order)
    }
}

struct Waiting {
    look: Look,
    seen: oneshot::Sender<Result<Situation, ReadError>>,
}

/// Looks that wait for a common snapshot.
#[derive(Default)]
pub(super) struct Looks(Mutex<Vec<Waiting>>);

/// What was found; an error when whoever led the group went away.
pub(super) type Seen = oneshot::Receiver<Result<Situation, ReadError>>;

impl Looks {
    /// Joins those that wait. The first of a group leads it: it lets others join, and then reads for
    /// all of them.
    pub(super) fn join(&self, look: Look) -> (Option<Leader<'_>>, Seen) {
        let (seen, answer) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Waiting { look, seen });
        let first = waiting.len() == 1;
        drop(waiting);
        (first.then(|| Leader(Some(self))), answer)
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }
}

/// The first of a group. When it goes away, nobody of its group waits any longer.
pub(super) struct Leader<'l>(Option<&'l Looks>);

impl Leader<'_> {
    /// Everybody who has joined so far; the next one leads another group.
    pub(super) fn group(mut self) -> Group {
        Group(self.0.take().map(Looks::take).unwrap_or_default())
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        drop(self.0.take().map(Looks::take));
    }
}

/// Those who share a snapshot.
pub(super) struct Group(Vec<Waiting>);

impl Group {
    /// Reads for all of them.
    pub(super) fn read(self, connection: &Connection) -> Result<(), ReadError> {
        at_one_instant(connection, |snapshot| {
            for Waiting { look, seen } in self.0 {
                // Whoever asked may have gone.
                drop(seen.send(look.inside(snapshot)));
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look() -> Look {
        Look {
            mch_id: "1900000109".parse().unwrap(),
            sub_mch_id: None,
            number: "R1".parse().unwrap(),
            order: OrderRef {
                out_trade_no: None,
                transaction_id: None,
            },
        }
    }

    #[test]
    fn the_first_of_a_group_leads_it_and_the_next_group_has_its_own() {
        let looks = Looks::default();
        let (leader, _first) = looks.join(look());
        let (second, _) = looks.join(look());
        assert!(second.is_none());
        assert_eq!(leader.unwrap().group().0.len(), 2);
        let (next, _) = looks.join(look());
        assert_eq!(next.unwrap().group().0.len(), 1);
    }

    #[test]
    fn nobody_waits_for_a_leader_that_went_away() {
        let looks = Looks::default();
        let (leader, _first) = looks.join(look());
        let (_, mut second) = looks.join(look());
        drop(leader);
        assert_eq!(
            second.try_recv().map(|_| ()),
            Err(oneshot::error::TryRecvError::Closed)
        );
        assert!(looks.join(look()).0.is_some());
    }
}
