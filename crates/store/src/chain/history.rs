//! A refund's history, held against its chain of hashes and its record event by event.

use tuikuan_domain::refund::replay;
use tuikuan_domain::{Refund, Status};

use super::{BEGINNING, HistoryFault, Link};
use crate::records::StoredEvent;

/// What was read of a history so far, which is whole so far.
pub(crate) struct History {
    previous: [u8; 32],
    events: Vec<StoredEvent>,
    last: i64,
}

impl History {
    pub(crate) const fn new() -> Self {
        Self {
            previous: BEGINNING,
            events: Vec::new(),
            last: 0,
        }
    }

    /// The number of the last event.
    pub(crate) const fn last(&self) -> i64 {
        self.last
    }

    /// The next event cannot be read.
    pub(crate) const fn altered(&self) -> HistoryFault {
        HistoryFault::Altered { seq: self.last + 1 }
    }

    /// Takes the next event.
    pub(crate) fn take(&mut self, event: StoredEvent) -> Result<(), HistoryFault> {
        let (expected, found) = (self.last + 1, event.seq);
        if found != expected {
            return Err(HistoryFault::Gap { expected, found });
        }
        self.previous = event_hash(&self.previous, &event);
        if self.previous != event.hash {
            return Err(self.altered());
        }
        self.last = expected;
        self.events.push(event);
        Ok(())
    }

    /// Whether it reaches the record and its hash, and folds to the record: then how many events.
    pub(crate) fn close(
        self,
        record: &Refund,
        head: Option<[u8; 32]>,
    ) -> Result<i64, HistoryFault> {
        let (last, version) = (self.last, record.version);
        if last != version || head != Some(self.previous) {
            return Err(HistoryFault::Cut { last, version });
        }
        let events: Option<Vec<_>> = self.events.iter().map(StoredEvent::to_event).collect();
        let folded = events.and_then(|events| replay(record, &events).ok());
        if folded.as_ref() != Some(record) {
            return Err(HistoryFault::RecordDiffers);
        }
        Ok(last)
    }
}

fn event_hash(previous: &[u8; 32], event: &StoredEvent) -> [u8; 32] {
    // What was read is written again as it was: the text of details is canonical.
    let detail = serde_json::to_string(&event.detail).unwrap_or_default();
    Link::after(previous)
        .text(event.refund_id.as_str())
        .number(event.seq)
        .text(event.kind.type_name())
        .text(event.status.map_or("", Status::as_str))
        .number(event.at.as_microsecond())
        .text(event.source.as_str())
        .text(&detail)
        .close()
}
