//! What can be read of rules and of what was asked on a day.

use super::Store;
use crate::error::ReadError;
use crate::rules::{StoredRules, SubjectUsage};
use crate::settings::SettingsVersions;

impl Store {
    /// All rules: those of all merchants first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn rules(&self) -> Result<Vec<StoredRules>, ReadError> {
        on!(self, s => s.rules().await)
    }

    /// How often endpoints and rules were changed. Read before either of them, it is never ahead of
    /// what was read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn settings_versions(&self) -> Result<SettingsVersions, ReadError> {
        on!(self, s => s.settings_versions().await)
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
