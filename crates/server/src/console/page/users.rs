//! "Users and keys", for administrators. Nobody changes their own role or disables themselves, and
//! nobody gives more than they have: an administrator of some merchants sees and makes users and
//! keys of those merchants only (INV-34). Links and keys are shown once.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use tuikuan_domain::{MerchantName, PersonId, Role};
use tuikuan_engine::{EngineError, NewUser};
use tuikuan_store::{Merchants, Purpose, Scope, User};

use super::account::scope_text;
use super::setup::is_name;
use super::{again, html, to_saying};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::text::login::Words as LoginWords;
use crate::console::text::notice::Notice;
use crate::console::text::users::Words;
use crate::console::text::{self, status};
use crate::console::visit::Visit;

mod keys;

pub(crate) use keys::{add_key, revoke_key};

const HERE: &str = "/console/users";

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    words: &'static Words,
    users: Vec<UserRow>,
    keys: Vec<keys::KeyRow>,
    roles: Vec<RoleChoice>,
    merchants: Vec<String>,
    may_give_all: bool,
    user_wrong: Option<&'static str>,
    key_wrong: Option<&'static str>,
    asked_name: String,
}

#[derive(Template)]
#[template(path = "made.html")]
struct MadePage {
    frame: Frame,
    words: &'static Words,
    label: String,
    secret: String,
    hint: &'static str,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a mark in its own column"
)]
struct UserRow {
    id: String,
    name: String,
    role: &'static str,
    role_word: &'static str,
    scope: String,
    all: bool,
    merchants: Vec<String>,
    factor: bool,
    last_sign_in: String,
    state: Standing,
    me: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Active,
    Invited,
    Disabled,
}

struct RoleChoice {
    value: &'static str,
    label: &'static str,
    meaning: &'static str,
}

/// `GET /console/users`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Fault> {
    html(&UsersPage::read(&app, &visit).await?)
}

/// `POST /console/users`.
pub(crate) async fn add(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let (words, login) = (
        Words::of(visit.language()),
        LoginWords::of(visit.language()),
    );
    let name = fields.trimmed("name");
    let role = Role::parse(fields.text("role")).ok_or(Fault::Refused)?;
    let scope = asked_scope(&app, &visit, &fields)?;
    let (wrong, scope) = match scope {
        Some(scope) if is_name(name) => (None, scope),
        Some(scope) => (Some(login.name_bad), scope),
        None => (Some(words.scope_missing), Scope::Only(Vec::new())),
    };
    if let Some(wrong) = wrong {
        return refuse_user(&app, &visit, name, wrong).await;
    }
    let new = NewUser {
        name: name.to_owned(),
        role,
        scope,
        language: None,
        password: None,
    };
    match app.engine.people().create_user(&visit.actor(), new).await {
        Ok(user) => show_link(&app, &visit, &user, Purpose::Invite).await,
        Err(EngineError::Conflict) => refuse_user(&app, &visit, name, login.name_taken).await,
        Err(error) => Err(error.into()),
    }
}

/// `POST /console/users/{id}/role`.
pub(crate) async fn change(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let user = another(&app, &visit, &id).await?;
    let role = Role::parse(fields.text("role")).ok_or(Fault::Refused)?;
    let words = Words::of(visit.language());
    let Some(scope) = asked_scope(&app, &visit, &fields)? else {
        return refuse_user(&app, &visit, "", words.scope_missing).await;
    };
    let changed = User {
        role,
        scope,
        ..user
    };
    update(&app, &visit, changed, "user.role_changed", Notice::Saved).await
}

/// `POST /console/users/{id}/disable`.
pub(crate) async fn disable(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let user = another(&app, &visit, &id).await?;
    let changed = User {
        disabled_at: Some(user.disabled_at.unwrap_or(visit.now())),
        ..user.clone()
    };
    update(&app, &visit, changed, "user.disabled", Notice::UserDisabled).await
}

/// `POST /console/users/{id}/enable`.
pub(crate) async fn enable(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let user = another(&app, &visit, &id).await?;
    let changed = User {
        disabled_at: None,
        ..user
    };
    update(&app, &visit, changed, "user.enabled", Notice::UserEnabled).await
}

/// `POST /console/users/{id}/forget-second-factor`: the phone is lost; a new one is set up at the next
/// sign-in.
pub(crate) async fn forget_second_factor(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let user = another(&app, &visit, &id).await?;
    let changed = User { totp: None, ..user };
    let action = "user.second_factor_removed";
    update(&app, &visit, changed, action, Notice::SecondFactorRemoved).await
}

/// `POST /console/users/{id}/invite`: a link with which the password is set anew.
pub(crate) async fn invite(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let user = another(&app, &visit, &id).await?;
    if user.disabled_at.is_some() {
        return Err(Fault::Refused);
    }
    let purpose = if user.password.is_some() {
        Purpose::Reset
    } else {
        Purpose::Invite
    };
    show_link(&app, &visit, &user, purpose).await
}

/// Somebody else, whom the administrator's merchants cover.
async fn another(app: &Shared, visit: &Visit, id: &str) -> Result<User, Fault> {
    let id: PersonId = id.parse().map_err(|_foreign| Fault::NotFound)?;
    let user = app.engine.store().user(&id).await?.ok_or(Fault::NotFound)?;
    if !within(&visit.merchants, &user.scope) {
        return Err(Fault::NotFound);
    }
    if user.id == visit.user.id {
        return Err(Fault::Forbidden);
    }
    Ok(user)
}

async fn update(
    app: &Shared,
    visit: &Visit,
    changed: User,
    action: &str,
    notice: Notice,
) -> Result<Response, Fault> {
    match app
        .engine
        .people()
        .update_user(&visit.actor(), changed, action)
        .await
    {
        Ok(()) => Ok(to_saying(app, HERE, notice)),
        Err(EngineError::Conflict) => Ok(to_saying(app, HERE, Notice::ChangedMeanwhile)),
        Err(EngineError::LastAdmin) => Ok(to_saying(app, HERE, Notice::LastAdmin)),
        Err(error) => Err(error.into()),
    }
}

async fn refuse_user(
    app: &Shared,
    visit: &Visit,
    name: &str,
    wrong: &'static str,
) -> Result<Response, Fault> {
    let mut page = UsersPage::read(app, visit).await?;
    page.user_wrong = Some(wrong);
    page.asked_name = name.to_owned();
    again(&page)
}

/// Makes a link and shows it, this once.
async fn show_link(
    app: &Shared,
    visit: &Visit,
    user: &User,
    purpose: Purpose,
) -> Result<Response, Fault> {
    let link = crate::setup_link::make(app, &visit.actor(), Some(&user.id), purpose).await?;
    let words = Words::of(visit.language());
    html(&MadePage {
        frame: Frame::of(app, visit, words.made_title).await?,
        words,
        label: text::fill(words.link_for, &[("name", &user.name)]),
        secret: link,
        hint: words.link_hint,
    })
}

/// Whether a scope lies within what somebody may see.
pub(crate) fn within(merchants: &Merchants, scope: &Scope) -> bool {
    match (merchants, scope) {
        (Merchants::All, _) => true,
        (Merchants::Only(_), Scope::All) => false,
        (Merchants::Only(_), Scope::Only(names)) => names.iter().all(|name| merchants.allows(name)),
    }
}

/// The scope a form asks for; `None` when no merchant was chosen.
fn asked_scope(app: &Shared, visit: &Visit, fields: &Fields) -> Result<Option<Scope>, Fault> {
    let scope = if fields.ticked("all") {
        Scope::All
    } else {
        let mut names = Vec::new();
        for text in fields.all("merchant") {
            let name: MerchantName = text.parse().map_err(|_foreign| Fault::NotFound)?;
            if app.engine.merchant(&name).is_none() {
                return Err(Fault::NotFound);
            }
            names.push(name);
        }
        names.sort();
        names.dedup();
        Scope::Only(names)
    };
    if !within(&visit.merchants, &scope) {
        return Err(Fault::NotFound);
    }
    Ok((scope != Scope::Only(Vec::new())).then_some(scope))
}

impl UsersPage {
    async fn read(app: &Shared, visit: &Visit) -> Result<Self, Fault> {
        let language = visit.language();
        let words = Words::of(language);
        let frame = Frame::of(app, visit, words.title).await?;
        let store = app.engine.store();
        let mut users = store.users().await?;
        users.retain(|user| within(&visit.merchants, &user.scope));
        let mut keys = store.api_keys().await?;
        keys.retain(|key| within(&visit.merchants, &key.scope));
        keys.sort_by_key(|key| (key.revoked_at.is_some(), std::cmp::Reverse(key.created_at)));
        let merchants = app.engine.merchants().iter().map(|merchant| &merchant.name);
        Ok(Self {
            frame,
            words,
            keys: keys
                .iter()
                .map(|key| keys::KeyRow::of(key, &users, visit))
                .collect(),
            users: users.iter().map(|user| UserRow::of(user, visit)).collect(),
            roles: Role::ALL.map(|role| RoleChoice::of(role, visit)).into(),
            merchants: merchants
                .filter(|name| visit.covers(name))
                .map(ToString::to_string)
                .collect(),
            may_give_all: visit.merchants == Merchants::All,
            user_wrong: None,
            key_wrong: None,
            asked_name: String::new(),
        })
    }
}

impl RoleChoice {
    fn of(role: Role, visit: &Visit) -> Self {
        Self {
            value: role.as_str(),
            label: status::role(role, visit.language()),
            meaning: status::role_meaning(role, visit.language()),
        }
    }
}

impl UserRow {
    fn of(user: &User, visit: &Visit) -> Self {
        let words = Words::of(visit.language());
        let last = user.last_login_at;
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            role: user.role.as_str(),
            role_word: status::role(user.role, visit.language()),
            scope: scope_text(&user.scope, words.all_merchants),
            all: user.scope == Scope::All,
            merchants: match &user.scope {
                Scope::All => Vec::new(),
                Scope::Only(names) => names.iter().map(ToString::to_string).collect(),
            },
            factor: user.totp.is_some(),
            last_sign_in: ago(last, visit, words.never),
            state: match (user.disabled_at, &user.password) {
                (Some(_), _) => Standing::Disabled,
                (None, None) => Standing::Invited,
                (None, Some(_)) => Standing::Active,
            },
            me: user.id == visit.user.id,
        }
    }

    fn has(&self, merchant: &str) -> bool {
        self.merchants.iter().any(|name| name == merchant)
    }
}

fn ago(time: Option<Timestamp>, visit: &Visit, never: &str) -> String {
    time.map_or_else(
        || never.to_owned(),
        |time| format::relative(time, visit.now(), visit.language()),
    )
}
