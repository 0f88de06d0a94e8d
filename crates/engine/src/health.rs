//! How the conversation with WeChat goes for each merchant, for people to look at. No decision
//! depends on it; it begins anew with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::MerchantName;
use tuikuan_wechat::Api;
use tuikuan_wechat::http::Response;

use crate::engine::Engine;
use crate::merchant::Merchant;

/// What was seen of WeChat's answers to one merchant.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    answered_at: Option<Timestamp>,
    skew: Option<SignedDuration>,
}

/// What was seen of WeChat's answers.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    seen: Mutex<HashMap<MerchantName, Seen>>,
}

impl Vitals {
    /// WeChat answered; `wall` is our own clock at that moment.
    fn note(&self, merchant: &MerchantName, now: Timestamp, skew: Option<SignedDuration>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(merchant.clone()).or_default();
        seen.answered_at = Some(now);
        if skew.is_some() {
            seen.skew = skew;
        }
    }

    fn of(&self, merchant: &MerchantName) -> Seen {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(merchant).copied().unwrap_or_default()
    }
}

/// With what WeChat's answers and notifications are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMode {
    /// API v2: the merchant's own key.
    SharedKey,
    /// API v3: a WeChat Pay public key, by its id.
    PublicKey {
        /// The id.
        id: String,
    },
    /// API v3: platform certificates, so many.
    Certificates {
        /// How many are trusted now.
        count: usize,
    },
    /// API v3, and nothing to verify with yet.
    None,
}

/// How a merchant's conversation with WeChat goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The end of the merchant's certificate.
    pub certificate_ends: Option<Timestamp>,
    /// With what WeChat is verified.
    pub key_mode: KeyMode,
    /// When WeChat answered last, since the process started.
    pub answered_at: Option<Timestamp>,
    /// How far our clock is ahead of WeChat's, to about a second.
    pub skew: Option<SignedDuration>,
    /// Submits in the last second.
    pub submits: usize,
    /// Submits allowed in a second.
    pub submits_max: usize,
    /// The merchant's lane is closed until then: WeChat refused for a reason that concerns all.
    pub closed_until: Option<Timestamp>,
}

impl Engine {
    /// How a merchant's conversation with WeChat goes.
    #[must_use]
    pub fn health(&self, merchant: &Merchant) -> Health {
        let now = self.now();
        let seen = self.vitals().of(&merchant.name);
        let load = self.lanes().load(merchant.mch_id.as_str(), now);
        let identity = merchant.account.credentials.identity();
        let ends = identity.map(|identity| identity.certificate.not_after);
        Health {
            certificate_ends: ends.and_then(|at| Timestamp::from_second(at).ok()),
            key_mode: self.key_mode(merchant),
            answered_at: seen.answered_at,
            skew: seen.skew,
            submits: load.submits,
            submits_max: self.settings().limits.submits_per_second,
            closed_until: load.closed_until,
        }
    }

    fn key_mode(&self, merchant: &Merchant) -> KeyMode {
        if merchant.account.api == Api::V2 {
            return KeyMode::SharedKey;
        }
        let trusted = merchant.account.credentials.trusted();
        let wall = self.clock().wall().as_second();
        match trusted.preferred(wall) {
            Some((id, _)) if id.starts_with("PUB_KEY_ID_") => {
                KeyMode::PublicKey { id: id.to_owned() }
            }
            Some(_) => KeyMode::Certificates {
                count: trusted.serials().count(),
            },
            None => KeyMode::None,
        }
    }

    /// WeChat answered something.
    pub(crate) fn note_answer(&self, merchant: &Merchant, response: &Response) {
        let wall = self.clock().wall();
        let date = response
            .header("date")
            .and_then(|text| rfc2822::parse(text).ok());
        // The header has whole seconds, cut off.
        let skew = date.map(|date| wall.duration_since(date.timestamp()));
        self.vitals().note(&merchant.name, self.now(), skew);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_http_answer_can_be_read() {
        let date = rfc2822::parse("Tue, 24 Nov 2026 01:02:03 GMT").unwrap();
        assert_eq!(date.timestamp().to_string(), "2026-11-24T01:02:03Z");
    }

    #[test]
    fn an_answer_without_a_date_keeps_the_skew_that_was_seen() {
        let vitals = Vitals::default();
        let name: MerchantName = "main".parse().unwrap();
        let second = SignedDuration::from_secs(1);
        vitals.note(&name, Timestamp::UNIX_EPOCH, Some(second));
        vitals.note(&name, Timestamp::MAX, None);
        let seen = vitals.of(&name);
        assert_eq!(
            (seen.answered_at, seen.skew),
            (Some(Timestamp::MAX), Some(second))
        );
    }
}
