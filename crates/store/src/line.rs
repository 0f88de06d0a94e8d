//! A line of a refund's history as it is stored, linked to the one before by its hash.

use tuikuan_domain::{Event, Status};

use crate::chain::{BEGINNING, Link};
use crate::change::Change;
use crate::trouble::{Trouble, broken};

/// An event as it is stored.
pub(crate) struct Line<'e> {
    pub(crate) event: &'e Event,
    pub(crate) detail: String,
    pub(crate) hash: [u8; 32],
}

impl<'e> Line<'e> {
    /// The next line after the one with the hash `head`, or the first.
    pub(crate) fn of(event: &'e Event, head: Option<&[u8; 32]>) -> Result<Self, Trouble> {
        let detail =
            serde_json::to_string(&event.detail).map_err(|_foreign| broken("event_detail"))?;
        let hash = Link::after(head.unwrap_or(&BEGINNING))
            .text(event.refund_id.as_str())
            .number(event.seq)
            .text(event.kind.type_name())
            .text(event.status.map_or("", Status::as_str))
            .number(event.at.as_microsecond())
            .text(event.source.as_str())
            .text(&detail)
            .close();
        Ok(Self {
            event,
            detail,
            hash,
        })
    }
}

/// A record of a refund and its line of history come together or not at all (INV-29, INV-11).
pub(crate) fn check_whole(change: &Change) -> Result<(), Trouble> {
    match (&change.refund, &change.event) {
        (None, None) => Ok(()),
        (Some(changed), Some(event)) => {
            let version = changed.replaces.unwrap_or(0).checked_add(1);
            let fits = event.refund_id == changed.record.id
                && event.seq == changed.record.version
                && Some(changed.record.version) == version;
            fits.then_some(()).ok_or_else(|| broken("event_of_change"))
        }
        (Some(_), None) => Err(broken("change_without_event")),
        (None, Some(_)) => Err(broken("event_without_change")),
    }
}
