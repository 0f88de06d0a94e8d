//! People, their sessions and links, and API keys: who may do what to whom. Each act is written with
//! its entry in the audit log (INV-35). Rights are read from the store for each act; nobody raises
//! their own, and nobody gives more than they have (INV-34).

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tuikuan_domain::{Actor, Role, Source};
use tuikuan_store::{
    AdminChange, Administered, CommitError, NewAudit, PeopleAct, Scope, Store, User,
};

use crate::clock::{Clock, IdSource, whole_micros};
use crate::engine::Engine;
use crate::error::EngineError;

mod key;
mod session;

pub use key::NewKey;
pub use session::INVITATION_LIFE;

/// Somebody new.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// For which merchants.
    pub scope: Scope,
    /// The language of the console.
    pub language: Option<String>,
    /// The argon2id hash of the password, if one is known already.
    pub password: Option<SecretString>,
}

/// The acts about people, over a store. [`Engine::people`] gives one; the command line makes its own.
#[derive(Clone, Copy)]
pub struct People<'a> {
    store: &'a Store,
    ids: &'a dyn IdSource,
    now: Timestamp,
}

impl std::fmt::Debug for People<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

/// One line of the log in the making.
struct Line<'a> {
    by: &'a Actor,
    action: &'a str,
    subject: &'a str,
    detail: Value,
}

impl Engine {
    /// The acts about people, now.
    #[must_use]
    pub fn people(&self) -> People<'_> {
        People {
            store: self.store(),
            ids: self.ids(),
            now: self.now(),
        }
    }
}

impl<'a> People<'a> {
    /// The acts about people, over an open store.
    #[must_use]
    pub fn new(store: &'a Store, clock: &dyn Clock, ids: &'a dyn IdSource) -> Self {
        Self {
            store,
            ids,
            now: clock.now(),
        }
    }

    async fn write(&self, act: PeopleAct, line: Line<'_>) -> Result<(), EngineError> {
        self.administer(Administered::People(Box::new(act)), line)
            .await
    }

    async fn administer(&self, act: Administered, line: Line<'_>) -> Result<(), EngineError> {
        let mut detail = line.detail;
        let source = match line.by {
            Actor::Person(_) => Source::Console,
            Actor::Key(_) => Source::Api,
            Actor::Cli => Source::Cli,
            Actor::Engine => Source::Engine,
        };
        if let Some(facts) = detail.as_object_mut() {
            facts.insert("source".to_owned(), source.as_str().into());
            // What concerns one merchant only, its own administrators see.
            let sole = match facts.get("merchants").and_then(Value::as_array) {
                Some(names) if names.len() == 1 => names.first().cloned(),
                Some(_) | None => None,
            };
            if let Some(name) = sole {
                facts.insert("merchant".to_owned(), name);
            }
        }
        let audit = NewAudit {
            at: self.now,
            actor: line.by.to_string(),
            action: line.action.to_owned(),
            subject: line.subject.to_owned(),
            detail: detail.to_string(),
        };
        let done = self.store.administer(AdminChange { act, audit }).await;
        done.map_err(|error| match error {
            CommitError::Overdrawn { constraint } if constraint == "last_admin" => {
                EngineError::LastAdmin
            }
            error => error.into(),
        })
    }

    /// Whether somebody may manage people and keys of a scope: an administrator whose merchants cover
    /// it, somebody at the machine itself, or Tuikuan.
    async fn may_manage(&self, by: &Actor, scope: &Scope) -> Result<(), EngineError> {
        let id = match by {
            Actor::Person(id) => id,
            Actor::Cli | Actor::Engine => return Ok(()),
            Actor::Key(_) => return Err(EngineError::NotAllowed),
        };
        let person = self.store.user(id).await?.ok_or(EngineError::NotAllowed)?;
        let manages = person.role == Role::Admin
            && person.disabled_at.is_none()
            && covers(&person.scope, scope);
        manages.then_some(()).ok_or(EngineError::NotAllowed)
    }
}

/// Whether one scope lies within another.
#[must_use]
pub fn covers(outer: &Scope, inner: &Scope) -> bool {
    match (outer, inner) {
        (Scope::All, _) => true,
        (Scope::Only(_), Scope::All) => false,
        (Scope::Only(outer), Scope::Only(inner)) => inner.iter().all(|name| outer.contains(name)),
    }
}

/// The merchants of a scope, for the log.
fn scope_json(scope: &Scope) -> Value {
    match scope {
        Scope::All => json!("*"),
        Scope::Only(names) => names
            .iter()
            .map(tuikuan_domain::MerchantName::as_str)
            .collect(),
    }
}

/// People.
impl People<'_> {
    /// Adds somebody.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when the name is taken, [`EngineError::NotAllowed`].
    pub async fn create_user(&self, by: &Actor, new: NewUser) -> Result<User, EngineError> {
        self.may_manage(by, &new.scope).await?;
        let user = self.born(new);
        let line = Line {
            by,
            action: "user.created",
            subject: user.id.as_str(),
            detail: rights_json(&user),
        };
        self.write(PeopleAct::UserCreated(user.clone()), line)
            .await?;
        Ok(user)
    }

    #[expect(
        clippy::expect_used,
        reason = "a prefix and 32 hex digits always fit the pattern"
    )]
    fn born(&self, new: NewUser) -> User {
        User {
            id: format!("usr_{}", self.ids.ordered().simple())
                .parse()
                .expect("fits the pattern"),
            name: new.name.trim().to_owned(),
            password: new.password,
            role: new.role,
            scope: new.scope,
            totp: None,
            totp_used: 0,
            language: new.language,
            created_at: whole_micros(self.now),
            last_login_at: None,
            disabled_at: None,
            version: 1,
        }
    }

    /// Changes somebody, if they are still as `changed.version` says. `action` is what the log calls
    /// it. Who is disabled, or gets another password or second factor, is signed out everywhere.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when somebody was faster, [`EngineError::NotAllowed`] when the rights
    /// are one's own or more than one has, [`EngineError::LastAdmin`], [`EngineError::NotFound`].
    pub async fn update_user(
        &self,
        by: &Actor,
        changed: User,
        action: &str,
    ) -> Result<(), EngineError> {
        let stored = self.store.user(&changed.id).await?;
        let stored = stored.ok_or(EngineError::NotFound)?;
        let own = matches!(by, Actor::Person(id) if *id == changed.id);
        let same_rights = stored.role == changed.role
            && stored.scope == changed.scope
            && stored.disabled_at.is_some() == changed.disabled_at.is_some();
        if own && !same_rights {
            return Err(EngineError::NotAllowed);
        }
        if !own {
            self.may_manage(by, &stored.scope).await?;
            self.may_manage(by, &changed.scope).await?;
        }
        let line = Line {
            by,
            action,
            subject: changed.id.as_str(),
            detail: difference(&stored, &changed),
        };
        self.write(PeopleAct::UserUpdated(changed.clone()), line)
            .await
    }
}

fn rights_json(user: &User) -> Value {
    json!({
        "name": user.name,
        "role": user.role.as_str(),
        "merchants": scope_json(&user.scope),
    })
}

/// What differs, for the log: never what a secret was or is.
fn difference(before: &User, after: &User) -> Value {
    let mut changes = Map::new();
    let mut note = |name: &str, before: Value, after: Value| {
        if before != after {
            let change = json!({ "from": before, "to": after });
            changes.insert(name.to_owned(), change);
        }
    };
    note("name", json!(before.name), json!(after.name));
    note(
        "role",
        json!(before.role.as_str()),
        json!(after.role.as_str()),
    );
    note(
        "merchants",
        scope_json(&before.scope),
        scope_json(&after.scope),
    );
    note(
        "disabled",
        json!(before.disabled_at.is_some()),
        json!(after.disabled_at.is_some()),
    );
    note("language", json!(before.language), json!(after.language));
    note(
        "second_factor",
        json!(before.totp.is_some()),
        json!(after.totp.is_some()),
    );
    Value::Object(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_lies_within_it() {
        let only = |names: &[&str]| Scope::Only(names.iter().map(|n| n.parse().unwrap()).collect());
        assert!(covers(&Scope::All, &Scope::All));
        assert!(covers(&only(&["a", "b"]), &only(&["b"])));
        assert!(!covers(&only(&["a"]), &only(&["a", "b"])));
        assert!(!covers(&only(&["a"]), &Scope::All));
    }
}
