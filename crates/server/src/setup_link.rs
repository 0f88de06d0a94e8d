//! Links by which somebody comes in: the first administrator, an invitation, a new password.

use secrecy::{ExposeSecret, SecretString};
use tuikuan_domain::{Actor, PersonId};
use tuikuan_engine::EngineError;
use tuikuan_store::Purpose;

use crate::app::Shared;

/// The link of a token.
#[must_use]
pub fn link(base: &str, token: &SecretString) -> String {
    let base = base.trim_end_matches('/');
    format!("{base}/setup/{}", token.expose_secret())
}

/// Makes a link.
///
/// # Errors
/// [`EngineError`] when whoever asks may not make it.
pub(crate) async fn make(
    app: &Shared,
    by: &Actor,
    user: Option<&PersonId>,
    purpose: Purpose,
) -> Result<String, EngineError> {
    let token = app.engine.people().invite(by, user, purpose).await?;
    Ok(link(
        app.settings.public_url.as_deref().unwrap_or_default(),
        &token,
    ))
}
