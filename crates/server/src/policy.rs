//! What each route asks of its caller, in one table. A route that is not in the table is not served:
//! the default is deny (INV-34).

use http::Method;
use tuikuan_domain::Role;
use tuikuan_store::Merchants;

use crate::console;

/// What a route lets one do; held by roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Look.
    View,
    /// Ask for refunds, and act on them.
    Operate,
    /// Agree to what others ask.
    Approve,
    /// Manage people and keys of one's merchants.
    Administer,
    /// Manage what concerns all merchants: rules, the audit log. Only who sees all of them may.
    Govern,
}

impl Permission {
    /// Whether somebody with a role for some merchants holds it.
    pub(crate) fn is_held_for(self, role: Role, merchants: &Merchants) -> bool {
        let wide = self != Self::Govern || *merchants == Merchants::All;
        wide && self.is_held_by(role)
    }

    /// Whether a role holds it.
    const fn is_held_by(self, role: Role) -> bool {
        match self {
            Self::View => true,
            Self::Operate => !matches!(role, Role::Viewer),
            Self::Approve => role.approves(),
            Self::Administer | Self::Govern => matches!(role, Role::Admin),
        }
    }
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nothing: it tells nothing about anybody.
    Open,
    /// A good API key whose role holds the permission; what its merchants do not cover looks absent.
    Key(Permission),
    /// Nothing here: the message proves itself, or is answered like every other bad one (INV-23).
    Notification,
    /// As configured: a good API key, or nothing.
    Metrics,
    /// Somebody signed in to the console whose role holds the permission.
    Console(Permission),
    /// A way in to the console: nobody needs to be signed in.
    Entry,
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The method; `GET` also serves `HEAD`.
    pub method: &'static str,
    /// The path with its placeholders.
    pub path: &'static str,
    /// What it asks.
    pub policy: Policy,
}

const fn row(method: &'static str, path: &'static str, policy: Policy) -> Row {
    Row {
        method,
        path,
        policy,
    }
}

use Permission::{Approve, Operate, View};

/// All routes but the console's, which stand in [`console::ROUTES`].
pub(crate) const ROUTES: &[Row] = &[
    row("POST", "/v1/refunds", Policy::Key(Operate)),
    row("GET", "/v1/refunds", Policy::Key(View)),
    row("GET", "/v1/refunds/{id}", Policy::Key(View)),
    row("GET", "/v1/refunds/{id}/events", Policy::Key(View)),
    row("POST", "/v1/refunds/{id}/approve", Policy::Key(Approve)),
    row("POST", "/v1/refunds/{id}/reject", Policy::Key(Approve)),
    row("POST", "/v1/refunds/{id}/cancel", Policy::Key(Operate)),
    row("POST", "/v1/refunds/{id}/retry", Policy::Key(Operate)),
    row("POST", "/v1/refunds/{id}/resolve", Policy::Key(Operate)),
    row("POST", "/v1/refunds/{id}/query", Policy::Key(Operate)),
    row("POST", "/v1/refunds/{id}/abnormal", Policy::Key(Operate)),
    row("POST", "/v1/refunds/{id}/note", Policy::Key(Operate)),
    row(
        "PUT",
        "/v1/payments/{merchant}/{out_trade_no}",
        Policy::Key(Operate),
    ),
    row(
        "GET",
        "/v1/payments/{merchant}/{out_trade_no}",
        Policy::Key(View),
    ),
    row("GET", "/v1/batches", Policy::Key(View)),
    row("GET", "/v1/batches/{id}", Policy::Key(View)),
    row("GET", "/v1/batches/{id}/lines", Policy::Key(View)),
    row("GET", "/v1/batches/{id}/result", Policy::Key(View)),
    row("POST", "/v1/batches", Policy::Key(Operate)),
    row("POST", "/v1/batches/{id}/submit", Policy::Key(Operate)),
    row("POST", "/v1/batches/{id}/approve", Policy::Key(Approve)),
    row("POST", "/v1/batches/{id}/reject", Policy::Key(Approve)),
    row("POST", "/v1/batches/{id}/pause", Policy::Key(Operate)),
    row("POST", "/v1/batches/{id}/resume", Policy::Key(Operate)),
    row("POST", "/v1/batches/{id}/cancel", Policy::Key(Operate)),
    row("GET", "/v1/reconciliations", Policy::Key(View)),
    row(
        "GET",
        "/v1/reconciliations/{merchant}/{date}",
        Policy::Key(View),
    ),
    row(
        "POST",
        "/v1/reconciliations/{merchant}/{date}/run",
        Policy::Key(Operate),
    ),
    row("POST", "/v1/differences/{id}/resolve", Policy::Key(Operate)),
    row("GET", "/v1/stream", Policy::Key(View)),
    row("POST", "/v1/webhooks", Policy::Key(Operate)),
    row("GET", "/v1/webhooks", Policy::Key(View)),
    row("GET", "/v1/webhooks/{id}", Policy::Key(View)),
    row("PATCH", "/v1/webhooks/{id}", Policy::Key(Operate)),
    row("DELETE", "/v1/webhooks/{id}", Policy::Key(Operate)),
    row("POST", "/v1/webhooks/{id}/rotate", Policy::Key(Operate)),
    row("POST", "/v1/webhooks/{id}/test", Policy::Key(Operate)),
    row("GET", "/v1/webhooks/{id}/deliveries", Policy::Key(View)),
    row(
        "POST",
        "/v1/webhooks/{id}/deliveries/{delivery}/redeliver",
        Policy::Key(Operate),
    ),
    row("POST", "/notify/{merchant}/v3", Policy::Notification),
    row("POST", "/notify/{merchant}/v2/refund", Policy::Notification),
    row(
        "POST",
        "/notify/{merchant}/v2/payment",
        Policy::Notification,
    ),
    row("GET", "/healthz", Policy::Open),
    row("GET", "/readyz", Policy::Open),
    row("GET", "/metrics", Policy::Metrics),
    row("GET", "/openapi.json", Policy::Open),
    row("GET", "/", Policy::Open),
    row("GET", "/docs", Policy::Open),
    row("GET", "/docs/", Policy::Open),
    row("GET", "/docs/problems", Policy::Open),
    row("GET", "/docs/{*file}", Policy::Open),
];

/// Every route there is: those above, then the console's.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    let pages = console::ROUTES.iter().map(|route| &route.row);
    ROUTES.iter().chain(pages)
}

/// The route of a request, by the method and the pattern of its path.
pub(crate) fn route(method: &Method, pattern: &str) -> Option<&'static Row> {
    let method = if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    rows().find(|row| row.path == pattern && row.method == method)
}

/// The methods of a path, for the header `Allow`; `None` when there is no such path.
pub(crate) fn methods(pattern: &str) -> Option<String> {
    let found: Vec<_> = rows()
        .filter(|row| row.path == pattern)
        .map(|row| row.method)
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_under_v1_needs_a_key() {
        for row in ROUTES {
            assert_eq!(
                row.path.starts_with("/v1/"),
                matches!(row.policy, Policy::Key(_)),
                "{}",
                row.path
            );
        }
    }

    #[test]
    fn no_route_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for row in rows() {
            assert!(
                seen.insert((row.method, row.path)),
                "{} {}",
                row.method,
                row.path
            );
        }
    }

    #[test]
    fn what_is_not_in_the_table_has_no_route() {
        assert!(route(&Method::DELETE, "/v1/refunds/{id}").is_none());
        assert!(route(&Method::GET, "/v1/secrets").is_none());
        assert!(route(&Method::HEAD, "/v1/refunds").is_some());
        assert_eq!(methods("/v1/refunds").as_deref(), Some("POST, GET"));
    }
}
