//! Fetches one bill and processes it. The file goes into a temporary one without a name, is read to
//! its end before anything of it counts, and is gone afterwards; its hash and sums stay (INV-38).
//! Every line may be the last before a crash: a run is written under its lease, and the next run
//! finds the same again.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::reconcile::{BillKind, Class, DayState, ready_at, starts_at};
use tuikuan_store::{Bill, BillAct, BillChange, BillDay, Sums};
use tuikuan_wechat::bill::{BillAnswer, BillFile, WantedBill};
use tuikuan_wechat::error_code::Interface;
use tuikuan_wechat::{BuildError, ReplyError};

use crate::engine::{Engine, Held};
use crate::ledger::LedgerError;
use crate::merchant::Merchant;
use crate::network::FetchError;
use crate::reconcile::{self, Books, CompareError};
use crate::verdict::{Treatment, read_treatment};

/// How long a claimed bill belongs to its worker: longer than the file may take to come, and than
/// any bill takes to be read.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_mins(20);
/// The whole of a bill must have come within this time.
const FETCH_MAX: Duration = Duration::from_secs(600);
/// WeChat makes bills in rounds of half an hour (v3 chapter tradebill).
const NOT_READY_AGAIN: SignedDuration = SignedDuration::from_mins(30);
/// After a connection that failed: doubling from here ...
const AGAIN_MIN: SignedDuration = SignedDuration::from_mins(2);
/// ... up to here, and this often where a person has to mend something first.
const AGAIN_MAX: SignedDuration = SignedDuration::from_hours(6);
/// A bill that is not there this long after it should be is missing.
const MISSING_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// WeChat keeps bills for three months (limits P29).
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 400;

/// What asking for a bill came to.
enum Asked {
    /// The file, from its beginning.
    File(BillFile, File),
    /// Nothing happened on that day.
    Nothing,
    /// It is not made yet.
    NotReady,
}

/// Why a bill was not processed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the request cannot be built: {0}")]
    Build(#[from] BuildError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the bill did not come within {} minutes", FETCH_MAX.as_secs() / 60)]
    TooSlow,
    #[error("{error}")]
    Reply { error: ReplyError, api: Interface },
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("a temporary file could not be used")]
    Scratch(#[source] std::io::Error),
    #[error("no merchant has this name in the configuration")]
    NoMerchant,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<tuikuan_store::CommitError> for Trouble {
    fn from(error: tuikuan_store::CommitError) -> Self {
        Self::Ledger(error.into())
    }
}

/// Runs the job.
///
/// # Errors
/// [`LedgerError::LeaseLost`] when somebody else has the job now.
pub(crate) async fn run(engine: &Engine, held: &Held, bill: &Bill) -> Result<(), LedgerError> {
    if engine.stopping() {
        return engine.hand_back(held, engine.now()).await;
    }
    let outcome = match engine.merchant(&bill.merchant).cloned() {
        Some(merchant) => fetch_and_process(engine, held, &merchant, bill).await,
        None => Err(Trouble::NoMerchant),
    };
    let (state, error, wait) = match outcome {
        Ok(Some(())) => return Ok(()),
        Ok(None) => {
            let state = late(engine, bill);
            let error = "WeChat has not made the bill yet".to_owned();
            (state, error, NOT_READY_AGAIN)
        }
        // The store's own trouble: the lease brings the job again.
        Err(Trouble::Ledger(error)) => return Err(error),
        Err(trouble) => {
            let tries = known(engine, bill).await?.map_or(0, |day| day.tries);
            let (state, wait) = judged(engine, bill, (&trouble, tries));
            tracing::warn!(%bill, error = &trouble as &dyn std::error::Error, "bill not processed");
            (state, told(&trouble), wait)
        }
    };
    engine.tally().count("bills", state.as_str());
    let due = engine.after(engine.jittered(wait));
    let kept_until = tuikuan_domain::after(ready_at(bill.day), KEPT_FOR);
    let act = BillAct::Tried {
        bill: bill.clone(),
        state,
        error,
        due: (due < kept_until).then_some(due),
    };
    write(engine, held, act).await
}

async fn known(engine: &Engine, bill: &Bill) -> Result<Option<BillDay>, LedgerError> {
    Ok(engine.store().bill_day(bill.clone()).await?)
}

fn late(engine: &Engine, bill: &Bill) -> DayState {
    let expected = tuikuan_domain::after(ready_at(bill.day), MISSING_AFTER);
    if engine.now() > expected {
        DayState::Missing
    } else {
        DayState::Wanted
    }
}

/// Where a bill stands after trouble, and when it is asked for again.
fn judged(
    engine: &Engine,
    bill: &Bill,
    (trouble, tries): (&Trouble, u32),
) -> (DayState, SignedDuration) {
    let doubled = AGAIN_MIN.saturating_mul(1_i32 << tries.min(10));
    let soon = doubled.min(AGAIN_MAX);
    match trouble {
        // Ours or the connection's: by itself it says nothing about the bill.
        Trouble::Fetch(_)
        | Trouble::TooSlow
        | Trouble::Scratch(_)
        | Trouble::Ledger(_)
        | Trouble::Compare(
            CompareError::Store(_) | CompareError::Scratch { .. } | CompareError::Stopped,
        ) => (late(engine, bill), soon),
        Trouble::Reply { error, api } => match read_treatment(error, *api) {
            Treatment::MerchantFault => (DayState::Failed, AGAIN_MAX),
            _ => (late(engine, bill), soon),
        },
        // A damaged file may have been cut on its way: soon again, then ever more slowly.
        Trouble::Compare(
            CompareError::Bill(_)
            | CompareError::OtherMerchant { .. }
            | CompareError::OtherDay { .. },
        ) => (DayState::Failed, soon),
        Trouble::Build(_) | Trouble::NoMerchant => (DayState::Failed, AGAIN_MAX),
    }
}

/// The error with its causes and what to do, on one line.
fn told(trouble: &Trouble) -> String {
    let mut text = trouble.to_string();
    let mut cause = std::error::Error::source(trouble);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if let Trouble::Compare(CompareError::Bill(error)) = trouble {
        text.push_str("; ");
        text.push_str(error.advice());
    }
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(ERROR_CHARS_MAX).collect()
}

/// `None`: WeChat has not made it yet.
async fn fetch_and_process(
    engine: &Engine,
    held: &Held,
    merchant: &Arc<Merchant>,
    bill: &Bill,
) -> Result<Option<()>, Trouble> {
    let asked = tokio::time::timeout(FETCH_MAX, ask(engine, merchant, bill));
    let asked = asked.await.map_err(|_elapsed| Trouble::TooSlow)??;
    let (state, hash, sums) = match asked {
        Asked::NotReady => return Ok(None),
        Asked::Nothing => {
            let sums = process_nothing(engine, held, merchant, bill).await?;
            (DayState::Empty, None, sums)
        }
        Asked::File(kind, file) => {
            let copy = file.try_clone().map_err(Trouble::Scratch)?;
            let hash = tokio::task::spawn_blocking(move || hash_of(copy));
            let hash = hash.await.map_err(|_stopped| CompareError::Stopped)?;
            let hash = hash.map_err(Trouble::Scratch)?;
            let sums = process(engine, held, (merchant, bill), (kind, file)).await?;
            (DayState::Fetched, Some(hash), sums)
        }
    };
    let act = BillAct::Finish {
        bill: bill.clone(),
        mch_id: merchant.mch_id.clone(),
        state,
        hash,
        sums,
    };
    write(engine, held, act).await?;
    engine.tally().count("bills", state.as_str());
    engine.wake();
    Ok(Some(()))
}

/// Asks for the bill and, where v3 says that it lies elsewhere, fetches it there.
async fn ask(engine: &Engine, merchant: &Merchant, bill: &Bill) -> Result<Asked, Trouble> {
    let account = &merchant.account;
    let day = tuikuan_wechat::bill::BillDay::of(starts_at(bill.day));
    let wanted = match bill.kind {
        BillKind::Refunds => WantedBill::refunds(day),
        BillKind::Trades => WantedBill::all(day),
    };
    let request = account.bill(&wanted, &engine.stamp())?;
    let api = request_interface(merchant);
    let reply = |error| Trouble::Reply { error, api };
    let file = scratch_file(engine)?;
    let copy = file.try_clone().map_err(Trouble::Scratch)?;
    let received = engine.network().fetch(merchant, request, copy).await?;
    let now = engine.clock().wall().as_second();
    match account.read_bill(&wanted, &received, now) {
        Ok(BillAnswer::File(kind)) => Ok(Asked::File(kind, file)),
        Ok(BillAnswer::NothingThatDay) => Ok(Asked::Nothing),
        Ok(BillAnswer::NotReady) => Ok(Asked::NotReady),
        Ok(BillAnswer::Location(location)) => {
            let request = account.download_bill(&location, &engine.stamp())?;
            let file = scratch_file(engine)?;
            let copy = file.try_clone().map_err(Trouble::Scratch)?;
            let received = engine.network().fetch(merchant, request, copy).await?;
            let kind = account
                .read_download_bill(&location, &received)
                .map_err(reply)?;
            Ok(Asked::File(kind, file))
        }
        Err(error) => Err(reply(error)),
    }
}

const fn request_interface(merchant: &Merchant) -> Interface {
    match merchant.account.api {
        tuikuan_wechat::Api::V2 => Interface::V2DownloadBill,
        tuikuan_wechat::Api::V3 => Interface::V3BillTrade,
    }
}

fn scratch_file(engine: &Engine) -> Result<File, Trouble> {
    tempfile::tempfile_in(&engine.settings().scratch).map_err(Trouble::Scratch)
}

/// SHA-256 of a file as it came, in hex.
fn hash_of(mut file: File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some([]) | None => break,
            Some(fresh) => context.update(fresh),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    let hash = context.finish();
    Ok(hash.as_ref().iter().map(|b| format!("{b:02x}")).collect())
}

fn books(engine: &Engine, merchant: &Merchant, bill: &Bill) -> Books {
    let store = Arc::clone(engine.store());
    Books::of(store, merchant, bill.day, engine.id_source())
        .with_scratch(engine.settings().scratch.clone())
}

async fn process(
    engine: &Engine,
    held: &Held,
    (merchant, bill): (&Merchant, &Bill),
    (kind, mut file): (BillFile, File),
) -> Result<Sums, Trouble> {
    file.seek(SeekFrom::Start(0)).map_err(Trouble::Scratch)?;
    let reader = kind
        .open(BufReader::new(file))
        .map_err(CompareError::from)?;
    let books = books(engine, merchant, bill);
    match bill.kind {
        BillKind::Trades => {
            let task = tokio::task::spawn_blocking(move || reconcile::sum_up(reader, &books));
            let sums = task.await.map_err(|_stopped| CompareError::Stopped)?;
            Ok(sums?)
        }
        BillKind::Refunds => {
            let comparison = reconcile::compare(reader, books).await?;
            write_differences(engine, held, (merchant, bill), comparison).await
        }
    }
}

async fn process_nothing(
    engine: &Engine,
    held: &Held,
    merchant: &Merchant,
    bill: &Bill,
) -> Result<Sums, Trouble> {
    if bill.kind == BillKind::Trades {
        return Ok(Sums::default());
    }
    let comparison = reconcile::compare_with_nothing(books(engine, merchant, bill)).await?;
    write_differences(engine, held, (merchant, bill), comparison).await
}

async fn write_differences(
    engine: &Engine,
    held: &Held,
    (merchant, bill): (&Merchant, &Bill),
    mut comparison: reconcile::Comparison,
) -> Result<Sums, Trouble> {
    loop {
        let mut differences = comparison.next().await?;
        if differences.is_empty() {
            return Ok(*comparison.sums());
        }
        if planted::is(Bug::StrangerUnseen) {
            differences.retain(|difference| difference.class != Class::WechatOnly);
        }
        for difference in &differences {
            engine
                .tally()
                .count("differences_found", difference.class.as_str());
        }
        let act = BillAct::Found {
            bill: bill.clone(),
            mch_id: merchant.mch_id.clone(),
            differences,
        };
        write(engine, held, act).await?;
    }
}

async fn write(engine: &Engine, held: &Held, act: BillAct) -> Result<(), LedgerError> {
    let change = BillChange {
        guard: Some(held.guard.clone()),
        act,
        audit: None,
        at: engine.now(),
    };
    engine.store().change_bills(change).await?;
    Ok(())
}

/// When a bill is asked for first: not before WeChat promises it, and not all at once.
pub(crate) fn first_due(engine: &Engine, bill: &Bill) -> Timestamp {
    let begin = starts_at(bill.day).saturating_add(tuikuan_domain::reconcile::DAY_S);
    let begin = Timestamp::from_second(begin).unwrap_or(Timestamp::MAX);
    let wanted = tuikuan_domain::after(begin, engine.settings().bill_at);
    let due = wanted.max(ready_at(bill.day)).max(engine.now());
    tuikuan_domain::after(due, engine.jitter(engine.settings().bill_spread))
}
