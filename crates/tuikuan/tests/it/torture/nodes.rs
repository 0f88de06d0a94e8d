//! Several real nodes on one PostgreSQL, behind a balancer, and what is done to them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Dice;
use super::place::{Place, Service};
use super::wire::Balancer;
use crate::port;

/// Longer than any lease: a node that goes on after it must not write what it held.
const PAUSE: Duration = Duration::from_secs(28);

struct Node {
    port: u16,
    service: Option<Service>,
    paused: Option<Instant>,
}

/// The nodes and what they share.
pub(crate) struct Nodes {
    pub(crate) place: Arc<Place>,
    balancer: Balancer,
    nodes: Vec<Node>,
}

impl Nodes {
    /// So many nodes whose books are at `store`, all ready.
    pub(crate) async fn prepare(seed: u64, store: &str, count: usize) -> Self {
        let place = Arc::new(Place::prepare_with(seed, store).await);
        let node = |_| Node {
            port: port::free(),
            service: None,
            paused: None,
        };
        let nodes: Vec<Node> = (0..count).map(node).collect();
        let addresses = nodes.iter().map(|node| ([127, 0, 0, 1], node.port).into());
        let listen = place.url.strip_prefix("http://").unwrap();
        let balancer = Balancer::listen(listen, &addresses.collect::<Vec<_>>()).await;
        let mut all = Self {
            place,
            balancer,
            nodes,
        };
        all.mend().await;
        all
    }

    /// Who is dead is born again, who slept long enough wakes; all that do not sleep are ready.
    pub(crate) async fn mend(&mut self) {
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

    /// Waits until at most so many sleep.
    pub(crate) async fn wake(&mut self, asleep_max: usize) {
        while self.nodes.iter().filter(|n| n.paused.is_some()).count() > asleep_max {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.mend().await;
        }
    }

    /// SIGKILL for one of those that are awake.
    pub(crate) async fn kill(&mut self, dice: &mut Dice) {
        let index = self.awake(dice);
        self.balancer.down(index);
        if let Some(service) = self.nodes[index].service.take() {
            service.kill().await;
        }
    }

    /// SIGSTOP for one of those that are awake; another one stays so.
    pub(crate) async fn pause(&mut self, dice: &mut Dice) {
        self.wake(self.nodes.len() - 2).await;
        let index = self.awake(dice);
        if let Some(service) = &self.nodes[index].service {
            service.signal("-STOP").await;
            self.balancer.down(index);
            self.nodes[index].paused = Some(Instant::now());
        }
    }

    /// All end by themselves.
    pub(crate) async fn stop_in_order(mut self) -> u32 {
        let mut stopped = 0;
        for service in self.nodes.iter_mut().filter_map(|node| node.service.take()) {
            service.stop_in_order().await;
            stopped += 1;
        }
        stopped
    }

    fn awake(&self, dice: &mut Dice) -> usize {
        let awake = (0..self.nodes.len()).filter(|index| self.nodes[*index].paused.is_none());
        let awake: Vec<_> = awake.collect();
        awake[usize::try_from(dice.below(u64::try_from(awake.len()).unwrap())).unwrap()]
    }
}
