//! The web console: pages written on the server, in Chinese and English, usable without scripts.
//! It reads from the store and changes things through the engine, like the JSON interface; the two
//! share no shapes. [`ROUTES`] is the one list of its pages, each with what it asks of the reader:
//! a page without a policy cannot be written down.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use crate::app::App;
use crate::policy::{Permission, Policy, Row};

pub(crate) mod assets;
pub(crate) mod capital;
pub(crate) mod cookie;
pub(crate) mod door;
pub(crate) mod fault;
pub(crate) mod form;
pub(crate) mod format;
pub(crate) mod frame;
pub(crate) mod language;
pub(crate) mod limits;
pub(crate) mod link;
pub(crate) mod names;
pub(crate) mod origin;
pub(crate) mod page;
pub(crate) mod password;
pub(crate) mod period;
pub(crate) mod second_factor;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod stream;
pub(crate) mod text;
pub(crate) mod tries;
pub(crate) mod upload;
pub(crate) mod visit;

use page::{
    account, approvals, attention, audit, batch, batches, login, merchants, new_refund,
    notifications, overview, payment, reconciliation, refund, refunds, settings, setup, users,
    webhooks,
};

/// What the console keeps beside the store.
pub(crate) struct Console {
    /// Where style, script and icon are.
    pub(crate) assets: Arc<assets::Assets>,
    /// How often somebody may try to come in.
    pub(crate) limits: limits::Limits,
    /// Hashes passwords.
    pub(crate) passwords: password::Passwords,
}

impl Console {
    /// Nobody has come yet.
    pub(crate) fn new() -> Self {
        Self {
            assets: Arc::new(assets::Assets::new()),
            limits: limits::Limits::new(),
            passwords: password::Passwords::new(),
        }
    }
}

/// One page or act, with what it asks of whoever wants it.
pub(crate) struct Route {
    /// Method, path, policy.
    pub(crate) row: Row,
    /// What runs behind the door.
    handler: fn() -> MethodRouter<App>,
}

/// A page, for those with a permission.
const fn page(
    path: &'static str,
    permission: Permission,
    handler: fn() -> MethodRouter<App>,
) -> Route {
    let policy = Policy::Console(permission);
    Route {
        row: Row {
            method: "GET",
            path,
            policy,
        },
        handler,
    }
}

/// A change, for those with a permission: its form has passed the checks of token and origin.
const fn act(
    path: &'static str,
    permission: Permission,
    handler: fn() -> MethodRouter<App>,
) -> Route {
    let policy = Policy::Console(permission);
    Route {
        row: Row {
            method: "POST",
            path,
            policy,
        },
        handler,
    }
}

/// A way in, for everybody.
const fn entry(
    method: &'static str,
    path: &'static str,
    handler: fn() -> MethodRouter<App>,
) -> Route {
    let policy = Policy::Entry;
    Route {
        row: Row {
            method,
            path,
            policy,
        },
        handler,
    }
}

use Permission::{Administer, Approve, Govern, Operate, View};

/// Every page.
pub(crate) const ROUTES: &[Route] = &[
    entry("GET", "/login", || get(login::page)),
    entry("POST", "/login", || post(login::sign_in)),
    entry("GET", "/login/code", || get(login::code_page)),
    entry("POST", "/login/code", || post(login::code)),
    entry("GET", "/login/enrol", || get(login::enrol_page)),
    entry("POST", "/login/enrol", || post(login::enrol)),
    entry("GET", "/setup/{token}", || get(setup::page)),
    entry("POST", "/setup/{token}", || post(setup::accept)),
    entry("GET", "/assets/{file}", || get(assets::file)),
    act("/logout", View, || post(login::sign_out)),
    page("/console/stream", View, || get(stream::changes)),
    page("/console", View, || get(overview::page)),
    page("/console/attention", View, || get(attention::page)),
    act("/console/attention/assign", Operate, || {
        post(attention::assign)
    }),
    act("/console/attention/snooze", Operate, || {
        post(attention::snooze)
    }),
    act("/console/attention/settle", Operate, || {
        post(attention::settle)
    }),
    page("/console/notifications", View, || get(notifications::page)),
    act("/console/notifications/replay", Operate, || {
        post(notifications::replay_all)
    }),
    page("/console/notifications/{number}", View, || {
        get(notifications::one)
    }),
    act("/console/notifications/{number}/replay", Operate, || {
        post(notifications::replay_one)
    }),
    page("/console/webhooks", View, || get(webhooks::page)),
    act("/console/webhooks", Administer, || post(webhooks::add)),
    page("/console/webhooks/{id}", View, || get(webhooks::endpoint)),
    act("/console/webhooks/{id}/test", Operate, || {
        post(webhooks::test)
    }),
    act("/console/webhooks/{id}/rotate", Administer, || {
        post(webhooks::rotate)
    }),
    act("/console/webhooks/{id}/enable", Administer, || {
        post(webhooks::enable)
    }),
    act("/console/webhooks/{id}/disable", Administer, || {
        post(webhooks::disable)
    }),
    act("/console/webhooks/{id}/delete", Administer, || {
        post(webhooks::delete)
    }),
    act("/console/webhooks/{id}/redeliver", Operate, || {
        post(webhooks::redeliver_all)
    }),
    act(
        "/console/webhooks/{id}/deliveries/{delivery}/redeliver",
        Operate,
        || post(webhooks::redeliver),
    ),
    page("/console/reconciliation", View, || {
        get(reconciliation::page)
    }),
    page("/console/reconciliation/{merchant}/{date}", View, || {
        get(reconciliation::day_page)
    }),
    page(
        "/console/reconciliation/{merchant}/{date}/report.csv",
        View,
        || get(reconciliation::report),
    ),
    act(
        "/console/reconciliation/{merchant}/{date}/run",
        Operate,
        || post(reconciliation::run),
    ),
    act("/console/differences/{id}/resolve", Operate, || {
        post(reconciliation::resolve)
    }),
    page("/console/refunds", View, || get(refunds::page)),
    page("/console/refunds/export.csv", View, || get(refunds::export)),
    page("/console/refunds/new", Operate, || get(new_refund::page)),
    act("/console/refunds/new", Operate, || post(new_refund::ask)),
    act("/console/refunds/new/check", Operate, || {
        post(new_refund::check)
    }),
    act("/console/refunds/new/edit", Operate, || {
        post(new_refund::edit)
    }),
    page("/console/refunds/new/known", Operate, || {
        get(new_refund::known)
    }),
    page("/console/refunds/new/echo", Operate, || {
        get(new_refund::echo)
    }),
    page("/console/payments/{merchant}/{out_trade_no}", View, || {
        get(payment::page)
    }),
    page("/console/approvals", View, || get(approvals::page)),
    act("/console/approvals/{id}/approve", Approve, || {
        post(approvals::approve)
    }),
    act("/console/approvals/{id}/reject", Approve, || {
        post(approvals::reject)
    }),
    page("/console/refunds/{id}", View, || get(refund::page)),
    act("/console/refunds/{id}/query", Operate, || {
        post(refund::query)
    }),
    act("/console/refunds/{id}/retry", Operate, || {
        post(refund::retry)
    }),
    act("/console/refunds/{id}/cancel", Operate, || {
        post(refund::cancel)
    }),
    act("/console/refunds/{id}/resolve", Operate, || {
        post(refund::resolve)
    }),
    act("/console/refunds/{id}/note", Operate, || post(refund::note)),
    act("/console/refunds/{id}/redeliver", Operate, || {
        post(refund::redeliver)
    }),
    page("/console/refunds/{id}/abnormal", Operate, || {
        get(refund::elsewhere_page)
    }),
    act("/console/refunds/{id}/abnormal", Operate, || {
        post(refund::elsewhere_send)
    }),
    page("/console/batches", View, || get(batches::page)),
    act("/console/batches", Operate, || post(batches::upload)),
    page("/console/batches/{id}", View, || get(batch::page)),
    page("/console/batches/{id}/result", View, || get(batch::result)),
    act("/console/batches/{id}/submit", Operate, || {
        post(batch::submit)
    }),
    act("/console/batches/{id}/approve", Approve, || {
        post(batch::approve)
    }),
    act("/console/batches/{id}/reject", Approve, || {
        post(batch::reject)
    }),
    act("/console/batches/{id}/pause", Operate, || {
        post(batch::pause)
    }),
    act("/console/batches/{id}/resume", Operate, || {
        post(batch::resume)
    }),
    act("/console/batches/{id}/cancel", Operate, || {
        post(batch::cancel)
    }),
    page("/console/account", View, || get(account::page)),
    act("/console/account/language", View, || {
        post(account::language)
    }),
    act("/console/account/password", View, || {
        post(account::password)
    }),
    act("/console/account/second-factor", View, || {
        post(account::second_factor)
    }),
    act("/console/account/sessions/{session}/end", View, || {
        post(account::end_session)
    }),
    page("/console/merchants", View, || get(merchants::page)),
    page("/console/audit", Administer, || get(audit::page)),
    page("/console/audit/verify", Govern, || get(audit::verify)),
    page("/console/audit/export", Administer, || get(audit::export)),
    page("/console/settings", Administer, || get(settings::page)),
    act("/console/settings", Administer, || post(settings::save)),
    act("/console/settings/remove", Administer, || {
        post(settings::remove)
    }),
    page("/console/users", Administer, || get(users::page)),
    act("/console/users", Administer, || post(users::add)),
    act("/console/users/{id}/role", Administer, || {
        post(users::change)
    }),
    act("/console/users/{id}/disable", Administer, || {
        post(users::disable)
    }),
    act("/console/users/{id}/enable", Administer, || {
        post(users::enable)
    }),
    act(
        "/console/users/{id}/forget-second-factor",
        Administer,
        || post(users::forget_second_factor),
    ),
    act("/console/users/{id}/invite", Administer, || {
        post(users::invite)
    }),
    act("/console/keys", Administer, || post(users::add_key)),
    act("/console/keys/{id}/revoke", Administer, || {
        post(users::revoke_key)
    }),
];

/// The router of the console.
pub(crate) fn router() -> Router<App> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.row.path, (route.handler)())
    })
}
