//! The writes as values: what a writer is given, and what it answers.

use std::sync::Arc;

use jiff::Timestamp;
use tuikuan_domain::RefundId;

use crate::admin::AdminChange;
use crate::batch::{BatchWrite, Begun};
use crate::bill::BillChange;
use crate::change::{Change, Committed};
use crate::delivery::DeliveryReport;
use crate::error::CommitError;
use crate::ids::{DeliveryId, KeyId};
use crate::job::{Claim, Claimed, Release};
use crate::tries::{Tried, Try};

/// One write.
pub(crate) enum Operation {
    Commit(Arc<Change>),
    Claim(Claim),
    Release(Release),
    Forward(RefundId, Timestamp),
    FinishDelivery(Box<DeliveryReport>),
    Redeliver(DeliveryId, Timestamp),
    Administer(Box<AdminChange>),
    ChangeBills(Box<BillChange>),
    TouchKey(KeyId, Timestamp),
    SeeSession([u8; 32], Timestamp),
    SettleInbox(i64, String),
    Prune(Timestamp),
    LimitPages(Option<u32>),
    Batch(Box<BatchWrite>),
    Try(Box<Try>),
}

/// What a write came to.
#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    Committed(Committed),
    Claimed(Vec<Claimed>),
    Pruned(u64),
    Begun(Box<Begun>),
    Tried(Tried),
}

/// The writing thread answered something else than it was asked: our bug.
const MIXED: CommitError = CommitError::Unavailable {
    reason: "the store gave another answer than was asked for",
};

impl Answer {
    pub(crate) fn committed(self) -> Result<Committed, CommitError> {
        match self {
            Self::Committed(committed) => Ok(committed),
            Self::Done | Self::Claimed(_) | Self::Pruned(_) | Self::Begun(_) | Self::Tried(_) => {
                Err(MIXED)
            }
        }
    }

    pub(crate) fn claimed(self) -> Result<Vec<Claimed>, CommitError> {
        match self {
            Self::Claimed(jobs) => Ok(jobs),
            Self::Done | Self::Committed(_) | Self::Pruned(_) | Self::Begun(_) | Self::Tried(_) => {
                Err(MIXED)
            }
        }
    }

    pub(crate) fn pruned(self) -> Result<u64, CommitError> {
        match self {
            Self::Pruned(rows) => Ok(rows),
            Self::Done
            | Self::Committed(_)
            | Self::Claimed(_)
            | Self::Begun(_)
            | Self::Tried(_) => Err(MIXED),
        }
    }

    pub(crate) fn begun(self) -> Result<Begun, CommitError> {
        match self {
            Self::Begun(begun) => Ok(*begun),
            Self::Done
            | Self::Committed(_)
            | Self::Claimed(_)
            | Self::Pruned(_)
            | Self::Tried(_) => Err(MIXED),
        }
    }

    pub(crate) fn tried(self) -> Result<Tried, CommitError> {
        match self {
            Self::Tried(tried) => Ok(tried),
            Self::Done
            | Self::Committed(_)
            | Self::Claimed(_)
            | Self::Pruned(_)
            | Self::Begun(_) => Err(MIXED),
        }
    }
}
