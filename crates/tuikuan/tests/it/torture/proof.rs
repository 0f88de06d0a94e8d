//! What must hold at the end, wherever the books are: both sets of books agree, what is kept as a sum
//! equals a recount, histories and audit log verify, no quota was exceeded.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use tuikuan_store::{Options, Store};

use super::books::{self, Tally};
use super::load::Load;
use super::place::Place;

/// So long may a next step be overdue.
const OVERDUE: SignedDuration = SignedDuration::from_secs(120);

/// Lets everything end and proves it. `store` is the address of the nodes' store.
pub(crate) async fn end(place: &Place, (load, store): (&Load, &str), tally: &mut Tally) {
    books::linger(place).await;
    place.faults_off().await;
    books::drain(place).await;
    books::compare(place, load, tally).await;
    let verify = ["audit", "verify", "--histories"];
    let verified = place.operator(&verify).await;
    assert_eq!(verified["ok"], true, "{verified}");
    let faster = place.control(Method::GET, "/limits/exceeded", None).await;
    assert_eq!(faster["rates"], 0, "beyond a quota (INV-26): {faster}");
    tally.spacing = faster["spacing"].as_u64().unwrap();
    let options = Options {
        key_file: place.folder.path().join("tuikuan.key"),
        ..Options::default()
    };
    let store = Store::open(store, &options).await.unwrap();
    let differing = store.figure_differences(10).await.unwrap();
    assert!(differing.is_empty(), "{differing:?}");
    for (status, counted) in &tally.by_status {
        let counts = store.counts().await.unwrap();
        let of = counts.iter().filter(|c| c.status.as_str() == *status);
        let kept: i64 = of.map(|c| c.refunds).sum();
        assert_eq!(usize::try_from(kept).unwrap(), *counted, "{status}");
    }
    let overdue = Timestamp::now().checked_sub(OVERDUE).unwrap();
    let stuck = store.stuck(overdue, 10).await.unwrap();
    assert!(stuck.is_empty(), "{stuck:?}");
}
