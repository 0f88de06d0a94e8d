//! The same for a merchant of API v2 and for the sub-merchant of a service provider, whose bills have
//! columns and ways of their own; and the movements of an account.

use serde_json::{Value, json};

use super::{Shop, settled_of, told};
use crate::stage::{Service, call, say, tuikuan};

/// A merchant of the simulator.
struct Whose {
    name: &'static str,
    mch_id: &'static str,
    sub_mch_id: Option<&'static str>,
}

const CLASSIC: Whose = Whose {
    name: "classic",
    mch_id: "1900000110",
    sub_mch_id: None,
};
const PROVIDER: Whose = Whose {
    name: "provider",
    mch_id: "1900000111",
    sub_mch_id: Some("1900000209"),
};

impl Whose {
    fn post(&self, shop: &Shop, path: &str, more: &Value) {
        let mut body = json!({ "mch_id": self.mch_id });
        if let Some(sub) = self.sub_mch_id.filter(|_| !path.starts_with("bills")) {
            body["sub_mch_id"] = json!(sub);
        }
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let url = format!("{}/{path}", shop.sim.control);
        call(reqwest::Method::POST, &url, Some(body));
    }

    /// A refund of ours, seen to its end.
    fn refund(&self, shop: &Shop, service: &Service, number: &str) {
        let order = format!("ORDER-{number}");
        self.post(
            shop,
            "orders",
            &json!({ "out_trade_no": order, "total": 5000 }),
        );
        let said = service.command(&[
            "refund",
            "create",
            "--merchant",
            self.name,
            "--out-trade-no",
            &order,
            "--amount",
            "1000",
            "--out-refund-no",
            number,
            "--json",
        ]);
        assert_eq!(said.code, 0, "{}", said.err);
        service.wait_for(said.json()["id"].as_str().unwrap(), "succeeded");
    }

    /// A refund that was made in the merchant's site.
    fn portal(&self, shop: &Shop, number: &str) {
        let order = format!("ORDER-{number}");
        self.post(
            shop,
            "orders",
            &json!({ "out_trade_no": order, "total": 5000 }),
        );
        let refund = json!({ "out_trade_no": order, "amount": 700, "out_refund_no": number });
        self.post(shop, "portal-refunds", &refund);
    }

    fn plant(&self, shop: &Shop, kind: &str, more: &Value) {
        let mut body = json!({ "date": shop.day(1), "kind": kind });
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.post(shop, "bills/differences", &body);
    }
}

#[test]
fn bills_of_both_generations_and_of_sub_merchants_show_every_difference() {
    let mut shop = Shop::open();
    let service = shop.service();
    for (whose, mark) in [(&CLASSIC, "C"), (&PROVIDER, "S")] {
        for number in ["1", "2", "3", "4"] {
            whose.refund(&shop, &service, &format!("{mark}{number}"));
        }
        whose.portal(&shop, &format!("{mark}P"));
        let number = |n: u32| json!({ "out_refund_no": format!("{mark}{n}") });
        whose.plant(&shop, "missing_row", &number(1));
        let mut other = number(2);
        other["amount"] = json!(999);
        whose.plant(&shop, "amount", &other);
        whose.plant(&shop, "status", &number(3));
    }
    drop(service);
    shop.sleep();
    let service = shop.service();
    for (whose, mark) in [(&CLASSIC, "C"), (&PROVIDER, "S")] {
        let day = settled_of(&service, (whose.name, &shop.day(1)), "fetched");
        let expected = [
            "1 ours_only open wait_for_next_bill",
            "2 amount_differs open ask_wechat",
            "3 status_differs healed nothing",
            "P wechat_only healed nothing",
        ];
        assert_eq!(told(&day), expected.map(|text| format!("{mark}{text}")));
        assert_eq!(day["matched"], 1, "{day:#}");
        let order = format!("ORDER-{mark}P");
        let payment = service.command(&["payment", "get", whose.name, &order, "--json"]);
        assert_eq!(payment.json()["refunded"], 700, "it counts (INV-39)");
        again(&service, whose, &shop.day(1));
        movements(&shop, whose);
    }
}

/// A second run changes nothing (INV-38).
fn again(service: &Service, whose: &Whose, day: &str) {
    let before = super::look(service, (whose.name, day));
    let said = service.command(&[
        "bill",
        "reconcile",
        "--merchant",
        whose.name,
        "--date",
        day,
        "--json",
    ]);
    assert_eq!(said.code, 1, "differences are open: {}", said.err);
    assert_eq!(said.json()["open"], 2);
    let after = super::look(service, (whose.name, day));
    assert_eq!(after["data"], before["data"]);
}

/// What refunds took from the account: four of ours and one of the portal, less the fees.
fn movements(shop: &Shop, whose: &Whose) {
    let (config, folder) = (shop.sim.config(), shop.sim.folder.path().join("flows"));
    let fetched = say(tuikuan()
        .args(["bill", "fetch", "--kind", "fund-flow", "--json"])
        .args(["--merchant", whose.name, "--date", &shop.day(1), "--dir"])
        .arg(&folder)
        .arg("--config")
        .arg(&config));
    assert_eq!(fetched.code, 0, "{}", fetched.err);
    let bill = fetched.json()["bills"][0].clone();
    assert_eq!(bill["refunds"]["taken"], 5, "{bill:#}");
    let taken = bill["refunds"]["taken_amount"].as_i64().unwrap();
    assert!((4_600..=4_700).contains(&taken), "{bill:#}");
    let file = bill["file"].as_str().unwrap();
    assert!(file.ends_with("-fund_flow-basic.csv.gz"), "{file}");
    let summed = say(tuikuan().args(["bill", "report", "--json", "--file", file]));
    assert_eq!(summed.json()["kind"], "FUND_FLOW", "{}", summed.err);
    assert_eq!(summed.json()["refund_movements"], bill["refunds"]);
}
