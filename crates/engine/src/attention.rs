//! What people do about things that need a person, beside what they do to a refund itself: take it
//! on, put it off, note that it is dealt with. Each act is one commit with its audit entry, and the
//! second of two who act at once is told (INV-35).

use jiff::Timestamp;
use tuikuan_domain::PersonId;
use tuikuan_store::{Action, AdminChange, Administered, Care, CommitError, DeliveryId, EndpointId};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;

/// Deliveries that one act sends again.
pub const REDELIVER_MAX: usize = 200;

/// What is done about something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caring {
    /// Somebody takes it on, or nobody any more.
    Assign(Option<PersonId>),
    /// It is not shown until then, unless its reason changes.
    Snooze(Timestamp),
    /// It is shown again.
    Wake,
    /// It is dealt with.
    Settle {
        /// What was done.
        note: String,
    },
}

/// Whether an act of caring was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cared {
    /// It is stored.
    Done,
    /// Somebody else was quicker.
    ChangedMeanwhile,
}

impl Engine {
    /// Does something about what needs a person. `seen` is what the actor saw of it, under the
    /// reason of now.
    ///
    /// # Errors
    /// The store's.
    pub async fn care(&self, seen: Care, caring: Caring, by: &By) -> Result<Cared, EngineError> {
        let mut care = seen;
        care.version = care.version.saturating_add(1);
        let (action, mut detail) = match caring {
            Caring::Assign(assignee) => {
                let detail = serde_json::json!({ "to": assignee.as_ref().map(|id| id.as_str()) });
                care.assignee = assignee;
                (Action::ATTENTION_ASSIGNED, detail)
            }
            Caring::Snooze(until) => {
                care.snoozed_until = Some(until);
                let detail = serde_json::json!({ "until": until.to_string() });
                (Action::ATTENTION_SNOOZED, detail)
            }
            Caring::Wake => {
                care.snoozed_until = None;
                (Action::ATTENTION_WOKEN, serde_json::json!({}))
            }
            Caring::Settle { note } => {
                care.settled_at = Some(self.now());
                let detail = serde_json::json!({ "note": note });
                care.note = Some(note);
                (Action::ATTENTION_SETTLED, detail)
            }
        };
        if let Some(facts) = detail.as_object_mut() {
            facts.insert("merchant".to_owned(), care.merchant.as_str().into());
        }
        let subject = care.subject.to_string();
        let audit = by.entry(self.now(), action, (&subject, detail));
        let act = Administered::Cared(care);
        match self.store().administer(AdminChange { act, audit }).await {
            Ok(()) => Ok(Cared::Done),
            Err(CommitError::Conflict) => Ok(Cared::ChangedMeanwhile),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends messages again from their first try, whatever became of them, all or none. At most
    /// [`REDELIVER_MAX`]; the rest is left out.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when one is gone with its endpoint, or the store's.
    pub async fn redeliver_all(
        &self,
        mut ids: Vec<DeliveryId>,
        endpoint: &EndpointId,
        by: &By,
    ) -> Result<usize, EngineError> {
        ids.truncate(REDELIVER_MAX);
        let count = ids.len();
        let found = self.store().endpoint(endpoint).await?;
        let found = found.ok_or(EngineError::NotFound)?;
        let detail = serde_json::json!({ "merchant": found.merchant.as_str(), "count": count });
        let action = Action::DELIVERIES_REDELIVERED;
        let audit = by.entry(self.now(), action, (endpoint.as_str(), detail));
        let act = Administered::Redelivered(ids);
        match self.store().administer(AdminChange { act, audit }).await {
            Ok(()) => {
                self.wake();
                Ok(count)
            }
            Err(CommitError::Conflict) => Err(EngineError::NotFound),
            Err(error) => Err(error.into()),
        }
    }
}
