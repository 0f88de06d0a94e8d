//! `tuikuan bill`: WeChat's bills. Fetches them into files, compares them with our books, reports
//! what differs. With `--file` nothing is asked of the network or of a running service.

mod fetch;
mod file;
mod flow;
mod report;
mod service;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use tuikuan_domain::reconcile::BillKind;
use tuikuan_wechat::bill::FundAccount;

use crate::config::FILE;
use crate::failure::Misused;
use crate::remote::RemoteArgs;

/// The longest range of days in one command.
const DAYS_MAX: i32 = 93;

/// What to do with bills.
#[derive(Debug, Subcommand)]
pub(crate) enum BillCommand {
    /// Fetch bills from WeChat into files
    Fetch(FetchArgs),
    /// Compare bills with our books, and say what differs
    Reconcile(ReconcileArgs),
    /// Say what is known of the days, without fetching anything
    Report(ReportArgs),
}

/// Which of a day's bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The refunds accepted on the day
    Refunds,
    /// All payments and refunds of the day
    Trades,
    /// Every movement of one of the merchant's accounts
    #[value(alias = "fund_flow")]
    FundFlow,
}

impl Kind {
    /// The word in a file's name.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Refunds => BillKind::Refunds.as_str(),
            Self::Trades => BillKind::Trades.as_str(),
            Self::FundFlow => "fund_flow",
        }
    }
}

/// Whose movements a fund-flow bill shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Account {
    /// Payments and refunds
    Basic,
    /// What was set apart for running the business
    Operation,
    /// Fees
    Fees,
}

impl Account {
    const fn wechat(self) -> FundAccount {
        match self {
            Self::Basic => FundAccount::Basic,
            Self::Operation => FundAccount::Operation,
            Self::Fees => FundAccount::Fees,
        }
    }

    /// The word in a file's name.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Operation => "operation",
            Self::Fees => "fees",
        }
    }
}

/// Which days.
#[derive(Debug, Args)]
pub(crate) struct Days {
    /// The day in Beijing, such as 2026-11-20
    #[arg(long, value_name = "DAY", value_parser = day, conflicts_with_all = ["from", "to"])]
    date: Option<Date>,
    /// The first of several days
    #[arg(long, value_name = "DAY", value_parser = day, requires = "to")]
    from: Option<Date>,
    /// The last of several days
    #[arg(long, value_name = "DAY", value_parser = day, requires = "from")]
    to: Option<Date>,
}

impl Days {
    /// The first day and the last.
    fn range(&self) -> anyhow::Result<(Date, Date)> {
        let (from, to) = match (self.date, self.from, self.to) {
            (Some(day), _, _) => (day, day),
            (None, Some(from), Some(to)) => (from, to),
            _ => {
                let text = "give --date, or --from and --to";
                return Err(Misused(text.to_owned()).into());
            }
        };
        let span = to.since(from).map_or(0, |span| span.get_days());
        if from > to || span > DAYS_MAX {
            let text = format!("--to lies 0 to {DAYS_MAX} days after --from");
            return Err(Misused(text).into());
        }
        Ok((from, to))
    }

    /// Every day of the range.
    fn each(&self) -> anyhow::Result<Vec<Date>> {
        let (mut day, to) = self.range()?;
        let mut days = vec![day];
        while day < to {
            day = day.tomorrow()?;
            days.push(day);
        }
        Ok(days)
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan bill fetch --merchant main --date 2026-11-20\n  tuikuan bill fetch --merchant main --from 2026-11-01 --to 2026-11-20 --kind trades --dir bills\n  tuikuan bill fetch --merchant main --date 2026-11-20 --kind fund-flow\n\n\
Each file is read to its end and its sums are compared before it gets its name. No service needs to run."
)]
pub(crate) struct FetchArgs {
    /// The merchant's short name
    #[arg(long, value_name = "NAME")]
    merchant: String,
    #[command(flatten)]
    days: Days,
    /// Which of the day's bills
    #[arg(long, value_enum, default_value = "refunds")]
    kind: Kind,
    /// Of which account, for a fund-flow bill
    #[arg(long, value_enum, default_value = "basic")]
    account: Account,
    /// Where the files go
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan bill reconcile --merchant main --date 2026-11-20\n  tuikuan bill reconcile --merchant main --date 2026-11-20 --file bill.csv.gz > differences.csv\n\n\
Without --file the running service fetches the day's bills, compares them and heals what WeChat's\n\
answers heal. With --file the file is compared with the store of the configuration; nothing is\n\
written, neither network nor service is needed, and differences are printed as CSV.\n\n\
The exit code is 1 when differences are open."
)]
pub(crate) struct ReconcileArgs {
    /// The merchant's short name
    #[arg(long, value_name = "NAME")]
    merchant: String,
    #[command(flatten)]
    days: Days,
    /// A bill that is here already, packed with gzip or not
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tuikuan bill report --merchant main --from 2026-11-01 --to 2026-11-30 > november.csv\n  tuikuan bill report --file bill.csv.gz\n\n\
Differences are printed as CSV, which is safe to open in a spreadsheet; with --json days and\n\
differences. With --file: what the file adds up to."
)]
pub(crate) struct ReportArgs {
    /// The merchant's short name
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    merchant: Option<String>,
    #[command(flatten)]
    days: Days,
    /// A bill that is here already, packed with gzip or not
    #[arg(long, value_name = "FILE", conflicts_with_all = ["merchant", "date", "from", "to"])]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs one.
pub(crate) fn run(command: BillCommand) -> anyhow::Result<()> {
    super::block_on(async {
        match command {
            BillCommand::Fetch(args) => fetch::run(&args).await,
            BillCommand::Reconcile(args) => match &args.file {
                Some(file) => file::reconcile(&args, file).await,
                None => service::reconcile(&args).await,
            },
            BillCommand::Report(args) => match &args.file {
                Some(file) => file::report(&args, file),
                None => service::report(&args).await,
            },
        }
    })
}

fn day(text: &str) -> Result<Date, String> {
    let day: Option<Date> = text.parse().ok();
    day.filter(|day| day.to_string() == text)
        .ok_or_else(|| "a day is written as 2026-11-20".to_owned())
}
