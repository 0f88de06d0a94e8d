//! Tries are counted together, come back with time, and leave nothing behind.

use jiff::SignedDuration;
use tuikuan_store::{Tried, Try};

use crate::world::{World, at};

conformance! {
    tries_come_back_one_after_the_other,
    of_many_tries_at_once_no_more_are_allowed,
    what_another_clock_has_written_locks_nobody_out,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn one(key: u8, second: i64) -> Try {
    Try {
        key: [key; 32],
        most: 3,
        period: MINUTE,
        now: at(second),
    }
}

impl World {
    async fn tried(&self, key: u8, second: i64) -> Tried {
        self.store.attempt(one(key, second)).await.unwrap()
    }
}

async fn tries_come_back_one_after_the_other(world: World) {
    assert_eq!(world.tried(1, 0).await, Tried::Allowed);
    assert_eq!(world.tried(1, 0).await, Tried::Allowed);
    assert_eq!(world.tried(1, 0).await, Tried::Last);
    assert_eq!(world.tried(1, 0).await, Tried::UsedUp);
    assert_eq!(world.tried(2, 0).await, Tried::Allowed, "another key");
    assert_eq!(world.tried(1, 19).await, Tried::UsedUp);
    assert_eq!(world.tried(1, 20).await, Tried::Last);
    assert_eq!(world.tried(1, 20).await, Tried::UsedUp);
    assert_eq!(world.tried(1, 100).await, Tried::Allowed);
}

async fn of_many_tries_at_once_no_more_are_allowed(world: World) {
    let mut tries = Vec::new();
    for _ in 0..24 {
        let store = world.store.clone();
        tries.push(tokio::spawn(async move { store.attempt(one(7, 0)).await }));
    }
    let mut allowed = 0;
    for tried in tries {
        allowed += u32::from(tried.await.unwrap().unwrap() != Tried::UsedUp);
    }
    assert_eq!(allowed, 3);
}

async fn what_another_clock_has_written_locks_nobody_out(world: World) {
    for _ in 0..4 {
        world.tried(1, 86_400).await;
    }
    assert_eq!(world.tried(1, 86_400).await, Tried::UsedUp);
    assert_eq!(world.tried(1, 0).await, Tried::Allowed);
}
