//! The ways into the refunds: indexes in the order of time, each with the condition that makes it
//! usable. Named outright, so that no statistics lead elsewhere.

use rusqlite::types::Value;
use tuikuan_domain::{Source, Status};

use crate::search::RefundSearch;
use crate::select::{Attention, Merchants};

/// An index in the order of time, with the condition that makes it usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Of these rows only.
    Picked,
    /// In this range of amounts, which is narrow.
    Amounts,
    /// Of exactly this amount.
    Amount,
    /// With this code of the last error.
    Error,
    /// Which need a person.
    Attention,
    /// Asked for from here, which is not the interface.
    Origin,
    /// Ended without money arriving by WeChat.
    Failed,
    /// Not ended.
    Open,
    /// All.
    Created,
}

impl Way {
    #[cfg(test)]
    pub(super) const ALL: [Self; 9] = [
        Self::Picked,
        Self::Amounts,
        Self::Amount,
        Self::Error,
        Self::Attention,
        Self::Origin,
        Self::Failed,
        Self::Open,
        Self::Created,
    ];

    /// The way and its condition, behind `FROM refunds r`.
    pub(super) const fn condition(self) -> &'static str {
        match self {
            Self::Picked => {
                "WHERE r.id IN (SELECT value FROM json_each(?6))
                   AND (?1 IS NULL OR r.merchant IN (SELECT value FROM json_each(?1)))"
            }
            Self::Amounts => {
                "INDEXED BY refunds_amount
                 WHERE r.merchant = ?1 AND r.amount BETWEEN ?10 AND ?11 AND ?6 IS NULL"
            }
            Self::Amount => "INDEXED BY refunds_amount WHERE r.merchant = ?1 AND r.amount = ?6",
            Self::Error => {
                "INDEXED BY refunds_error
                 WHERE r.merchant = ?1 AND r.error_code IS NOT NULL AND r.error_code = ?6"
            }
            Self::Attention => {
                "INDEXED BY refunds_attention
                 WHERE r.merchant = ?1 AND r.attention IS NOT NULL AND ?6 IS NULL"
            }
            Self::Origin => {
                "INDEXED BY refunds_origin
                 WHERE r.merchant = ?1 AND r.origin <> 'api' AND r.origin = ?6"
            }
            Self::Failed => {
                "INDEXED BY refunds_failed
                 WHERE r.merchant = ?1 AND ?6 IS NULL
                   AND r.status IN ('settled_offline', 'closed', 'rejected', 'cancelled')"
            }
            Self::Open => {
                "INDEXED BY refunds_open
                 WHERE r.merchant = ?1 AND r.ended_at IS NULL AND ?6 IS NULL"
            }
            Self::Created => "INDEXED BY refunds_created WHERE r.merchant = ?1 AND ?6 IS NULL",
        }
    }

    /// The way that leaves the least to compare.
    pub(super) fn of(search: &RefundSearch) -> Self {
        let foreign = |source: Source| source != Source::Api;
        match search.status {
            _ if search.amount_from.is_some() && search.amount_from == search.amount_to => {
                Self::Amount
            }
            _ if search.error_code.is_some() => Self::Error,
            _ if search.attention == Attention::Needed => Self::Attention,
            _ if search.origin.is_some_and(foreign) => Self::Origin,
            Some(status) if !status.is_end() => Self::Open,
            Some(Status::Succeeded) | None => Self::Created,
            Some(_) => Self::Failed,
        }
    }

    /// What the index is asked for beside the merchant.
    pub(super) fn key(self, search: &RefundSearch) -> Value {
        match self {
            Self::Amount => search
                .amount_from
                .map_or(Value::Null, |fen| Value::Integer(fen.get())),
            Self::Error => search.error_code.clone().map_or(Value::Null, Value::Text),
            Self::Origin => search.origin.map_or(Value::Null, |origin| {
                Value::Text(origin.as_str().to_owned())
            }),
            Self::Picked
            | Self::Amounts
            | Self::Attention
            | Self::Failed
            | Self::Open
            | Self::Created => Value::Null,
        }
    }

    /// Whether every row of it is on a page, so that the page's length bounds the rows.
    pub(super) fn answers(self, search: &RefundSearch) -> bool {
        let bare = RefundSearch {
            place: search.place.clone(),
            limit: search.limit,
            created_from: search.created_from,
            created_to: search.created_to,
            ..RefundSearch::of(Merchants::All)
        };
        let own = match self {
            Self::Amount => RefundSearch {
                amount_from: search.amount_from,
                amount_to: search.amount_to,
                ..bare
            },
            Self::Error => RefundSearch {
                error_code: search.error_code.clone(),
                ..bare
            },
            Self::Attention => RefundSearch {
                attention: search.attention,
                ..bare
            },
            Self::Origin => RefundSearch {
                origin: search.origin,
                ..bare
            },
            Self::Picked | Self::Amounts | Self::Failed | Self::Open | Self::Created => bare,
        };
        conditions(&own) == conditions(search)
    }
}

/// What is compared row by row.
fn conditions(search: &RefundSearch) -> impl PartialEq + use<> {
    (
        search.number.clone(),
        search.status,
        search.origin,
        search.error_code.clone(),
        (search.amount_from, search.amount_to),
        search.attention,
    )
}
