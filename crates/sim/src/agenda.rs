//! What will happen and when, on the simulator's clock. Events of the same instant happen in the
//! order in which they were planned, so that one seed gives one trace (INV-44).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::books::{RefundKey, RefundStatus};

/// Something that happens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A refund reaches a status, if its plan is still the one numbered here.
    RefundStep {
        refund: RefundKey,
        plan: u32,
        status: RefundStatus,
    },
    /// A notification is sent for the nth time, counted from 0, unless it already was.
    Deliver { notification: usize, nth: usize },
    /// A further copy of a notification is sent.
    DeliverCopy { notification: usize },
    /// The bytes of an earlier attempt are sent once more.
    Replay { notification: usize },
}

#[derive(Debug)]
struct Entry {
    due_ms: i64,
    order: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.due_ms, self.order) == (other.due_ms, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due_ms, self.order).cmp(&(other.due_ms, other.order))
    }
}

/// The plan of events.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, due_ms: i64, event: Event) {
        self.planned += 1;
        self.heap.push(Reverse(Entry {
            due_ms,
            order: self.planned,
            event,
        }));
    }

    /// The next event that is due by then, with its time.
    pub(crate) fn pop_due(&mut self, until_ms: i64) -> Option<(i64, Event)> {
        if self.heap.peek()?.0.due_ms > until_ms {
            return None;
        }
        self.heap
            .pop()
            .map(|Reverse(entry)| (entry.due_ms, entry.event))
    }

    pub(crate) fn next_at(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse(entry)| entry.due_ms)
    }
}
