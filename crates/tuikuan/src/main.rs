//! The binary: reads the command line, runs one command, says how it went. Everything that decides
//! about refunds lives in the crates below.

mod bench;
mod cli;
mod commands;
mod config;
mod demo;
mod failure;
mod output;
mod private;
mod remote;
mod self_test;
mod setup;
mod stop;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// A request makes and drops some hundred small things, many of them on another thread than the one
/// that made them (decision 0019). Without huge pages: with them a service at rest took 67 MB, not 45.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Sim(args) => commands::sim::run(args),
        Command::Refund(command) => commands::refund::run(command),
        Command::Batch(command) => commands::batch::run(command),
        Command::Payment(command) => commands::payment::run(command),
        Command::Bill(command) => commands::bill::run(command),
        Command::Notify(command) => commands::notify::run(command),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::User(command) => commands::user::run(command),
        Command::Key(command) => commands::key::run(command),
        Command::Store(command) => commands::store::run(command),
        Command::Audit(command) => commands::audit::run(command),
        Command::Bench(args) => bench::run(&args),
    }
}
