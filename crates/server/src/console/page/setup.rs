//! Links that are used once: the first administrator, an invitation, a new password. And the link
//! of the demonstration, which signs a visitor in. Only a link's hash is stored.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use secrecy::SecretString;
use tuikuan_domain::Role;
use tuikuan_engine::{EngineError, NewUser};
use tuikuan_store::{Invitation, Purpose, Scope, SecondFactor, User};

use super::login::{NAME_CHARS_MAX, come_in};
use super::{again, html, to};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::frame::Frame;
use crate::console::password::{self, Weak};
use crate::console::text;
use crate::console::text::login::Words;
use crate::console::visit::Guest;
use crate::console::{secret, session};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    words: &'static Words,
    why: String,
    /// The name can be chosen by the first administrator only.
    name: Option<String>,
    /// The name of somebody invited, for password managers.
    fixed_name: String,
    wrong: Option<&'static str>,
}

/// A link that is still good, with the person it is for.
struct Good {
    invitation: Invitation,
    user: Option<User>,
}

/// `GET /setup/{token}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let store = app.engine.store();
    app.console.limits.address(store, guest.address).await?;
    let good = good(&app, &token, &guest).await?;
    match (&good.invitation.purpose, &good.user) {
        (Purpose::Demo, Some(user)) => visit_demo(&app, &headers, &guest, user).await,
        _ => html(&SetupPage::new(&app, &guest, &good, String::new())),
    }
}

/// `POST /setup/{token}`.
pub(crate) async fn accept(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let store = app.engine.store();
    app.console.limits.address(store, guest.address).await?;
    let good = good(&app, &token, &guest).await?;
    if good.invitation.purpose == Purpose::Demo {
        return Err(Fault::LinkDead);
    }
    let words = Words::of(guest.language);
    let chosen = fields.trimmed("name").to_owned();
    let refuse = |wrong| {
        let mut page = SetupPage::new(&app, &guest, &good, chosen.clone());
        page.wrong = Some(wrong);
        again(&page)
    };
    let name = good
        .user
        .as_ref()
        .map_or(chosen.as_str(), |user| &user.name);
    if !is_name(name) {
        return refuse(words.name_bad);
    }
    if let Some(wrong) = password_fault(&fields, name, words) {
        return refuse(wrong);
    }
    let password = SecretString::from(fields.text("password"));
    let hash = app.console.passwords.hash(password).await?;
    match taken_up(&app, &guest, &good, name, hash).await {
        Ok(user) => come_in(&app, &headers, &guest, &user, "/console").await,
        Err(EngineError::Conflict) => Err(Fault::LinkDead),
        Err(error) => Err(error.into()),
    }
}

/// Uses the link: the password is set in the same transaction.
async fn taken_up(
    app: &Shared,
    guest: &Guest,
    good: &Good,
    name: &str,
    password: SecretString,
) -> Result<User, EngineError> {
    let hash = good.invitation.hash;
    match &good.user {
        Some(user) => {
            app.engine
                .people()
                .accept_invitation(hash, user, password)
                .await
        }
        None => {
            let first = NewUser {
                name: name.to_owned(),
                role: Role::Admin,
                scope: Scope::All,
                language: Some(guest.language.as_str().to_owned()),
                password: Some(password),
            };
            app.engine.people().accept_set_up(hash, first).await
        }
    }
}

/// The visitor of a demonstration is signed in at once; the link stays good.
async fn visit_demo(
    app: &Shared,
    headers: &HeaderMap,
    guest: &Guest,
    user: &User,
) -> Result<Response, Fault> {
    session::end(app, headers, guest).await?;
    let token = session::begin(app, user, guest, SecondFactor::Passed).await?;
    let mut response = to("/console");
    session::keep(app, response.headers_mut(), &token);
    Ok(response)
}

/// The link, if it is still good; all others look the same.
async fn good(app: &Shared, token: &str, guest: &Guest) -> Result<Good, Fault> {
    let hash = secret::hash_of(token).ok_or(Fault::LinkDead)?;
    let store = app.engine.store();
    let found = store.invitation(&hash).await?.ok_or(Fault::LinkDead)?;
    if found.used_at.is_some() || guest.now >= found.expires_at {
        return Err(Fault::LinkDead);
    }
    let user = match &found.user {
        Some(id) => {
            let user = store.user(id).await?;
            Some(
                user.filter(|user| user.disabled_at.is_none())
                    .ok_or(Fault::LinkDead)?,
            )
        }
        None => None,
    };
    let first = user.is_none();
    if first && (found.purpose != Purpose::SetUp || !store.users().await?.is_empty()) {
        return Err(Fault::LinkDead);
    }
    Ok(Good {
        invitation: found,
        user,
    })
}

impl SetupPage {
    fn new(app: &Shared, guest: &Guest, good: &Good, name: String) -> Self {
        let words = Words::of(guest.language);
        let (title, why, name, fixed_name) = match &good.user {
            Some(user) => {
                let why = text::fill(words.invite_why, &[("name", &user.name)]);
                (words.invite_title, why, None, user.name.clone())
            }
            None => {
                let why = words.setup_why.to_owned();
                (words.setup_title, why, Some(name), String::new())
            }
        };
        Self {
            frame: Frame::outside(app, guest, title),
            words,
            why,
            name,
            fixed_name,
            wrong: None,
        }
    }
}

/// Whether a text can be a name.
pub(crate) fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=NAME_CHARS_MAX).contains(&length)
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

/// What is wrong with a new password that was typed twice.
pub(crate) fn password_fault(
    fields: &Fields,
    name: &str,
    words: &'static Words,
) -> Option<&'static str> {
    match password::acceptable(fields.text("password"), name) {
        Err(Weak::Length) => Some(words.password_length),
        Err(Weak::Guessable) => Some(words.password_guessable),
        Ok(()) if fields.text("password") != fields.text("again") => Some(words.password_differs),
        Ok(()) => None,
    }
}
