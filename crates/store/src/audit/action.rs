//! Everything that is logged, once, with what it means. Names are stable and dotted: what, then what
//! was done to it.

/// An action as it stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! actions {
    ($($constant:ident = $name:literal, $meaning:literal;)*) => {
        impl Action {
            $(
                #[doc = $meaning]
                pub const $constant: Self = Self { name: $name, meaning: $meaning };
            )*

            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

actions! {
    REFUND_REQUESTED = "refund.requested", "A refund was asked for at the console or the command line; through the interface, the refund's own history says so.";
    REFUND_APPROVED = "refund.approved", "A second person agreed to a refund.";
    REFUND_REJECTED = "refund.rejected", "A second person did not agree to a refund.";
    REFUND_CANCELLED = "refund.cancelled", "A refund was withdrawn.";
    REFUND_RETRIED = "refund.retried", "A refused or waiting refund was sent on its way again.";
    REFUND_RESOLVED = "refund.resolved", "A refund was settled another way, or an attention dealt with.";
    REFUND_QUERIED = "refund.queried", "A query was brought forward.";
    REFUND_NOTED = "refund.noted", "A remark was added to a refund.";
    REFUND_SENT_ELSEWHERE = "refund.sent_elsewhere", "An abnormal refund was sent to another account.";
    REFUNDS_EXPORTED = "refunds.exported", "Refunds were exported as CSV.";
    DIFFERENCES_EXPORTED = "differences.exported", "Differences of a bill were exported as CSV.";
    RECONCILIATION_RUN = "reconciliation.run", "The bills of a day were wanted again.";
    DIFFERENCE_RESOLVED = "difference.resolved", "A difference was settled with a note.";
    PAYMENT_REGISTERED = "payment.registered", "A payment was registered, or what was not known of it added.";
    RULES_CHANGED = "rules.changed", "Approval rules and limits were set.";
    RULES_REMOVED = "rules.removed", "A merchant went back to the rules of all.";
    KEY_CREATED = "key.created", "An API key was made.";
    KEY_USED = "key.used", "An API key was used for the first time on a Shanghai day.";
    KEY_REVOKED = "key.revoked", "An API key was withdrawn.";
    ENDPOINT_CREATED = "endpoint.created", "A webhook endpoint was made.";
    ENDPOINT_UPDATED = "endpoint.updated", "A webhook endpoint got another address or state.";
    ENDPOINT_DELETED = "endpoint.deleted", "A webhook endpoint was removed.";
    ENDPOINT_DISABLED = "endpoint.disabled", "A webhook endpoint that failed for long was switched off.";
    ENDPOINT_SECRET_ROTATED = "endpoint.secret_rotated", "A webhook endpoint got another secret.";
    ENDPOINT_TESTED = "endpoint.tested", "A test message was sent to a webhook endpoint.";
    USER_SET_UP = "user.set_up", "The first administrator came in by the link of the first start.";
    USER_CREATED = "user.created", "Somebody who may sign in was added.";
    USER_ROLE_CHANGED = "user.role_changed", "Somebody's role or merchants were changed.";
    USER_DISABLED = "user.disabled", "Somebody may no longer sign in; sessions and keys ended.";
    USER_ENABLED = "user.enabled", "Somebody may sign in again.";
    USER_LANGUAGE_CHANGED = "user.language_changed", "Somebody chose another language.";
    USER_PASSWORD_CHANGED = "user.password_changed", "Somebody got another password; other sessions ended.";
    USER_PASSWORD_ACCEPTED = "user.password_accepted", "A password was right, the second factor is asked for.";
    USER_SECOND_FACTOR_SET = "user.second_factor_set", "A second factor was set up.";
    USER_SECOND_FACTOR_USED = "user.second_factor_used", "A code of the second factor was right.";
    USER_SECOND_FACTOR_REMOVED = "user.second_factor_removed", "A second factor was removed: the phone is lost, say.";
    USER_SIGNED_IN = "user.signed_in", "Somebody signed in.";
    USER_SIGN_IN_FAILED = "user.sign_in_failed", "Somebody could not prove who they are.";
    SESSION_ENDED = "session.ended", "A session was ended.";
    SESSIONS_ENDED = "sessions.ended", "All sessions of somebody were ended.";
    INVITATION_MADE = "invitation.made", "A link to choose a password was made.";
    INVITATION_ACCEPTED = "invitation.accepted", "Such a link was used.";
    BATCH_UPLOADED = "batch.uploaded", "A batch file was uploaded.";
    BATCH_SUBMITTED = "batch.submitted", "A batch was asked for.";
    BATCH_APPROVED = "batch.approved", "A second person agreed to a batch.";
    BATCH_REJECTED = "batch.rejected", "A second person did not agree to a batch.";
    BATCH_EXPIRED = "batch.expired", "Nobody agreed to a batch in time.";
    BATCH_PAUSED = "batch.paused", "A batch was halted for a while.";
    BATCH_RESUMED = "batch.resumed", "A halted batch goes on.";
    BATCH_CANCELLED = "batch.cancelled", "What was left of a batch was withdrawn.";
    BATCH_EXPORTED = "batch.exported", "The result of a batch was exported.";
    ATTENTION_ASSIGNED = "attention.assigned", "Somebody took on what needs a person, or gave it back.";
    ATTENTION_SNOOZED = "attention.snoozed", "What needs a person was put off.";
    ATTENTION_WOKEN = "attention.woken", "What was put off is shown again.";
    ATTENTION_SETTLED = "attention.settled", "What needs a person was dealt with.";
    NOTIFICATION_REPLAYED = "notification.replayed", "A stored notification was taken in again.";
    NOTIFICATION_SETTLED = "notification.settled", "What such a notification came to this time.";
    DELIVERIES_REDELIVERED = "deliveries.redelivered", "Webhook messages were sent again.";
    CONFIG_LOADED = "config.loaded", "The service started with a configuration.";
    AUDIT_EXPORTED = "audit.exported", "The audit log was exported.";
}

impl Action {
    /// The action of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_has_a_dotted_name_of_its_own() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.name).collect();
        assert_eq!(names.len(), Action::ALL.len(), "a name stands twice");
        for action in Action::ALL {
            let parts: Vec<&str> = action.name.split('.').collect();
            let word = |part: &&str| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            };
            assert!(
                parts.len() == 2 && parts.iter().all(word),
                "{}",
                action.name
            );
            assert!(action.meaning.ends_with('.'), "{}", action.name);
            assert_eq!(Action::parse(action.name), Some(*action));
        }
    }
}
