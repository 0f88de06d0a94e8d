//! The list of deliveries, filtered.

use super::Store;
use crate::delivery::{Delivery, DeliveryFilter};
use crate::error::ReadError;

impl Store {
    /// Deliveries to an endpoint, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, ReadError> {
        on!(self, s => s.deliveries(filter).await)
    }
}
