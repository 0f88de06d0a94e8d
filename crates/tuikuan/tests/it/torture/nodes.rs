//! Three real nodes on one PostgreSQL, behind a balancer, under load: killed, paused beyond their
//! leases, the database cut off and started again, connections cut between a COMMIT and its answer.
//! The books are compared after each (INV-1, INV-3, INV-14, INV-24, INV-42; F-26, F-33, F-34, F-44,
//! F-45). `scripts/torture-nodes` runs it in full.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::books::{self, Tally};
use super::cluster::Cluster;
use super::load::Load;
use super::place::{Place, Service};
use super::wire::{Balancer, Wire};
use super::{Dice, number};
use crate::port;

const NODES: usize = 3;
const ROUNDS: u64 = 12;
/// The load goes on for so long before something happens, at most.
const LIFE_MS_MAX: u64 = 700;
/// Longer than any lease: a node that goes on after it must not write what it held.
const PAUSE: Duration = Duration::from_secs(28);

struct Node {
    port: u16,
    service: Option<Service>,
    paused: Option<Instant>,
}

/// The nodes and what they share.
struct Nodes {
    place: Arc<Place>,
    cluster: Cluster,
    wire: Wire,
    balancer: Balancer,
    nodes: Vec<Node>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    kills: u32,
    pauses: u32,
    restarts: u32,
}

impl Nodes {
    async fn prepare(seed: u64) -> Self {
        let cluster = Cluster::start().await;
        cluster.execute("CREATE DATABASE torture").await;
        let (wire, port) = Wire::lay(cluster.port).await;
        let store = format!("postgres://postgres@127.0.0.1:{port}/torture");
        let place = Arc::new(Place::prepare_with(seed, &store).await);
        let node = |_| Node {
            port: port::free(),
            service: None,
            paused: None,
        };
        let nodes: Vec<Node> = (0..NODES).map(node).collect();
        let addresses = nodes.iter().map(|node| ([127, 0, 0, 1], node.port).into());
        let listen = place.url.strip_prefix("http://").unwrap();
        let balancer = Balancer::listen(listen, &addresses.collect::<Vec<_>>()).await;
        let mut all = Self {
            cluster,
            wire,
            balancer,
            nodes,
            counts: Counts::default(),
            place,
        };
        all.mend().await;
        all
    }

    /// Who is dead is born again, who slept long enough wakes; all that do not sleep are ready.
    async fn mend(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if node.paused.is_some_and(|since| since.elapsed() < PAUSE) {
                continue;
            }
            let service = node.service.get_or_insert_with(|| {
                let listen = format!("127.0.0.1:{}", node.port);
                Service::spawn_with(&self.place, &[("TUIKUAN_SERVER__LISTEN", &listen)])
            });
            if node.paused.take().is_some() {
                service.signal("-CONT").await;
            }
            let url = format!("http://127.0.0.1:{}", node.port);
            service.ready(&self.place, &url).await;
            self.balancer.up(index);
        }
    }

    /// Waits until nobody sleeps any more.
    async fn wake_all(&mut self) {
        while self.nodes.iter().any(|node| node.paused.is_some()) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.mend().await;
        }
    }

    /// A node that is awake, by chance.
    fn awake(&self, dice: &mut Dice) -> usize {
        let awake = (0..NODES).filter(|index| self.nodes[*index].paused.is_none());
        let awake: Vec<_> = awake.collect();
        awake[usize::try_from(dice.below(u64::try_from(awake.len()).unwrap())).unwrap()]
    }

    async fn kill(&mut self, index: usize) {
        self.balancer.down(index);
        if let Some(service) = self.nodes[index].service.take() {
            service.kill().await;
            self.counts.kills += 1;
        }
    }

    async fn pause(&mut self, index: usize) {
        if let Some(service) = &self.nodes[index].service {
            service.signal("-STOP").await;
            self.balancer.down(index);
            self.nodes[index].paused = Some(Instant::now());
            self.counts.pauses += 1;
        }
    }

    /// Something happens in this round.
    async fn happen(&mut self, round: u64, dice: &mut Dice) {
        let sleeping = self.nodes.iter().filter(|node| node.paused.is_some());
        if round.is_multiple_of(6) {
            self.cluster.restart().await;
            self.counts.restarts += 1;
        } else if sleeping.count() == 0 && round % 3 == 1 {
            let index = self.awake(dice);
            self.pause(index).await;
        } else {
            let index = self.awake(dice);
            self.kill(index).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes of kills; scripts/torture-nodes runs it"]
async fn three_nodes_lose_nothing() {
    let rounds = number("TUIKUAN_TORTURE_ROUNDS", ROUNDS);
    let seed = number("TUIKUAN_TORTURE_SEED", 1);
    let began = Instant::now();
    let (mut dice, mut load) = (Dice::new(seed), Load::new(seed));
    let mut nodes = Nodes::prepare(seed).await;
    let place = Arc::clone(&nodes.place);
    place.faults_on().await;
    for round in 1..=rounds {
        let running = load.start(&place, u32::try_from(round).unwrap());
        nodes.wire.cut(u32::try_from(dice.below(3)).unwrap());
        tokio::time::sleep(Duration::from_millis(50 + dice.below(LIFE_MS_MAX))).await;
        nodes.happen(round, &mut dice).await;
        load.collect(running).await;
        nodes.wire.cut(0);
        nodes.mend().await;
        load.ask_again(&place).await;
        books::check_round(&place, &mut load).await;
        if round % 20 == 0 {
            let (taken, took) = (load.acknowledged.len(), began.elapsed().as_secs_f64());
            println!(
                "round {round}: {taken} acknowledged, {took:.0} s, {:?}",
                nodes.counts
            );
        }
    }
    nodes.wake_all().await;
    books::linger(&place).await;
    place.faults_off().await;
    books::drain(&place).await;
    let mut tally = Tally::default();
    tally.kills = nodes.counts.kills;
    books::compare(&place, &load, &mut tally).await;
    let counts = &nodes.counts;
    let cuts = nodes.wire.done();
    for node in nodes
        .nodes
        .iter_mut()
        .filter_map(|node| node.service.take())
    {
        node.stop_in_order().await;
        tally.orderly += 1;
    }
    println!(
        "three nodes: {} pauses beyond the lease, {} restarts of the database, {cuts} answers to COMMIT lost",
        counts.pauses, counts.restarts
    );
    println!(
        "{}",
        tally.report(u32::try_from(rounds).unwrap(), seed, began.elapsed())
    );
}
