//! The half of the page that is about API keys.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use tuikuan_domain::{PersonId, Role};
use tuikuan_engine::{EngineError, NewKey};
use tuikuan_store::{ApiKey, KeyId, User};

use super::{HERE, MadePage, UsersPage, Words, ago, asked_scope, within};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::frame::Frame;
use crate::console::page::setup::is_name;
use crate::console::page::{account, again, html, to_saying};
use crate::console::text::login::Words as LoginWords;
use crate::console::text::notice::Notice;
use crate::console::text::{self, status};
use crate::console::visit::Visit;
use crate::console::{format, secret};

pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) role: &'static str,
    pub(super) scope: String,
    pub(super) last_used: String,
    pub(super) expires: String,
    pub(super) ended: Option<&'static str>,
}

impl KeyRow {
    pub(super) fn of(key: &ApiKey, users: &[User], visit: &Visit) -> Self {
        let words = Words::of(visit.language());
        let owner = key.owner.as_ref().map(|id| {
            let found = users.iter().find(|user| user.id == *id);
            found.map_or_else(|| id.to_string(), |user| user.name.clone())
        });
        let expired = key.expires_at.is_some_and(|end| end <= visit.now());
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            owner: owner.unwrap_or_else(|| "—".to_owned()),
            role: status::role(key.role, visit.language()),
            scope: account::scope_text(&key.scope, words.all_merchants),
            last_used: ago(key.last_used_at, visit, words.never),
            expires: key
                .expires_at
                .map_or_else(|| words.never_expires.to_owned(), format::minute),
            ended: match key.revoked_at {
                Some(_) => Some(words.revoked),
                None if expired => Some(words.expired),
                None => None,
            },
        }
    }
}

/// `POST /console/keys`.
pub(crate) async fn add_key(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let asked = match asked(&app, &visit, &fields).await? {
        Ok(asked) => asked,
        Err(wrong) => {
            let mut page = UsersPage::read(&app, &visit).await?;
            page.key_wrong = Some(wrong);
            return again(&page);
        }
    };
    let token = format!("tk_{}", secret::token()?);
    let label = text::fill(words.key_for, &[("name", &asked.name)]);
    let hash = secret::sha256(token.as_bytes());
    app.engine
        .people()
        .create_key(&visit.actor(), hash, asked)
        .await?;
    html(&MadePage {
        frame: Frame::of(&app, &visit, words.made_title).await?,
        words,
        label,
        secret: token,
        hint: words.key_hint,
    })
}

/// The key a form asks for, or what is wrong about it.
async fn asked(
    app: &Shared,
    visit: &Visit,
    fields: &Fields,
) -> Result<Result<NewKey, &'static str>, Fault> {
    let words = Words::of(visit.language());
    let name = fields.trimmed("name");
    if !is_name(name) {
        return Ok(Err(LoginWords::of(visit.language()).name_bad));
    }
    let Some(scope) = asked_scope(app, visit, fields)? else {
        return Ok(Err(words.scope_missing));
    };
    let role = Role::parse(fields.text("role")).ok_or(Fault::Refused)?;
    let owner = match fields.text("owner") {
        "" => None,
        id => {
            let id: PersonId = id.parse().map_err(|_foreign| Fault::NotFound)?;
            let user = app.engine.store().user(&id).await?.ok_or(Fault::NotFound)?;
            if user.disabled_at.is_some() || !within(&visit.merchants, &user.scope) {
                return Err(Fault::NotFound);
            }
            if role > user.role {
                return Ok(Err(words.role_above_owner));
            }
            Some(user.id)
        }
    };
    let expires_at = match fields.trimmed("expires") {
        "" => None,
        day => match end_of_day(day).filter(|end| *end > visit.now()) {
            Some(end) => Some(end),
            None => return Ok(Err(words.expires_bad)),
        },
    };
    Ok(Ok(NewKey {
        name: name.to_owned(),
        owner,
        role,
        scope,
        expires_at,
    }))
}

/// The moment a day of Beijing ends.
fn end_of_day(text: &str) -> Option<Timestamp> {
    tuikuan_domain::approval::day_end(text.parse().ok()?)
}

/// `POST /console/keys/{id}/revoke`.
pub(crate) async fn revoke_key(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let id: KeyId = id.parse().map_err(|_foreign| Fault::NotFound)?;
    let keys = app.engine.store().api_keys().await?;
    let key = keys
        .iter()
        .find(|key| key.id == id)
        .ok_or(Fault::NotFound)?;
    if !within(&visit.merchants, &key.scope) {
        return Err(Fault::NotFound);
    }
    match app.engine.people().revoke_key(&visit.actor(), &id).await {
        Ok(()) => Ok(to_saying(&app, HERE, Notice::KeyRevoked)),
        Err(EngineError::Conflict) => Ok(to_saying(&app, HERE, Notice::ChangedMeanwhile)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_with_its_last_day_in_beijing() {
        let end = end_of_day("2026-12-31").unwrap();
        assert_eq!(end.to_string(), "2026-12-31T16:00:00Z");
        assert!(end_of_day("2026-02-30").is_none());
    }
}
