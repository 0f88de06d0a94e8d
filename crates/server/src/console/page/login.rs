//! Signing in and out. A wrong password and an unknown name get the same answer after the same
//! work; a right password of somebody who approves leads to the second factor first.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tuikuan_domain::Actor;
use tuikuan_store::{SecondFactor, User};

mod way_back;

use self::way_back::safe_next;
use super::{again, html, to, to_saying};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::frame::Frame;
use crate::console::limits::Whence;
use crate::console::session::{self, SignedIn};
use crate::console::text::login::Words;
use crate::console::text::notice::Notice;
use crate::console::tries::Left;
use crate::console::visit::{Guest, Visit};
use crate::console::{door, limits, second_factor};

/// The longest name that is looked up.
pub(crate) const NAME_CHARS_MAX: usize = 64;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    words: &'static Words,
    name: String,
    next: String,
    wrong: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    frame: Frame,
    words: &'static Words,
    next: String,
    wrong: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolPage {
    frame: Frame,
    words: &'static Words,
    next: String,
    side: i32,
    picture: String,
    secret: String,
    wrong: Option<&'static str>,
}

/// `GET /login`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let next = next_of(&guest);
    if session::signed_in(&app, &headers, guest.now)
        .await?
        .is_some()
    {
        return Ok(to(&next));
    }
    let words = Words::of(guest.language);
    let frame = Frame::outside(&app, &guest, words.title);
    html(&LoginPage {
        frame,
        words,
        name: String::new(),
        next,
        wrong: None,
    })
}

/// `POST /login`.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    Extension(fields): Extension<Arc<Fields>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let name: String = fields
        .trimmed("name")
        .chars()
        .take(NAME_CHARS_MAX)
        .collect();
    let store = app.engine.store();
    let user = store.user_by_name(&name).await?;
    let from = |user| limits::from(&app, &headers, user, guest.address);
    match &user {
        Some(user) if from(user) == Whence::KnownBrowser => {
            let limits = &app.console.limits;
            limits.known(store, user, guest.address).await?;
        }
        Some(_) | None => app.console.limits.name(store, &name, guest.address).await?,
    }
    let usable = user.as_ref().filter(|user| user.disabled_at.is_none());
    let hash = usable.and_then(|user| user.password.clone());
    let password = SecretString::from(fields.text("password"));
    let fits = app.console.passwords.fits(password, hash).await?;
    let next = safe_next(fields.text("next"));
    if let (true, Some(user)) = (fits, usable) {
        return come_in(&app, &headers, &guest, user, &next).await;
    }
    // An unknown name leaves a line as well: the same work, and the same time.
    let address = guest.address.to_string();
    let id = user.as_ref().map(|user| &user.id);
    app.engine
        .people()
        .note_failed_sign_in(id, "password", &address)
        .await?;
    let words = Words::of(guest.language);
    again(&LoginPage {
        frame: Frame::outside(&app, &guest, words.title),
        words,
        name,
        next,
        wrong: Some(words.wrong),
    })
}

/// The password was right: a session begins, or the second factor is asked for.
pub(crate) async fn come_in(
    app: &Shared,
    headers: &HeaderMap,
    guest: &Guest,
    user: &User,
    next: &str,
) -> Result<Response, Fault> {
    session::end(app, headers, guest).await?;
    let (passed, place) = match (&user.totp, user.role.approves()) {
        (Some(_), _) => (SecondFactor::Pending, with_next("/login/code", next)),
        (None, true) => (SecondFactor::Pending, with_next("/login/enrol", next)),
        (None, false) => (SecondFactor::NotAsked, next.to_owned()),
    };
    let token = session::begin(app, user, guest, passed).await?;
    let mut response = to(&place);
    session::keep(app, response.headers_mut(), &token);
    if passed != SecondFactor::Pending {
        limits::remember(app, response.headers_mut(), user);
    }
    Ok(response)
}

/// `GET /login/code`.
pub(crate) async fn code_page(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let Some(pending) = pending(&app, &headers, &guest).await? else {
        return Ok(to("/login"));
    };
    if pending.user.totp.is_none() {
        return Ok(to("/login/enrol"));
    }
    html(&CodePage::new(&app, &guest, next_of(&guest)))
}

/// `POST /login/code`.
pub(crate) async fn code(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    Extension(fields): Extension<Arc<Fields>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let Some(pending) = pending(&app, &headers, &guest).await? else {
        return Ok(to("/login"));
    };
    let user = &pending.user;
    let Some(secret) = &user.totp else {
        return Ok(to("/login/enrol"));
    };
    let from = limits::from(&app, &headers, user, guest.address);
    let (limits, store) = (&app.console.limits, app.engine.store());
    limits.code(store, user, from).await?;
    let left = limits.code_of(store, &pending.session).await?;
    let next = safe_next(fields.text("next"));
    let step = second_factor::step_of(
        fields.text("code"),
        secret.expose_secret(),
        user.totp_used,
        Timestamp::now(),
    )?;
    let Some(step) = step else {
        let address = guest.address.to_string();
        app.engine
            .people()
            .note_failed_sign_in(Some(&user.id), "second_factor", &address)
            .await?;
        if left == Left::Nothing {
            return password_again(&app, &headers, &guest, next).await;
        }
        let mut page = CodePage::new(&app, &guest, next);
        page.wrong = Some(page.words.code_wrong);
        return again(&page);
    };
    let used = User {
        totp_used: step,
        ..user.clone()
    };
    let by = Actor::Person(user.id.clone());
    app.engine
        .people()
        .update_user(&by, used, "user.second_factor_used")
        .await?;
    pass(&app, &headers, &guest, user, &next).await
}

/// Too many codes were wrong: what the right password had opened ends.
async fn password_again(
    app: &Shared,
    headers: &HeaderMap,
    guest: &Guest,
    next: String,
) -> Result<Response, Fault> {
    session::end(app, headers, guest).await?;
    let words = Words::of(guest.language);
    let mut response = again(&LoginPage {
        frame: Frame::outside(app, guest, words.title),
        words,
        name: String::new(),
        next,
        wrong: Some(words.codes_wrong),
    })?;
    session::forget(app, response.headers_mut());
    Ok(response)
}

/// `GET /login/enrol`.
pub(crate) async fn enrol_page(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (Some(pending), Some(token)) = (
        pending(&app, &headers, &guest).await?,
        session::token(&app, &headers),
    ) else {
        return Ok(to("/login"));
    };
    if pending.user.totp.is_some() {
        return Ok(to("/login/code"));
    }
    html(&EnrolPage::new(
        &app,
        &guest,
        &pending.user,
        token,
        next_of(&guest),
    )?)
}

/// `POST /login/enrol`.
pub(crate) async fn enrol(
    State(app): State<App>,
    Extension(guest): Extension<Arc<Guest>>,
    Extension(fields): Extension<Arc<Fields>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (Some(pending), Some(token)) = (
        pending(&app, &headers, &guest).await?,
        session::token(&app, &headers),
    ) else {
        return Ok(to("/login"));
    };
    let user = &pending.user;
    if user.totp.is_some() {
        return Ok(to("/login/code"));
    }
    let from = limits::from(&app, &headers, user, guest.address);
    let store = app.engine.store();
    app.console.limits.code(store, user, from).await?;
    let secret = second_factor::offered(token, user.totp_used);
    let next = safe_next(fields.text("next"));
    let now = Timestamp::now();
    let Some(step) = second_factor::step_of(fields.text("code"), &secret, user.totp_used, now)?
    else {
        let mut page = EnrolPage::new(&app, &guest, user, token, next)?;
        page.wrong = Some(page.words.code_wrong);
        return again(&page);
    };
    let enrolled = User {
        totp: Some(SecretString::from(secret)),
        totp_used: step,
        ..user.clone()
    };
    let by = Actor::Person(user.id.clone());
    app.engine
        .people()
        .update_user(&by, enrolled, "user.second_factor_set")
        .await?;
    pass(&app, &headers, &guest, user, &next).await
}

/// The second factor was right: a new session in place of the pending one.
async fn pass(
    app: &Shared,
    headers: &HeaderMap,
    guest: &Guest,
    user: &User,
    next: &str,
) -> Result<Response, Fault> {
    session::end(app, headers, guest).await?;
    let token = session::begin(app, user, guest, SecondFactor::Passed).await?;
    let mut response = to(next);
    session::keep(app, response.headers_mut(), &token);
    limits::remember(app, response.headers_mut(), user);
    Ok(response)
}

/// `POST /logout`.
pub(crate) async fn sign_out(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Fault> {
    app.engine
        .people()
        .close_session(&visit.actor(), &visit.session)
        .await?;
    let mut response = to_saying(&app, "/login", Notice::SignedOut);
    session::forget(&app, response.headers_mut());
    *response.status_mut() = StatusCode::SEE_OTHER;
    Ok(response)
}

impl CodePage {
    fn new(app: &Shared, guest: &Guest, next: String) -> Self {
        let words = Words::of(guest.language);
        Self {
            frame: Frame::outside(app, guest, words.code_title),
            words,
            next,
            wrong: None,
        }
    }
}

impl EnrolPage {
    fn new(
        app: &Shared,
        guest: &Guest,
        user: &User,
        token: &str,
        next: String,
    ) -> Result<Self, Fault> {
        let words = Words::of(guest.language);
        let secret = second_factor::offered(token, user.totp_used);
        let (side, picture) = second_factor::picture(&secret, &user.name)?;
        Ok(Self {
            frame: Frame::outside(app, guest, words.enrol_title),
            words,
            next,
            side,
            picture,
            secret: second_factor::grouped(&secret),
            wrong: None,
        })
    }
}

/// Somebody whose password was right and whose second factor is missing.
async fn pending(
    app: &Shared,
    headers: &HeaderMap,
    guest: &Guest,
) -> Result<Option<SignedIn>, Fault> {
    let found = session::any(app, headers, guest.now).await?;
    Ok(found.filter(|found| found.session.second_factor == SecondFactor::Pending))
}

/// Where the query string wants to go after the sign-in.
fn next_of(guest: &Guest) -> String {
    let uri = format!("/?{}", guest.query)
        .parse::<http::Uri>()
        .unwrap_or_default();
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let next = pairs.ok().and_then(|pairs| {
        pairs
            .0
            .into_iter()
            .find_map(|(name, value)| (name == "next").then_some(value))
    });
    safe_next(&next.unwrap_or_default())
}

fn with_next(path: &str, next: &str) -> String {
    format!("{path}?next={}", door::encoded(next))
}
