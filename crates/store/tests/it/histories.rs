//! The history is whole, in order, and gives the record.

use tuikuan_domain::Event;
use tuikuan_domain::refund::replay;
use tuikuan_store::{HistoryFault, Merchants, StoredEvent};

use crate::world::{World, at, merchant, refund_id};

conformance! {
    folding_the_events_gives_the_row,
    events_after_a_position_come_in_order_without_gaps,
    events_of_a_refund_are_paged_by_number,
}

async fn folding_the_events_gives_the_row(world: World) {
    for id in [
        world.succeeded(1, at(0)).await,
        world.submitting(2, at(0)).await.0,
    ] {
        let record = world.store.refund(&id).await.unwrap().unwrap();
        let stored = world.store.events_of(&id, 0, 100).await.unwrap();
        let events: Vec<Event> = stored.iter().map(|e| e.to_event().unwrap()).collect();
        assert_eq!(replay(&record, &events).unwrap(), record);
        let count = i64::try_from(events.len()).unwrap();
        let verified = world.store.verify_history(id).await.unwrap();
        assert_eq!(verified, Ok(count));
    }
    let missing = world.store.verify_history(refund_id(9)).await.unwrap();
    assert!(matches!(missing, Err(HistoryFault::NoRefund { .. })));
}

async fn events_after_a_position_come_in_order_without_gaps(world: World) {
    let told = world.store.events_changed();
    for n in 1..6 {
        world.succeeded(n, at(i64::from(n))).await;
    }
    let mut position = 0;
    let mut all: Vec<StoredEvent> = Vec::new();
    loop {
        let (events, reached) = world
            .store
            .events_after(position, &Merchants::All, 7)
            .await
            .unwrap();
        if reached == position {
            break;
        }
        all.extend(events);
        position = reached;
    }
    assert!(
        all.windows(2)
            .all(|pair| pair[0].position < pair[1].position)
    );
    let mut versions = 0;
    for n in 1..6 {
        let refund = world.store.refund(&refund_id(n)).await.unwrap();
        versions += refund.unwrap().version;
    }
    assert_eq!(i64::try_from(all.len()).unwrap(), versions);
    assert_eq!(*told.borrow(), position);
    let nobody = Merchants::Only(vec![merchant("other")]);
    let (none, reached) = world.store.events_after(0, &nobody, 1000).await.unwrap();
    assert_eq!((none, reached), (vec![], position));
}

async fn events_of_a_refund_are_paged_by_number(world: World) {
    let id = world.succeeded(1, at(0)).await;
    let all = world.store.events_of(&id, 0, 100).await.unwrap();
    let page = world.store.events_of(&id, 1, 2).await.unwrap();
    assert_eq!(page, all[1..3]);
    let seqs: Vec<i64> = all.iter().map(|event| event.seq).collect();
    let expected: Vec<i64> = (1..=i64::try_from(all.len()).unwrap()).collect();
    assert_eq!(seqs, expected);
}
