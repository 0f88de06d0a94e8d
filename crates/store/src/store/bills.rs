//! Operations about bills and differences.

use jiff::civil::Date;
use tuikuan_domain::{DifferenceId, MerchantName, RefundId};

use crate::bill::{
    Bill, BillChange, BillDay, Difference, DifferenceCount, DifferenceFilter, DifferencePage,
    OpenDay, SentCursor, SentRefund,
};
use crate::error::{CommitError, ReadError};
use crate::select::Merchants;
use crate::store::Store;

/// Bills.
impl Store {
    /// Writes something about bills or differences.
    ///
    /// # Errors
    /// [`CommitError::LeaseLost`] when the job is no longer ours, [`CommitError::Conflict`] when what
    /// it is about does not exist or is settled already.
    pub async fn change_bills(&self, change: BillChange) -> Result<(), CommitError> {
        match self {
            Self::Sqlite(s) => s.change_bills(change).await,
            Self::Postgres(s) => s.change_bills(change).await,
        }
    }

    /// A bill as it stands.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn bill_day(&self, bill: Bill) -> Result<Option<BillDay>, ReadError> {
        match self {
            Self::Sqlite(s) => s.bill_day(bill).await,
            Self::Postgres(s) => s.bill_day(bill).await,
        }
    }

    /// The bills of a merchant from a day to another, both included, oldest first. At most
    /// [`crate::LIST_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn bill_days(
        &self,
        allowed: Merchants,
        merchant: MerchantName,
        (from, to): (Date, Date),
    ) -> Result<Vec<BillDay>, ReadError> {
        match self {
            Self::Sqlite(s) => s.bill_days(allowed, merchant, (from, to)).await,
            Self::Postgres(s) => s.bill_days(allowed, merchant, (from, to)).await,
        }
    }

    /// The first day whose bill was wanted by itself; a day that a person looked at does not count.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn first_bill_day(&self, merchant: MerchantName) -> Result<Option<Date>, ReadError> {
        match self {
            Self::Sqlite(s) => s.first_bill_day(merchant).await,
            Self::Postgres(s) => s.first_bill_day(merchant).await,
        }
    }

    /// A page of differences.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn differences(&self, filter: DifferenceFilter) -> Result<DifferencePage, ReadError> {
        match self {
            Self::Sqlite(s) => s.differences(filter).await,
            Self::Postgres(s) => s.differences(filter).await,
        }
    }

    /// A difference.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn difference(
        &self,
        allowed: Merchants,
        id: DifferenceId,
    ) -> Result<Option<Difference>, ReadError> {
        match self {
            Self::Sqlite(s) => s.difference(allowed, id).await,
            Self::Postgres(s) => s.difference(allowed, id).await,
        }
    }

    /// How many differences a merchant's days have, by class and state, from a day to another, both
    /// included.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn difference_counts(
        &self,
        allowed: Merchants,
        merchant: MerchantName,
        (from, to): (Date, Date),
    ) -> Result<Vec<DifferenceCount>, ReadError> {
        match self {
            Self::Sqlite(s) => s.difference_counts(allowed, merchant, (from, to)).await,
            Self::Postgres(s) => s.difference_counts(allowed, merchant, (from, to)).await,
        }
    }

    /// How many differences of these merchants are open.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn differences_open(&self, allowed: Merchants) -> Result<u64, ReadError> {
        match self {
            Self::Sqlite(s) => s.differences_open(allowed).await,
            Self::Postgres(s) => s.differences_open(allowed).await,
        }
    }

    /// The days of a merchant that have open differences, oldest first. At most
    /// [`crate::LIST_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn open_days(&self, merchant: MerchantName) -> Result<Vec<OpenDay>, ReadError> {
        match self {
            Self::Sqlite(s) => s.open_days(merchant).await,
            Self::Postgres(s) => s.open_days(merchant).await,
        }
    }

    /// Whether the bill of a neighbouring day has shown a refund.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn shown_elsewhere(&self, refund: RefundId, day: Date) -> Result<bool, ReadError> {
        match self {
            Self::Sqlite(s) => s.shown_elsewhere(refund, day).await,
            Self::Postgres(s) => s.shown_elsewhere(refund, day).await,
        }
    }

    /// Some of the refunds that WeChat has accepted from this merchant by an attempt on this day in
    /// Beijing, and where to go on; `None`: that was the last.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn refunds_sent(
        &self,
        merchant: MerchantName,
        day: Date,
        after: SentCursor,
    ) -> Result<(Vec<SentRefund>, Option<SentCursor>), ReadError> {
        match self {
            Self::Sqlite(s) => s.refunds_sent(merchant, day, after).await,
            Self::Postgres(s) => s.refunds_sent(merchant, day, after).await,
        }
    }
}
