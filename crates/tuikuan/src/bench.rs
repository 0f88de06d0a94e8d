//! `tuikuan bench`: ratios measured side by side in one run, on the file system that is named, with
//! every commit durable.

mod accept;
mod batch;
mod claim;
mod cluster;
mod codec;
mod commits;
mod dispatch;
mod floor;
mod folder;
mod grow;
mod load;
mod notify;
mod pages;
mod place;
mod quiet;
mod reconcile;
mod report;
mod start;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use accept::Numbers;
use place::Folder;
use report::{Form, Report};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan bench accept\n  tuikuan bench accept --stored 1000000 --dir /var/tmp\n  \
                  tuikuan bench notify --requests 10000 --json\n  tuikuan bench dispatch --quota 150\n  \
                  tuikuan bench pages --refunds 1000000 --json\n  \
                  tuikuan bench accept --store postgres://postgres@127.0.0.1/postgres --json\n  \
                  tuikuan bench grow --stored 10000000 --store sqlite:/var/tmp/bench.db\n  \
                  tuikuan bench reconcile --python venv/bin/python"
)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub(crate) bench: Bench,
    /// Requests that are measured (accept, notify, grow), refunds in the queue (dispatch), refunds in the store (pages), or lines of the file (batch)
    #[arg(long, visible_aliases = ["refunds", "lines"], value_name = "N", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) requests: Option<u32>,
    /// Clients at once (accept, notify, grow); usually 64, on PostgreSQL 96
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) clients: Option<u32>,
    /// Nodes that serve (accept, grow); usually 3 on PostgreSQL, and always 1 on SQLite
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) nodes: Option<u32>,
    /// Who chooses the refunds' numbers (accept, grow)
    #[arg(long, value_enum, default_value_t = Numbers::Caller)]
    pub(crate) numbers: Numbers,
    /// Refunds in the store before (accept, claim, grow, start), due ones of the other merchant (quiet), or rows of the bill (reconcile)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(crate) stored: Option<u32>,
    /// WeChat's limit of sends a second (dispatch); really it is 150
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub(crate) quota: u32,
    /// Differences in the bill that must be found (reconcile)
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) planted: u32,
    /// Hold it against polars and pandas of this Python; bench/requirements.txt (reconcile)
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    /// Only make the files, in this folder (reconcile)
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) prepare: Option<PathBuf>,
    /// Use this folder for databases; the system's temporary one by default
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Where the database is made: sqlite:FILE, beside that file, or postgres://USER@HOST/DATABASE, a new one in that cluster, dropped at the end
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Print the figures as JSON as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// HTTP request to durable answer, against one commit for each
    Accept,
    /// What acceptance is made of: HTTP without the store, commits without HTTP
    Floor,
    /// Notification to durable answer, against crypto and group commit
    Notify,
    /// Queue to WeChat, against the quota
    Dispatch,
    /// Four claimers of a hundred jobs each, against one job in each claim
    Claim,
    /// Acceptance, claims, notifications and reads with a big store, against a small one
    Grow,
    /// A merchant's refund beside the backlog of another one
    Quiet,
    /// Messages opened and signed by one core
    Codec,
    /// Pages of the console with many refunds stored, against the read of a single row
    Pages,
    /// A file of refunds checked and kept, against its bare rows
    Batch,
    /// Start of the service until it is ready and at work, with its memory
    Start,
    /// A bill against as many refunds, with differences planted into it
    Reconcile,
}

/// Runs it.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(folder) = &args.prepare {
        return runtime.block_on(reconcile::prepare(folder, &bill(args)?));
    }
    let report = runtime.block_on(measure(args))?;
    runtime.shutdown_background();
    report.print(if args.json { Form::Json } else { Form::Text })
}

/// The bill that is compared.
fn bill(args: &BenchArgs) -> anyhow::Result<reconcile::Plan> {
    Ok(reconcile::Plan {
        rows: usize::try_from(args.stored.unwrap_or(1_000_000))?.max(1),
        planted: usize::try_from(args.planted)?,
        python: args.python.clone(),
    })
}

async fn measure(args: &BenchArgs) -> anyhow::Result<Report> {
    let folder = || Folder::new(args.dir.as_deref(), args.store.as_deref());
    let count = |given: Option<u32>, usual: u32| usize::try_from(given.unwrap_or(usual));
    let stored = |usual: u32| args.stored.unwrap_or(usual);
    match args.bench {
        Bench::Accept => accept::run(folder()?, &plan(args, 0)?).await,
        Bench::Floor => floor::run(folder()?, &plan(args, 0)?).await,
        Bench::Notify => {
            let requests = count(args.requests, 8_000)?;
            let clients = plan(args, 0)?.clients;
            notify::run(folder()?, notify::Plan { requests, clients }).await
        }
        Bench::Dispatch => {
            let plan = dispatch::Plan {
                refunds: count(args.requests, 30_000)?,
                per_second: args.quota,
            };
            dispatch::run(folder()?, plan).await
        }
        Bench::Claim => claim::run(folder()?, stored(200_000).max(1_000)).await,
        Bench::Grow => {
            let plan = plan(args, 1_000_000)?;
            grow::run((folder()?, folder()?), (10_000, &plan)).await
        }
        Bench::Quiet => quiet::run(folder()?, stored(1_000_000).max(1_000)).await,
        Bench::Codec => codec::run(),
        Bench::Pages => pages::run(folder()?, count(args.requests, 1_000_000)?).await,
        Bench::Batch => batch::run(folder()?, count(args.requests, 100_000)?).await,
        Bench::Start => start::run(folder()?, stored(0)).await,
        Bench::Reconcile => reconcile::run(folder()?, &bill(args)?).await,
    }
}

/// How acceptance is measured.
fn plan(args: &BenchArgs, stored: u32) -> anyhow::Result<accept::Plan> {
    let store = args.store.as_deref().unwrap_or("sqlite:");
    let (clients, nodes) = match store.starts_with("sqlite:") {
        true => (64, 1),
        false => (96, args.nodes.unwrap_or(3)),
    };
    Ok(accept::Plan {
        requests: usize::try_from(args.requests.unwrap_or(30_000))?,
        clients: usize::try_from(args.clients.unwrap_or(clients))?,
        stored: accept::Stored {
            refunds: args.stored.unwrap_or(stored),
            open: 0,
        },
        nodes: usize::try_from(nodes)?,
        numbers: args.numbers,
    })
}
