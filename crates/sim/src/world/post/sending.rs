//! One attempt of a notification leaves: the true one, its copies, its replays, and what goes
//! astray on purpose.

use super::letter::{Form, Seal, Written};
use super::{About, NotificationRecord, World};
use crate::agenda::Event;
use crate::fault::FaultAction;
use crate::message::NotificationAttempt;

impl World {
    pub(in crate::world) fn deliver(&mut self, at: usize, nth: usize) {
        let Some(letter) = self.post.letters.get_mut(at) else {
            return;
        };
        if letter.done || letter.attempts != nth {
            return;
        }
        letter.attempts += 1;
        let fault = letter.fault.clone().filter(|_| nth == 0);
        let Some(written) = self.write_attempt(at) else {
            return;
        };
        match fault {
            Some(FaultAction::NotificationReplay { s }) => {
                self.post.kept.insert(at, written);
                let due_ms = self.now_ms.saturating_add(s.saturating_mul(1_000));
                self.agenda.plan(due_ms, Event::Replay { notification: at });
            }
            Some(FaultAction::NotificationMisdirect { url }) => {
                self.send_out(at, Some("misdirected"), url, written);
            }
            _ => {}
        }
    }

    pub(in crate::world) fn deliver_copy(&mut self, at: usize) {
        self.write_attempt(at);
    }

    pub(in crate::world) fn replay(&mut self, at: usize) {
        let Some(written) = self.post.kept.remove(&at) else {
            return;
        };
        if let Some(url) = self.post.letters.get(at).map(|letter| letter.url.clone()) {
            self.send_out(at, Some("replayed"), url, written);
        }
    }

    fn write_attempt(&mut self, at: usize) -> Option<Written> {
        let letter = self.post.letters.get(at)?;
        let seal = Seal::of(letter.fault.as_ref(), letter.attempts.max(1));
        let form = Form {
            merchant: letter.merchant,
            format: letter.format,
            id: letter.id.clone(),
            plain: letter.plain.clone(),
            status: letter.status,
            created_ms: letter.created_ms,
            is_refund: matches!(letter.about, About::Refund(_)),
            sub_mch_id: self.books[self.order_key(letter.about)].sub_mch_id.clone(),
        };
        let url = letter.url.clone();
        let written = self.write_letter(&form, seal);
        self.send_out(at, seal.name(), url, written.clone());
        Some(written)
    }

    fn send_out(&mut self, at: usize, fault: Option<&'static str>, url: String, bytes: Written) {
        let id = u64::try_from(self.post.records.len())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let record = self
            .record_of(at, id, fault)
            .map(|record| NotificationRecord {
                url: url.clone(),
                ..record
            });
        self.post.records.extend(record);
        let (headers, body) = bytes;
        self.post.ready.push(NotificationAttempt {
            id,
            url,
            headers,
            body,
        });
    }
}
