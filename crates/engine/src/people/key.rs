//! API keys.

use jiff::Timestamp;
use serde_json::json;
use tuikuan_domain::{Actor, PersonId, Role};
use tuikuan_store::{Administered, ApiKey, KeyId, Scope};

use super::{Line, People, scope_json};
use crate::clock::IdSource;
use crate::error::EngineError;

/// A key as it is asked for.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name, for people.
    pub name: String,
    /// Whose it is.
    pub owner: Option<PersonId>,
    /// What it may do, at most.
    pub role: Role,
    /// For which merchants.
    pub scope: Scope,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// Keys.
impl People<'_> {
    /// Makes a key; the key itself stays with the caller, its SHA-256 is kept. One that is made for
    /// somebody else never approves, unless it is made at the machine itself (INV-32).
    ///
    /// # Errors
    /// [`EngineError::NotAllowed`] when it would have more rights than its owner or its maker,
    /// [`EngineError::NotFound`] when there is no such owner.
    pub async fn create_key(
        &self,
        by: &Actor,
        hash: [u8; 32],
        new: NewKey,
    ) -> Result<ApiKey, EngineError> {
        self.may_manage(by, &new.scope).await?;
        if let Some(id) = &new.owner {
            let owner = self.store.user(id).await?.ok_or(EngineError::NotFound)?;
            self.may_manage(by, &owner.scope).await?;
            if owner.disabled_at.is_some() || new.role > owner.role {
                return Err(EngineError::NotAllowed);
            }
        }
        let key = ApiKey {
            id: key_id(self.ids),
            name: new.name,
            hash,
            owner: new.owner,
            role: new.role,
            scope: new.scope,
            created_at: self.now,
            created_by: Some(by.clone()),
            last_used_at: None,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let line = Line {
            by,
            action: "key.created",
            subject: key.id.as_str(),
            detail: json!({
                "name": key.name,
                "owner": key.owner.as_ref().map(PersonId::as_str),
                "role": key.role.as_str(),
                "merchants": scope_json(&key.scope),
                "expires_at": key.expires_at.map(|end| end.to_string()),
            }),
        };
        self.administer(Administered::KeyCreated(key.clone()), line)
            .await?;
        Ok(key)
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when it is not good any more, [`EngineError::NotFound`],
    /// [`EngineError::NotAllowed`].
    pub async fn revoke_key(&self, by: &Actor, id: &KeyId) -> Result<(), EngineError> {
        let keys = self.store.api_keys().await?;
        let key = keys.iter().find(|key| key.id == *id);
        let key = key.ok_or(EngineError::NotFound)?;
        self.may_manage(by, &key.scope).await?;
        let line = Line {
            by,
            action: "key.revoked",
            subject: id.as_str(),
            detail: json!({ "merchants": scope_json(&key.scope) }),
        };
        self.administer(Administered::KeyRevoked(id.clone()), line)
            .await
    }
}

/// The id of a key.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
fn key_id(ids: &dyn IdSource) -> KeyId {
    format!("key_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}
