//! A running simulator: TLS, client certificates, the control side, real deliveries, restart.

use std::time::Duration;

use reqwest::{Certificate, Client, Identity};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tuikuan_sim::setup::SimMerchant;
use tuikuan_sim::{FaultAction, FaultRule, Options, Simulator};
use tuikuan_wechat::http::Method;
use tuikuan_wechat::keys::PrivateKey;
use tuikuan_wechat::v2::{Fields, SignType, sign};
use tuikuan_wechat::v3::sign::Signer;
use tuikuan_wechat::{Identity as Own, Stamp};

struct Running {
    simulator: Simulator,
    dir: tempfile::TempDir,
}

impl Running {
    async fn start(speed: f64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulator = start_in(dir.path(), speed).await;
        Self { simulator, dir }
    }

    fn merchant(&self) -> SimMerchant {
        self.simulator.file().merchants[0].clone()
    }

    fn read(&self, path: &std::path::Path) -> Vec<u8> {
        std::fs::read(self.dir.path().join(path)).unwrap()
    }

    fn client(&self, identity: Option<Identity>) -> Client {
        let ca = Certificate::from_pem(self.simulator.ca_pem().as_bytes()).unwrap();
        let mut builder = Client::builder()
            .tls_certs_only([ca])
            .user_agent("test")
            .no_proxy();
        if let Some(identity) = identity {
            builder = builder.identity(identity);
        }
        builder.build().unwrap()
    }

    fn identity(&self) -> Identity {
        let merchant = self.merchant();
        let mut pem = self.read(&merchant.private_key);
        pem.extend(self.read(&merchant.certificate));
        Identity::from_pem(&pem).unwrap()
    }

    async fn control(&self, method: reqwest::Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.control_url());
        let client = Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, url);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        self.control(reqwest::Method::GET, path, Value::Null)
            .await
            .1
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.control(reqwest::Method::POST, path, body).await
    }

    async fn order(&self) {
        let body =
            json!({"mch_id": self.merchant().mch_id, "out_trade_no": "ORDER0001", "total": 1000});
        let (status, order) = self.post("/orders", body).await;
        assert_eq!(status, 201, "{order}");
    }

    fn v3(&self, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let merchant = self.merchant();
        let text = body.map(Value::to_string).unwrap_or_default();
        let stamp = Stamp {
            unix_seconds: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_secs()
                .try_into()
                .unwrap(),
            nonce: "593BEC0C930BF1AFEB40B4A08C8FB242".into(),
        };
        let method = if body.is_some() {
            Method::Post
        } else {
            Method::Get
        };
        let key = PrivateKey::from_pem(&self.read(&merchant.private_key)).unwrap();
        let signer = Signer {
            mchid: &merchant.mch_id,
            serial_no: &merchant.serial_no,
            key: &key,
        };
        let authorization = signer
            .authorization(method, path, &stamp, text.as_bytes())
            .unwrap();
        let url = format!("{}{path}", self.simulator.endpoint());
        let client = self.client(None);
        let request = match method {
            Method::Post => client.post(url).body(text),
            Method::Get => client.get(url),
        };
        request
            .header("Accept", "application/json")
            .header("Authorization", authorization)
    }
}

async fn start_in(dir: &std::path::Path, speed: f64) -> Simulator {
    let options = Options {
        speed,
        ..Options::in_dir(dir)
    };
    Simulator::start(options).await.unwrap()
}

fn refund(number: &str, notify_url: Option<String>) -> Value {
    let mut body = json!({
        "out_trade_no": "ORDER0001",
        "out_refund_no": number,
        "amount": {"refund": 10, "total": 1000, "currency": "CNY"},
    });
    if let Some(url) = notify_url {
        body["notify_url"] = url.into();
    }
    body
}

const PATH: &str = "/v3/refund/domestic/refunds";

#[tokio::test]
async fn v3_over_tls_and_the_books_behind_it() {
    let running = Running::start(1.0).await;
    running.order().await;
    let answer = running
        .v3(PATH, Some(&refund("R1", None)))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("wechatpay-signature"));
    assert!(answer.headers().contains_key("date"));
    let books = running.get("/refunds?mch_id=1900000109").await;
    assert_eq!(books[0]["out_refund_no"], "R1");
    assert_eq!(books[0]["status"], "PROCESSING");
    let id = books[0]["refund_id"].as_str().unwrap();
    let (status, _) = running
        .post(
            &format!("/refunds/{id}/outcome"),
            json!({"status": "ABNORMAL"}),
        )
        .await;
    assert_eq!(status, 200);
    let order = running.get("/orders/1900000109/ORDER0001").await;
    assert_eq!(order["refunds"][0]["status"], "ABNORMAL");
    assert_eq!(order["refundable"], 990);
    running.simulator.shutdown().await;
}

#[tokio::test]
async fn a_bill_is_located_and_fetched_over_tls() {
    let running = Running::start(1.0).await;
    running.order().await;
    let (status, _) = running
        .post(
            "/portal-refunds",
            json!({"mch_id": "1900000109", "out_trade_no": "ORDER0001", "amount": 7, "out_refund_no": "P1"}),
        )
        .await;
    assert_eq!(status, 200);
    let now = running.get("/clock").await;
    let date = now["now"].as_str().unwrap()[..10].to_owned();
    let difference = json!({"mch_id": "1900000109", "date": date, "kind": "extra_row"});
    let (status, all) = running.post("/bills/differences", difference).await;
    assert_eq!((status, all.as_array().unwrap().len()), (200, 1));
    let bad = json!({"mch_id": "1900000109", "date": "today", "kind": "late"});
    let (status, told) = running.post("/bills/differences", bad).await;
    assert_eq!((status, &told["field"]), (400, &json!("date")));
    running
        .post("/clock", json!({"advance_s": 34 * 3_600}))
        .await;

    let path = format!("/v3/bill/tradebill?bill_date={date}&bill_type=REFUND");
    let told = running.v3(&path, None).send().await.unwrap();
    let told: Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
    let url = told["download_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(running.simulator.endpoint()).unwrap();
    let file = running.v3(path, None).send().await.unwrap();
    assert!(!file.headers().contains_key("wechatpay-signature"));
    let bytes = file.bytes().await.unwrap();
    let hash = tuikuan_wechat::bill::Sha1::of(&bytes).to_string();
    assert_eq!(told["hash_value"], hash);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains("`P1,`0.07"), "{text}");
    assert!(
        text.ends_with("\r\n`2,`0.00,`1.07,`0.00,`-0.01000,`0.00,`1.07\r\n"),
        "{text}"
    );

    // The control side shows the same file, and forgets the difference.
    let look = format!(
        "{}/bills/1900000109/{date}",
        running.simulator.control_url()
    );
    let client = Client::builder().no_proxy().build().unwrap();
    let shown = client.get(&look).send().await.unwrap();
    assert_eq!(shown.text().await.unwrap(), text);
    let (_, all) = running
        .control(reqwest::Method::DELETE, "/bills/differences", Value::Null)
        .await;
    assert_eq!(all, json!([]));
    let shown = client
        .get(&look)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(shown.contains("\r\n`1,`0.00,`0.07,"), "{shown}");
    let (status, _) = running
        .control(
            reqwest::Method::GET,
            "/bills/1900000109/2020-01-01",
            Value::Null,
        )
        .await;
    assert_eq!(status, 404);
    running.simulator.shutdown().await;
}

#[tokio::test]
async fn v2_over_tls_demands_the_client_certificate() {
    let running = Running::start(1.0).await;
    running.order().await;
    let merchant = running.merchant();
    let mut fields = Fields::new();
    for (name, value) in [
        ("appid", merchant.appid.as_str()),
        ("mch_id", &merchant.mch_id),
        ("nonce_str", "n"),
        ("out_trade_no", "ORDER0001"),
        ("out_refund_no", "R1"),
        ("total_fee", "1000"),
        ("refund_fee", "10"),
    ] {
        fields.set(name, value);
    }
    let signature = sign(&fields, &merchant.api_v2_key.clone().into(), SignType::Md5);
    fields.set("sign", signature);
    let url = format!("{}/secapi/pay/refund", running.simulator.endpoint());
    let send = |identity| {
        running
            .client(identity)
            .post(&url)
            .body(fields.to_xml())
            .send()
    };
    let refused = send(None).await.unwrap();
    assert_eq!(refused.status(), 400);
    let taken = send(Some(running.identity()))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let answer = Fields::parse(taken.as_bytes()).unwrap();
    assert_eq!(answer.get("result_code"), Some("SUCCESS"), "{taken}");
}

#[tokio::test]
async fn connections_break_where_the_fault_says() {
    let running = Running::start(1.0).await;
    running.order().await;
    let fault = |action| {
        let rule = FaultRule::always(action);
        running
            .simulator
            .with_world(|world| world.set_faults(vec![rule]));
    };
    fault(FaultAction::ReplyLostBeforeAccept);
    assert!(
        running
            .v3(PATH, Some(&refund("R1", None)))
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        running.simulator.with_world(|world| world.refunds().len()),
        0
    );
    fault(FaultAction::CutAtByte { n: 40 });
    assert!(
        running
            .v3(PATH, Some(&refund("R1", None)))
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        running.simulator.with_world(|world| world.refunds().len()),
        1
    );
    // Behind the head the status arrives, the body does not.
    let mut heads = 0;
    for n in (0..1_200).step_by(150) {
        fault(FaultAction::CutAtByte { n });
        if let Ok(answer) = running.v3(PATH, Some(&refund("R1", None))).send().await {
            heads += 1;
            assert!(answer.bytes().await.is_err(), "{n}");
        }
    }
    assert!(heads > 0, "no cut fell into a body");
    fault(FaultAction::Hang);
    let waiting = running.v3(PATH, Some(&refund("R1", None))).send();
    assert!(
        tokio::time::timeout(Duration::from_millis(200), waiting)
            .await
            .is_err()
    );
    running.simulator.shutdown().await;
}

/// A receiver that answers each request with the next of these statuses.
async fn receiver(statuses: Vec<u16>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/notify", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut seen = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            let mut chunk = [0; 4096];
            while !String::from_utf8_lossy(&text).contains("\"summary\"") {
                let read = stream.read(&mut chunk).await.unwrap();
                text.extend_from_slice(&chunk[..read]);
            }
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            seen.push(String::from_utf8_lossy(&text).into_owned());
        }
        seen
    });
    (url, task)
}

#[tokio::test]
async fn notifications_are_delivered_and_tried_again_on_the_simulators_clock() {
    let running = Running::start(60.0).await;
    running.order().await;
    let (url, task) = receiver(vec![500, 204]).await;
    let answer = running
        .v3(PATH, Some(&refund("R1", Some(url))))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let seen = tokio::time::timeout(Duration::from_secs(10), task)
        .await
        .unwrap()
        .unwrap();
    assert!(seen[1].to_lowercase().contains("wechatpay-signature"));
    let records = running.get("/notifications").await;
    assert_eq!(records[0]["delivery"]["answered"]["status"], 500);
    assert_eq!(records[0]["delivery"]["answered"]["accepted"], false);
    let gap = records[1]["at_ms"].as_i64().unwrap() - records[0]["at_ms"].as_i64().unwrap();
    assert!(gap >= 15_000, "{gap}");
    running.simulator.shutdown().await;
}

#[tokio::test]
async fn the_control_side_refuses_with_a_sentence() {
    let running = Running::start(1.0).await;
    running.order().await;
    for (path, body, status, text) in [
        (
            "/orders",
            json!({"mch_id": "1900000109", "out_trade_no": "ORDER0001", "total": 1}),
            409,
            "paid",
        ),
        (
            "/orders",
            json!({"mch_id": "1900000109", "out_trade_no": "x", "total": 1}),
            400,
            "out_trade_no",
        ),
        (
            "/orders",
            json!({"mch_id": "1", "out_trade_no": "ORDER0002", "total": 1}),
            404,
            "merchant",
        ),
        (
            "/orders",
            json!({"mch_id": "1900000109", "totall": 1}),
            400,
            "totall",
        ),
        (
            "/refunds/1/outcome",
            json!({"status": "SUCCESS"}),
            404,
            "refund",
        ),
        (
            "/merchants/1900000109/balance",
            json!({"amount": -1}),
            400,
            "amount",
        ),
        ("/clock", json!({"advance": 1}), 400, "advance"),
        ("/nothing", json!({}), 404, "path"),
    ] {
        let (found, answer) = running.post(path, body).await;
        assert_eq!(found, status, "{path}: {answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(text), "{path}: {error}");
    }
    let rules = json!([{"action": "hang", "rate": 2.0}]);
    let (status, _) = running
        .control(reqwest::Method::PUT, "/faults", rules)
        .await;
    assert_eq!(status, 400);
    let rules =
        json!([{"match": {"api": "v3_refund"}, "action": {"delay": {"ms": 1}}, "times": 1}]);
    let (status, shown) = running
        .control(reqwest::Method::PUT, "/faults", rules)
        .await;
    assert_eq!((status, &shown[0]["applied"]), (200, &json!(0)));
    let before = running.get("/clock").await["now_ms"].as_i64().unwrap();
    let (_, after) = running.post("/clock", json!({"advance_s": 3600})).await;
    assert!(after["now_ms"].as_i64().unwrap() >= before + 3_600_000);
}

#[tokio::test]
async fn keys_turn_and_files_open_and_stay_after_a_restart() {
    let running = Running::start(1.0).await;
    let merchant = running.merchant();
    let archive = running.read(&merchant.p12);
    let own = Own::from_pkcs12(&archive, &merchant.mch_id).unwrap();
    assert_eq!(own.certificate.serial, merchant.serial_no);
    assert_eq!(merchant.serial_no.len(), 40);
    assert_eq!(own.certificate.common_name.as_deref(), Some("1900000109"));
    let path = "/merchants/1900000109/rotate";
    let (status, new) = running
        .post(path, json!({"what": "platform_certificate"}))
        .await;
    assert_eq!(status, 200, "{new}");
    let answer = running.v3("/v3/certificates", None).send().await.unwrap();
    assert_eq!(
        answer.headers()["wechatpay-serial"],
        new["platform_serial"].as_str().unwrap()
    );
    let listed: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    for what in ["public_key", "merchant_certificate"] {
        let (status, new) = running.post(path, json!({ "what": what })).await;
        assert_eq!(status, 200, "{new}");
    }
    let Running { simulator, dir } = running;
    simulator.shutdown().await;
    let again = start_in(dir.path(), 1.0).await;
    assert_eq!(again.file().merchants[0].serial_no, merchant.serial_no);
    assert_eq!(again.file().merchants[0].api_v3_key, merchant.api_v3_key);
    again.shutdown().await;
}
