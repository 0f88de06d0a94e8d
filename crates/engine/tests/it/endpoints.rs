//! Endpoints beside running workers.

use std::sync::Arc;
use std::time::Duration;

use tuikuan_engine::{By, Engine, NewEndpoint};
use tuikuan_store::{Delivery, DeliveryFilter, DeliveryStatus, EndpointId};

use crate::batch::{Nowhere, Place};
use crate::settings::{registered, requested};

/// The message to an endpoint, once it is as wanted.
async fn message(
    engine: &Engine,
    endpoint: &EndpointId,
    wanted: impl Fn(&Delivery) -> bool,
) -> Delivery {
    let look = async {
        loop {
            let filter = DeliveryFilter {
                endpoint: endpoint.clone(),
                status: None,
                from: None,
                to: None,
                before: None,
                limit: 10,
            };
            let found = engine.store().deliveries(filter).await.unwrap();
            match found.into_iter().find(|one| wanted(one)) {
                Some(one) => return one,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), look).await;
    waited.unwrap()
}

#[tokio::test]
async fn what_waits_for_a_deleted_endpoint_is_buried_at_once() {
    let place = Place::new();
    let engine = place.process_on("main", Arc::new(Nowhere(500)));
    let workers = engine.start();
    registered(&engine);
    let new = NewEndpoint {
        merchant: "main".parse().unwrap(),
        url: "https://93.184.215.14/hook".to_owned(),
    };
    let endpoint = engine.add_endpoint(new, &By::cli()).await.unwrap();
    requested(&engine, 1);
    // It is tried again later, by a clock that stands still.
    let tried = message(&engine, &endpoint.id, |one| one.attempts == 1).await;
    assert_eq!(tried.status, DeliveryStatus::Pending);
    let deleted = engine.delete_endpoint(&endpoint.id, &By::cli()).await;
    deleted.unwrap();
    let dead = |one: &Delivery| one.status == DeliveryStatus::Dead;
    let buried = message(&engine, &endpoint.id, dead).await;
    let reason = buried.last_error.unwrap();
    assert_eq!(reason, "the endpoint was deleted");
    assert!(workers.stop().await);
}
