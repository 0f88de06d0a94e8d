//! Whether each merchant still hears anything usable from WeChat, said in the log: when it stops, now
//! and then while it lasts, and when it is over, not with every call. No decision depends on it; it
//! begins anew with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::outcome::{ErrorNote, Wait};
use tuikuan_domain::{Finding, MerchantName, Outcome, PaymentFinding};

use crate::engine::Engine;
use crate::merchant::Merchant;

/// One lost answer is a day like any other; so many in a row are worth a line.
const FAILURES_MIN: u32 = 3;
/// The log says it again after so long.
const TELL_AGAIN: SignedDuration = SignedDuration::from_secs(300);

/// What one conversation with WeChat was good for.
pub(crate) enum Heard<'a> {
    /// WeChat said something about what it was asked.
    Something,
    /// Nothing usable, or a refusal that concerns the merchant's whole set-up.
    Nothing(&'a ErrorNote),
}

impl<'a> From<&'a Outcome> for Heard<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::NotNow(Wait::Merchant, note)
            | Outcome::NotSent(note)
            | Outcome::Unknown(note) => Self::Nothing(note),
            Outcome::Accepted(_)
            | Outcome::Refused(_)
            | Outcome::RefusedUnconfirmed(_)
            | Outcome::NotNow(Wait::Balance | Wait::RateLimit | Wait::OrderNotReady, _)
            | Outcome::OrderMissing(_) => Self::Something,
        }
    }
}

impl<'a> From<&'a Finding> for Heard<'a> {
    fn from(finding: &'a Finding) -> Self {
        match finding {
            Finding::Unanswered(note) | Finding::MerchantFault(note) => Self::Nothing(note),
            Finding::Found(_) | Finding::NotFound => Self::Something,
        }
    }
}

impl<'a> From<&'a PaymentFinding> for Heard<'a> {
    fn from(finding: &'a PaymentFinding) -> Self {
        match finding {
            PaymentFinding::Unanswered(note) | PaymentFinding::MerchantFault(note) => {
                Self::Nothing(note)
            }
            PaymentFinding::Paid(_) | PaymentFinding::NotPaid(_) | PaymentFinding::NotFound(_) => {
                Self::Something
            }
        }
    }
}

/// The calls of one merchant that brought nothing, one after the other.
#[derive(Debug, Default)]
struct Deaf {
    failures: u32,
    since: Option<Timestamp>,
    told: Option<Timestamp>,
}

/// A line for the log: so many calls in a row, for so long.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    failures: u32,
    lasted: SignedDuration,
}

impl Deaf {
    fn failed(&mut self, now: Timestamp) -> Option<Line> {
        let since = *self.since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        let due = self
            .told
            .is_none_or(|told| now.duration_since(told) >= TELL_AGAIN);
        (self.failures >= FAILURES_MIN && due).then(|| {
            self.told = Some(now);
            Line {
                failures: self.failures,
                lasted: now.duration_since(since),
            }
        })
    }

    /// The last word on it, if the log knows that it was so. `told` stays, so that a line that comes and
    /// goes does not fill the log.
    fn over(&mut self, now: Timestamp) -> Option<Line> {
        let (failures, since) = (std::mem::take(&mut self.failures), self.since.take()?);
        (self.told.is_some_and(|told| told >= since)).then(|| Line {
            failures,
            lasted: now.duration_since(since),
        })
    }
}

/// What all merchants of this process hear.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    merchants: Mutex<HashMap<MerchantName, Deaf>>,
}

impl Hearing {
    fn with<T>(&self, merchant: &MerchantName, act: impl FnOnce(&mut Deaf) -> T) -> T {
        let mut merchants = self
            .merchants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        act(merchants.entry(merchant.clone()).or_default())
    }
}

impl Engine {
    /// Whether some merchant hears nothing usable from WeChat at present.
    #[must_use]
    pub fn hears_nothing(&self) -> bool {
        let merchants = &self.hearing().merchants;
        let merchants = merchants.lock().unwrap_or_else(PoisonError::into_inner);
        merchants.values().any(|deaf| deaf.failures >= FAILURES_MIN)
    }

    /// Notes what a conversation was good for.
    pub(crate) fn note_heard<'a>(&self, merchant: &Merchant, heard: impl Into<Heard<'a>>) {
        let (now, name) = (self.now(), &merchant.name);
        match heard.into() {
            Heard::Nothing(note) => {
                let Some(line) = self.hearing().with(name, |deaf| deaf.failed(now)) else {
                    return;
                };
                tracing::warn!(
                    merchant = %name,
                    code = ?note.code,
                    error = ?note.message,
                    calls = line.failures,
                    seconds = line.lasted.as_secs(),
                    "nothing usable comes from WeChat: refunds wait or are asked about, none is lost; \
                     `tuikuan doctor` looks for the cause",
                );
            }
            Heard::Something => {
                if let Some(line) = self.hearing().with(name, |deaf| deaf.over(now)) {
                    tracing::info!(
                        merchant = %name,
                        calls = line.failures,
                        seconds = line.lasted.as_secs(),
                        "WeChat is heard again, refunds go on",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn one_lost_answer_is_no_line_and_three_are_one() {
        let mut deaf = Deaf::default();
        assert_eq!((deaf.failed(at(0)), deaf.failed(at(10))), (None, None));
        let line = deaf.failed(at(20)).unwrap();
        assert_eq!((line.failures, line.lasted.as_secs()), (3, 20));
        assert_eq!(deaf.failed(at(30)), None);
    }

    #[test]
    fn the_log_says_it_again_after_five_minutes_and_when_it_is_over() {
        let mut deaf = Deaf::default();
        let told = (0..40)
            .filter_map(|n| deaf.failed(at(n * 30)))
            .collect::<Vec<_>>();
        assert_eq!(told.len(), 4);
        assert_eq!(deaf.over(at(1_200)).unwrap().lasted.as_secs(), 1_200);
        assert_eq!(deaf.over(at(1_201)), None);
    }

    #[test]
    fn what_was_never_said_is_not_said_to_be_over() {
        let mut deaf = Deaf::default();
        assert_eq!((deaf.failed(at(0)), deaf.failed(at(1))), (None, None));
        assert_eq!(deaf.over(at(2)), None);
    }

    #[test]
    fn an_outage_that_comes_and_goes_fills_no_log() {
        let mut deaf = Deaf::default();
        let mut lines = 0;
        for second in 0..100 {
            lines += (0..3).filter_map(|_| deaf.failed(at(second))).count();
            lines += deaf.over(at(second)).into_iter().count();
        }
        assert_eq!(lines, 2);
    }
}
