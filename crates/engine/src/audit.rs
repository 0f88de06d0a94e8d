//! Entries of the audit log (INV-35): what a person or a key did carries its entry in the same
//! commit; what has no commit of its own (an export, a look at secrets) is noted by itself.

use jiff::Timestamp;
use serde_json::{Value, json};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Actor, Refund};
use tuikuan_store::{Action, AdminChange, Administered, NewAudit};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;

impl By {
    /// The entry of an act. The detail gets the door and the key; a `merchant` in it says who may see
    /// the entry. Without secrets.
    #[must_use]
    pub fn entry(
        &self,
        at: Timestamp,
        action: Action,
        (subject, mut detail): (&str, Value),
    ) -> NewAudit {
        if let Some(facts) = detail.as_object_mut() {
            facts.insert("source".to_owned(), self.source.as_str().into());
            if let Some(key) = &self.key {
                facts.insert("key".to_owned(), key.as_str().into());
            }
        }
        NewAudit::of(at, &self.actor, action, (subject, &detail))
    }
}

impl Engine {
    /// Notes an act that writes nothing else. The detail is a JSON object without secrets; a
    /// `merchant` in it says who may see the entry.
    ///
    /// # Errors
    /// The store's: what cannot be noted must not be done.
    pub async fn audit(
        &self,
        by: &By,
        action: Action,
        subject: &str,
        detail: Value,
    ) -> Result<(), EngineError> {
        let audit = by.entry(self.now(), action, (subject, detail));
        let act = Administered::Noted;
        self.store().administer(AdminChange { act, audit }).await?;
        Ok(())
    }
}

/// The entry of a command about a refund; what the engine does by itself stands in the history only.
pub(crate) fn of_command(
    by: &By,
    at: Timestamp,
    refund: &Refund,
    command: &Command,
) -> Option<NewAudit> {
    if by.actor == Actor::Engine {
        return None;
    }
    let (action, said) = match command {
        Command::Approve { comment, .. } => (Action::REFUND_APPROVED, comment.as_deref()),
        Command::Reject { comment, .. } => (Action::REFUND_REJECTED, comment.as_deref()),
        Command::Cancel => (Action::REFUND_CANCELLED, None),
        Command::Retry => (Action::REFUND_RETRIED, None),
        Command::Resolve { note } => (Action::REFUND_RESOLVED, Some(note.as_str())),
        Command::Note { text } => (Action::REFUND_NOTED, Some(text.as_str())),
        Command::SendElsewhere(place) => (Action::REFUND_SENT_ELSEWHERE, Some(place.as_str())),
        Command::Query => (Action::REFUND_QUERIED, None),
        Command::Request(_) | Command::Expire | Command::Submit | Command::Rescue => return None,
    };
    let mut detail = facts(refund);
    if let (Some(said), Some(facts)) = (said, detail.as_object_mut()) {
        facts.insert("said".to_owned(), said.into());
    }
    Some(by.entry(at, action, (refund.id.as_str(), detail)))
}

/// The entry of a request, where people make it one by one.
pub(crate) fn of_request(by: &By, refund: &Refund) -> Option<NewAudit> {
    use tuikuan_domain::Source;
    match by.source {
        Source::Console | Source::Cli => Some(by.entry(
            refund.created_at,
            Action::REFUND_REQUESTED,
            (refund.id.as_str(), facts(refund)),
        )),
        // The history of each refund says who asked for it.
        Source::Api
        | Source::Batch
        | Source::Reply
        | Source::Query
        | Source::Notification
        | Source::Bill
        | Source::Engine => None,
    }
}

fn facts(refund: &Refund) -> Value {
    json!({
        "merchant": refund.merchant.as_str(),
        "out_refund_no": refund.out_refund_no.as_str(),
        "amount": refund.content.amount.get(),
        "version": refund.version,
    })
}
