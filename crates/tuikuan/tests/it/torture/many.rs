//! Several nodes under load: killed, paused beyond their leases, the database cut off and started
//! again, transactions cut off at their COMMIT. The books are compared after each (INV-1, INV-3,
//! INV-14, INV-24, INV-26, INV-42; F-26, F-33, F-34, F-44, F-45). `scripts/torture --nodes 3` runs it in
//! full; a test run has a short one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::books::{self, Tally};
use super::cluster::Cluster;
use super::load::Load;
use super::nodes::Nodes;
use super::proof;
use super::wire::{Cut, Wire};
use super::{Dice, number};

/// The load goes on for so long before something happens, at most.
const LIFE_MS_MAX: u64 = 700;
/// One system asks for so many orders' refunds in a round.
const ORDERS_MAX: u32 = 4;
/// Somebody commits something within this time.
const COMMIT_WAIT: Duration = Duration::from_secs(20);

/// What happens in a round.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Kill,
    Pause,
    Restart,
    Cut(Cut),
}

/// How often each happens.
#[derive(Debug, Clone, Copy)]
struct Counts {
    kills: u64,
    pauses: u64,
    restarts: u64,
    cuts: u64,
}

impl Counts {
    /// As whoever runs it asks for, or so.
    fn asked(otherwise: Self) -> Self {
        Self {
            kills: number("TUIKUAN_TORTURE_KILLS", otherwise.kills),
            pauses: number("TUIKUAN_TORTURE_PAUSES", otherwise.pauses),
            restarts: number("TUIKUAN_TORTURE_RESTARTS", otherwise.restarts),
            cuts: number("TUIKUAN_TORTURE_CUTS", otherwise.cuts),
        }
    }

    /// All of them, in an order by chance.
    fn shuffled(self, dice: &mut Dice) -> Vec<Blow> {
        let mut blows = Vec::new();
        blows.extend((0..self.kills).map(|_| Blow::Kill));
        blows.extend((0..self.pauses).map(|_| Blow::Pause));
        blows.extend((0..self.restarts).map(|_| Blow::Restart));
        let cut = |n: u64| match n.is_multiple_of(3) {
            true => Cut::Asked,
            false => Cut::Answered,
        };
        blows.extend((0..self.cuts).map(|n| Blow::Cut(cut(n))));
        for index in (1..blows.len()).rev() {
            let other = dice.below(u64::try_from(index + 1).unwrap());
            blows.swap(index, usize::try_from(other).unwrap());
        }
        blows
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills of a node, {} pauses beyond the lease, {} immediate restarts of the database, \
             {} transactions cut off at their COMMIT",
            self.kills, self.pauses, self.restarts, self.cuts
        )
    }
}

/// The nodes, their database, and the wire between.
struct Field {
    cluster: Cluster,
    wire: Wire,
    nodes: Nodes,
}

impl Field {
    async fn strike(&mut self, blow: Blow, dice: &mut Dice) {
        match blow {
            Blow::Kill => self.nodes.kill(dice).await,
            Blow::Pause => self.nodes.pause(dice).await,
            Blow::Restart => self.cluster.restart().await,
            Blow::Cut(cut) => self.cut(cut).await,
        }
    }

    async fn cut(&self, cut: Cut) {
        let (before, began) = (self.wire.done(), Instant::now());
        self.wire.cut(cut);
        while self.wire.done() == before {
            assert!(began.elapsed() < COMMIT_WAIT, "nobody commits anything");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_accidents_of_three_nodes_lose_nothing() {
    if !Cluster::can_be() {
        return;
    }
    let few = Counts {
        kills: 6,
        pauses: 2,
        restarts: 1,
        cuts: 3,
    };
    accidents(few).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "an hour of accidents; scripts/torture --nodes runs it"]
async fn nodes_lose_nothing_in_many_accidents() {
    accidents(Counts::asked(Counts {
        kills: 300,
        pauses: 100,
        restarts: 50,
        cuts: 100,
    }))
    .await;
}

async fn accidents(counts: Counts) {
    let seed = number("TUIKUAN_TORTURE_SEED", 1);
    let count = usize::try_from(number("TUIKUAN_TORTURE_NODES", 3)).unwrap();
    let began = Instant::now();
    let mut dice = Dice::new(seed);
    let mut load = Load::of(seed, ORDERS_MAX);
    let cluster = Cluster::start().await;
    cluster.execute("CREATE DATABASE torture").await;
    let (wire, port) = Wire::lay(cluster.port).await;
    let store = format!("postgres://postgres@127.0.0.1:{port}/torture");
    let nodes = Nodes::prepare(seed, &store, count).await;
    let place = Arc::clone(&nodes.place);
    let mut field = Field {
        cluster,
        wire,
        nodes,
    };
    place.faults_on().await;
    let blows = counts.shuffled(&mut dice);
    for (round, blow) in (1_u32..).zip(&blows) {
        let running = load.start(&place, round);
        tokio::time::sleep(Duration::from_millis(50 + dice.below(LIFE_MS_MAX))).await;
        field.strike(*blow, &mut dice).await;
        load.collect(running).await;
        field.nodes.mend().await;
        load.ask_until_heard(&place).await;
        books::check_round(&place, &mut load).await;
        if round.is_multiple_of(20) {
            let (taken, took) = (load.acknowledged.len(), began.elapsed().as_secs());
            println!("round {round}: {taken} acknowledged, {took} s");
        }
    }
    field.nodes.wake(0).await;
    let mut tally = Tally::default();
    proof::end(&place, (&load, &store), &mut tally).await;
    tally.kills = u32::try_from(counts.kills).unwrap();
    tally.orderly = field.nodes.stop_in_order().await;
    assert_eq!(u64::from(field.wire.done()), counts.cuts);
    let rounds = u32::try_from(blows.len()).unwrap();
    println!("{count} nodes: {counts}");
    println!("{}", tally.report(rounds, seed, began.elapsed()));
    println!("  the longest wait of who asked again: {:?}", load.longest);
}
