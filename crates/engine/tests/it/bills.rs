//! A bill over the real network: TLS, client certificate, streamed into a file; and the hosts that
//! a download may go to.

use std::collections::HashMap;
use std::io::{BufReader, Seek as _};
use std::time::Duration;

use tuikuan_engine::{CallError, FetchError, Internet, InternetOptions, Merchant, Network};
use tuikuan_sim::{
    FaultAction, FaultMatch, FaultRule, Interface, Limits, Options, PaidOrder, PortalRefund,
    Simulator,
};
use tuikuan_wechat::bill::{BillAnswer, BillDay, BillFile, FundAccount, Packing, WantedBill};
use tuikuan_wechat::client::{Client, ClientOptions};
use tuikuan_wechat::http::{Origin, Received, Request};
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Account, Api, Certificate, Credentials, Identity, PublicKey, Stamp};

const REFUNDS: i64 = 2_000;

struct Stage {
    simulator: Simulator,
    _dir: tempfile::TempDir,
    day: BillDay,
}

impl Stage {
    /// A day with many refunds, and the morning after it.
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulator = Simulator::start(Options::in_dir(dir.path())).await.unwrap();
        let day = simulator.with_world(|world| {
            world.set_limits(Limits {
                applications_per_second: 1_000_000,
                ..Limits::published()
            });
            for n in 0..REFUNDS {
                let number = format!("ORDER{n:06}");
                world
                    .place_paid_order(&PaidOrder::new("1900000109", &number, 1_000))
                    .unwrap();
                world
                    .portal_refund(&PortalRefund {
                        mch_id: "1900000109".to_owned(),
                        sub_mch_id: None,
                        out_trade_no: number,
                        amount: 1 + n % 1_000,
                        out_refund_no: Some(format!("R{n}")),
                    })
                    .unwrap();
            }
            BillDay::of(world.now_ms() / 1_000)
        });
        let now_ms = simulator.with_world(|world| world.now_ms());
        simulator.advance_ms(day.ready_at() * 1_000 - now_ms);
        Self {
            simulator,
            _dir: dir,
            day,
        }
    }

    fn merchant(&self, api: Api) -> Merchant {
        let file = &self.simulator.file().merchants[0];
        let read = |path: &std::path::Path| std::fs::read(self.simulator.dir().join(path)).unwrap();
        let identity =
            Identity::from_pem(&read(&file.certificate), &read(&file.private_key)).unwrap();
        let platform = Certificate::from_pem(&read(&file.platform_certificate)).unwrap();
        let public = PublicKey::from_pem(&read(&file.public_key)).unwrap();
        let account = Account {
            mch_id: file.mch_id.parse().unwrap(),
            app_id: file.appid.parse().unwrap(),
            sub: None,
            api,
            sign_type: SignType::Md5,
            credentials: Credentials::new()
                .with_api_v2_key(file.api_v2_key.clone().into())
                .unwrap()
                .with_api_v3_key(file.api_v3_key.clone().into())
                .unwrap()
                .with_identity(identity)
                .with_platform_certificate(&platform)
                .with_public_key(&file.public_key_id, public)
                .unwrap(),
        };
        Merchant::new("main".parse().unwrap(), account, None)
    }

    fn internet(&self, merchant: &Merchant) -> Internet {
        let options = ClientOptions {
            endpoint: self.simulator.endpoint().to_owned(),
            endpoint_backup: None,
            trust_ca: Some(self.simulator.ca_pem().as_bytes().to_vec()),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        };
        let client = Client::new(merchant.account.credentials.identity(), options).unwrap();
        let clients = HashMap::from([(merchant.name.clone(), client)]);
        Internet::new(clients, InternetOptions::default()).unwrap()
    }
}

fn stamp() -> Stamp {
    Stamp {
        unix_seconds: jiff::Timestamp::now().as_second(),
        nonce: "593BEC0C930BF1AFEB40B4A08C8FB242".to_owned(),
    }
}

async fn fetch(
    network: &Internet,
    merchant: &Merchant,
    request: Request,
) -> (Received, BufReader<std::fs::File>) {
    let file = tempfile::tempfile().unwrap();
    let mut own = file.try_clone().unwrap();
    let received = network.fetch(merchant, request, file).await.unwrap();
    own.rewind().unwrap();
    (received, BufReader::new(own))
}

fn count(bill: &BillFile, file: BufReader<std::fs::File>) -> u64 {
    let mut bill = bill.open(file).unwrap();
    while bill.next_row().unwrap().is_some() {}
    bill.summary().unwrap().rows
}

#[tokio::test]
async fn a_bill_comes_over_the_network_into_a_file() {
    let stage = Stage::set().await;
    let rows = u64::try_from(REFUNDS).unwrap();
    for api in [Api::V2, Api::V3] {
        let merchant = stage.merchant(api);
        let network = stage.internet(&merchant);
        let account = &merchant.account;
        for wanted in [
            WantedBill::refunds(stage.day),
            WantedBill::refunds(stage.day).with(Packing::Plain),
            WantedBill::fund_flow(FundAccount::Basic, stage.day),
        ] {
            let stamp = stamp();
            let request = account.bill(&wanted, &stamp).unwrap();
            let (received, file) = fetch(&network, &merchant, request).await;
            let answer = account.read_bill(&wanted, &received, stamp.unix_seconds);
            let found = match answer.unwrap() {
                BillAnswer::File(bill) => count(&bill, file),
                BillAnswer::Location(location) => {
                    let request = account.download_bill(&location, &stamp).unwrap();
                    let (received, file) = fetch(&network, &merchant, request).await;
                    let bill = account.read_download_bill(&location, &received).unwrap();
                    count(&bill, file)
                }
                other => panic!("a bill, not {other:?}"),
            };
            assert_eq!(found, rows, "{api:?} {wanted:?}");
        }
    }
    stage.simulator.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_breaks_gives_no_bill() {
    let stage = Stage::set().await;
    let merchant = stage.merchant(Api::V2);
    let network = stage.internet(&merchant);
    stage.simulator.with_world(|world| {
        let mut rule = FaultRule::always(FaultAction::CutAtByte { n: 100_000 });
        rule.matches = FaultMatch {
            api: Some(Interface::V2DownloadBill),
            ..FaultMatch::default()
        };
        world.set_faults(vec![rule]);
    });
    let wanted = WantedBill::refunds(stage.day).with(Packing::Plain);
    let request = merchant.account.bill(&wanted, &stamp()).unwrap();
    let file = tempfile::tempfile().unwrap();
    let lost = network.fetch(&merchant, request, file).await;
    let lost = matches!(lost, Err(FetchError::Call(CallError::Lost { .. })));
    assert!(lost, "half a file is no file");
    stage.simulator.shutdown().await;
}

#[tokio::test]
async fn a_download_goes_to_no_strange_host() {
    let stage = Stage::set().await;
    let merchant = stage.merchant(Api::V3);
    let network = stage.internet(&merchant);
    for origin in [
        "https://api.mch.weixin.qq.com",
        "https://evil.example",
        "https://127.0.0.1:1",
        "https://evil.example/.mch.weixin.qq.com",
    ] {
        let mut request = merchant
            .account
            .bill(&WantedBill::refunds(stage.day), &stamp())
            .unwrap();
        request.origin = Origin::Named(origin.to_owned());
        let file = tempfile::tempfile().unwrap();
        let refused = network.fetch(&merchant, request, file).await;
        let refused = matches!(refused, Err(FetchError::Call(CallError::NotSent { .. })));
        assert!(refused, "{origin}");
    }
    stage.simulator.shutdown().await;
}
