//! What is not written yet.

use crate::batch::{BatchCount, BatchFilter, BatchLine, BatchPage, FactsWanted, LinesOf};
use crate::bill::{
    Bill, BillDay, Difference, DifferenceCount, DifferenceFilter, DifferencePage, SentCursor,
    SentRefund,
};
use crate::care::{Care, NeededAsked, Subject, Waiting};
use crate::chain::HistoryFault;
use crate::change::{Change, Committed};
use crate::delivery::{Delivery, DeliveryFilter, DeliveryReport};
use crate::error::{CommitError, ReadError};
use crate::figures::{FigureDifference, Figures, FiguresAsked};

use crate::inbox::InboxFilter;
use crate::job::{Claim, Claimed, Lane, Release};
use crate::postgres::Postgres;
use crate::records::{InboxRecord, Stuck};
use crate::search::{Found, NumberText, RefundSearch};
use crate::select::{Merchants, Page, RefundFilter};
use jiff::Timestamp;
use jiff::civil::Date;
use tuikuan_domain::batch::{Batch, Facts, Line};
use tuikuan_domain::{BatchId, DifferenceId, MerchantName, Payment, Refund, RefundId};

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

    pub(crate) async fn refund_ids_after(
        &self,
        _after: Option<RefundId>,
        _limit: u32,
    ) -> Result<Vec<RefundId>, ReadError> {
        Err(UNREAD)
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

    pub(crate) async fn needed(&self, _asked: NeededAsked) -> Result<Vec<Refund>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn cares(&self, _subjects: Vec<Subject>) -> Result<Vec<Care>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn waiting(
        &self,
        _allowed: Merchants,
        _now: Timestamp,
    ) -> Result<Waiting, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn sleeping(
        &self,
        _merchant: MerchantName,
        _now: Timestamp,
    ) -> Result<i64, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn deliveries(
        &self,
        _filter: DeliveryFilter,
    ) -> Result<Vec<Delivery>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn figures(&self, _asked: FiguresAsked) -> Result<Figures, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn figure_differences(
        &self,
        _limit: usize,
    ) -> Result<Vec<FigureDifference>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn notifications(
        &self,
        _filter: InboxFilter,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn list_refunds(
        &self,
        _filter: RefundFilter,
    ) -> Result<Page<Refund>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn stuck(
        &self,
        _overdue: Timestamp,
        _limit: u32,
    ) -> Result<Vec<Stuck>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn verify_history(
        &self,
        _refund: RefundId,
    ) -> Result<Result<i64, HistoryFault>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn search_refunds(&self, _search: RefundSearch) -> Result<Found, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn deliveries_of(
        &self,
        _refund: &RefundId,
    ) -> Result<Vec<Delivery>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn notifications_of(
        &self,
        _refund: &RefundId,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn payments_under(
        &self,
        _number: &NumberText,
        _allowed: &Merchants,
    ) -> Result<Vec<Payment>, ReadError> {
        Err(UNREAD)
    }

    pub(crate) async fn open_days(
        &self,
        _merchant: MerchantName,
    ) -> Result<Vec<crate::bill::OpenDay>, ReadError> {
        Err(UNREAD)
    }
}
