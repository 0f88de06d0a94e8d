//! What fills a store for benches agrees with itself, and goes on like any other store.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::Status;
use tuikuan_store::{Claim, Filling, Lane, Options, Store};

use crate::scratch::Scratch;

fn filling() -> Filling {
    Filling {
        merchant: "main".parse().unwrap(),
        mch_id: "1900000109".parse().unwrap(),
        refunds: 200,
        open: 80,
        last: Timestamp::now(),
    }
}

async fn is_whole(store: &Store) {
    let filling = filling();
    assert!(store.figure_differences(10).await.unwrap().is_empty());
    let counts = store.counts().await.unwrap();
    let mut counts: Vec<_> = counts.iter().map(|c| (c.status, c.refunds)).collect();
    counts.sort_by_key(|(_, refunds)| *refunds);
    assert_eq!(counts, [(Status::Queued, 80), (Status::Succeeded, 120)]);
    for (place, status, events) in [(0, Status::Succeeded, 3), (199, Status::Queued, 1)] {
        let id = Filling::id(place).parse().unwrap();
        let refund = store.refund(&id).await.unwrap().unwrap();
        assert_eq!(refund.status, status);
        assert_eq!(refund.out_refund_no.as_str(), Filling::number(place));
        let payment = store.refund_and_payment(&id).await.unwrap().payment;
        assert_eq!(payment.unwrap().refunds, 40);
        let found = store.events_of(&id, 0, 10).await.unwrap();
        assert_eq!(found.len(), events);
    }
    let claim = Claim {
        lane: Lane::Submit(filling.mch_id.clone()),
        limit: 100,
        now: Timestamp::now(),
        lease: SignedDuration::from_mins(1),
    };
    assert_eq!(store.claim(claim).await.unwrap().len(), 80);
}

#[tokio::test]
async fn a_filled_file_agrees_with_itself() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("filled.db").display());
    filling().fill(&url).await.unwrap();
    is_whole(&Store::open(&url, &Options::default()).await.unwrap()).await;
}

#[tokio::test]
async fn a_filled_database_of_postgresql_agrees_with_itself() {
    let Some(scratch) = Scratch::empty().await else {
        return;
    };
    filling().fill(&scratch.url()).await.unwrap();
    let store = Store::open(&scratch.url(), &scratch.options()).await;
    is_whole(&store.unwrap()).await;
    scratch.remove().await;
}
