//! What is not written yet.

use crate::batch::{BatchCount, BatchFilter, BatchLine, BatchPage, FactsWanted, LinesOf};
use crate::bill::{
    Bill, BillDay, Difference, DifferenceCount, DifferenceFilter, DifferencePage, SentCursor,
    SentRefund,
};
use crate::change::{Change, Committed};
use crate::delivery::DeliveryReport;
use crate::error::{CommitError, ReadError};

use crate::job::{Claim, Claimed, Lane, Release};
use crate::postgres::Postgres;
use crate::select::Merchants;
use jiff::Timestamp;
use jiff::civil::Date;
use tuikuan_domain::batch::{Batch, Facts, Line};
use tuikuan_domain::{BatchId, DifferenceId, MerchantName, RefundId};

const UNWRITTEN: CommitError = CommitError::Unavailable {
    reason: "not written yet",
};

const UNREAD: ReadError = ReadError::Corrupt {
    what: "not written yet",
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

    pub(crate) async fn batch(&self, _id: &BatchId) -> Result<Option<Batch>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batch_counts(&self, _id: &BatchId) -> Result<Vec<BatchCount>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batches(&self, _filter: BatchFilter) -> Result<BatchPage, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batch_lines(&self, _wanted: LinesOf) -> Result<Vec<BatchLine>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batch_pending(
        &self,
        _id: &BatchId,
        _limit: u32,
    ) -> Result<Vec<Line>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batch_queued(
        &self,
        _id: &BatchId,
        _limit: u32,
    ) -> Result<Vec<RefundId>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batches_of(&self, _refund: &RefundId) -> Result<Vec<BatchId>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn lane_backlog(
        &self,
        _lane: &Lane,
        _due: Timestamp,
        _limit: u32,
    ) -> Result<u32, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn batch_facts(
        &self,
        _wanted: FactsWanted,
    ) -> Result<Vec<(Line, Facts)>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn bill_day(&self, _bill: Bill) -> Result<Option<BillDay>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn bill_days(
        &self,
        _allowed: Merchants,
        _merchant: MerchantName,
        (_from, _to): (Date, Date),
    ) -> Result<Vec<BillDay>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn first_bill_day(
        &self,
        _merchant: MerchantName,
    ) -> Result<Option<Date>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn differences(
        &self,
        _filter: DifferenceFilter,
    ) -> Result<DifferencePage, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn difference(
        &self,
        _allowed: Merchants,
        _id: DifferenceId,
    ) -> Result<Option<Difference>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn difference_counts(
        &self,
        _allowed: Merchants,
        _merchant: MerchantName,
        (_from, _to): (Date, Date),
    ) -> Result<Vec<DifferenceCount>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn differences_open(&self, _allowed: Merchants) -> Result<u64, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn shown_elsewhere(
        &self,
        _refund: RefundId,
        _day: Date,
    ) -> Result<bool, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn refunds_sent(
        &self,
        _merchant: MerchantName,
        _day: Date,
        _after: SentCursor,
    ) -> Result<(Vec<SentRefund>, Option<SentCursor>), ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn open_days(
        &self,
        _merchant: MerchantName,
    ) -> Result<Vec<crate::bill::OpenDay>, ReadError> {
        Err(UNREAD)
    }
}
