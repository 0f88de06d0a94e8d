//! The ways into the refunds: indexes in the order of time. Which one is taken is decided here, how a
//! statement goes it by each engine.

use tuikuan_domain::{Source, Status};

use super::RefundSearch;
use crate::select::{Attention, Merchants};

/// What the index is asked for beside the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    None,
    Whole(i64),
    Text(&'a str),
}

/// An index in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
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
    pub(crate) const ALL: [Self; 9] = [
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

    /// The way that leaves the least to compare.
    pub(crate) fn of(search: &RefundSearch) -> Self {
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

    /// What its index is asked for.
    pub(crate) fn key(self, search: &RefundSearch) -> Key<'_> {
        match self {
            Self::Amount => search
                .amount_from
                .map_or(Key::None, |fen| Key::Whole(fen.get())),
            Self::Error => search.error_code.as_deref().map_or(Key::None, Key::Text),
            Self::Origin => search
                .origin
                .map_or(Key::None, |origin| Key::Text(origin.as_str())),
            Self::Picked
            | Self::Amounts
            | Self::Attention
            | Self::Failed
            | Self::Open
            | Self::Created => Key::None,
        }
    }

    /// Whether every row of it is on a page, so that the page's length bounds the rows.
    pub(crate) fn answers(self, search: &RefundSearch) -> bool {
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
