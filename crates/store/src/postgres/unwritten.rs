//! What is not written yet.

use crate::change::{Change, Committed};
use crate::delivery::DeliveryReport;
use crate::error::CommitError;

use crate::job::{Claim, Claimed, Release};
use crate::postgres::Postgres;
use jiff::Timestamp;
use tuikuan_domain::RefundId;

const UNWRITTEN: CommitError = CommitError::Unavailable {
    reason: "not written yet",
};

impl Postgres {
    pub(crate) async fn commit(&self, _change: Change) -> Result<Committed, CommitError> {
        Err(UNWRITTEN)
    }

    pub(crate) async fn claim(&self, _claim: Claim) -> Result<Vec<Claimed>, CommitError> {
        Err(UNWRITTEN)
    }

    pub(crate) async fn release(&self, _release: Release) -> Result<(), CommitError> {
        Err(UNWRITTEN)
    }

    pub(crate) async fn forward(
        &self,
        _refund: RefundId,
        _now: Timestamp,
    ) -> Result<(), CommitError> {
        Err(UNWRITTEN)
    }

    pub(crate) async fn finish_delivery(&self, _report: DeliveryReport) -> Result<(), CommitError> {
        Err(UNWRITTEN)
    }
}
