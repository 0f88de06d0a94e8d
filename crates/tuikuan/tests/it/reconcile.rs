//! Days of bills: the real service against the real simulator, whose clock is pushed from noon to
//! noon while the service is down and comes up again. Every planted difference is found, what a
//! query heals is healed, nothing is invented, and a second run changes nothing (INV-38, INV-39).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Service, Sim, call, say, tuikuan};

mod generations;

const MAIN: &str = "1900000109";
/// How long the service may take for what is due at once.
const PATIENCE: Duration = Duration::from_secs(90);
const DAY_S: i64 = 86_400;

/// A simulator at noon in Beijing, and how far its clock and the service's are ahead.
pub(crate) struct Shop {
    pub(crate) sim: Sim,
    pub(crate) ahead_s: i64,
    first_day: jiff::civil::Date,
}

impl Shop {
    pub(crate) fn open() -> Self {
        let sim = Sim::start();
        let now = jiff::Timestamp::now().as_second();
        // The next noon in Beijing, UTC+8: no test may come close to midnight.
        let into = (now + 8 * 3600).rem_euclid(DAY_S);
        let ahead_s = (DAY_S + DAY_S / 2 - into).rem_euclid(DAY_S);
        push(&sim, ahead_s);
        let noon = jiff::Timestamp::from_second(now + ahead_s + 8 * 3600).unwrap();
        let first_day = jiff::tz::TimeZone::UTC.to_datetime(noon).date();
        Self {
            sim,
            ahead_s,
            first_day,
        }
    }

    /// The same time on the next day.
    pub(crate) fn sleep(&mut self) {
        push(&self.sim, DAY_S);
        self.ahead_s += DAY_S;
    }

    pub(crate) fn day(&self, number: i64) -> String {
        let span = jiff::Span::new().days(number - 1);
        self.first_day.checked_add(span).unwrap().to_string()
    }

    pub(crate) fn service(&self) -> Service {
        let ahead = format!("{}s", self.ahead_s);
        let settings = [
            ("TUIKUAN_ENGINE__CLOCK_AHEAD", &*ahead),
            ("TUIKUAN_ENGINE__BILL_SPREAD", "0s"),
        ];
        Service::start(&self.sim.config(), &settings)
    }

    pub(crate) fn plant(&self, number: i64, kind: &str, more: &Value) {
        let mut body = json!({ "mch_id": MAIN, "date": self.day(number), "kind": kind });
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let url = format!("{}/bills/differences", self.sim.control);
        call(reqwest::Method::POST, &url, Some(body));
    }

    /// A refund that was made in the merchant's site.
    pub(crate) fn portal(&self, order: &str, number: &str, amount: i64) {
        self.sim.pay(MAIN, order, 5000);
        let body = json!({
            "mch_id": MAIN, "out_trade_no": order, "amount": amount, "out_refund_no": number,
        });
        let url = format!("{}/portal-refunds", self.sim.control);
        call(reqwest::Method::POST, &url, Some(body));
    }

    fn forget_differences(&self) {
        let url = format!("{}/bills/differences", self.sim.control);
        call(reqwest::Method::DELETE, &url, None);
    }
}

fn push(sim: &Sim, seconds: i64) {
    let body = json!({ "advance_s": seconds });
    let url = format!("{}/clock", sim.control);
    call(reqwest::Method::POST, &url, Some(body));
}

/// A refund of ours, seen to its end.
pub(crate) fn refund(shop: &Shop, service: &Service, number: &str) {
    let order = format!("ORDER-{number}");
    shop.sim.pay(MAIN, &order, 5000);
    let args = [
        "refund",
        "create",
        "--merchant",
        "main",
        "--out-trade-no",
        &order,
        "--amount",
        "1000",
        "--out-refund-no",
        number,
        "--json",
    ];
    let said = service.command(&args);
    assert_eq!(said.code, 0, "{}", said.err);
    service.wait_for(said.json()["id"].as_str().unwrap(), "succeeded");
}

fn look(service: &Service, (merchant, day): (&str, &str)) -> Value {
    let request = reqwest::Client::new()
        .get(format!(
            "{}/v1/reconciliations/{merchant}/{day}?limit=200",
            service.url
        ))
        .bearer_auth(&service.key);
    crate::stage::runtime().block_on(async {
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    })
}

/// Waits until a day is in this state and nobody asks WeChat about it any more.
pub(crate) fn settled(service: &Service, day: &str, state: &str) -> Value {
    settled_of(service, ("main", day), state)
}

/// The same of any merchant's day.
fn settled_of(service: &Service, (merchant, day): (&str, &str), state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let found = look(service, (merchant, day));
        let asking =
            found["data"].as_array().into_iter().flatten().any(|d| {
                d["state"] == "open" && (d["repair"] == "query" || d["repair"] == "adopt")
            });
        if found["state"] == state && !asking {
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{merchant} {day} is not {state}: {found:#}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Number, class, state, proposal of each difference of a day, by number.
fn told(day: &Value) -> Vec<String> {
    let text = |d: &Value, name: &str| d[name].as_str().unwrap_or("-").to_owned();
    let mut list: Vec<String> = day["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| {
            let names = ["out_refund_no", "class", "state", "repair"];
            names.map(|name| text(d, name)).join(" ")
        })
        .collect();
    list.sort();
    list
}

#[test]
fn a_bill_shows_every_difference_and_queries_heal_what_they_can() {
    let mut shop = Shop::open();
    let service = shop.service();
    for number in ["R1", "R2", "R3", "R4", "R5"] {
        refund(&shop, &service, number);
    }
    shop.portal("ORDER-P1", "PORTAL1", 700);
    shop.plant(1, "missing_row", &json!({ "out_refund_no": "R1" }));
    shop.plant(
        1,
        "amount",
        &json!({ "out_refund_no": "R2", "amount": 1001 }),
    );
    shop.plant(1, "status", &json!({ "out_refund_no": "R3" }));
    shop.plant(1, "late", &json!({ "out_refund_no": "R4" }));
    shop.plant(
        1,
        "extra_row",
        &json!({ "out_refund_no": "GHOST1", "amount": 5 }),
    );
    drop(service);
    shop.sleep();
    // Killed and started again, a day later: the bill of the first day is fetched by itself.
    let service = shop.service();
    let first = settled(&service, &shop.day(1), "fetched");
    assert_eq!(first["matched"], 1, "{first:#}");
    let expected = [
        "GHOST1 wechat_only open ask_wechat",
        "PORTAL1 wechat_only healed nothing",
        "R1 ours_only open wait_for_next_bill",
        "R2 amount_differs open ask_wechat",
        "R3 status_differs healed nothing",
        "R4 ours_only open wait_for_next_bill",
    ];
    assert_eq!(told(&first), expected);
    let payment = service.command(&["payment", "get", "main", "ORDER-P1", "--json"]);
    assert_eq!(payment.json()["refunded"], 700, "it counts (INV-39)");
    again_changes_nothing(&service, &shop.day(1), &first);
    refund(&shop, &service, "R6");
    drop(service);
    shop.sleep();
    let service = shop.service();
    let second = settled(&service, &shop.day(2), "fetched");
    assert_eq!(told(&second), ["R4 late_by_a_day healed nothing"]);
    assert_eq!(second["matched"], 1, "{second:#}");
    let first = settled(&service, &shop.day(1), "fetched");
    assert!(
        told(&first).contains(&"R4 ours_only healed nothing".to_owned()),
        "{first:#}"
    );
    assert!(
        told(&first).contains(&"R1 ours_only open ask_wechat".to_owned()),
        "{first:#}"
    );
    files_say_the_same(&shop, &service);
}

/// Another run of the same day finds the same.
fn again_changes_nothing(service: &Service, day: &str, before: &Value) {
    let args = [
        "bill",
        "reconcile",
        "--merchant",
        "main",
        "--date",
        day,
        "--json",
    ];
    let said = service.command(&args);
    assert_eq!(said.code, 1, "differences are open: {}", said.err);
    assert_eq!(said.json()["open"], 4);
    let after = look(service, ("main", day));
    assert_eq!(
        after["data"], before["data"],
        "a second run changes nothing"
    );
    assert_eq!(
        after["refunds_bill"]["hash"],
        before["refunds_bill"]["hash"]
    );
}

/// The same from a file, without the service.
fn files_say_the_same(shop: &Shop, service: &Service) {
    let (config, day) = (shop.sim.config(), shop.day(1));
    let folder = shop.sim.folder.path().join("bills");
    let fetched = say(tuikuan()
        .args([
            "bill",
            "fetch",
            "--merchant",
            "main",
            "--json",
            "--date",
            &day,
            "--dir",
        ])
        .arg(&folder)
        .arg("--config")
        .arg(&config));
    assert_eq!(fetched.code, 0, "{}", fetched.err);
    let file = fetched.json()["bills"][0]["file"]
        .as_str()
        .unwrap()
        .to_owned();
    let compared = say(tuikuan()
        .args([
            "bill",
            "reconcile",
            "--merchant",
            "main",
            "--date",
            &day,
            "--file",
            &file,
        ])
        .arg("--config")
        .arg(&config));
    assert_eq!(compared.code, 1, "{}", compared.err);
    assert!(compared.out.contains("amount_differs"), "{}", compared.out);
    assert!(
        !compared.out.contains("PORTAL1"),
        "it is ours by now: {}",
        compared.out
    );
    let summed = say(tuikuan().args(["bill", "report", "--json", "--file", &file]));
    assert_eq!(summed.json()["refunds"], 5, "{}", summed.err);
    let cut = folder.join("cut.csv.gz");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let refused = say(tuikuan().args(["bill", "report", "--file"]).arg(&cut));
    assert_eq!(refused.code, 1, "a cut file is an error: {}", refused.out);
    let listed = service.command(&[
        "bill",
        "report",
        "--merchant",
        "main",
        "--from",
        &day,
        "--to",
        &shop.day(2),
    ]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert!(listed.out.contains("GHOST1"), "{}", listed.out);
}

#[test]
fn a_week_with_a_missing_day_and_a_cut_file_ends_with_books_that_agree() {
    let mut shop = Shop::open();
    let service = shop.service();
    refund(&shop, &service, "D1");
    drop(service);
    shop.sleep();
    shop.plant(2, "not_ready", &json!({}));
    shop.plant(3, "cut_file", &json!({}));
    for number in ["D2", "D3"] {
        let service = shop.service();
        refund(&shop, &service, number);
        drop(service);
        shop.sleep();
    }
    // The fourth day: one bill is missing, one was cut on its way.
    let service = shop.service();
    settled(&service, &shop.day(1), "fetched");
    let missing = settled(&service, &shop.day(2), "missing");
    assert_eq!(missing["data"], json!([]), "a missing bill is no empty day");
    let failed = settled(&service, &shop.day(3), "failed");
    assert!(
        failed["refunds_bill"]["error"]
            .as_str()
            .unwrap()
            .contains("cut short"),
        "{failed:#}"
    );
    drop(service);
    shop.forget_differences();
    shop.portal("ORDER-P4", "PORTAL4", 300);
    // The service is down for three days.
    for _ in 0..3 {
        shop.sleep();
    }
    let service = shop.service();
    for (number, state) in [
        (1, "fetched"),
        (2, "fetched"),
        (3, "fetched"),
        (4, "fetched"),
        (5, "empty"),
        (6, "empty"),
    ] {
        let day = settled(&service, &shop.day(number), state);
        let expected: &[&str] = match number {
            4 => &["PORTAL4 wechat_only healed nothing"],
            _ => &[],
        };
        assert_eq!(told(&day), expected, "day {number}");
    }
}
