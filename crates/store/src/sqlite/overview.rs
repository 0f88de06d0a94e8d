//! The reads of the overview, of what needs a person, and of the inbox, where blocking is allowed.

use jiff::Timestamp;
use tuikuan_domain::{MerchantName, Refund};

use super::{Sqlite, care, deliveries, figures, inbox};
use crate::care::{Care, NeededAsked, Subject, Waiting};
use crate::delivery::{Delivery, DeliveryFilter};
use crate::error::ReadError;
use crate::figures::{FigureDifference, Figures, FiguresAsked};
use crate::inbox::InboxFilter;
use crate::records::InboxRecord;
use crate::select::Merchants;

impl Sqlite {
    pub(crate) async fn figures(&self, asked: FiguresAsked) -> Result<Figures, ReadError> {
        self.read_aside(move |c| figures::figures(c, &asked)).await
    }

    pub(crate) async fn figure_differences(
        &self,
        limit: usize,
    ) -> Result<Vec<FigureDifference>, ReadError> {
        self.read_aside(move |c| figures::differences(c, limit))
            .await
    }

    pub(crate) async fn needed(&self, asked: NeededAsked) -> Result<Vec<Refund>, ReadError> {
        self.read_aside(move |c| care::needed(c, &asked)).await
    }

    pub(crate) async fn cares(&self, subjects: Vec<Subject>) -> Result<Vec<Care>, ReadError> {
        self.read_aside(move |c| care::cares(c, &subjects)).await
    }

    pub(crate) async fn waiting(
        &self,
        allowed: Merchants,
        now: Timestamp,
    ) -> Result<Waiting, ReadError> {
        self.read_aside(move |c| care::waiting(c, &allowed, now))
            .await
    }

    pub(crate) async fn sleeping(
        &self,
        merchant: MerchantName,
        now: Timestamp,
    ) -> Result<i64, ReadError> {
        self.read_aside(move |c| care::sleeping(c, &merchant, now))
            .await
    }

    pub(crate) async fn notifications(
        &self,
        filter: InboxFilter,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        self.read_aside(move |c| inbox::notifications(c, &filter))
            .await
    }

    pub(crate) async fn deliveries(
        &self,
        filter: DeliveryFilter,
    ) -> Result<Vec<Delivery>, ReadError> {
        self.read_aside(move |c| deliveries::deliveries(c, &filter))
            .await
    }
}
