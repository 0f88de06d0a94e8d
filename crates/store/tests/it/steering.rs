//! A batch that one node steers while others make its refunds, or end them: only a database with several
//! writers at once can show it.

use tuikuan_domain::batch::{BatchState, Outcome, Steer, steer};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Actor, Status};
use tuikuan_store::{BatchWrite, Change, CommitError, SettingsSeen, Store};

use crate::batches::{audit, batch_id};
use crate::scratch::Scratch;
use crate::world::{World, at, person, refund_id};

const LINES: u32 = 24;

/// Two nodes on one database.
async fn nodes(scratch: &Scratch) -> [World; 2] {
    let (url, options) = (scratch.url(), scratch.options());
    let one = Store::open(&url, &options).await.unwrap();
    let other = Store::open(&url, &options).await.unwrap();
    [one, other].map(|store| World::around(store, url.clone()))
}

async fn steering(world: &World, act: Steer, by: &Actor) -> BatchWrite {
    let batch = world.store.batch(&batch_id(1)).await.unwrap().unwrap();
    let next = steer(&batch, &act, by, at(4)).unwrap();
    BatchWrite::Steered(Box::new(next), audit("batch.steered"), SettingsSeen::NONE)
}

/// Commits changes from both nodes at once, and steers in their midst. Says how many were made, and
/// whether the act was done.
async fn race(nodes: &[World; 2], changes: Vec<Change>, act: BatchWrite) -> (i64, bool) {
    let (half, mut commits) = (changes.len() / 2, Vec::new());
    let mut act = Some(act);
    let mut steered = None;
    for (place, change) in changes.into_iter().enumerate() {
        let store = nodes[place % 2].store.clone();
        if let Some(act) = act.take_if(|_| place == half) {
            let store = store.clone();
            steered = Some(tokio::spawn(async move { store.write_batch(act).await }));
        }
        commits.push(tokio::spawn(async move { store.commit(change).await }));
    }
    let mut made = 0;
    for commit in commits {
        match commit.await.unwrap() {
            Ok(_) => made += 1,
            Err(CommitError::LeaseLost | CommitError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
    match steered.unwrap().await.unwrap() {
        Ok(()) => (made, true),
        Err(CommitError::Conflict) => (made, false),
        Err(error) => panic!("{error}"),
    }
}

async fn counted(world: &World, outcome: Outcome) -> i64 {
    let counts = world.store.batch_counts(&batch_id(1)).await.unwrap();
    let found = counts.iter().find(|count| count.outcome == outcome);
    found.map_or(0, |count| count.lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_batch_withdrawn_while_nodes_feed_it_counts_every_line_once() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = nodes(&scratch).await;
    let guard = nodes[0].running_batch(LINES).await;
    let mut changes = Vec::new();
    for n in 1..=LINES {
        changes.push(nodes[0].fed(n, &guard).await);
    }
    let cancel = steering(&nodes[0], Steer::Cancel, &person(1)).await;
    let (made, cancelled) = race(&nodes, changes, cancel).await;
    assert!(cancelled);
    let [world, _] = &nodes;
    let queued = Outcome::Refund(Status::Queued);
    assert_eq!(counted(world, queued).await, made);
    let left = i64::from(LINES) - made;
    assert_eq!(counted(world, Outcome::Withdrawn).await, left);
    assert_eq!(counted(world, Outcome::Pending).await, 0);
    let admin = scratch.connect().await;
    let sql = "SELECT count(*) FILTER (WHERE state = 'requested'),
                   count(*) FILTER (WHERE state = 'pending'),
                   (SELECT count(*) FROM refunds) FROM batch_lines";
    let row = admin.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (made, left, made));
    drop((admin, nodes));
    scratch.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_batch_paused_while_its_last_refunds_end_is_finished_all_the_same() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = nodes(&scratch).await;
    let guard = nodes[0].running_batch(LINES).await;
    for n in 1..=LINES {
        let fed = nodes[0].fed(n, &guard).await;
        nodes[0].commit(fed).await.unwrap();
    }
    let mut changes = Vec::new();
    for n in 1..=LINES {
        let id = refund_id(n);
        changes.push(nodes[0].command(&id, Command::Cancel, at(9)).await);
    }
    let pause = steering(&nodes[0], Steer::Pause, &person(1)).await;
    let (ended, _) = race(&nodes, changes, pause).await;
    assert_eq!(ended, i64::from(LINES));
    let [world, _] = &nodes;
    let cancelled = Outcome::Refund(Status::Cancelled);
    assert_eq!(counted(world, cancelled).await, ended);
    let batch = world.store.batch(&batch_id(1)).await.unwrap().unwrap();
    assert_eq!(batch.state, BatchState::Finished);
    drop(nodes);
    scratch.remove().await;
}
