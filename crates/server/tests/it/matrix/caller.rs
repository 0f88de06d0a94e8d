//! The ways to come, and how each is let in to a world.

use tuikuan_domain::Role;
use tuikuan_engine::NewKey;
use tuikuan_store::Scope;

use crate::visitor::{Visitor, add_user};
use crate::world::{World, make_key};

/// How somebody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// With nothing.
    Nothing,
    /// Signed in to the console.
    Session,
    /// With a key that has an owner.
    Key,
    /// With a key that has none.
    LooseKey,
}

/// Which merchants somebody sees. What the matrix asks about belongs to `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    All,
    Main,
    Other,
}

/// Somebody who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) way: Way,
    pub(crate) role: Option<Role>,
    pub(crate) covers: Covers,
}

/// What somebody shows.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: String,
    pub(crate) key: Option<String>,
}

impl Caller {
    /// Everybody.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self {
            way: Way::Nothing,
            role: None,
            covers: Covers::Other,
        }];
        for way in [Way::Session, Way::Key, Way::LooseKey] {
            for role in Role::ALL {
                for covers in [Covers::All, Covers::Main, Covers::Other] {
                    all.push(Self {
                        way,
                        role: Some(role),
                        covers,
                    });
                }
            }
        }
        all
    }

    fn scope(self) -> Scope {
        match self.covers {
            Covers::All => Scope::All,
            Covers::Main => Scope::Only(vec!["main".parse().unwrap()]),
            Covers::Other => Scope::Only(vec!["other".parse().unwrap()]),
        }
    }

    /// Makes what is needed to come this way.
    pub(crate) async fn enter(self, world: &World) -> Pass {
        let Some(role) = self.role else {
            return Pass::default();
        };
        let name = format!("{:?} {} {:?}", self.way, role.as_str(), self.covers);
        match self.way {
            Way::Nothing => Pass::default(),
            Way::Session => {
                let user = add_user(world, &name, role, self.scope()).await;
                let visitor = Visitor::signed_in(world, &user).await;
                Pass {
                    cookie: Some(format!("tuikuan={}", visitor.cookie("tuikuan"))),
                    csrf: visitor.csrf.clone(),
                    key: None,
                }
            }
            Way::Key => {
                let owner = add_user(world, &name, role, self.scope()).await;
                let new = NewKey {
                    name,
                    owner: Some(owner.id),
                    role,
                    scope: Scope::All,
                    expires_at: None,
                };
                self.with_key(world, new).await
            }
            Way::LooseKey => {
                let new = NewKey {
                    name,
                    owner: None,
                    role,
                    scope: self.scope(),
                    expires_at: None,
                };
                self.with_key(world, new).await
            }
        }
    }

    async fn with_key(self, world: &World, new: NewKey) -> Pass {
        let token = format!("tk_{}", new.name.replace(' ', "_").to_lowercase());
        make_key(&world.engine, &token, new).await;
        Pass {
            key: Some(token),
            ..Pass::default()
        }
    }
}
