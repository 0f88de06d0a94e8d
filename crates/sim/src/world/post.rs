//! Notifications: what is told to whom, when it is tried again, and what came back. Both published
//! schedules run on the simulator's clock; answers are judged as WeChat judges them.

mod letter;
mod record;
mod sending;

use std::collections::HashMap;

use letter::Written;
use record::says_success;
pub use record::{Delivery, NotificationRecord, Schedule};

use super::World;
use crate::agenda::Event;
use crate::books::{Api, MerchantKey, OrderKey, Origin, RefundKey};
use crate::fault::{FaultAction, Interface, Subject};
use crate::message::NotificationAttempt;

/// A held-back notification leaves at the latest after this time.
const HELD_MS: i64 = 60_000;

/// One notification with all its attempts to come.
#[derive(Debug)]
struct Letter {
    merchant: MerchantKey,
    about: About,
    url: String,
    format: Api,
    /// What is told, before encryption.
    plain: String,
    status: &'static str,
    id: String,
    created_ms: i64,
    fault: Option<FaultAction>,
    attempts: usize,
    done: bool,
}

#[derive(Debug, Clone, Copy)]
enum About {
    Refund(RefundKey),
    Payment(OrderKey),
}

/// All notifications of a world.
#[derive(Debug)]
pub(super) struct PostOffice {
    letters: Vec<Letter>,
    records: Vec<NotificationRecord>,
    ready: Vec<NotificationAttempt>,
    held: HashMap<MerchantKey, Vec<usize>>,
    /// Ciphertext of the last v2 message per merchant, for spliced ones (F-21).
    last_cipher: HashMap<MerchantKey, String>,
    /// First attempts that will be replayed (F-21).
    kept: HashMap<usize, Written>,
    schedule: Schedule,
}

impl Default for PostOffice {
    fn default() -> Self {
        Self {
            letters: Vec::new(),
            records: Vec::new(),
            ready: Vec::new(),
            held: HashMap::new(),
            last_cipher: HashMap::new(),
            kept: HashMap::new(),
            schedule: Schedule::Current,
        }
    }
}

impl PostOffice {
    pub(super) fn take_ready(&mut self) -> Vec<NotificationAttempt> {
        std::mem::take(&mut self.ready)
    }
}

impl World {
    /// Every attempt so far, in order.
    #[must_use]
    pub fn notifications(&self) -> &[NotificationRecord] {
        &self.post.records
    }

    /// Chooses the retry schedule.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        self.post.schedule = schedule;
    }

    /// The receiver answered an attempt.
    pub fn notification_answered(&mut self, attempt: u64, status: u16, body: &[u8]) {
        let format = self.post.record(attempt).map(|record| record.format);
        let accepted = match format {
            Some(Api::V2) => status == 200 && says_success(body),
            Some(Api::V3) => matches!(status, 200 | 204),
            None => return,
        };
        let shown: String = String::from_utf8_lossy(body).chars().take(500).collect();
        let delivery = Delivery::Answered {
            status,
            body: shown,
            accepted,
        };
        self.close_attempt(attempt, delivery);
    }

    /// An attempt got no answer in time.
    pub fn notification_failed(&mut self, attempt: u64, reason: &str) {
        let delivery = Delivery::Failed {
            reason: reason.to_owned(),
        };
        self.close_attempt(attempt, delivery);
    }

    fn close_attempt(&mut self, attempt: u64, delivery: Delivery) {
        let accepted = matches!(delivery, Delivery::Answered { accepted: true, .. });
        let now_ms = self.now_ms;
        let schedule = self.post.schedule;
        let Some(record) = self.post.record_mut(attempt) else {
            return;
        };
        if record.delivery != Delivery::Pending {
            return;
        }
        record.delivery = delivery;
        // What was sent astray or again on purpose decides nothing about the message itself.
        if matches!(record.fault, Some("misdirected" | "replayed")) {
            return;
        }
        let (at, sent_ms, nth) = (record.notification, record.at_ms, record.attempt);
        let Some(letter) = self.post.letters.get_mut(at) else {
            return;
        };
        if accepted {
            letter.done = true;
        }
        // Copies carry the number of the attempt they double; only the attempt itself is retried.
        if letter.done || nth != letter.attempts {
            return;
        }
        match schedule.after(nth) {
            Some(seconds) => {
                let due_ms = sent_ms.saturating_add(seconds * 1_000).max(now_ms);
                let event = Event::Deliver {
                    notification: at,
                    nth,
                };
                self.agenda.plan(due_ms, event);
            }
            None => letter.done = true,
        }
    }

    /// A refund reached a result: the merchant is told, if it named a place.
    pub(super) fn notify_refund(&mut self, key: RefundKey) {
        let refund = &self.books[key];
        let merchant = self.books.merchant_of(key);
        let platform_url = self.merchant(merchant).notify_url.clone();
        let own_url = refund.notify_url.clone();
        let by_hand = refund.origin == Origin::VendorPlatform;
        // Without a URL of its own the message takes v2's form, whatever the interface was.
        let format = match (&own_url, by_hand) {
            (Some(_), false) => refund.api,
            _ => Api::V2,
        };
        let Some(url) = own_url.filter(|_| !by_hand).or(platform_url) else {
            return;
        };
        self.send(merchant, About::Refund(key), url, format);
    }

    /// An order was paid.
    pub(super) fn notify_payment(&mut self, key: OrderKey) {
        let order = &self.books[key];
        let (merchant, format) = (order.merchant, order.terms.api);
        if let Some(url) = order.terms.notify_url.clone() {
            self.send(merchant, About::Payment(key), url, format);
        }
    }

    fn send(&mut self, merchant: MerchantKey, about: About, url: String, format: Api) {
        let fault = self.choose_letter_fault(merchant, about);
        let format = match fault {
            Some(FaultAction::NotificationV2Format) => Api::V2,
            _ => format,
        };
        let plain = self.plain_text(about, format);
        let status = self.told_status(about);
        let at = self.post.letters.len();
        let id = format!(
            "{}-{}-{}-{}-{}",
            self.dice.hex(8).to_lowercase(),
            self.dice.hex(4).to_lowercase(),
            self.dice.hex(4).to_lowercase(),
            self.dice.hex(4).to_lowercase(),
            self.dice.hex(12).to_lowercase()
        );
        self.post.letters.push(Letter {
            merchant,
            about,
            url,
            format,
            plain,
            status,
            id,
            created_ms: self.now_ms,
            fault,
            attempts: 0,
            done: false,
        });
        self.plan_letter(at);
    }

    fn choose_letter_fault(&mut self, merchant: MerchantKey, about: About) -> Option<FaultAction> {
        let (interface, order, number) = match about {
            About::Refund(key) => {
                let refund = &self.books[key];
                let number = Some(refund.out_refund_no.as_str());
                (Interface::RefundNotification, refund.order, number)
            }
            About::Payment(key) => (Interface::PaymentNotification, key, None),
        };
        let subject = Subject {
            interface,
            merchant: &self.merchants[merchant.0].mch_id,
            out_refund_no: number,
            out_trade_no: Some(&self.books[order].out_trade_no),
            path: "",
        };
        self.desk.choose(&subject, &mut self.dice).notification
    }

    fn plan_letter(&mut self, at: usize) {
        let now_ms = self.now_ms;
        let Some(letter) = self.post.letters.get(at) else {
            return;
        };
        let merchant = letter.merchant;
        let first = Event::Deliver {
            notification: at,
            nth: 0,
        };
        match letter.fault {
            Some(FaultAction::NotificationDrop) => return,
            Some(FaultAction::NotificationDelay { s }) => {
                let due_ms = now_ms.saturating_add(s.saturating_mul(1_000));
                self.agenda.plan(due_ms, first);
            }
            Some(FaultAction::NotificationReorder) => {
                self.post.held.entry(merchant).or_default().push(at);
                self.agenda.plan(now_ms + HELD_MS, first);
                return;
            }
            Some(FaultAction::NotificationDuplicate { n }) => {
                self.agenda.plan(now_ms, first);
                for _ in 1..n {
                    self.agenda
                        .plan(now_ms, Event::DeliverCopy { notification: at });
                }
            }
            _ => self.agenda.plan(now_ms, first),
        }
        for held in self.post.held.remove(&merchant).unwrap_or_default() {
            let event = Event::Deliver {
                notification: held,
                nth: 0,
            };
            self.agenda.plan(now_ms + 1, event);
        }
    }

    fn order_key(&self, about: About) -> OrderKey {
        match about {
            About::Refund(key) => self.books[key].order,
            About::Payment(key) => key,
        }
    }

    fn record_of(
        &self,
        at: usize,
        id: u64,
        fault: Option<&'static str>,
    ) -> Option<NotificationRecord> {
        let letter = self.post.letters.get(at)?;
        let out_refund_no = match letter.about {
            About::Refund(key) => Some(self.books[key].out_refund_no.clone()),
            About::Payment(_) => None,
        };
        Some(NotificationRecord {
            id,
            notification: at,
            kind: if out_refund_no.is_some() {
                "refund"
            } else {
                "payment"
            },
            status: letter.status,
            mch_id: self.merchant(letter.merchant).mch_id.clone(),
            out_trade_no: self.books[self.order_key(letter.about)]
                .out_trade_no
                .clone(),
            out_refund_no,
            format: letter.format,
            url: letter.url.clone(),
            attempt: letter.attempts.max(1),
            at_ms: self.now_ms,
            fault,
            delivery: Delivery::Pending,
        })
    }

    fn told_status(&self, about: About) -> &'static str {
        match about {
            About::Refund(key) => self.books[key].status.v3(),
            About::Payment(_) => "SUCCESS",
        }
    }
}

impl PostOffice {
    fn record(&self, id: u64) -> Option<&NotificationRecord> {
        let at = usize::try_from(id.checked_sub(1)?).ok()?;
        self.records.get(at)
    }

    fn record_mut(&mut self, id: u64) -> Option<&mut NotificationRecord> {
        let at = usize::try_from(id.checked_sub(1)?).ok()?;
        self.records.get_mut(at)
    }
}
