//! `tuikuan bench`: ratios measured side by side in one run.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan bench accept\n  tuikuan bench notify --seconds 10 --json"
)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub(crate) bench: Bench,
    /// Measure for so many seconds, where the bench is bounded by time
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Clients at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) clients: u32,
    /// Refunds in the queue or in the store, where the bench has some
    #[arg(long, value_name = "N")]
    pub(crate) refunds: Option<u32>,
    /// Use this folder for databases; a temporary one by default
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<std::path::PathBuf>,
    /// Print the figures as JSON as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// HTTP request to durable answer
    Accept,
    /// Notification to durable answer
    Notify,
    /// Queue to WeChat, under its rate limit
    Dispatch,
    /// Rates with a small and a big store
    Grow,
}

/// Runs it.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    anyhow::bail!("the bench {:?} is not part of this build", args.bench)
}
