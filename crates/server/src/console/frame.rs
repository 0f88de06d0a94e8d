//! The frame around every page: language, who is signed in, the way to the other pages with what
//! waits there, the time in Beijing. Every page's template has it in a field `frame`.

use std::sync::Arc;

use http::Method;
use tuikuan_store::Waiting;

use super::assets::Assets;
use super::fault::Fault;
use super::format;
use super::language::Language;
use super::text::frame::Words;
use super::text::status;
use super::visit::{Guest, Theme, Visit};
use crate::app::Shared;
use crate::policy::{self, Permission};

/// Layout data of a page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The title, without the product's name.
    pub(crate) title: String,
    /// In which language.
    pub(crate) language: Language,
    /// The frame's words.
    pub(crate) words: &'static Words,
    /// Light or dark.
    pub(crate) theme: Theme,
    /// The ways to the other pages; none for somebody who is not signed in.
    pub(crate) nav: Vec<Entry>,
    /// Who is signed in.
    pub(crate) who: Option<Who>,
    /// The token of every form that changes something (INV-34).
    pub(crate) csrf: String,
    /// What the last act said of itself.
    pub(crate) notice: Option<Message>,
    /// The other language and the appearances, as links to this page.
    pub(crate) tastes: Vec<Taste>,
    /// `2026-11-23 17:20`, in Beijing.
    pub(crate) clock: String,
    /// Where style, script and icon are.
    pub(crate) assets: Arc<Assets>,
}

/// A way to another page.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it leads.
    pub(crate) href: &'static str,
    /// Its name.
    pub(crate) label: &'static str,
    /// How many things wait there; empty for none.
    pub(crate) waiting: String,
    /// Whether this is the page.
    pub(crate) here: bool,
}

/// Who is signed in.
#[derive(Debug)]
pub(crate) struct Who {
    /// The name.
    pub(crate) name: String,
    /// The role in a word.
    pub(crate) role: &'static str,
}

/// A box on top of a page.
#[derive(Debug)]
pub(crate) struct Message {
    /// `good`, `warn` or `bad`.
    pub(crate) class: &'static str,
    /// What it says.
    pub(crate) text: &'static str,
}

/// A link that shows the same page otherwise.
#[derive(Debug)]
pub(crate) struct Taste {
    /// Where it leads.
    pub(crate) href: String,
    /// `lang` or `theme`.
    pub(crate) kind: &'static str,
    /// The value.
    pub(crate) value: &'static str,
    /// Its name.
    pub(crate) label: &'static str,
    /// The attribute `lang` of the name.
    pub(crate) tag: &'static str,
    /// Whether it is chosen.
    pub(crate) chosen: bool,
}

impl Frame {
    /// The frame of a page for somebody signed in.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the store does not answer.
    pub(crate) async fn of(
        app: &Shared,
        visit: &Visit,
        title: impl Into<String>,
    ) -> Result<Self, Fault> {
        let waiting = app.engine.store();
        let waiting = waiting
            .waiting(visit.merchants.clone(), visit.now())
            .await?;
        let mut frame = Self::outside(app, &visit.guest, title);
        frame.nav = entries(visit, frame.words, &waiting);
        frame.csrf.clone_from(&visit.session.csrf);
        frame.who = Some(Who {
            name: visit.user.name.clone(),
            role: status::role(visit.user.role, frame.language),
        });
        Ok(frame)
    }

    /// The frame of a page for somebody who is not signed in.
    pub(crate) fn outside(app: &Shared, guest: &Guest, title: impl Into<String>) -> Self {
        let language = guest.language;
        let words = Words::of(language);
        Self {
            title: title.into(),
            language,
            words,
            theme: guest.theme,
            nav: Vec::new(),
            who: None,
            csrf: String::new(),
            notice: guest.notice.map(|notice| Message {
                class: notice.class(),
                text: notice.text(language),
            }),
            tastes: tastes(guest, words),
            clock: format::minute(guest.now),
            assets: Arc::clone(&app.console.assets),
        }
    }
}

/// A way: where, its name, who may go.
type Way = (&'static str, fn(&Words) -> &'static str, Permission);

/// Every way there is.
const WAYS: &[Way] = &[
    ("/console", |w| w.overview, Permission::View),
    ("/console/refunds", |w| w.refunds, Permission::View),
    ("/console/approvals", |w| w.approvals, Permission::View),
    ("/console/batches", |w| w.batches, Permission::View),
    ("/console/attention", |w| w.attention, Permission::View),
    (
        "/console/reconciliation",
        |w| w.reconciliation,
        Permission::View,
    ),
    (
        "/console/notifications",
        |w| w.notifications,
        Permission::View,
    ),
    ("/console/webhooks", |w| w.webhooks, Permission::View),
    ("/console/merchants", |w| w.merchants, Permission::View),
    ("/console/audit", |w| w.audit, Permission::Administer),
    ("/console/users", |w| w.users, Permission::Administer),
    ("/console/settings", |w| w.settings, Permission::Administer),
];

fn entries(visit: &Visit, words: &Words, waiting: &Waiting) -> Vec<Entry> {
    let path = visit.guest.path.as_str();
    let under = |href: &str| {
        let below = path.strip_prefix(href);
        below.is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && href != "/console"))
    };
    WAYS.iter()
        .filter(|(href, _, permission)| {
            visit.may(*permission) && policy::route(&Method::GET, href).is_some()
        })
        .map(|(href, label, _)| {
            let waits = match *href {
                "/console/approvals" => waiting.approvals.saturating_add(waiting.batches),
                "/console/attention" => waiting.attention.saturating_add(waiting.differences),
                _ => 0,
            };
            Entry {
                href,
                label: label(words),
                waiting: if waits > 0 {
                    format::count(waits)
                } else {
                    String::new()
                },
                here: under(href),
            }
        })
        .collect()
}

fn tastes(guest: &Guest, words: &Words) -> Vec<Taste> {
    let mut tastes: Vec<Taste> = Language::ALL
        .into_iter()
        .map(|language| Taste {
            href: guest.here_with("lang", language.as_str()),
            kind: "lang",
            value: language.as_str(),
            label: language.own_name(),
            tag: language.tag(),
            chosen: guest.language == language,
        })
        .collect();
    for (theme, label) in [
        (Theme::System, words.theme_system),
        (Theme::Light, words.theme_light),
        (Theme::Dark, words.theme_dark),
    ] {
        tastes.push(Taste {
            href: guest.here_with("theme", theme.as_str()),
            kind: "theme",
            value: theme.as_str(),
            label,
            tag: guest.language.tag(),
            chosen: guest.theme == theme,
        });
    }
    tastes
}
