//! The database's first server dies under load and its synchronous standby takes its place: what was
//! acknowledged is there, and the nodes go on by themselves (INV-14, INV-42; F-34).
//! `scripts/torture --failover 10` does it ten times.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::books::{self, Tally};
use super::cluster::Cluster;
use super::load::Load;
use super::nodes::Nodes;
use super::{Dice, number, proof};

/// Rounds of load before, and after.
const ROUNDS: u32 = 2;
const ORDERS_MAX: u32 = 8;
const LIFE_MS_MAX: u64 = 900;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_has_everything_that_was_acknowledged() {
    if Cluster::can_be() {
        fail_over(number("TUIKUAN_TORTURE_SEED", 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes; scripts/torture --failover runs it"]
async fn every_promoted_standby_has_everything() {
    let first = number("TUIKUAN_TORTURE_SEED", 1);
    for seed in first..first + number("TUIKUAN_TORTURE_FAILOVERS", 5) {
        fail_over(seed).await;
    }
}

async fn fail_over(seed: u64) {
    let began = Instant::now();
    let mut dice = Dice::new(seed);
    let mut load = Load::of(seed, ORDERS_MAX);
    let cluster = Cluster::start().await;
    cluster.execute("CREATE DATABASE torture").await;
    let standby = cluster.standby().await;
    let hosts = format!("127.0.0.1:{},127.0.0.1:{standby}", cluster.port);
    let store = format!("postgres://postgres@{hosts}/torture");
    let mut nodes = Nodes::prepare(seed, &store, 3).await;
    let place = Arc::clone(&nodes.place);
    place.faults_on().await;
    let mut away = Duration::ZERO;
    for round in 1..=2 * ROUNDS {
        let running = load.start(&place, round);
        if round == ROUNDS {
            tokio::time::sleep(Duration::from_millis(50 + dice.below(LIFE_MS_MAX))).await;
            let since = Instant::now();
            cluster.promote().await;
            load.collect(running).await;
            nodes.mend().await;
            load.ask_until_heard(&place).await;
            away = since.elapsed();
        } else {
            load.collect(running).await;
            load.ask_until_heard(&place).await;
        }
        books::check_round(&place, &mut load).await;
    }
    let mut tally = Tally::default();
    proof::end(&place, (&load, &store), &mut tally).await;
    tally.orderly = nodes.stop_in_order().await;
    println!("failover: every wish was answered {away:?} after the first server died");
    println!("{}", tally.report(2 * ROUNDS, seed, began.elapsed()));
}
