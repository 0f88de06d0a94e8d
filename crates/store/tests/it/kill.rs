//! Killed at any instant: what was acknowledged is there, and every history is whole (INV-14).

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use tuikuan_store::{Options, Store};

use crate::world::{World, at, payment, refund_id, registered, sqlite, wanted};

const FILE: &str = "TUIKUAN_KILL_TEST_URL";
const ROUNDS: usize = 5;

/// Not a test of its own: the process that is killed. It writes the number of every refund that was
/// acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_to_be_killed() {
    let Ok(url) = std::env::var(FILE) else { return };
    let store = Store::open(&url, &Options::default()).await.unwrap();
    let world = World::around(store, url);
    let from = world
        .store
        .counts()
        .await
        .unwrap()
        .iter()
        .map(|c| c.refunds)
        .sum::<i64>();
    let world = std::sync::Arc::new(world);
    let mut tasks = Vec::new();
    for lane in 0..8_u32 {
        let world = std::sync::Arc::clone(&world);
        let first = u32::try_from(from).unwrap() + 1000 * lane;
        tasks.push(tokio::spawn(async move {
            for n in first.. {
                if world.store.refund(&refund_id(n)).await.unwrap().is_some() {
                    continue;
                }
                let _taken = world.commit(registered(payment(n, 100))).await;
                let change = world.request(wanted(n, n, 100), at(0)).await;
                if world.commit(change).await.is_ok() {
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {n}").unwrap();
                    out.flush().unwrap();
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let world = sqlite(&Options::default()).await;
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writer_to_be_killed", "--nocapture"])
            .env(FILE, &world.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = lines.map_while(Result::ok).filter_map(|line| {
            let (_, number) = line.split_once("acknowledged ")?;
            number.trim().parse::<u32>().ok()
        });
        let mut heard = 0;
        for n in numbers {
            acknowledged.push(n);
            heard += 1;
            if heard == 50 + 37 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard > 0, "the writer has written");

        let store = Store::open(&world.url, &Options::inline()).await.unwrap();
        for n in &acknowledged {
            let refund = store.refund(&refund_id(*n)).await.unwrap();
            assert!(refund.is_some(), "refund {n} was acknowledged");
            let verified = store.verify_history(refund_id(*n)).await.unwrap();
            assert_eq!(verified, Ok(1));
        }
        let total: i64 = store
            .counts()
            .await
            .unwrap()
            .iter()
            .map(|c| c.refunds)
            .sum();
        assert!(usize::try_from(total).unwrap() >= acknowledged.len());
        assert_eq!(store.stuck(at(-1), 10).await.unwrap(), vec![]);
    }
}
