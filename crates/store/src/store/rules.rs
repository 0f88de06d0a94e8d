//! What can be read of rules and of what was asked on a day.

use super::Store;
use crate::error::ReadError;
use crate::rules::{StoredRules, SubjectUsage};

impl Store {
    /// All rules: those of all merchants first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn rules(&self) -> Result<Vec<StoredRules>, ReadError> {
        on!(self, s => s.rules().await)
    }

    /// What each of these subjects asked on a Shanghai day; who asked nothing is left out. At most a
    /// handful of subjects: it is read beside a request.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn usage(
        &self,
        day: &str,
        subjects: &[String],
    ) -> Result<Vec<SubjectUsage>, ReadError> {
        on!(self, s => s.usage(day, subjects).await)
    }
}
