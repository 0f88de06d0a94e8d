//! The command line as it is typed. Names are part of the public contract; every command shows an
//! example with `--help`.

use clap::{Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::commands::audit::AuditCommand;
use crate::commands::batch::BatchCommand;
use crate::commands::bill::BillCommand;
use crate::commands::doctor::DoctorArgs;
use crate::commands::init::InitArgs;
use crate::commands::key::KeyCommand;
use crate::commands::notify::NotifyCommand;
use crate::commands::payment::PaymentCommand;
use crate::commands::refund::RefundCommand;
use crate::commands::serve::ServeArgs;
use crate::commands::sim::SimArgs;
use crate::commands::store::StoreCommand;
use crate::commands::user::UserCommand;
use crate::demo::DemoArgs;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tuikuan",
    version,
    about = "WeChat Pay refunds, seen through to their end",
    long_about = "Tuikuan takes refund requests, submits them to WeChat Pay and follows each one to \
                  its end, whatever the network and WeChat do on the way.",
    after_help = "Examples:\n  tuikuan demo                 see it work, nothing else needed\n  \
                  tuikuan init shop            begin with a merchant of your own\n  \
                  tuikuan doctor               check the set-up\n  \
                  tuikuan serve                run the service\n\n\
                  Exit codes: 0 done, 1 failed, 2 used wrongly.",
    propagate_version = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show refunds of every kind against the built-in simulator
    Demo(DemoArgs),
    /// Write a commented tuikuan.toml and a data folder
    Init(InitArgs),
    /// Run the service
    Serve(ServeArgs),
    /// Run a WeChat Pay simulator
    Sim(SimArgs),
    /// Create, look at and steer refunds of a running service
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan refund create --merchant main --out-trade-no 20261119001 --amount 3960 --out-refund-no R1\n  tuikuan refund list --attention"
    )]
    Refund(RefundCommand),
    /// Register and look at payments of a running service
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan payment import payments.csv --merchant main\n  tuikuan payment get main 20261119001"
    )]
    Payment(PaymentCommand),
    /// Refund many orders in one file, through a running service
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan batch check --merchant main refunds.csv\n  tuikuan batch submit --merchant main refunds.csv"
    )]
    Batch(BatchCommand),
    /// Fetch WeChat's bills, compare them with our books, report what differs
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan bill reconcile --merchant main --date 2026-11-20\n  tuikuan bill report --merchant main --from 2026-11-01 --to 2026-11-30 > november.csv"
    )]
    Bill(BillCommand),
    /// Explain notifications of WeChat Pay
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan notify decode body.json --headers headers.txt --merchant main"
    )]
    Notify(NotifyCommand),
    /// Check config, keys, certificates, clock, reachability and store; say what to do
    Doctor(DoctorArgs),
    /// Add and manage the people who sign in
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan user add wang --role admin\n  tuikuan user list"
    )]
    User(UserCommand),
    /// Make, list and revoke API keys
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan key create --name back-office\n  tuikuan key list"
    )]
    Key(KeyCommand),
    /// Prove and export the audit log
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan audit verify --histories\n  tuikuan audit export > audit.jsonl"
    )]
    Audit(AuditCommand),
    /// Move a store from a file to PostgreSQL
    #[command(
        subcommand,
        after_help = "Examples:\n  tuikuan store copy --from sqlite:tuikuan.db --to postgres://tuikuan@db.example.com/tuikuan"
    )]
    Store(StoreCommand),
    /// Measure speed against what the machine can do
    Bench(BenchArgs),
}
