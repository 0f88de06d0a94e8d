//! Which bills are wanted, and what people do about them. Each day of each merchant has its bills,
//! from the first day of the installation on; days that were missed are made up (INV-38).

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::reconcile::{BillKind, DifferenceState, day_of, ready_at};
use tuikuan_domain::{DifferenceId, MerchantName};
use tuikuan_store::{Action, Bill, BillAct, BillChange, CommitError, Difference, Merchants};

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::job::fetch_bill::first_due;
use crate::ledger::LedgerError;
use crate::merchant::Merchant;

/// The longest note at a settled difference, in characters.
pub const NOTE_CHARS_MAX: usize = 500;
/// WeChat keeps bills for three months.
const DAYS_KEPT: i32 = 90;

impl Engine {
    /// Notes which bills are wanted: from the first day that is known, or today, to today. Repeating
    /// it changes nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn want_bills(&self) -> Result<(), LedgerError> {
        if self.settings().bill_look_back == 0 {
            return Ok(());
        }
        let today = day_of(self.now());
        for merchant in self.merchants() {
            let mut day = self.first_wanted(merchant, today).await?;
            let known = self.known_bills(merchant, day, today).await?;
            while day <= today {
                for kind in BillKind::ALL {
                    let bill = Bill {
                        merchant: merchant.name.clone(),
                        day,
                        kind: *kind,
                    };
                    if !known.contains(&bill) {
                        self.want(merchant, bill).await?;
                    }
                }
                let Ok(next) = day.tomorrow() else { break };
                day = next;
            }
        }
        Ok(())
    }

    /// The first day whose bill is wanted: the first that was ever wanted by itself, but not further
    /// back than the settings say. What happened before the installation is looked at on demand only,
    /// and a look at one day wants no other.
    async fn first_wanted(&self, merchant: &Merchant, today: Date) -> Result<Date, LedgerError> {
        let days = self.settings().bill_look_back.min(DAYS_KEPT);
        let span = jiff::Span::new().try_days(days).unwrap_or_default();
        let earliest = today.checked_sub(span).unwrap_or(today);
        let first = self.store().first_bill_day(merchant.name.clone()).await?;
        Ok(first.unwrap_or(today).max(earliest))
    }

    async fn known_bills(
        &self,
        merchant: &Merchant,
        from: Date,
        to: Date,
    ) -> Result<Vec<Bill>, LedgerError> {
        let days = self
            .store()
            .bill_days(Merchants::All, merchant.name.clone(), (from, to))
            .await?;
        Ok(days.into_iter().map(|day| day.bill).collect())
    }

    async fn want(&self, merchant: &Merchant, bill: Bill) -> Result<(), LedgerError> {
        let due = first_due(self, &bill);
        let mch_id = merchant.mch_id.clone();
        let change = BillChange {
            guard: None,
            act: BillAct::Want { bill, mch_id, due },
            audit: None,
            at: self.now(),
        };
        self.store().change_bills(change).await?;
        self.wake();
        Ok(())
    }

    /// Fetches and compares the bills of a day now, again or for the first time.
    ///
    /// # Errors
    /// [`EngineError::UnknownMerchant`], [`EngineError::NoBill`] for a day whose bill WeChat does not
    /// have yet or no longer, or the store's.
    pub async fn reconcile(
        &self,
        merchant: &MerchantName,
        day: Date,
        by: &By,
    ) -> Result<(), EngineError> {
        let merchant = self
            .merchant(merchant)
            .cloned()
            .ok_or(EngineError::UnknownMerchant)?;
        let today = day_of(self.now());
        if day >= today {
            return Err(EngineError::NoBill {
                reason: "a bill is made when its day is over",
            });
        }
        let kept = SignedDuration::from_hours(24 * i64::from(DAYS_KEPT));
        if tuikuan_domain::after(ready_at(day), kept) < self.now() {
            return Err(EngineError::NoBill {
                reason: "WeChat keeps bills for three months",
            });
        }
        for kind in BillKind::ALL {
            let bill = Bill {
                merchant: merchant.name.clone(),
                day,
                kind: *kind,
            };
            let audit = (*kind == BillKind::Refunds).then(|| {
                let subject = format!("{}/{day}", merchant.name);
                let detail = serde_json::json!({ "merchant": merchant.name.as_str() });
                by.entry(self.now(), Action::RECONCILIATION_RUN, (&subject, detail))
            });
            let mch_id = merchant.mch_id.clone();
            let change = BillChange {
                guard: None,
                act: BillAct::Again { bill, mch_id },
                audit,
                at: self.now(),
            };
            self.store().change_bills(change).await?;
        }
        self.wake();
        Ok(())
    }

    /// A person settles a difference, with a note for the others.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] also when the caller may not see it,
    /// [`EngineError::DifferenceSettled`], [`EngineError::NoteRefused`], or the store's.
    pub async fn resolve_difference(
        &self,
        (id, allowed): (&DifferenceId, &Merchants),
        note: &str,
        by: &By,
    ) -> Result<Difference, EngineError> {
        let note = note.trim();
        let shown = note.chars().filter(|c| !c.is_control()).count();
        if shown == 0 || note.chars().count() > NOTE_CHARS_MAX || note.contains('\0') {
            return Err(EngineError::NoteRefused);
        }
        let store = self.store();
        let found = store.difference(allowed.clone(), id.clone()).await?;
        let difference = found.ok_or(EngineError::NotFound)?;
        if difference.state != DifferenceState::Open {
            return Err(EngineError::DifferenceSettled);
        }
        let detail = serde_json::json!({
            "merchant": difference.merchant.as_str(),
            "class": difference.class.as_str(),
            "out_refund_no": difference.out_refund_no,
            "note": note,
        });
        let change = BillChange {
            guard: None,
            act: BillAct::Resolve {
                id: id.clone(),
                note: note.to_owned(),
                by: by.actor.to_string(),
            },
            audit: Some(by.entry(
                self.now(),
                Action::DIFFERENCE_RESOLVED,
                (id.as_str(), detail),
            )),
            at: self.now(),
        };
        match store.change_bills(change).await {
            Ok(()) => {}
            // Somebody else, or WeChat, was faster.
            Err(CommitError::Conflict) => return Err(EngineError::DifferenceSettled),
            Err(error) => return Err(error.into()),
        }
        let settled = store.difference(allowed.clone(), id.clone()).await?;
        settled.ok_or(EngineError::NotFound)
    }

    /// A wait and up to a tenth more, so that many do not come at once.
    pub(crate) fn jittered(&self, wait: SignedDuration) -> SignedDuration {
        let tenth = wait.checked_div(10).unwrap_or_default();
        wait.saturating_add(self.jitter(tenth))
    }

    /// Some part of a time.
    pub(crate) fn jitter(&self, most: SignedDuration) -> SignedDuration {
        let (_, dice) = self.ids().random().as_u64_pair();
        let ms = u64::try_from(most.as_millis()).unwrap_or(0);
        let part = dice.checked_rem(ms.saturating_add(1)).unwrap_or(0);
        SignedDuration::from_millis(i64::try_from(part).unwrap_or(0))
    }
}

/// The days of a month, first and last.
#[must_use]
pub fn month_of(day: Date) -> (Date, Date) {
    (day.first_of_month(), day.last_of_month())
}

/// The last day whose bill should be there at a time.
#[must_use]
pub fn last_ready(now: Timestamp) -> Date {
    let today = day_of(now);
    let yesterday = today.yesterday().unwrap_or(today);
    if ready_at(yesterday) <= now {
        yesterday
    } else {
        yesterday.yesterday().unwrap_or(yesterday)
    }
}
