//! When a refund needs a second person, and how much a person, a key or an order may ask in one day
//! (INV-32, INV-33). The counting is done by the store in the transaction that creates the refund;
//! here it is decided what is counted and what the counts may be. Days are Shanghai days (INV-40).

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use tuikuan_terms::Fen;

use crate::after;
use crate::ids::MerchantName;
use crate::person::Actor;
use crate::refund::{Approval, Refund, Refusal};

/// An approval that was not given for so long expires, unless the rules say otherwise.
pub const EXPIRES: SignedDuration = SignedDuration::from_hours(72);

/// What one subject may ask in one day; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayLimit {
    /// The sum of the amounts.
    pub amount: Option<Fen>,
    /// The number of refunds.
    pub count: Option<u32>,
}

/// The rules of one merchant, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// A refund above this amount needs a second person.
    pub approval_above: Option<Fen>,
    /// Once the refunds a person asked for today sum up to more than this, each further one needs a
    /// second person.
    pub approval_person_day: Option<Fen>,
    /// What one person may ask in one day.
    pub person_day: DayLimit,
    /// What may be asked with one API key in one day.
    pub key_day: DayLimit,
    /// What may be asked of one order in one day.
    pub order_day: DayLimit,
    /// The reasons offered in the console; empty: free text.
    pub reasons: Vec<String>,
    /// An approval that was not given for so long expires.
    pub expires: SignedDuration,
}

impl Default for Rules {
    /// No rule at all.
    fn default() -> Self {
        Self {
            approval_above: None,
            approval_person_day: None,
            person_day: DayLimit::default(),
            key_day: DayLimit::default(),
            order_day: DayLimit::default(),
            reasons: Vec::new(),
            expires: EXPIRES,
        }
    }
}

/// What one subject asked today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The sum of the amounts.
    pub amount: Fen,
    /// The number of refunds.
    pub count: u32,
}

impl Usage {
    /// Nothing was asked today.
    pub const NONE: Self = Self {
        amount: Fen::ZERO,
        count: 0,
    };
}

/// What is to be added to a subject's usage, and up to what. Counted in the transaction that creates
/// the refund; above a maximum nothing is written and it is judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageClaim {
    /// `person:usr_...`, `key:key_...` or `order:...`, the first two with `@merchant` where the rules
    /// are that merchant's.
    pub subject: String,
    /// The Shanghai day, `2026-11-24`.
    pub day: String,
    /// What is added; the count grows by one.
    pub amount: Fen,
    /// The sum afterwards is at most this.
    pub amount_max: Option<Fen>,
    /// The count afterwards is at most this.
    pub count_max: Option<u32>,
}

/// A refund that is about to be asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Who asks.
    pub actor: &'a Actor,
    /// With which key, if with one.
    pub key: Option<&'a str>,
    /// For which merchant.
    pub merchant: &'a MerchantName,
    /// The names of the order, each counted: a refund that names the order one way and a refund that
    /// names it the other way meet as soon as either knows both.
    pub orders: &'a [String],
    /// How much.
    pub amount: Fen,
    /// When.
    pub now: Timestamp,
}

/// What the rules say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Whether a second person is needed.
    pub approval: Approval,
    /// What is counted.
    pub claims: Vec<UsageClaim>,
}

/// For whom rules were made, and so what their limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// For all merchants that have no rules of their own: counted over all of these.
    All,
    /// For one merchant: counted there alone.
    Merchant,
}

/// Whose day is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitOf {
    /// The person's.
    Person,
    /// The key's.
    Key,
    /// The order's.
    Order,
}

impl LimitOf {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 3] = [Self::Person, Self::Key, Self::Order];

    /// The limit as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Key => "key",
            Self::Order => "order",
        }
    }
}

/// The Shanghai day of a time, `2026-11-24`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    Offset::constant(8).to_datetime(at).date().to_string()
}

/// The moment a Shanghai day ends; `None` at the end of all days.
#[must_use]
pub fn day_end(day: Date) -> Option<Timestamp> {
    let midnight = day.tomorrow().ok()?.to_datetime(Time::midnight());
    Offset::constant(8).to_timestamp(midnight).ok()
}

impl Asking<'_> {
    /// What is counted of a kind. Rules of one merchant count only what is asked of that merchant.
    fn subjects(&self, of: LimitOf, scope: Scope) -> Vec<String> {
        let place = match scope {
            Scope::All => String::new(),
            Scope::Merchant => format!("@{}", self.merchant),
        };
        match of {
            LimitOf::Person => match self.actor {
                Actor::Person(id) => vec![format!("person:{id}{place}")],
                Actor::Key(_) | Actor::Cli | Actor::Engine => Vec::new(),
            },
            LimitOf::Key => {
                let key = self.key.map(|key| format!("key:{key}{place}"));
                key.into_iter().collect()
            }
            LimitOf::Order => {
                let names = self.orders.iter();
                names.map(|name| format!("order:{name}")).collect()
            }
        }
    }
}

/// The subjects whose usage [`judge`] will ask for.
#[must_use]
pub fn subjects(rules: &Rules, scope: Scope, asking: &Asking<'_>) -> Vec<String> {
    let counted = LimitOf::ALL.into_iter().filter(|of| rules.counts(*of));
    counted.flat_map(|of| asking.subjects(of, scope)).collect()
}

/// What the rules say of a refund. `usage` gives what a subject asked today.
///
/// # Errors
/// [`Refusal::LimitReached`].
pub fn judge(
    rules: &Rules,
    scope: Scope,
    asking: &Asking<'_>,
    usage: impl Fn(&str) -> Usage,
) -> Result<Judged, Refusal> {
    let mut needed = rules.approval_above.is_some_and(|max| asking.amount > max);
    let mut claims = Vec::new();
    for of in LimitOf::ALL.into_iter().filter(|of| rules.counts(*of)) {
        for subject in asking.subjects(of, scope) {
            let limit = rules.limit(of);
            let used = usage(&subject);
            let sum = used.amount.checked_add(asking.amount).unwrap_or(Fen::MAX);
            let over_sum = limit.amount.is_some_and(|max| sum > max);
            let over_count = limit.count.is_some_and(|max| used.count >= max);
            if over_sum || over_count {
                return Err(Refusal::LimitReached { of, limit, used });
            }
            // Within the person's free sum nobody else is asked; the claim holds it to that sum.
            let free = rules
                .approval_person_day
                .filter(|max| of == LimitOf::Person && sum <= *max);
            let watched = of == LimitOf::Person && rules.approval_person_day.is_some();
            needed = needed || (watched && free.is_none());
            claims.push(UsageClaim {
                subject,
                day: day(asking.now),
                amount: asking.amount,
                amount_max: match (free, limit.amount) {
                    (Some(free), Some(max)) => Some(free.min(max)),
                    (one, other) => one.or(other),
                },
                count_max: limit.count,
            });
        }
    }
    let approval = if needed {
        let until = after(asking.now, rules.expires);
        Approval::Needed { until }
    } else {
        Approval::NotNeeded
    };
    Ok(Judged { approval, claims })
}

impl Rules {
    const fn limit(&self, of: LimitOf) -> DayLimit {
        match of {
            LimitOf::Person => self.person_day,
            LimitOf::Key => self.key_day,
            LimitOf::Order => self.order_day,
        }
    }

    /// Whether anything is counted for such subjects.
    fn counts(&self, of: LimitOf) -> bool {
        let watched = of == LimitOf::Person && self.approval_person_day.is_some();
        watched || self.limit(of) != DayLimit::default()
    }
}

/// Where a refund stands with the second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalState {
    /// None is needed.
    NotRequired,
    /// Somebody else must agree.
    Required {
        /// Until then; afterwards the refund is withdrawn.
        until: Timestamp,
    },
    /// Somebody else agreed.
    Given {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
        /// To what: [`Refund::content_text`] as it was then.
        content: String,
    },
}

impl ApprovalState {
    /// Its name as text, stable; `None`: none is needed.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::NotRequired => None,
            Self::Required { .. } => Some("required"),
            Self::Given { .. } => Some("given"),
        }
    }

    /// Until when somebody must agree.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Required { until } => Some(*until),
            Self::NotRequired | Self::Given { .. } => None,
        }
    }

    /// Who agreed, when, to what.
    #[must_use]
    pub fn given(&self) -> Option<(&Actor, Timestamp, &str)> {
        match self {
            Self::Given { by, at, content } => Some((by, *at, content)),
            Self::NotRequired | Self::Required { .. } => None,
        }
    }

    /// Sets one named text of it, in the order in which the names stand in an event: the name of the
    /// state first. `None`: the text cannot be read.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        match (name, value, self) {
            ("approval", None, state) => *state = Self::NotRequired,
            ("approval", Some("required"), state) => {
                *state = Self::Required {
                    until: Timestamp::UNIX_EPOCH,
                };
            }
            ("approval", Some("given"), state) => {
                *state = Self::Given {
                    by: Actor::Engine,
                    at: Timestamp::UNIX_EPOCH,
                    content: String::new(),
                };
            }
            ("approval_until", Some(text), Self::Required { until }) => {
                *until = text.parse().ok()?;
            }
            ("approved_by", Some(text), Self::Given { by, .. }) => *by = text.parse().ok()?,
            ("approved_at", Some(text), Self::Given { at, .. }) => *at = text.parse().ok()?,
            ("approved_content", Some(text), Self::Given { content, .. }) => {
                text.clone_into(content);
            }
            // What the new state does not have is emptied with it.
            ("approval_until" | "approved_by" | "approved_at" | "approved_content", None, _) => {}
            _ => return None,
        }
        Some(())
    }
}

impl Refund {
    /// What a second person agrees to, as one line: merchant, order, number, amount, reason and
    /// account. Interfaces show and demand its SHA-256.
    #[must_use]
    pub fn content_text(&self) -> String {
        let order = &self.content.order;
        // WeChat's number becomes known later and is of the same order, so the merchant's own one
        // is what counts as soon as there is one.
        let order = match (&order.out_trade_no, &order.transaction_id) {
            (Some(number), _) => format!("out_trade_no={number}"),
            (None, Some(number)) => format!("transaction_id={number}"),
            (None, None) => String::new(),
        };
        let sub = self.sub_mch_id.as_ref().map_or("", |sub| sub.as_str());
        let reason = self.content.reason.as_ref().map_or("", |r| r.as_str());
        let account = self.content.funds_account.map_or("", |a| a.as_str());
        format!(
            "mch_id={}&sub_mch_id={sub}&{order}&out_refund_no={}&amount={}&funds_account={account}&reason={reason}",
            self.mch_id, self.out_refund_no, self.content.amount,
        )
    }

    /// Whether a second person had to agree to it. Then what is done to send its money elsewhere
    /// needs one too (INV-32).
    #[must_use]
    pub fn under_approval(&self) -> bool {
        self.approval != ApprovalState::NotRequired
    }

    /// An approval that was given is of what stands here now.
    pub(crate) fn rebind_approval(&mut self) {
        let now = self.content_text();
        if let ApprovalState::Given { content, .. } = &mut self.approval {
            *content = now;
        }
    }

    /// Whether it may be sent as it is: nobody else is needed, or somebody else agreed to exactly
    /// this (INV-32).
    #[must_use]
    pub fn approved(&self) -> bool {
        match &self.approval {
            ApprovalState::NotRequired => true,
            ApprovalState::Required { .. } => false,
            ApprovalState::Given { content, .. } => *content == self.content_text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fen(n: i64) -> Fen {
        Fen::new(n).unwrap()
    }

    fn ask<'a>(
        actor: &'a Actor,
        place: &'a (MerchantName, [String; 1]),
        amount: i64,
    ) -> Asking<'a> {
        Asking {
            actor,
            key: Some("key_12345678"),
            merchant: &place.0,
            orders: &place.1,
            amount: fen(amount),
            now: "2026-11-24T16:30:00Z".parse().unwrap(),
        }
    }

    fn place() -> (MerchantName, [String; 1]) {
        ("main".parse().unwrap(), ["1900000109//T1".to_owned()])
    }

    /// What rules for all say of a refund of this amount.
    fn judged(rules: &Rules, amount: i64, used: impl Fn(&str) -> Usage) -> Result<Judged, Refusal> {
        let (person, place) = (person(), place());
        judge(rules, Scope::All, &ask(&person, &place, amount), used)
    }

    fn person() -> Actor {
        "usr_0000000000000001".parse().unwrap()
    }

    fn used(amount: i64, count: u32) -> impl Fn(&str) -> Usage {
        let amount = fen(amount);
        move |_| Usage { amount, count }
    }

    #[test]
    fn without_rules_nothing_is_counted_and_nobody_is_needed() {
        let verdict = judged(&Rules::default(), 1, used(0, 0)).unwrap();
        assert_eq!(verdict.approval, Approval::NotNeeded);
        assert_eq!(verdict.claims, vec![]);
    }

    #[test]
    fn above_the_amount_a_second_person_is_needed() {
        let rules = Rules {
            approval_above: Some(fen(500)),
            ..Rules::default()
        };
        let verdict = |amount| judged(&rules, amount, used(0, 0)).unwrap();
        assert_eq!(verdict(500).approval, Approval::NotNeeded);
        assert!(matches!(verdict(501).approval, Approval::Needed { .. }));
    }

    #[test]
    fn the_day_begins_at_midnight_in_shanghai() {
        let rules = Rules {
            order_day: DayLimit {
                amount: None,
                count: Some(2),
            },
            ..Rules::default()
        };
        let verdict = judged(&rules, 1, used(9, 1)).unwrap();
        assert_eq!(verdict.claims.len(), 1);
        assert_eq!(verdict.claims[0].day, "2026-11-25");
        assert_eq!(verdict.claims[0].subject, "order:1900000109//T1");
        assert_eq!(verdict.claims[0].count_max, Some(2));
        let refused = judged(&rules, 1, used(9, 2));
        assert!(matches!(
            refused,
            Err(Refusal::LimitReached {
                of: LimitOf::Order,
                ..
            })
        ));
    }

    #[test]
    fn a_person_is_free_up_to_a_sum_and_then_needs_a_second_one() {
        let rules = Rules {
            approval_person_day: Some(fen(1000)),
            person_day: DayLimit {
                amount: Some(fen(5000)),
                count: None,
            },
            ..Rules::default()
        };
        let free = judged(&rules, 400, used(600, 3)).unwrap();
        assert_eq!(free.approval, Approval::NotNeeded);
        assert_eq!(free.claims[0].amount_max, Some(fen(1000)));
        let beyond = judged(&rules, 401, used(600, 3)).unwrap();
        assert!(matches!(beyond.approval, Approval::Needed { .. }));
        assert_eq!(beyond.claims[0].amount_max, Some(fen(5000)));
        assert!(judged(&rules, 4401, used(600, 3)).is_err());
    }

    #[test]
    fn a_key_without_owner_has_no_person_to_count() {
        let rules = Rules {
            approval_person_day: Some(fen(1)),
            ..Rules::default()
        };
        let key = Actor::Key("key_12345678".into());
        let (person, place) = (person(), place());
        let of = |actor, scope| subjects(&rules, scope, &ask(actor, &place, 9));
        assert_eq!(of(&key, Scope::All), Vec::<String>::new());
        assert_eq!(of(&person, Scope::All), vec!["person:usr_0000000000000001"]);
        assert_eq!(
            of(&person, Scope::Merchant),
            vec!["person:usr_0000000000000001@main"]
        );
    }
}
