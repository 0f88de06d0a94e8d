//! The list of notifications: pages, filters, and who may see what.

use tuikuan_store::{Change, InboxCursor, InboxEntry, InboxFilter, Merchants, Settled};

use crate::world::{World, at, merchant};

conformance! {
    pages_show_every_notification_once_newest_first,
    filters_narrow_the_inbox,
}

async fn told(world: &World, n: u8, of: &str, outcome: &str) {
    let mut change = Change::empty(at(i64::from(n)));
    change.inbox = Some(InboxEntry {
        dedupe: [n; 32],
        merchant: merchant(of),
        generation: "v3".to_owned(),
        headers: String::new(),
        body: vec![n],
        refund_id: None,
        received_at: at(i64::from(n / 2)),
        outcome: outcome.to_owned(),
        told_at: None,
    });
    world.commit(change).await.unwrap();
}

async fn bodies(world: &World, filter: InboxFilter) -> Vec<u8> {
    let found = world.store.notifications(filter).await.unwrap();
    found.iter().map(|row| row.entry.body[0]).collect()
}

async fn pages_show_every_notification_once_newest_first(world: World) {
    for n in 1..=9 {
        let of = if n % 3 == 0 { "other" } else { "main" };
        told(&world, n, of, "applied").await;
    }
    let mut filter = InboxFilter::of(Merchants::Only(vec![merchant("main"), merchant("other")]));
    filter.limit = 2;
    let mut seen = Vec::new();
    loop {
        let page = world.store.notifications(filter.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        let cursor = InboxCursor {
            received_at: last.entry.received_at,
            number: last.number,
        };
        seen.extend(page.iter().map(|row| row.entry.body[0]));
        filter.after = Some(cursor.to_string().parse().unwrap());
    }
    assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

async fn filters_narrow_the_inbox(world: World) {
    told(&world, 1, "main", "applied").await;
    told(&world, 2, "main", "unmatched").await;
    told(&world, 3, "other", "conflict").await;
    let all = || InboxFilter::of(Merchants::Only(vec![merchant("main")]));
    assert_eq!(bodies(&world, all()).await, [2, 1]);
    let mut filter = all();
    filter.outcomes = vec!["unmatched", "conflict"];
    assert_eq!(bodies(&world, filter).await, [2]);
    let mut filter = all();
    filter.outcomes = vec!["applied"];
    filter.settled = Settled::Hidden;
    assert_eq!(bodies(&world, filter).await, [1]);
    let mut filter = all();
    (filter.from, filter.to) = (Some(at(1)), Some(at(2)));
    assert_eq!(bodies(&world, filter).await, [2]);
    let mut filter = all();
    filter.merchant = Some(merchant("other"));
    assert!(bodies(&world, filter).await.is_empty());
}
