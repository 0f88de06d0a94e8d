//! The search over refunds: every number in one box, filters that combine, pages both ways, and who
//! may see what.

use tuikuan_domain::{Command, RefundId, Source, Status};
use tuikuan_store::{Attention, Found, Merchants, NumberText, Place, RefundSearch};

use crate::world::{
    World, at, fen, mch_id, merchant, order, payment, payment_id, refund_id, registered, wanted,
};

conformance! {
    a_rare_match_among_very_many_is_reached_page_by_page,
    each_of_the_six_numbers_finds_the_refund,
    the_merchants_own_numbers_are_found_by_their_beginning_as_typed,
    filters_combine,
    pages_lead_forward_and_back_over_the_same_refunds,
    what_the_merchants_do_not_cover_is_found_by_nothing,
}

fn all() -> RefundSearch {
    RefundSearch::of(Merchants::All)
}

fn under(text: &str) -> RefundSearch {
    RefundSearch {
        number: Some(text.parse().unwrap()),
        ..all()
    }
}

async fn found(world: &World, search: RefundSearch) -> Found {
    world.store.search_refunds(search).await.unwrap()
}

async fn ids(world: &World, search: RefundSearch) -> Vec<RefundId> {
    let found = found(world, search).await;
    found.items.into_iter().map(|refund| refund.id).collect()
}

async fn each_of_the_six_numbers_finds_the_refund(world: World) {
    let id = world.succeeded(1, at(1)).await;
    // Its order is known to nobody yet.
    let mut lost = wanted(2, 2, 10);
    lost.content.order = tuikuan_domain::OrderRef {
        out_trade_no: None,
        transaction_id: Some("4200000000000000000000009999".parse().unwrap()),
    };
    let change = world.request(lost, at(2)).await;
    world.commit(change).await.unwrap();
    let change = world.request(wanted(3, 77, 10), at(3)).await;
    world.commit(change).await.unwrap();

    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let transaction = payment(1, 1).transaction_id.unwrap().to_string();
    for text in [
        id.as_str(),
        refund.out_refund_no.as_str(),
        refund.refund_id.as_ref().unwrap().as_str(),
        "T-00000001",
        &transaction,
        payment_id(1).as_str(),
    ] {
        assert_eq!(ids(&world, under(text)).await, [refund_id(1)], "{text}");
    }
    let unknown = ids(&world, under("4200000000000000000000009999")).await;
    assert_eq!(unknown, [refund_id(2)]);
    assert_eq!(ids(&world, under("T-00000077")).await, [refund_id(3)]);
}

async fn the_merchants_own_numbers_are_found_by_their_beginning_as_typed(world: World) {
    for n in 1..=12 {
        world.queued(n, at(i64::from(n))).await;
    }
    assert_eq!(ids(&world, under("R-0000001")).await.len(), 3);
    assert_eq!(ids(&world, under("T-0000001")).await.len(), 3);
    assert_eq!(ids(&world, under("R-")).await[0], refund_id(12));
    assert_eq!(ids(&world, under("r-0000001")).await, []);
    // The others only whole.
    let id = refund_id(1);
    let half = id.as_str().get(..10).unwrap();
    assert_eq!(ids(&world, under(half)).await, []);
    for text in ["%", "' OR 1=1 --", "", "_", "R%"] {
        let Ok(number) = text.parse::<NumberText>() else {
            continue;
        };
        let search = RefundSearch {
            number: Some(number),
            ..all()
        };
        assert_eq!(ids(&world, search).await, [], "{text:?}");
    }
}

async fn filters_combine(world: World) {
    world.succeeded(1, at(1)).await;
    world.processing(2, at(2)).await;
    let id = world.queued(3, at(3)).await;
    let cancel = world.command(&id, Command::Cancel, at(4)).await;
    world.commit(cancel).await.unwrap();
    world.commit(registered(payment(4, 900))).await.unwrap();
    for (n, amount) in [(4, 250), (5, 251)] {
        let mut change = world.request(wanted(n, 4, amount), at(i64::from(n))).await;
        let changed = change.refund.as_mut().unwrap();
        changed.record.origin = Source::Console;
        world.commit(change).await.unwrap();
    }

    let status = |status| RefundSearch {
        status: Some(status),
        ..all()
    };
    for (wanted, expected) in [
        (Status::Succeeded, vec![1]),
        (Status::Processing, vec![2]),
        (Status::Cancelled, vec![3]),
        (Status::Queued, vec![5, 4]),
        (Status::Closed, vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(refund_id).collect();
        assert_eq!(ids(&world, status(wanted)).await, expected, "{wanted:?}");
    }
    let amounts = |from, to| RefundSearch {
        amount_from: Some(fen(from)),
        amount_to: Some(fen(to)),
        ..all()
    };
    assert_eq!(ids(&world, amounts(250, 250)).await, [refund_id(4)]);
    assert_eq!(
        ids(&world, amounts(101, 251)).await,
        [refund_id(5), refund_id(4)]
    );
    assert_eq!(ids(&world, amounts(251, 250)).await, []);
    let console = RefundSearch {
        origin: Some(Source::Console),
        ..amounts(251, 9999)
    };
    assert_eq!(ids(&world, console).await, [refund_id(5)]);
    let number = RefundSearch {
        status: Some(Status::Succeeded),
        ..under("R-")
    };
    assert_eq!(ids(&world, number).await, [refund_id(1)]);
    let time = RefundSearch {
        created_from: Some(at(2)),
        created_to: Some(at(4)),
        ..all()
    };
    assert_eq!(ids(&world, time).await, [refund_id(3), refund_id(2)]);
    let needed = RefundSearch {
        attention: Attention::Needed,
        ..all()
    };
    assert_eq!(ids(&world, needed).await, []);
    let error = RefundSearch {
        error_code: Some("NOTENOUGH".to_owned()),
        ..all()
    };
    assert_eq!(ids(&world, error).await, []);
}

async fn pages_lead_forward_and_back_over_the_same_refunds(world: World) {
    for n in 1..=23 {
        let mut new = wanted(n, n, 10);
        new.merchant = merchant(if n % 2 == 0 { "main" } else { "other" });
        // Several share a time: the id decides.
        let change = world.request_against(new, &Default::default(), at(i64::from(n / 4)));
        world.commit(change).await.unwrap();
    }
    let page = |place| RefundSearch {
        place,
        limit: 5,
        ..all()
    };
    let mut pages = Vec::new();
    let mut place = Place::Newest;
    loop {
        let found = found(&world, page(place.clone())).await;
        assert_eq!(found.newer.is_some(), place != Place::Newest);
        let next = found.older.clone();
        pages.push(found);
        match next {
            Some(cursor) => place = Place::Older(cursor.to_string().parse().unwrap()),
            None => break,
        }
    }
    let seen = pages.iter().flat_map(|page| &page.items);
    let seen: Vec<_> = seen.map(|refund| refund.id.clone()).collect();
    assert_eq!(seen, (1..=23).rev().map(refund_id).collect::<Vec<_>>());
    for back in (1..pages.len()).rev() {
        let cursor = pages[back].newer.clone().unwrap();
        let found = found(&world, page(Place::Newer(cursor))).await;
        assert_eq!(found.items, pages[back - 1].items, "page {back}");
        assert_eq!(found.newer.is_some(), back > 1);
        assert!(found.older.is_some());
    }
}

async fn what_the_merchants_do_not_cover_is_found_by_nothing(world: World) {
    world.succeeded(1, at(1)).await;
    let transaction = payment(1, 1).transaction_id.unwrap().to_string();
    for text in ["R-00000001", "T-0", refund_id(1).as_str(), &transaction] {
        for allowed in [vec![], vec![merchant("other")]] {
            let search = RefundSearch {
                allowed: Merchants::Only(allowed),
                ..under(text)
            };
            assert_eq!(ids(&world, search).await, [], "{text}");
        }
    }
    let foreign = Merchants::Only(vec![merchant("other")]);
    assert_eq!(ids(&world, RefundSearch::of(foreign.clone())).await, []);
    let number: NumberText = "T-00000001".parse().unwrap();
    let under = |allowed| world.store.payments_under(&number, allowed);
    assert_eq!(under(&foreign).await.unwrap(), []);
    let ours = Merchants::Only(vec![merchant("main")]);
    let payments = under(&ours).await.unwrap();
    assert_eq!(payments[0].mch_id, mch_id());
    assert_eq!(
        Some(&payments[0].out_trade_no),
        order(1).out_trade_no.as_ref()
    );
}

async fn a_rare_match_among_very_many_is_reached_page_by_page(world: World) {
    let change = world.request(wanted(1, 1, 7), at(0)).await;
    world.commit(change).await.unwrap();
    let numbers: Vec<u32> = (2..=9_000).collect();
    for some in numbers.chunks(500) {
        // Together: thousands of durable commits would be thousands of waits for the disk.
        let mut commits = tokio::task::JoinSet::new();
        for n in some {
            let mut change = world.request(wanted(*n, *n, 10), at(i64::from(*n))).await;
            // Those of the interface have no index of their own.
            if *n == 5_000 {
                change.refund.as_mut().unwrap().record.origin = Source::Cli;
            }
            let store = world.store.clone();
            commits.spawn(async move { store.commit(change).await.unwrap() });
        }
        commits.join_all().await;
    }
    let mut search = RefundSearch {
        origin: Some(Source::Api),
        amount_to: Some(fen(10)),
        limit: 50,
        ..under("R-00000001")
    };
    assert_eq!(ids(&world, search.clone()).await, [refund_id(1)]);
    // More than a thousand begin like this: the walk is bounded, and goes on.
    search.number = Some("R-0".parse().unwrap());
    search.amount_to = Some(fen(9));
    search.amount_from = Some(fen(1));
    let first = found(&world, search.clone()).await;
    assert_eq!(first.items, []);
    let reached = first.reached.unwrap();
    assert_eq!(reached, at(1_001));
    search.place = Place::Older(first.older.unwrap());
    let second = found(&world, search).await;
    assert_eq!(second.items[0].id, refund_id(1));
    assert_eq!((second.reached, second.older), (None, None));
}
