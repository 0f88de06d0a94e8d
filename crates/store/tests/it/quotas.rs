//! INV-26 over nodes, with a real row and a real clock: no sliding second of all of them holds more
//! than the limit, and little is left unused.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::quota::{Ask, Counted, Share};
use tuikuan_store::{Nodes, Store};

use crate::scratch::on_postgres;
use crate::world::mch_id;

const LIMIT: u32 = 60;
const WINDOW: SignedDuration = SignedDuration::from_millis(1005);
const VALID: SignedDuration = SignedDuration::from_millis(25);
const LASTS: Duration = Duration::from_secs(4);

/// One node that takes what it can get, by a clock of its own that is hours away.
async fn node(store: Store, ahead: SignedDuration, used: Arc<Mutex<Vec<Instant>>>) {
    let began = Instant::now();
    let now = || Timestamp::UNIX_EPOCH + ahead + SignedDuration::try_from(began.elapsed()).unwrap();
    let mut share = Share::new(LIMIT, WINDOW);
    while began.elapsed() < LASTS {
        if share.take(now()) {
            used.lock().unwrap().push(Instant::now());
            continue;
        }
        let due = share.free_at(now());
        if due > now() {
            let wait = due.duration_since(now()).unsigned_abs();
            tokio::time::sleep(wait.min(Duration::from_millis(20))).await;
            continue;
        }
        let asked = now();
        let ask = share.ask(asked, 3, VALID);
        let asks = vec![(Counted::Submits, ask)];
        let answers = store.grant(&mch_id(), asks).await.unwrap();
        share.told(asked, &answers[0], now());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_hold_one_quota_in_every_sliding_second() {
    on_postgres(|world| async move {
        assert_eq!(world.store.nodes(), Nodes::Many);
        let used = Arc::new(Mutex::new(Vec::new()));
        let nodes: Vec<_> = [0, 50_000, 90_000_000]
            .map(|ahead| {
                let ahead = SignedDuration::from_secs(ahead);
                tokio::spawn(node(world.store.clone(), ahead, Arc::clone(&used)))
            })
            .into();
        for node in nodes {
            node.await.unwrap();
        }
        let mut used = std::mem::take(&mut *used.lock().unwrap());
        used.sort();
        for (i, first) in used.iter().enumerate() {
            let second = Duration::from_secs(1);
            let inside = used[i..].iter().take_while(|at| **at - *first < second);
            assert!(inside.count() <= LIMIT as usize);
        }
        // Four seconds of 60, and the first burst: most of it was used.
        assert!(used.len() > 180, "{} were used", used.len());
    })
    .await;
}

#[tokio::test]
async fn errors_of_one_node_are_known_to_the_next() {
    on_postgres(|world| async move {
        let told = Ask {
            wanted: 6,
            limit: u32::MAX,
            ..Ask::default()
        };
        let asks = vec![(Counted::Errors, told)];
        world.store.grant(&mch_id(), asks).await.unwrap();
        let looks = vec![
            (Counted::Errors, Ask::default()),
            (Counted::Submits, Ask::default()),
        ];
        let answers = world.store.grant(&mch_id(), looks).await.unwrap();
        let errors: u32 = answers[0].counting.iter().map(|grant| grant.permits).sum();
        assert_eq!((errors, answers[1].counting.len()), (6, 0));
        let other: tuikuan_terms::MchId = "1900000110".parse().unwrap();
        let looks = vec![(Counted::Errors, Ask::default())];
        let answers = world.store.grant(&other, looks).await.unwrap();
        assert_eq!(answers[0].counting, vec![]);
    })
    .await;
}
