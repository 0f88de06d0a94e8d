//! `bench batch`: a file of refunds, from its bytes to every line checked and durable, against
//! inserting its rows in one bare transaction. Beside it somebody else writes all the time: the
//! longest that anybody had to wait behind the file.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use tuikuan_domain::batch::Verdict;
use tuikuan_engine::batch::Upload;
use tuikuan_engine::batch::file::{self, File, Format, Whose};
use tuikuan_engine::{By, Engine, MachineClock, Settings};
use tuikuan_store::{CheckedLine, bare_batch_insert};
use tuikuan_wechat::Api;

use super::place::{self, Folder, Keys, MERCHANT, Nearby};
use super::report::{Report, Times, rounded};

/// Rounds; the middle one counts.
const ROUNDS: usize = 3;
/// Writes of somebody else before anything is measured.
const QUIET_WRITES: usize = 200;
/// What is refunded of each order, in fen: another in each round, so that each is a new file.
const AMOUNT: i64 = 100;

/// Measures.
pub(crate) async fn run(folder: Folder, lines: usize) -> anyhow::Result<Report> {
    let keys = Keys::make()?;
    let nearby = Arc::new(Nearby::new(keys.world()?, MachineClock::real()));
    let store = place::store(&folder).await?;
    let parts = (nearby, Settings::default());
    let engine = place::engine(store, keys.account(Api::V3)?, parts).await?;
    place::pay(&engine, "BATCH", lines).await?;
    let quiet = Times::of(write_for(&engine, "QUIET", QUIET_WRITES).await?);
    let (mut accepted, mut bare) = (Vec::new(), Vec::new());
    let (mut reading, mut beside) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let text = text(lines, AMOUNT + i64::try_from(round)?);
        let began = Instant::now();
        let file = read(&engine, text.as_bytes())?;
        reading.push(began.elapsed());
        let rows: Vec<CheckedLine> = file.lines.iter().cloned().map(unchecked).collect();
        let path = folder.path().join(format!("bare-{round}.db"));
        bare.push(bare_batch_insert(&path, &rows)?);
        drop(rows);
        let (spent, others) = accept(&engine, file, round).await?;
        accepted.push(spent);
        beside.extend(others);
    }
    let spent: Vec<Duration> = accepted
        .iter()
        .zip(&reading)
        .map(|(accept, read)| accept.saturating_add(*read))
        .collect();
    let beside = Times::of(beside);
    Ok(Report {
        bench: "batch",
        unit: "ms",
        figure: middle(spent),
        baseline: middle(bare),
        baseline_is: "the same rows inserted in one bare transaction".to_owned(),
        times: Times::default(),
        more: vec![
            ("lines", json!(lines)),
            ("rounds", json!(ROUNDS)),
            ("read_ms", rounded(middle(reading))),
            ("other_write_p50_ms", rounded(beside.at(0.5))),
            ("other_write_p99_ms", rounded(beside.at(0.99))),
            ("other_write_longest_ms", rounded(beside.at(1.0))),
            ("quiet_write_p50_ms", rounded(quiet.at(0.5))),
            ("quiet_write_longest_ms", rounded(quiet.at(1.0))),
        ],
    })
}

fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let at = times.get(times.len() / 2).copied().unwrap_or_default();
    at.as_secs_f64() * 1000.0
}

fn unchecked(line: tuikuan_domain::batch::Line) -> CheckedLine {
    CheckedLine {
        line,
        verdict: Verdict::default(),
    }
}

/// A file that refunds each order in part.
fn text(lines: usize, amount: i64) -> String {
    let mut text = String::from("商户订单号,金额(分),退款原因\r\n");
    for at in 0..lines {
        let order = place::order_number("BATCH", at);
        let _written = write!(text, "{order},{amount},活动取消\r\n");
    }
    text
}

fn read(engine: &Engine, bytes: &[u8]) -> anyhow::Result<File> {
    let merchant = engine.merchant(&MERCHANT.parse()?).context("no merchant")?;
    let whose = Whose {
        merchant: &merchant.name,
        mch_id: &merchant.mch_id,
        sub_mch_id: None,
    };
    Ok(file::read(bytes, Format::Csv, whose)?)
}

/// Takes the file in while somebody else writes; the time, and the times of those writes.
async fn accept(
    engine: &Engine,
    file: File,
    round: usize,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let lines = file.lines.len();
    let done = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let (engine, done) = (engine.clone(), Arc::clone(&done));
        async move {
            let mut times = Vec::new();
            let mut at = 0;
            while !done.load(Ordering::Relaxed) {
                let prefix = format!("OTH{round}X{at}");
                times.extend(write_for(&engine, &prefix, 1).await?);
                at += 1;
            }
            anyhow::Ok(times)
        }
    });
    let upload = Upload {
        merchant: MERCHANT.parse()?,
        name: None,
        file,
    };
    let began = Instant::now();
    let accepted = engine.accept_batch(upload, &By::cli()).await?;
    let spent = began.elapsed();
    done.store(true, Ordering::Relaxed);
    let times = other.await??;
    let summary = accepted.batch.summary;
    if usize::try_from(summary.new_lines)? != lines {
        bail!("only {} of {lines} lines are good", summary.new_lines);
    }
    Ok((spent, times))
}

/// Registers payments one after the other; the time of each.
async fn write_for(engine: &Engine, prefix: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for at in 0..count {
        let began = Instant::now();
        place::pay(engine, &format!("{prefix}Y{at}"), 1).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}
