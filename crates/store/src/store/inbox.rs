//! The list of notifications.

use super::Store;
use crate::error::ReadError;
use crate::inbox::InboxFilter;
use crate::records::InboxRecord;

impl Store {
    /// Stored notifications, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn notifications(&self, filter: InboxFilter) -> Result<Vec<InboxRecord>, ReadError> {
        on!(self, s => s.notifications(filter).await)
    }
}
