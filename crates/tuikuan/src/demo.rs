//! `tuikuan demo`: what people see first.

use clap::Args;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan demo\n  tuikuan demo --refunds 50 --seed 7 --exit --json"
)]
pub(crate) struct DemoArgs {
    /// How many refunds to play
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) refunds: u32,
    /// The seed that decides which faults happen
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Stop when all refunds have ended; without it the service stays up
    #[arg(long)]
    pub(crate) exit: bool,
    /// Print a summary as JSON as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs it.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    anyhow::bail!(
        "the demo of {} refunds is not part of this build",
        args.refunds
    )
}
