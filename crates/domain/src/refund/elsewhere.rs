//! An abnormal refund is sent elsewhere: to another bank card of the buyer, or back to the merchant.
//! The intention is a line of history before a byte leaves, what came of it is another; what WeChat
//! then says of the refund decides, as always.

use jiff::SignedDuration;

use crate::after;
use crate::outcome::ErrorNote;
use crate::payment::Payment;
use crate::person::Actor;
use crate::refund::request::check_second;
use crate::refund::transition::Draft;
use crate::refund::{Context, Plan, Refund, Refusal, Status, Step, Transition};

/// WeChat is asked so long after the intention, if nothing was heard of the call before.
const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// The note of the intention.
pub const ELSEWHERE: &str = "note.elsewhere";

/// The note of what came of it.
pub const ELSEWHERE_OUTCOME: &str = "note.elsewhere_outcome";

/// Where the money of an abnormal refund goes instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Elsewhere {
    /// Another bank card of the buyer.
    BuyerCard,
    /// The merchant's settlement account.
    Merchant,
}

impl Elsewhere {
    /// Both.
    pub const ALL: [Self; 2] = [Self::BuyerCard, Self::Merchant];

    /// The place as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BuyerCard => "buyer_card",
            Self::Merchant => "merchant",
        }
    }

    /// Reads what [`Elsewhere::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.as_str() == text)
    }
}

/// What the call that sends it elsewhere came to. None of them changes the status: a query does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElsewhereEnd {
    /// WeChat has taken it.
    Accepted,
    /// WeChat has not taken it; it can be tried again.
    Refused(ErrorNote),
    /// No byte left.
    NotSent(ErrorNote),
    /// It proves nothing.
    Unknown(ErrorNote),
}

impl ElsewhereEnd {
    /// The end as text, stable.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(_) => "refused",
            Self::NotSent(_) => "not_sent",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What went wrong.
    #[must_use]
    pub const fn note(&self) -> Option<&ErrorNote> {
        match self {
            Self::Accepted => None,
            Self::Refused(note) | Self::NotSent(note) | Self::Unknown(note) => Some(note),
        }
    }
}

pub(super) fn send_elsewhere(
    refund: &Refund,
    payment: Option<&Payment>,
    place: Elsewhere,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if refund.status != Status::Abnormal || refund.refund_id.is_none() {
        return Err(Refusal::NotIn {
            status: refund.status,
            wanted: "sent elsewhere",
        });
    }
    if refund.under_approval() {
        // Nobody agreed to another receiver yet: a person other than the one who asked must.
        let first = refund.requested_by.as_ref().unwrap_or(&Actor::Engine);
        check_second(first, context.actor)?;
    }
    let mut draft = Draft::change(refund, payment, context);
    draft.remark(ELSEWHERE, place.as_str());
    draft.refund.elsewhere_at = Some(context.now);
    draft.refund.elsewhere_open = true;
    draft.plan = Plan::At(Step::Query, after(context.now, LOOK_AFTER));
    draft.finish()
}

pub(super) fn sent_elsewhere(
    mut draft: Draft<'_>,
    refund: &Refund,
    end: &ElsewhereEnd,
) -> Result<Transition, Refusal> {
    draft.remark(ELSEWHERE_OUTCOME, end.as_str());
    match end {
        // WeChat may have it: only what is asked from now on says how it stands.
        ElsewhereEnd::Accepted | ElsewhereEnd::Unknown(_) if draft.refund.elsewhere_open => {
            draft.refund.elsewhere_at = Some(draft.now());
        }
        ElsewhereEnd::Accepted | ElsewhereEnd::Unknown(_) => {}
        ElsewhereEnd::Refused(_) | ElsewhereEnd::NotSent(_) => draft.refund.elsewhere_open = false,
    }
    if refund.status == Status::Abnormal {
        draft.refund.error = end.note().cloned();
    }
    if refund.status.can_query() {
        draft.plan = Plan::Forward;
    }
    draft.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_place_reads_back() {
        for place in Elsewhere::ALL {
            assert_eq!(Elsewhere::parse(place.as_str()), Some(place));
        }
    }
}
