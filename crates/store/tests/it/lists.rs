//! Lists of refunds: filters, pages, and who may see what.

use tuikuan_domain::{RefundId, Status};
use tuikuan_store::{Attention, Merchants, RefundFilter};

use crate::world::{World, at, merchant, number, order, refund_id, wanted};

conformance! {
    pages_show_every_refund_once_newest_first,
    filters_narrow_the_list,
    what_the_merchants_do_not_cover_looks_absent,
}

async fn ids(world: &World, filter: RefundFilter) -> Vec<RefundId> {
    let page = world.store.list_refunds(filter).await.unwrap();
    page.items.into_iter().map(|refund| refund.id).collect()
}

async fn pages_show_every_refund_once_newest_first(world: World) {
    for n in 1..=25 {
        let mut new = wanted(n, n, 10);
        new.merchant = merchant(if n % 2 == 0 { "main" } else { "other" });
        // Several share a time: the id decides.
        let change = world.request_against(new, &Default::default(), at(i64::from(n / 4)));
        world.commit(change).await.unwrap();
    }
    let mut filter = RefundFilter::of(Merchants::All);
    filter.limit = 4;
    let mut seen = Vec::new();
    loop {
        let page = world.store.list_refunds(filter.clone()).await.unwrap();
        assert!(page.items.len() <= 4);
        seen.extend(page.items.into_iter().map(|refund| refund.id));
        match page.next {
            // The cursor survives being shown to a caller.
            Some(cursor) => filter.after = Some(cursor.to_string().parse().unwrap()),
            None => break,
        }
    }
    let expected: Vec<_> = (1..=25).rev().map(refund_id).collect();
    assert_eq!(seen, expected);
}

async fn filters_narrow_the_list(world: World) {
    world.succeeded(1, at(1)).await;
    world.processing(2, at(2)).await;
    world.queued(3, at(3)).await;
    let id = world.queued(4, at(4)).await;
    let cancel = world
        .command(&id, tuikuan_domain::Command::Cancel, at(5))
        .await;
    world.commit(cancel).await.unwrap();
    // Its order is not known.
    let change = world.request(wanted(5, 99, 10), at(6)).await;
    world.commit(change).await.unwrap();

    let all = || RefundFilter::of(Merchants::All);
    let of = |status| RefundFilter {
        status: Some(status),
        ..all()
    };
    assert_eq!(ids(&world, of(Status::Succeeded)).await, [refund_id(1)]);
    assert_eq!(
        ids(&world, of(Status::Queued)).await,
        [refund_id(5), refund_id(3)]
    );
    assert_eq!(ids(&world, of(Status::Cancelled)).await, [refund_id(4)]);
    assert_eq!(ids(&world, of(Status::Closed)).await, []);
    for n in [1, 5] {
        let mut filter = all();
        filter.out_trade_no = order(if n == 5 { 99 } else { n }).out_trade_no;
        assert_eq!(ids(&world, filter).await, [refund_id(n)]);
        let mut filter = all();
        filter.out_refund_no = Some(number(n));
        assert_eq!(ids(&world, filter).await, [refund_id(n)]);
    }
    let mut filter = all();
    filter.created_from = Some(at(2));
    filter.created_to = Some(at(4));
    assert_eq!(ids(&world, filter).await, [refund_id(3), refund_id(2)]);
    let mut filter = all();
    filter.attention = Attention::Needed;
    assert_eq!(ids(&world, filter).await, []);
    let mut filter = all();
    filter.attention = Attention::NotNeeded;
    assert_eq!(ids(&world, filter).await.len(), 5);
}

async fn what_the_merchants_do_not_cover_looks_absent(world: World) {
    world.queued(1, at(1)).await;
    let nobody = RefundFilter::of(Merchants::Only(vec![]));
    assert_eq!(ids(&world, nobody).await, []);
    let mut other = RefundFilter::of(Merchants::Only(vec![merchant("other")]));
    assert_eq!(ids(&world, other.clone()).await, []);
    other.merchant = Some(merchant("main"));
    assert_eq!(ids(&world, other).await, []);
    let ours = RefundFilter::of(Merchants::Only(vec![merchant("main")]));
    assert_eq!(ids(&world, ours).await, [refund_id(1)]);
}
