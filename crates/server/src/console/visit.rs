//! Who looks at a page, and how: made once for each request by the door, read by every page.

use std::net::IpAddr;

use http::HeaderMap;
use jiff::Timestamp;
use tuikuan_domain::{Actor, MerchantName};
use tuikuan_engine::By;
use tuikuan_store::{Merchants, Scope, Session, User};

use super::cookie::{self, Scheme};
use super::language::Language;
use super::text::notice::Notice;
use crate::policy::Permission;

/// The cookie that remembers the language.
pub(crate) const LANGUAGE_COOKIE: &str = "tuikuan_lang";
/// The cookie that remembers light or dark.
pub(crate) const THEME_COOKIE: &str = "tuikuan_theme";
/// The cookie that carries a notice over a redirect.
pub(crate) const NOTICE_COOKIE: &str = "tuikuan_notice";

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the machine has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// As it stands in links and cookies.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads what [`Theme::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark]
            .into_iter()
            .find(|theme| theme.as_str() == text)
    }
}

/// Somebody in front of a page, signed in or not.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    /// In which language.
    pub(crate) language: Language,
    /// Light or dark.
    pub(crate) theme: Theme,
    /// The path of the page.
    pub(crate) path: String,
    /// The query string, without language and theme.
    pub(crate) query: String,
    /// What the last act said of itself.
    pub(crate) notice: Option<Notice>,
    /// From where: the connection's other end, or what a proxy on this machine says.
    pub(crate) address: IpAddr,
    /// With what, shortened.
    pub(crate) agent: String,
    /// The time of the request.
    pub(crate) now: Timestamp,
}

impl Guest {
    /// The page with its query, to come back to.
    pub(crate) fn here(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// The same page with one more parameter.
    pub(crate) fn here_with(&self, name: &str, value: &str) -> String {
        if self.query.is_empty() {
            format!("{}?{name}={value}", self.path)
        } else {
            format!("{}?{}&{name}={value}", self.path, self.query)
        }
    }
}

/// Somebody signed in, in front of a page.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// The page and how it is shown.
    pub(crate) guest: Guest,
    /// The person, read for this request (INV-34).
    pub(crate) user: User,
    /// The session.
    pub(crate) session: Session,
    /// What the person may see and act for.
    pub(crate) merchants: Merchants,
}

impl Visit {
    /// Somebody signed in.
    pub(crate) fn new(guest: Guest, user: User, session: Session) -> Self {
        let merchants = match &user.scope {
            Scope::All => Merchants::All,
            Scope::Only(names) => Merchants::Only(names.clone()),
        };
        Self {
            guest,
            user,
            session,
            merchants,
        }
    }

    /// Who acts.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Person(self.user.id.clone())
    }

    /// Who acts, for commands and requests.
    pub(crate) fn by(&self) -> By {
        By::person(self.user.id.clone())
    }

    /// Whether the person may do something.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        permission.is_held_for(self.user.role, &self.merchants)
    }

    /// Whether the person may see and act for a merchant.
    pub(crate) fn covers(&self, merchant: &MerchantName) -> bool {
        self.merchants.allows(merchant)
    }

    /// The language of the page.
    pub(crate) fn language(&self) -> Language {
        self.guest.language
    }

    /// The time of the request.
    pub(crate) fn now(&self) -> Timestamp {
        self.guest.now
    }
}

/// What the cookies of a request say about tastes.
pub(crate) fn tastes(headers: &HeaderMap) -> (Option<Language>, Theme) {
    let language = cookie::read(headers, LANGUAGE_COOKIE).and_then(Language::parse);
    let theme = cookie::read(headers, THEME_COOKIE).and_then(Theme::parse);
    (language, theme.unwrap_or(Theme::System))
}

/// What the last act said of itself.
pub(crate) fn notice(headers: &HeaderMap, scheme: Scheme) -> Option<Notice> {
    cookie::proof(headers, NOTICE_COOKIE, scheme).and_then(Notice::parse)
}
