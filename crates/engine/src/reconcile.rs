//! A bill of any size against the refunds of its day, in memory that does not grow with either. Both
//! sides are read once and in parallel into partitions by a fingerprint of the refund's number; then
//! one partition after the other is joined. Whatever does not match by fingerprint, amount and state
//! is looked at exactly, in the store and in the line, before it is called a difference. Nothing of a
//! bill counts before the whole file was read and its sums agreed (INV-38).
//!
//! Why in this way and what it costs: docs/decisions/0014.

use std::collections::VecDeque;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use tuikuan_domain::reconcile::{
    BillKind as Kind, Class, DayState, Healing, Line, Ours, Repair, judge,
};
use tuikuan_domain::{MerchantName, Refund};
use tuikuan_store::{Bill, DIFFERENCES_MAX, Facts, NewDifference, ReadError, Store, Sums};
use tuikuan_terms::{MchId, SubMchId};
use tuikuan_wechat::bill::{BillError, BillReader};

use crate::clock::{IdSource, difference_id};
use crate::merchant::Merchant;

mod join;
mod sides;
mod spill;

use join::Suspect;
use sides::TheirLine;
use spill::{PARTITIONS, Sealed, Spill};

/// Why a bill could not be compared. Nothing of it counts.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The file is not the bill it should be.
    #[error(transparent)]
    Bill(#[from] BillError),
    /// The bill is another merchant's.
    #[error("line {line} is about merchant {found}, not about {expected}")]
    OtherMerchant {
        /// The line's number, from 1.
        line: u64,
        /// The merchant number in it.
        found: String,
        /// The merchant number that was expected.
        expected: MchId,
    },
    /// The bill is another day's.
    #[error("the bill is not of {day}: line {line} lies on another day")]
    OtherDay {
        /// The line's number, from 1.
        line: u64,
        /// The day that was expected.
        day: Date,
    },
    /// Our own side could not be read.
    #[error(transparent)]
    Store(#[from] ReadError),
    /// A temporary file could not be written or read.
    #[error("a temporary file could not be used")]
    Scratch {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The reading task was stopped.
    #[error("the reading task was stopped")]
    Stopped,
}

/// Our side of a comparison.
#[derive(Clone)]
pub struct Books {
    /// Where our refunds are.
    pub store: Arc<Store>,
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// The merchant number.
    pub mch_id: MchId,
    /// The sub-merchant, in provider mode: lines of others are passed over.
    pub sub_mch_id: Option<SubMchId>,
    /// The day of the bill.
    pub day: Date,
    /// Where temporary files may be made; they have no name and vanish with the process.
    pub scratch: PathBuf,
    /// Identifiers of differences, and the key of the fingerprints.
    pub ids: Arc<dyn IdSource>,
}

impl std::fmt::Debug for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books")
            .field("merchant", &self.merchant)
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

impl Books {
    /// The books of a merchant of the configuration.
    #[must_use]
    pub fn of(store: Arc<Store>, merchant: &Merchant, day: Date, ids: Arc<dyn IdSource>) -> Self {
        Self {
            store,
            merchant: merchant.name.clone(),
            mch_id: merchant.mch_id.clone(),
            sub_mch_id: merchant.sub_mch_id.clone(),
            day,
            scratch: std::env::temp_dir(),
            ids,
        }
    }

    /// With temporary files in another place.
    #[must_use]
    pub fn with_scratch(self, scratch: PathBuf) -> Self {
        Self { scratch, ..self }
    }
}

/// Whether the bill of the next day has been processed: then nothing waits for it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextBill {
    Processed,
    Awaited,
}

/// A comparison under way. Both sides are read; differences come batch by batch.
#[derive(Debug)]
pub struct Comparison {
    books: Books,
    ours: Sealed,
    theirs: Sealed,
    next_bill: NextBill,
    partition: usize,
    suspects: VecDeque<Suspect>,
    sums: Sums,
}

/// Reads a bill, and the refunds of its day, and begins to compare them. A bill of either kind that
/// shows refunds will do.
///
/// # Errors
/// [`CompareError`]; then nothing of the bill counts.
pub async fn compare<R>(bill: BillReader<R>, books: Books) -> Result<Comparison, CompareError>
where
    R: BufRead + Send + 'static,
{
    let key = fingerprint_key(&books);
    let reading = {
        let books = books.clone();
        tokio::task::spawn_blocking(move || sides::read_bill(bill, &books, key))
    };
    let ours = sides::read_ours(&books, key).await;
    let theirs = reading.await.map_err(|_stopped| CompareError::Stopped)?;
    let (theirs, sums) = theirs?;
    Comparison::begin(books, ours?, theirs, sums).await
}

/// Compares with a day on which WeChat says nothing happened.
///
/// # Errors
/// [`CompareError`].
pub async fn compare_with_nothing(books: Books) -> Result<Comparison, CompareError> {
    let key = fingerprint_key(&books);
    let ours = sides::read_ours(&books, key).await?;
    let theirs = Spill::new(books.scratch.clone());
    Comparison::begin(books, ours, theirs, Sums::default()).await
}

/// The sums of a bill, without comparing it with anything.
///
/// # Errors
/// [`CompareError`].
pub fn sum_up<R: BufRead>(bill: BillReader<R>, books: &Books) -> Result<Sums, CompareError> {
    sides::sum_up(bill, books)
}

fn fingerprint_key(books: &Books) -> [u64; 2] {
    let (high, low) = books.ids.random().as_u64_pair();
    [high, low]
}

impl Comparison {
    async fn begin(
        books: Books,
        ours: Spill,
        theirs: Spill,
        sums: Sums,
    ) -> Result<Self, CompareError> {
        let next_bill = match books.day.tomorrow() {
            Ok(day) => {
                let bill = Bill {
                    merchant: books.merchant.clone(),
                    day,
                    kind: Kind::Refunds,
                };
                let state = books.store.bill_day(bill).await?.map(|day| day.state);
                match state {
                    Some(DayState::Fetched | DayState::Empty) => NextBill::Processed,
                    Some(DayState::Wanted | DayState::Missing | DayState::Failed) | None => {
                        NextBill::Awaited
                    }
                }
            }
            Err(_end_of_time) => NextBill::Awaited,
        };
        Ok(Self {
            books,
            ours: ours.seal()?,
            theirs: theirs.seal()?,
            next_bill,
            partition: 0,
            suspects: VecDeque::new(),
            sums,
        })
    }

    /// The next differences, at most [`DIFFERENCES_MAX`]; none: that was all.
    ///
    /// # Errors
    /// [`CompareError`].
    pub async fn next(&mut self) -> Result<Vec<NewDifference>, CompareError> {
        let mut found = Vec::new();
        while found.len() < DIFFERENCES_MAX {
            match self.suspects.pop_front() {
                Some(suspect) => found.extend(self.look_at(suspect).await?),
                None if self.partition < PARTITIONS => self.join_next()?,
                None => break,
            }
        }
        Ok(found)
    }

    /// What the bill adds up to. How many refunds match is known once all differences were given.
    #[must_use]
    pub const fn sums(&self) -> &Sums {
        &self.sums
    }

    fn join_next(&mut self) -> Result<(), CompareError> {
        let (matched, suspects) = join::join(&self.ours, &self.theirs, self.partition)?;
        self.partition = self.partition.saturating_add(1);
        self.sums.matched = self.sums.matched.saturating_add(matched);
        self.suspects.extend(suspects);
        Ok(())
    }

    /// Looks at one number exactly: the refund itself and the line itself.
    async fn look_at(&mut self, suspect: Suspect) -> Result<Option<NewDifference>, CompareError> {
        let refund = self.refund(&suspect.number).await?;
        let line = suspect.line.as_ref();
        if suspect.repetition > 0 {
            // The number stands in the bill more than once: no interface can tell these lines apart.
            let found = self.difference(&suspect, Class::WechatOnly, refund.as_ref());
            return Ok(Some(NewDifference {
                repair: Repair::AskWechat,
                ..found
            }));
        }
        let ours = refund.as_ref().map(|r| Ours::of(r, self.books.day));
        let class = judge(ours, line.map(TheirLine::compared));
        let class = match (class, line, &refund) {
            (None, _, _) => return Ok(None),
            (Some(Class::Matched), _, _) => {
                self.sums.matched = self.sums.matched.saturating_add(1);
                return Ok(None);
            }
            (Some(Class::OursOnly | Class::LateByADay), None, Some(refund)) => {
                let (id, day) = (refund.id.clone(), self.books.day);
                if self.books.store.shown_elsewhere(id, day).await? {
                    return Ok(None);
                }
                match (class, self.next_bill) {
                    (Some(class), NextBill::Awaited) => class,
                    (_, _) => Class::OursOnly,
                }
            }
            (Some(class), _, _) => class,
        };
        Ok(Some(self.difference(&suspect, class, refund.as_ref())))
    }

    async fn refund(&self, number: &str) -> Result<Option<Refund>, CompareError> {
        let Ok(number) = number.parse() else {
            return Ok(None);
        };
        let found = self
            .books
            .store
            .refund_by_number(&self.books.mch_id, &number)
            .await?;
        Ok(found.filter(|refund| refund.sub_mch_id == self.books.sub_mch_id))
    }

    fn difference(
        &self,
        suspect: &Suspect,
        class: Class,
        refund: Option<&Refund>,
    ) -> NewDifference {
        let line = suspect.line.as_ref();
        let shown_late = class == Class::LateByADay && line.is_some();
        let (healing, repair) = if shown_late {
            (Some(Healing::OtherBill), Repair::Nothing)
        } else if class == Class::WechatOnly && !can_be_asked(&suspect.number) {
            (None, Repair::AskWechat)
        } else {
            (None, class.first_repair())
        };
        NewDifference {
            id: difference_id(self.books.ids.as_ref()),
            out_refund_no: suspect.number.clone(),
            repetition: suspect.repetition,
            class,
            healing,
            repair,
            facts: Facts {
                refund_id: refund.map(|refund| refund.id.clone()),
                our_amount: refund.map(|refund| refund.content.amount),
                our_status: refund.map(|refund| refund.status),
                bill_amount: line.map(|line| line.amount),
                bill_state: line.map(|line| line.state),
                wechat_refund_id: line.map(|line| line.refund_id.clone()),
                transaction_id: line.map(|line| line.transaction_id.clone()),
                out_trade_no: line.map(|line| line.out_trade_no.clone()),
                accepted_at: line
                    .and_then(|line| jiff::Timestamp::from_second(line.accepted_at).ok()),
            },
        }
    }
}

/// Whether the interfaces take this number at all.
fn can_be_asked(number: &str) -> bool {
    number.parse::<tuikuan_terms::OutRefundNo>().is_ok()
}

impl TheirLine {
    const fn compared(&self) -> Line {
        Line {
            amount: self.amount,
            state: self.state,
        }
    }
}
