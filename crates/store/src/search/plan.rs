//! One page of the search in the making: which way it goes, how far it may look, and what comes of
//! the rows it found. The engines do the looking.

use tuikuan_domain::{MerchantName, Refund};

use super::stretch::{Moment, Stretch, cursor_at, cursor_of};
use super::way::Way;
use super::{Found, NumberText, Place, RefundSearch};
use crate::error::ReadError;
use crate::select::LIST_MAX;

/// Rows that one page looks at, of all merchants together.
const LOOKED_MAX: u32 = 8_000;

/// Of each merchant at least so many.
const LOOKED_MIN: u32 = 100;

/// So many candidates are few: they are picked one by one.
pub(crate) const FEW: u32 = 1_000;

/// One page in the making.
#[derive(Debug, Clone)]
pub(crate) struct Plan<'a> {
    pub(crate) search: &'a RefundSearch,
    pub(crate) way: Way,
    /// Whose refunds are walked.
    pub(crate) merchants: Vec<MerchantName>,
    /// The refunds that a number can mean, when they are few.
    pub(crate) picked: Option<Vec<String>>,
}

impl<'a> Plan<'a> {
    pub(crate) fn limit(&self) -> u32 {
        self.search.limit.clamp(1, LIST_MAX)
    }

    /// The beginning of a number, where it is compared row by row. By a number that few have, the
    /// candidates have it in another place than those compared.
    pub(crate) fn number(&self) -> Option<&'a NumberText> {
        let number = self.search.number.as_ref();
        number.filter(|_| self.picked.is_none())
    }

    /// So many rows of each merchant may be looked at, where the page's own length does not bound
    /// them.
    pub(crate) fn share(&self) -> Option<u32> {
        let few = matches!(self.way, Way::Picked | Way::Amounts);
        if few || self.way.answers(self.search) {
            return None;
        }
        let merchants = u32::try_from(self.merchants.len()).unwrap_or(u32::MAX);
        Some((LOOKED_MAX / merchants.max(1)).max(LOOKED_MIN))
    }

    /// Going forward ended at the newest one: then the page of the newest is what is wanted.
    pub(crate) fn ended_at_the_newest(&self, found: &Found) -> bool {
        let short = u32::try_from(found.items.len()).unwrap_or(u32::MAX) < self.limit();
        matches!(self.search.place, Place::Newer(_)) && short && found.newer.is_none()
    }

    /// The page out of the rows that were found, one more than it is long if there are more.
    pub(crate) fn page(
        &self,
        mut items: Vec<Refund>,
        bound: Option<Moment>,
        stretch: &Stretch,
    ) -> Result<Found, ReadError> {
        items.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        if !stretch.back {
            items.reverse();
        }
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().map(cursor_of);
        let reached = match bound.filter(|_| !more) {
            Some(moment) => Some(cursor_at(moment)?),
            None => None,
        };
        let on = if more { last } else { reached.clone() };
        if !stretch.back {
            items.reverse();
        }
        let turned = matches!(self.search.place, Place::Older(_));
        let first = items.first().map(cursor_of).filter(|_| turned);
        let last = items.last().map(cursor_of);
        let (newer, older) = if stretch.back {
            (first, on)
        } else {
            (on, last)
        };
        Ok(Found {
            items,
            newer,
            older,
            reached: reached.map(|cursor| cursor.created_at),
        })
    }
}
