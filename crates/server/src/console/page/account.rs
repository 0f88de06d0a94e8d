//! "My account": password, language, second factor, and where one is signed in. A new password ends
//! every other session.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tuikuan_store::{Scope, SecondFactor, Session, User};

use super::setup::password_fault;
use super::{again, html, to_saying};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::language::Language;
use crate::console::text::account::Words;
use crate::console::text::login::Words as LoginWords;
use crate::console::text::notice::Notice;
use crate::console::text::status;
use crate::console::visit::{LANGUAGE_COOKIE, Visit};
use crate::console::{cookie, limits, second_factor, session};

const HERE: &str = "/console/account";

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    words: &'static Words,
    login: &'static LoginWords,
    name: String,
    role: &'static str,
    role_meaning: &'static str,
    scope: String,
    created: String,
    languages: Vec<(&'static str, &'static str, bool)>,
    password_wrong: Option<&'static str>,
    factor: Factor,
    sessions: Vec<SessionRow>,
}

struct Factor {
    set: bool,
    side: i32,
    picture: String,
    secret: String,
    wrong: Option<&'static str>,
}

struct SessionRow {
    id: String,
    begun: String,
    seen: String,
    address: String,
    agent: String,
    present: bool,
}

/// `GET /console/account`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    html(&AccountPage::read(&app, &visit, &headers).await?)
}

/// `POST /console/account/language`.
pub(crate) async fn language(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let chosen = Language::parse(fields.text("language")).ok_or(Fault::Refused)?;
    let changed = User {
        language: Some(chosen.as_str().to_owned()),
        ..visit.user.clone()
    };
    app.engine
        .people()
        .update_user(&visit.actor(), changed, "user.language_changed")
        .await?;
    let mut response = to_saying(&app, HERE, Notice::Saved);
    // What this browser remembered would win over the setting.
    let remembered = cookie::Cookie {
        name: LANGUAGE_COOKIE,
        value: chosen.as_str(),
        seconds: 365 * 86_400,
        readable: cookie::Readable::Script,
    };
    remembered.set(response.headers_mut(), app.settings.scheme);
    Ok(response)
}

/// `POST /console/account/password`.
pub(crate) async fn password(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let login = LoginWords::of(visit.language());
    let wrong = if present_password_fits(&app, &visit, &fields).await? {
        password_fault(&fields, &visit.user.name, login)
    } else {
        Some(words.present_wrong)
    };
    if let Some(wrong) = wrong {
        let mut page = AccountPage::read(&app, &visit, &headers).await?;
        page.password_wrong = Some(wrong);
        return again(&page);
    }
    let new = SecretString::from(fields.text("password"));
    let changed = User {
        password: Some(app.console.passwords.hash(new).await?),
        ..visit.user.clone()
    };
    let by = visit.actor();
    app.engine
        .people()
        .update_user(&by, changed.clone(), "user.password_changed")
        .await?;
    let token = session::begin(&app, &changed, &visit.guest, visit.session.second_factor).await?;
    let mut response = to_saying(&app, HERE, Notice::PasswordChanged);
    session::keep(&app, response.headers_mut(), &token);
    limits::remember(&app, response.headers_mut(), &changed);
    Ok(response)
}

/// `POST /console/account/second-factor`.
pub(crate) async fn second_factor(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let token = session::token(&app, &headers).ok_or(Fault::SignedOut)?;
    let used = visit.user.totp_used;
    let offered = second_factor::offered(token, used);
    let fits = present_password_fits(&app, &visit, &fields).await?;
    let step = second_factor::step_of(fields.text("code"), &offered, 0, Timestamp::now())?;
    let (true, Some(step)) = (fits, step) else {
        let mut page = AccountPage::read(&app, &visit, &headers).await?;
        page.factor.wrong = Some(if fits {
            page.login.code_wrong
        } else {
            words.present_wrong
        });
        return again(&page);
    };
    let changed = User {
        totp: Some(SecretString::from(offered)),
        totp_used: step.max(used.saturating_add(1)),
        ..visit.user.clone()
    };
    let by = visit.actor();
    app.engine
        .people()
        .update_user(&by, changed.clone(), "user.second_factor_set")
        .await?;
    // Every session has ended with it: this browser has just shown the new one.
    let token = session::begin(&app, &changed, &visit.guest, SecondFactor::Passed).await?;
    let mut response = to_saying(&app, HERE, Notice::SecondFactorSet);
    session::keep(&app, response.headers_mut(), &token);
    Ok(response)
}

/// `POST /console/account/sessions/{session}/end`.
pub(crate) async fn end_session(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let sessions = app.engine.store().sessions_of(&visit.user.id).await?;
    let found = sessions.iter().find(|session| hex(&session.hash) == id);
    let found = found.ok_or(Fault::NotFound)?;
    app.engine
        .people()
        .close_session(&visit.actor(), found)
        .await?;
    Ok(to_saying(&app, HERE, Notice::SessionsEnded))
}

/// Whoever sits at a forgotten browser does not know the password.
async fn present_password_fits(
    app: &Shared,
    visit: &Visit,
    fields: &Fields,
) -> Result<bool, Fault> {
    let store = app.engine.store();
    app.console.limits.present(store, &visit.session).await?;
    let shown = SecretString::from(fields.text("present"));
    let fits = app
        .console
        .passwords
        .fits(shown, visit.user.password.clone())
        .await?;
    if !fits {
        let address = visit.guest.address.to_string();
        app.engine
            .people()
            .note_failed_sign_in(Some(&visit.user.id), "present_password", &address)
            .await?;
    }
    Ok(fits)
}

impl AccountPage {
    async fn read(app: &Shared, visit: &Visit, headers: &HeaderMap) -> Result<Self, Fault> {
        let (language, user) = (visit.language(), &visit.user);
        let words = Words::of(language);
        let frame = Frame::of(app, visit, words.title).await?;
        let sessions = app.engine.store().sessions_of(&user.id).await?;
        let sessions = sessions
            .iter()
            .filter(|session| session::lives(session, visit.now()))
            .map(|session| SessionRow::of(session, visit))
            .collect();
        let token = session::token(app, headers).ok_or(Fault::SignedOut)?;
        Ok(Self {
            frame,
            words,
            login: LoginWords::of(language),
            name: user.name.clone(),
            role: status::role(user.role, language),
            role_meaning: status::role_meaning(user.role, language),
            scope: scope_text(&user.scope, words.all_merchants),
            created: format::day(user.created_at),
            languages: Language::ALL
                .map(|each| (each.as_str(), each.own_name(), each == language))
                .into(),
            password_wrong: None,
            factor: Factor::of(user, token)?,
            sessions,
        })
    }
}

/// The merchants of a scope, by name.
pub(crate) fn scope_text(scope: &Scope, all: &str) -> String {
    match scope {
        Scope::All => all.to_owned(),
        Scope::Only(names) => {
            let names: Vec<&str> = names
                .iter()
                .map(tuikuan_domain::MerchantName::as_str)
                .collect();
            names.join(", ")
        }
    }
}

impl Factor {
    fn of(user: &User, token: &str) -> Result<Self, Fault> {
        let secret = second_factor::offered(token, user.totp_used);
        let (side, picture) = second_factor::picture(&secret, &user.name)?;
        Ok(Self {
            set: user
                .totp
                .as_ref()
                .is_some_and(|totp| !totp.expose_secret().is_empty()),
            side,
            picture,
            secret: second_factor::grouped(&secret),
            wrong: None,
        })
    }
}

impl SessionRow {
    fn of(session: &Session, visit: &Visit) -> Self {
        Self {
            id: hex(&session.hash),
            begun: format::date_time(session.created_at),
            seen: format::relative(session.seen_at, visit.now(), visit.language()),
            address: session.address.clone(),
            agent: session.agent.clone(),
            present: session.hash == visit.session.hash,
        }
    }
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
