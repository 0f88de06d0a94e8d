//! Which bills are wanted.

use jiff::ToSpan as _;
use jiff::civil::Date;
use tuikuan_domain::reconcile::day_of;
use tuikuan_engine::{By, Clock as _};
use tuikuan_store::Merchants;

use crate::batch::{Place, all};

/// The days of which a bill is known, each once.
fn days(place: &Place) -> Vec<Date> {
    let ever = (Date::MIN, Date::MAX);
    let known = place
        .store
        .bill_days(Merchants::All, "main".parse().unwrap(), ever);
    let mut days: Vec<Date> = all(known).unwrap().iter().map(|d| d.bill.day).collect();
    days.dedup();
    days
}

#[test]
fn a_look_at_an_old_day_wants_no_other_day() {
    let place = Place::new();
    let engine = place.process();
    let today = day_of(place.clock.now());
    let old = today.checked_sub(25.days()).unwrap();
    all(engine.want_bills()).unwrap();
    assert_eq!(days(&place), [today]);
    all(engine.reconcile(&"main".parse().unwrap(), old, &By::cli())).unwrap();
    all(engine.want_bills()).unwrap();
    assert_eq!(days(&place), [old, today]);
    // Days that were missed are made up all the same.
    place.clock.pass(2 * 24 * 3600);
    all(place.process().want_bills()).unwrap();
    let (next, last) = (today.tomorrow().unwrap(), today.checked_add(2.days()));
    assert_eq!(days(&place), [old, today, next, last.unwrap()]);
}
