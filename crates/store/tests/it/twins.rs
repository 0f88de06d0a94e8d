//! The same rows in a file and in PostgreSQL, every read of both side by side: many refunds of several
//! merchants, many made in the same microsecond, searched in every way and paged in both directions.

use std::path::Path;

use rusqlite::Connection;
use tuikuan_domain::{AttentionReason, OrderRef, Refund, Source, Status};
use tuikuan_store::{
    Attention, Cursor, DeliveryFilter, DeliveryStatus, FiguresAsked, Found, InboxFilter, JobKey,
    Merchants, NeededAsked, Place, RefundFilter, RefundSearch, Settled, Sleeping, Store, Stuck,
    Subject, UNPLACED,
};

use crate::admin::with_message;
use crate::scratch::Scratch;
use crate::world::{World, at, fen, mch_id, merchant, payment_id, refund_id, sqlite};

/// Refunds that stand there by SQL alone, `rf_...1000` and on.
const MANY: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 4000),
    r (i, merchant, status) AS (
        SELECT i, CASE i % 7 WHEN 0 THEN 'shop' WHEN 1 THEN 'wing' ELSE 'main' END,
            CASE WHEN i > 3900 THEN 'processing' WHEN i % 11 = 0 THEN 'closed'
                WHEN i % 13 = 0 THEN 'abnormal' ELSE 'succeeded' END
        FROM n)
    INSERT INTO refunds (id, merchant, mch_id, sub_mch_id, out_refund_no, out_trade_no,
        transaction_id, amount, origin, payment_id, total, status, refund_id, attention,
        attention_since, error_code, error_message, error_source, error_advice,
        refusal_unconfirmed, attempts, waits, created_at, submitted_at, last_attempt_at,
        succeeded_at, ended_at, version, history_head)
    SELECT printf('rf_%020d', i), merchant, '1900000109', '', 'Q-' || i, printf('X-%06d', i % 400),
        printf('4300%024d', i % 90), 1 + i % 97, CASE i % 17 WHEN 0 THEN 'console' ELSE 'api' END,
        NULL, 100000, status, '5030' || i,
        CASE status WHEN 'abnormal' THEN 'abnormal' END,
        CASE status WHEN 'abnormal' THEN 1700000000000000 + i % 5 END,
        CASE i % 19 WHEN 0 THEN 'SYSTEM_ERROR' END, CASE i % 19 WHEN 0 THEN 'm' END,
        CASE i % 19 WHEN 0 THEN 'wechat' END, CASE i % 19 WHEN 0 THEN 'wait' END,
        i % 23 = 0, 1, 0, 1700000000000000 + (i / 3) * 1000000, NULL, 1700000000000000,
        CASE status WHEN 'succeeded' THEN 1700009000000000 + i END,
        CASE WHEN status IN ('succeeded', 'closed') THEN 1700009000000000 + i END, 3, zeroblob(32)
    FROM r";

const AROUND: [&str; 5] = [
    "INSERT INTO status_counts SELECT merchant, status, count(*) FROM refunds
     WHERE merchant <> 'main' GROUP BY merchant, status",
    "INSERT INTO care (subject, merchant, reason, snoozed_until, version)
     SELECT 'refund:' || id, merchant, attention, 1800000000000000, 1 FROM refunds
     WHERE attention IS NOT NULL AND amount % 3 = 0",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
     INSERT INTO inbox (dedupe, merchant, generation, headers, body, refund_id, received_at,
         outcome, repeats, told_at)
     SELECT randomblob(32), CASE i % 5 WHEN 0 THEN 'shop' ELSE 'main' END, 'v3', 'h', x'00ff',
         CASE i % 4 WHEN 0 THEN printf('rf_%020d', 1000 + i % 10) END,
         1700000000000000 + (i / 2) * 1000000,
         CASE i % 6 WHEN 0 THEN 'unmatched' WHEN 1 THEN 'unreadable' ELSE 'applied' END, 0,
         CASE i % 2 WHEN 0 THEN 1699999990000000 END
     FROM n",
    "INSERT INTO care (subject, merchant, reason, settled_at, version)
     SELECT 'notification:' || number, merchant, outcome, 1700000000000000, 1 FROM inbox
     WHERE number % 12 = 0",
    "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
     INSERT INTO deliveries (id, endpoint_id, refund_id, seq, event_type, body, status, attempts,
         created_at)
     SELECT printf('msg_%08d', i), 'ep_00000001', printf('rf_%020d', 1000 + i % 10), 1, 'e', '{}',
         CASE i % 9 WHEN 0 THEN 'dead' ELSE 'delivered' END, 1, 1700000000000000 + i * 1000000
     FROM n",
];

struct Twins {
    file: Store,
    server: Store,
}

/// What both answer to the same question, which must be the same.
macro_rules! alike {
    ($twins:expr, $store:ident => $read:expr) => {{
        let $store = &$twins.file;
        let ours = $read.await.unwrap();
        let $store = &$twins.server;
        assert_eq!($read.await.unwrap(), ours, stringify!($read));
        ours
    }};
}

async fn lived() -> World {
    let world = sqlite(&tuikuan_store::Options::default()).await;
    for n in 11..=16 {
        world.succeeded(n, at(i64::from(n))).await;
    }
    world.processing(17, at(17)).await;
    with_message(&world).await;
    let bare = Connection::open(file(&world)).unwrap();
    bare.execute_batch(MANY).unwrap();
    for sql in AROUND {
        bare.execute_batch(sql).unwrap();
    }
    world
}

/// Where the file is.
fn file(world: &World) -> &Path {
    Path::new(world.url.strip_prefix("sqlite:").unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_of_both_engines_answers_alike() {
    let Some(scratch) = Scratch::empty().await else {
        return;
    };
    let old = lived().await;
    Store::copy(&old.url, &scratch.url(), |_| {}).await.unwrap();
    std::fs::copy(format!("{}.key", file(&old).display()), scratch.key_file()).unwrap();
    let twins = Twins {
        file: old.store.clone(),
        server: Store::open(&scratch.url(), &scratch.options())
            .await
            .unwrap(),
    };
    points(&twins).await;
    situations(&twins).await;
    history(&twins).await;
    refund_lists(&twins).await;
    other_lists(&twins).await;
    needs(&twins).await;
    searches(&twins).await;
    drop(twins);
    scratch.remove().await;
}

async fn points(twins: &Twins) {
    for n in [1, 11, 17, 18, 1000, 1001, 3999] {
        let id = refund_id(n);
        let seen = alike!(twins, s => s.refund_and_payment(&id));
        assert_eq!(seen.refund, alike!(twins, s => s.refund(&id)));
        if let Some(refund) = seen.refund {
            alike!(twins, s => s.refund_by_number(&mch_id(), &refund.out_refund_no));
            if let Some(wechat) = refund.refund_id {
                alike!(twins, s => s.refund_by_wechat_id(&mch_id(), &wechat));
            }
        }
        let id = payment_id(n);
        alike!(twins, s => s.refunds_of(&id));
        if let Some(payment) = alike!(twins, s => s.payment(&id)) {
            alike!(twins, s => s.payment_by_trade_no(&mch_id(), None, &payment.out_trade_no));
            let transaction = payment.transaction_id.unwrap();
            alike!(twins, s => s.payment_by_transaction(&mch_id(), &transaction));
        }
    }
    assert!(!alike!(twins, s => s.counts()).is_empty());
    assert!(!alike!(twins, s => s.lanes()).is_empty());
    for n in [1, 17, 12] {
        alike!(twins, s => s.job(&JobKey::Refund(refund_id(n))));
    }
    let endpoints = async |s: &Store| {
        let found = s.endpoints().await.unwrap();
        let one = |e: tuikuan_store::Endpoint| (e.id, e.url, e.enabled, e.created_at);
        found.into_iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(endpoints(&twins.file).await, endpoints(&twins.server).await);
    let ids = alike!(twins, s => s.refund_ids_after(Some(refund_id(1500)), 40));
    assert_eq!(ids.len(), 40);
}

/// A refund by its number before anything else, the order's numbers where there is none.
async fn situations(twins: &Twins) {
    let trade_no = |n: u32| Some(format!("T-{n:08}").parse().unwrap());
    let transaction = |n: u32| Some(format!("4200{n:024}").parse().unwrap());
    for number in ["R-00000011", "R-00000099", "Q-1000"] {
        for out_trade_no in [None, trade_no(12), trade_no(99)] {
            for transaction_id in [None, transaction(13), transaction(99)] {
                let number = number.parse().unwrap();
                let order = OrderRef {
                    out_trade_no: out_trade_no.clone(),
                    transaction_id,
                };
                alike!(twins, s => s.situation(&mch_id(), None, &number, &order));
                let sub = "1900000999".parse().unwrap();
                alike!(twins, s => s.situation(&mch_id(), Some(&sub), &number, &order));
            }
        }
    }
}

async fn history(twins: &Twins) {
    for n in [1, 11, 16, 17, 1000] {
        let id = refund_id(n);
        alike!(twins, s => s.events_of(&id, 0, 100));
        alike!(twins, s => s.attempts_of(&id));
        alike!(twins, s => s.exchanges_of(&id));
        alike!(twins, s => s.deliveries_of(&id));
        alike!(twins, s => s.notifications_of(&id));
        drop(alike!(twins, s => s.verify_history(id.clone())));
    }
    assert!(alike!(twins, s => s.verify_history(refund_id(11))).is_ok());
    let everybody = Merchants::All;
    let (events, _) = alike!(twins, s => s.events_after(3, &everybody, 10));
    assert_eq!(events.len(), 10);
    alike!(twins, s => s.events_after(0, &Merchants::Only(vec![merchant("shop")]), 10));
    alike!(twins, s => s.inbox(5));
    for allowed in [Merchants::All, Merchants::Only(vec![merchant("shop")])] {
        alike!(twins, s => s.list_inbox(&allowed, None, 50));
        alike!(twins, s => s.list_inbox(&allowed, Some(300), 50));
    }
    let numbers = [
        "Q-1234",
        "X-000007",
        "T-00000012",
        "4200000000000000000000000013",
    ];
    for number in numbers {
        let number = number.parse().unwrap();
        alike!(twins, s => s.payments_under(&number, &everybody));
    }
}

async fn refund_lists(twins: &Twins) {
    let of = |status, attention| RefundFilter {
        status,
        attention,
        limit: 17,
        ..RefundFilter::of(Merchants::All)
    };
    for status in [
        None,
        Some(Status::Succeeded),
        Some(Status::Processing),
        Some(Status::Closed),
        Some(Status::Abnormal),
    ] {
        for attention in [Attention::Any, Attention::Needed, Attention::NotNeeded] {
            let mut filter = of(status, attention);
            for _page in 0..4 {
                let page = alike!(twins, s => s.list_refunds(filter.clone()));
                filter.after = page.next;
            }
        }
    }
    for (number, order) in [
        (Some("Q-2000"), None),
        (None, Some("X-000012")),
        (None, Some("T-00000012")),
    ] {
        let filter = RefundFilter {
            out_refund_no: number.map(|no| no.parse().unwrap()),
            out_trade_no: order.map(|no| no.parse().unwrap()),
            created_to: Some(at(2_000)),
            ..of(None, Attention::Any)
        };
        let page = alike!(twins, s => s.list_refunds(filter.clone()));
        assert!(!page.items.is_empty());
    }
}

async fn other_lists(twins: &Twins) {
    for outcomes in [vec![], vec!["applied"], UNPLACED.to_vec()] {
        for settled in [Settled::Shown, Settled::Hidden] {
            let filter = InboxFilter {
                outcomes: outcomes.clone(),
                settled,
                from: Some(at(20)),
                limit: 30,
                ..InboxFilter::of(Merchants::All)
            };
            assert!(!alike!(twins, s => s.notifications(filter.clone())).is_empty());
        }
    }
    for status in [
        None,
        Some(DeliveryStatus::Dead),
        Some(DeliveryStatus::Delivered),
    ] {
        let filter = DeliveryFilter {
            endpoint: "ep_00000001".parse().unwrap(),
            status,
            from: None,
            to: Some(at(300)),
            before: Some("msg_00000250".parse().unwrap()),
            limit: 20,
        };
        let expected = if status == Some(DeliveryStatus::Dead) {
            16
        } else {
            20
        };
        let found = alike!(twins, s => s.deliveries(filter.clone()));
        assert_eq!(found.len(), expected);
        alike!(twins, s => s.list_deliveries(&filter.endpoint, filter.before.as_ref(), 9));
    }
    alike!(twins, s => s.delivery(&"msg_00000001".parse().unwrap()));
}

async fn needs(twins: &Twins) {
    for allowed in [Merchants::All, Merchants::Only(vec![merchant("main")])] {
        alike!(twins, s => s.waiting(allowed.clone(), at(900)));
    }
    for name in ["main", "shop"] {
        assert!(alike!(twins, s => s.sleeping(merchant(name), at(900))) > 0);
        for sleeping in [Sleeping::Hidden, Sleeping::Only] {
            let mut asked = NeededAsked {
                merchant: merchant(name),
                reason: AttentionReason::Abnormal,
                sleeping,
                now: at(900),
                after: None,
                limit: 10,
            };
            for _page in 0..3 {
                let page = alike!(twins, s => s.needed(asked.clone()));
                asked.after = page.last().map(|refund| {
                    let attention = refund.attention.as_ref().unwrap();
                    (attention.since, refund.id.clone())
                });
            }
        }
        let asked = FiguresAsked {
            merchant: merchant(name),
            hour_from: 0,
            day_from: 0,
        };
        alike!(twins, s => s.figures(asked.clone()));
    }
    let subjects = [Subject::Notification(12), Subject::Refund(refund_id(1001))];
    alike!(twins, s => s.cares(subjects.to_vec()));
    let differ = alike!(twins, s => s.figure_differences(1000));
    assert!(
        !differ.is_empty(),
        "what stands there by SQL is in no figure"
    );
    let stuck = async |s: &Store| {
        let mut found: Vec<Stuck> = s.stuck(at(9_999_999), 200).await.unwrap();
        found.sort_by(|a, b| a.refund_id.cmp(&b.refund_id));
        found
    };
    let found = stuck(&twins.file).await;
    assert!(found.len() > 80);
    assert_eq!(stuck(&twins.server).await, found);
}

/// Every way, every place: forward from each cursor that going back gave.
async fn searches(twins: &Twins) {
    let mut pages = 0;
    for search in wanted() {
        pages += there_and_back(twins, search).await;
    }
    assert!(pages > 150, "{pages}");
}

fn wanted() -> Vec<RefundSearch> {
    let with = |set: &dyn Fn(&mut RefundSearch)| {
        let mut search = RefundSearch::of(Merchants::All);
        search.limit = 23;
        set(&mut search);
        search
    };
    let mut wanted = vec![
        with(&|_| {}),
        with(&|s| s.origin = Some(Source::Console)),
        with(&|s| s.error_code = Some("SYSTEM_ERROR".to_owned())),
        with(&|s| s.attention = Attention::Needed),
        with(&|s| s.allowed = Merchants::Only(vec![merchant("shop")])),
        with(&|s| {
            s.attention = Attention::NotNeeded;
            s.number = Some("Q-2".parse().unwrap());
        }),
        with(&|s| {
            s.origin = Some(Source::Console);
            s.error_code = Some("SYSTEM_ERROR".to_owned());
            (s.created_from, s.created_to) = (Some(at(400)), Some(at(1200)));
        }),
    ];
    for number in [
        "Q-1",
        "Q-12",
        "X-00003",
        "X-000",
        "rf_00000000000000001234",
        "50301234",
        "4200000000000000000000000013",
        "4300000000000000000000000013",
        "Q",
        "nothing",
    ] {
        wanted.push(with(&|s| s.number = Some(number.parse().unwrap())));
    }
    for status in [
        Status::Closed,
        Status::Abnormal,
        Status::Processing,
        Status::Succeeded,
        Status::Unknown,
    ] {
        for name in [None, Some("wing")] {
            wanted.push(with(&|s| {
                (s.status, s.merchant) = (Some(status), name.map(merchant));
            }));
        }
    }
    for (from, to) in [(5, 5), (5, 9), (10, 90)] {
        wanted.push(with(&|s| {
            (s.amount_from, s.amount_to) = (Some(fen(from)), Some(fen(to)));
        }));
    }
    wanted
}

async fn there_and_back(twins: &Twins, mut search: RefundSearch) -> u32 {
    let mut pages = 0;
    for _page in 0..4 {
        let found: Found = alike!(twins, s => s.search_refunds(search.clone()));
        pages += 1;
        if let Some(first) = found.items.first() {
            let forward = RefundSearch {
                place: Place::Newer(cursor(first)),
                ..search.clone()
            };
            alike!(twins, s => s.search_refunds(forward.clone()));
            pages += 1;
        }
        let Some(older) = found.older else { break };
        search.place = Place::Older(older);
    }
    pages
}

fn cursor(refund: &Refund) -> Cursor {
    Cursor {
        created_at: refund.created_at,
        id: refund.id.clone(),
    }
}
