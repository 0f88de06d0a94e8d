//! What belongs to one refund or one order, for those who look into it.

use tuikuan_domain::{Payment, RefundId};

use super::Store;
use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::records::InboxRecord;
use crate::search::NumberText;
use crate::select::Merchants;

impl Store {
    /// The messages about a refund, oldest first, at most [`crate::LIST_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn deliveries_of(&self, refund: &RefundId) -> Result<Vec<Delivery>, ReadError> {
        on!(self, s => s.deliveries_of(refund).await)
    }

    /// The stored notifications about a refund, oldest first, at most [`crate::LIST_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn notifications_of(&self, refund: &RefundId) -> Result<Vec<InboxRecord>, ReadError> {
        on!(self, s => s.notifications_of(refund).await)
    }

    /// The payments under exactly this number, ours (`pay_...`), the merchant's or WeChat's; at most
    /// [`crate::LIST_MAX`], as several merchants may use one number.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn payments_under(
        &self,
        number: &NumberText,
        allowed: &Merchants,
    ) -> Result<Vec<Payment>, ReadError> {
        on!(self, s => s.payments_under(number, allowed).await)
    }
}
