//! Why the engine refused something, by who must act. Interfaces derive their status from it.

use tuikuan_domain::Refusal;
use tuikuan_store::{CommitError, ReadError};

use crate::ledger::LedgerError;

/// Why the engine did not do what was asked. Nothing is half done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The merchant is not in the configuration.
    #[error("no merchant has this name in the configuration")]
    UnknownMerchant,
    /// A request without any identity would become a second refund when it is repeated (INV-15).
    #[error("neither out_refund_no nor Idempotency-Key was given")]
    NoIdentity,
    /// The order is named by no number.
    #[error("neither out_trade_no nor transaction_id was given")]
    NoOrder,
    /// A door refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// The payment is registered with other facts (INV-8).
    #[error("the payment is registered with other facts: {}", fields.join(", "))]
    PaymentDiffers {
        /// The fields that differ.
        fields: Vec<&'static str>,
    },
    /// Somebody else has changed it meanwhile, or it exists already.
    #[error("it was changed meanwhile, or exists already")]
    Conflict,
    /// The rights of whoever asks do not reach so far (INV-34).
    #[error("whoever asks may not do this")]
    NotAllowed,
    /// Nobody would be left who manages people.
    #[error("the last active administrator cannot be disabled or lose the role")]
    LastAdmin,
    /// Rules that cannot be.
    #[error("the rules cannot be set: {reason}")]
    RulesRefused {
        /// Why.
        reason: &'static str,
    },
    /// The disk is full: nothing was written, try again when there is room.
    #[error("the disk is full, nothing was written")]
    StoreFull,
    /// The store cannot take the change now.
    #[error("the store is not available")]
    StoreUnavailable(#[source] Box<LedgerError>),
    /// The act was broken off: how far it came is in the refund's history.
    #[error("the act was broken off")]
    Interrupted,
    /// WeChat has no bill of that day, yet or any more.
    #[error("there is no bill of that day: {reason}")]
    NoBill {
        /// Why.
        reason: &'static str,
    },
    /// The difference is settled already.
    #[error("the difference is settled already")]
    DifferenceSettled,
    /// A note that says nothing, or too much.
    #[error("a note has 1 to {} characters", crate::books::NOTE_CHARS_MAX)]
    NoteRefused,
    /// A webhook endpoint that cannot be used.
    #[error("the endpoint cannot be used: {reason}")]
    EndpointRefused {
        /// Why, and what to do.
        reason: String,
    },
}

impl From<LedgerError> for EngineError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotFound => Self::NotFound,
            LedgerError::Refused(refusal) => Self::Refused(refusal),
            LedgerError::Store(CommitError::Full) => Self::StoreFull,
            LedgerError::Store(CommitError::Conflict) => Self::Conflict,
            LedgerError::LeaseLost
            | LedgerError::Store(_)
            | LedgerError::Read(_)
            | LedgerError::Contended => Self::StoreUnavailable(Box::new(error)),
        }
    }
}

impl From<CommitError> for EngineError {
    fn from(error: CommitError) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<ReadError> for EngineError {
    fn from(error: ReadError) -> Self {
        LedgerError::from(error).into()
    }
}
