//! `bench reconcile`: a packed refund bill against as many stored refunds, with differences planted
//! into it, held against merely unpacking and splitting the file in the same process and, with
//! `--python`, against polars and pandas reading and joining the same files.

mod files;
mod held;

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tuikuan_domain::reconcile::Class;
use tuikuan_engine::MachineIds;
use tuikuan_engine::reconcile::{Books, compare};
use tuikuan_store::{NewDifference, Options, Store};
use tuikuan_wechat::bill::{BillKind, BillReader, Unpacked};

use super::place::{Folder, MCH_ID, MERCHANT};
use super::report::{Report, Times, memory, rate, rounded};
use files::Files;

/// Up to so many rows everything is measured three times.
const TURNS_UP_TO: usize = 1_000_000;
/// The bill is read in pieces of this many bytes.
const BUFFER_BYTES: usize = 128 * 1024;

/// How it is run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Refunds, and about as many rows of the bill.
    pub(crate) rows: usize,
    /// Differences among them.
    pub(crate) planted: usize,
    /// A Python with polars and pandas.
    pub(crate) python: Option<std::path::PathBuf>,
}

/// What is planted at a place: every so many places one, of each class in turn.
fn planted_at(place: usize, plan: &Plan) -> Option<Class> {
    let step = plan.rows.checked_div(plan.planted)?.max(1);
    let nth = place / step;
    if !place.is_multiple_of(step) || nth >= plan.planted {
        return None;
    }
    Some(match nth % 5 {
        0 => Class::OursOnly,
        1 => Class::WechatOnly,
        2 => Class::AmountDiffers,
        3 => Class::StatusDiffers,
        _ => Class::LateByADay,
    })
}

/// Makes the files; run in a process of its own, so that the memory it takes is not measured.
pub(crate) async fn prepare(folder: &Path, plan: &Plan) -> anyhow::Result<()> {
    files::make(&Files::in_folder(folder), plan).await
}

/// Measures.
pub(crate) async fn run(folder: Folder, plan: &Plan) -> anyhow::Result<Report> {
    let files = Files::in_folder(folder.path());
    prepare_aside(folder.path(), plan)?;
    let url = format!("sqlite:{}", files.store.display());
    let store = Arc::new(Store::open(&url, &Options::default()).await?);
    let turns = if plan.rows > TURNS_UP_TO { 1 } else { 3 };
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let mut found = Found::default();
    for _ in 0..turns {
        let began = Instant::now();
        found = compared(&files, (&store, folder.path()), plan).await?;
        ours.push(began.elapsed());
        bare.push(held::unpack_and_split(&files.bill)?);
    }
    let rss_mb = memory().most_mb;
    let (ours, bare) = (Times::of(ours), Times::of(bare));
    let mut more = vec![
        ("rows", json!(plan.rows)),
        ("seconds", rounded(ours.at(0.5) / 1000.0)),
        ("bare_seconds", rounded(bare.at(0.5) / 1000.0)),
        ("compare_rss_mb", rounded(rss_mb)),
        ("matched", json!(found.matched)),
        ("planted", json!(plan.planted)),
        ("found", json!(found.right)),
        ("missed", json!(plan.planted.saturating_sub(found.right))),
        ("invented", json!(found.wrong)),
    ];
    if let Some(python) = &plan.python {
        more.extend(against(python, &files, (turns, ours.at(0.5)))?);
    }
    let seconds = |times: &Times| Duration::from_secs_f64(times.at(0.5) / 1000.0);
    let report = Report {
        bench: "reconcile",
        unit: "rows/s",
        figure: rate(plan.rows, seconds(&ours)),
        baseline: rate(plan.rows, seconds(&bare)),
        baseline_is: "unpacking the file and splitting its lines".to_owned(),
        times: Times::default(),
        more,
    };
    ensure!(
        found.right == plan.planted && found.wrong == 0,
        "of {} planted differences {} were found, and {} invented",
        plan.planted,
        found.right,
        found.wrong
    );
    Ok(report)
}

fn prepare_aside(folder: &Path, plan: &Plan) -> anyhow::Result<()> {
    let status = Command::new(std::env::current_exe()?)
        .args(["bench", "reconcile", "--stored", &plan.rows.to_string()])
        .args(["--planted", &plan.planted.to_string()])
        .arg("--prepare")
        .arg(folder)
        .status()
        .context("the files could not be made")?;
    ensure!(status.success(), "the files could not be made");
    Ok(())
}

/// What the comparison found.
#[derive(Debug, Default)]
struct Found {
    matched: u64,
    right: usize,
    wrong: usize,
}

async fn compared(
    files: &Files,
    (store, scratch): (&Arc<Store>, &Path),
    plan: &Plan,
) -> anyhow::Result<Found> {
    let books = Books {
        store: Arc::clone(store),
        merchant: MERCHANT.parse()?,
        mch_id: MCH_ID.parse()?,
        sub_mch_id: None,
        day: files::day()?,
        scratch: scratch.to_owned(),
        ids: Arc::new(MachineIds),
    };
    let hash = std::fs::read_to_string(&files.hash)?.parse()?;
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(&files.bill)?);
    let bill = BillReader::new(Unpacked::new(file, Some(hash))?, BillKind::Refund)?;
    let mut comparison = compare(bill, books).await?;
    let (mut found, mut seen) = (Found::default(), HashSet::new());
    loop {
        let batch = comparison.next().await?;
        if batch.is_empty() {
            found.matched = comparison.sums().matched;
            return Ok(found);
        }
        for difference in batch {
            if is_planted(&difference, plan) && seen.insert(difference.out_refund_no) {
                found.right += 1;
            } else {
                found.wrong += 1;
            }
        }
    }
}

fn is_planted(difference: &NewDifference, plan: &Plan) -> bool {
    let place = files::place_of(&difference.out_refund_no);
    place.and_then(|place| planted_at(place, plan)) == Some(difference.class)
}

/// Polars and pandas over the same files, and over our side as CSV, which spares them the database.
fn against(
    python: &Path,
    files: &Files,
    (turns, ours_ms): (usize, f64),
) -> anyhow::Result<Vec<(&'static str, Value)>> {
    let mut more = Vec::new();
    for (library, names) in [
        (
            "polars",
            [
                "polars_seconds",
                "polars_csv_seconds",
                "ratio_to_polars",
                "polars_rss_mb",
            ],
        ),
        (
            "pandas",
            [
                "pandas_seconds",
                "pandas_csv_seconds",
                "ratio_to_pandas",
                "pandas_rss_mb",
            ],
        ),
    ] {
        // The ratio is to the same two files as ours; the other figure stands beside it.
        let (mut same_s, mut most_mb) = (f64::INFINITY, 0.0_f64);
        for (source, refunds, name) in [
            ("sqlite", &files.store, names[0]),
            ("csv", &files.refunds, names[1]),
        ] {
            let mut times = Vec::with_capacity(turns);
            for _ in 0..turns {
                let told = held::python(python, [library, source], [&files.bill, refunds])?;
                times.push(Duration::from_secs_f64(told.seconds));
                most_mb = most_mb.max(told.rss_mb);
            }
            let seconds = Times::of(times).at(0.5) / 1000.0;
            if source == "sqlite" {
                same_s = seconds;
            }
            more.push((name, rounded(seconds)));
        }
        if !same_s.is_finite() {
            bail!("{library} was not measured");
        }
        more.push((names[2], rounded(ours_ms / 1000.0 / same_s)));
        more.push((names[3], rounded(most_mb)));
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_differences_are_planted_as_were_asked_for() {
        for (rows, planted) in [
            (1_000, 10),
            (1_000_000, 10_000),
            (100, 100),
            (100, 0),
            (7, 3),
        ] {
            let plan = Plan {
                rows,
                planted,
                python: None,
            };
            let count = (0..rows).filter(|place| planted_at(*place, &plan).is_some());
            assert_eq!(count.count(), planted, "{rows}");
        }
    }
}
