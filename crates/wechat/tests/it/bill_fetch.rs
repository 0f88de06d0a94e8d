//! Asking for bills, as they go over the wire, and judging what comes back: an empty day only when
//! WeChat says so.

use secrecy::SecretString;
use tuikuan_wechat::bill::{BillAnswer, BillDay, FundAccount, Packing, Sha1, WantedBill};
use tuikuan_wechat::error_code::{Class, Interface, lookup};
use tuikuan_wechat::http::{ClientCertificate, Method, Origin, Received, Request, Response};
use tuikuan_wechat::v2::{ApiV2Key, Fields, SignType, sign, verify};
use tuikuan_wechat::v3::sign::answer_headers;
use tuikuan_wechat::{
    Account, Api, Certificate, Credentials, Identity, ReplyError, Stamp, SubMerchant, Verified,
};

use crate::{file, private_key};

const NOW: i64 = 1_722_850_421;

const KEY: &str = "TESTONLYapiv2key0123456789ABCDEF";

fn key() -> ApiV2Key {
    ApiV2Key::from(KEY)
}

fn account(api: Api) -> Account {
    let identity = Identity {
        certificate: Certificate::from_pem(&file("test_merchant_cert.pem")).unwrap(),
        key: private_key("test_merchant_key"),
    };
    let platform = Certificate::from_pem(&file("test_platform_cert.pem")).unwrap();
    let credentials = Credentials::new()
        .with_api_v2_key(SecretString::from(KEY))
        .unwrap();
    Account {
        mch_id: "1900000109".parse().unwrap(),
        app_id: "wx8888888888888888".parse().unwrap(),
        sub: None,
        api,
        sign_type: SignType::Md5,
        credentials: credentials
            .with_identity(identity)
            .with_platform_certificate(&platform),
    }
}

fn provider(api: Api) -> Account {
    let mut account = account(api);
    account.sub = Some(SubMerchant {
        sub_mch_id: "1900000119".parse().unwrap(),
        sub_app_id: None,
    });
    account
}

fn stamp() -> Stamp {
    Stamp {
        unix_seconds: NOW,
        nonce: "5K8264ILTKCH16CQ2502SI8ZNMTM67VS".to_owned(),
    }
}

fn day() -> BillDay {
    "2024-08-04".parse().unwrap()
}

fn received(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Received {
    Received::from(Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.to_vec(),
    })
}

fn v2(wanted: &WantedBill, body: &[u8]) -> Result<BillAnswer, ReplyError> {
    account(Api::V2).read_bill(wanted, &received(200, &[], body), NOW)
}

fn signed(body: &str) -> Received {
    let platform = Certificate::from_pem(&file("test_platform_cert.pem")).unwrap();
    let key = private_key("test_platform_key");
    Received::from(Response {
        status: 200,
        headers: answer_headers(&key, &platform.serial, &stamp(), body.as_bytes()).unwrap(),
        body: body.as_bytes().to_vec(),
    })
}

fn v3(wanted: &WantedBill, received: &Received) -> Result<BillAnswer, ReplyError> {
    account(Api::V3).read_bill(wanted, received, NOW)
}

fn code(error: &ReplyError) -> (&str, Interface) {
    match error {
        ReplyError::Refused {
            code, interface, ..
        } => (code, *interface),
        other => panic!("refused, not {other:?}"),
    }
}

#[test]
fn v2_asks_for_the_bill_of_a_day_without_the_certificate() {
    let request = account(Api::V2)
        .bill(&WantedBill::refunds(day()), &stamp())
        .unwrap();
    assert_eq!(request.path, "/pay/downloadbill");
    assert_eq!(request.client_certificate, ClientCertificate::NotUsed);
    let fields = Fields::parse(&request.body).unwrap();
    let told: Vec<_> = fields.iter().filter(|(name, _)| *name != "sign").collect();
    assert_eq!(
        told,
        [
            ("appid", "wx8888888888888888"),
            ("bill_date", "20240804"),
            ("bill_type", "REFUND"),
            ("mch_id", "1900000109"),
            ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
            ("tar_type", "GZIP"),
        ]
    );
    assert!(verify(&fields, &key()));
    let plain = WantedBill::all(day()).with(Packing::Plain);
    let request = provider(Api::V2).bill(&plain, &stamp()).unwrap();
    let fields = Fields::parse(&request.body).unwrap();
    assert_eq!(fields.get("sub_mch_id"), Some("1900000119"));
    assert_eq!(fields.get("bill_type"), Some("ALL"));
    assert_eq!(fields.get("tar_type"), None);
}

#[test]
fn v2_asks_for_the_fund_flow_with_certificate_and_hmac_whatever_is_configured() {
    let wanted = WantedBill::fund_flow(FundAccount::Basic, day());
    let request = provider(Api::V2).bill(&wanted, &stamp()).unwrap();
    assert_eq!(request.path, "/pay/downloadfundflow");
    assert_eq!(request.client_certificate, ClientCertificate::Required);
    let fields = Fields::parse(&request.body).unwrap();
    assert_eq!(fields.get("account_type"), Some("Basic"));
    assert_eq!(fields.get("sign_type"), Some("HMAC-SHA256"));
    assert_eq!(fields.get("sign").map(str::len), Some(64));
    assert_eq!(fields.get("sub_mch_id"), None);
    assert!(verify(&fields, &key()));
}

#[test]
fn v2_sends_the_file_in_the_place_of_an_answer() {
    let wanted = WantedBill::refunds(day());
    for name in ["bill_refund_merchant.csv", "bill_refund_merchant.csv.gz"] {
        let Ok(BillAnswer::File(bill)) = v2(&wanted, &file(name)) else {
            panic!("{name} is a file")
        };
        let bytes = file(name);
        let mut rows = bill.open(&*bytes).unwrap();
        while rows.next_row().unwrap().is_some() {}
        assert_eq!(rows.summary().unwrap().rows, 3);
    }
    // The fund flow has a hash in its headers.
    let wanted = WantedBill::fund_flow(FundAccount::Basic, day()).with(Packing::Plain);
    let bytes = file("fundflow_basic.csv");
    let hash = format!("SHA={}", Sha1::of(&bytes));
    let answer = received(200, &[("Digest", &hash)], &bytes);
    let Ok(BillAnswer::File(bill)) = account(Api::V2).read_bill(&wanted, &answer, NOW) else {
        panic!("a file")
    };
    assert_eq!(bill.hash(), Some(Sha1::of(&bytes)));
}

#[test]
fn v2_has_an_empty_day_only_when_wechat_says_so() {
    let wanted = WantedBill::refunds(day());
    let say = |message: &str, number: &str| {
        let number = match number {
            "" => String::new(),
            number => format!("<error_code><![CDATA[{number}]]></error_code>"),
        };
        v2(
            &wanted,
            format!(
                "<xml><return_code><![CDATA[FAIL]]></return_code>\
                 <return_msg><![CDATA[{message}]]></return_msg>{number}</xml>"
            )
            .as_bytes(),
        )
    };
    for text in ["No Bill Exist", "NO Bill Exist", "no bill exist "] {
        assert_eq!(say(text, "20002"), Ok(BillAnswer::NothingThatDay));
        assert_eq!(say(text, ""), Ok(BillAnswer::NothingThatDay));
    }
    assert_eq!(say("Bill Creating", ""), Ok(BillAnswer::NotReady));
    assert_eq!(say("Bill Creating", "20003"), Ok(BillAnswer::NotReady));
    // Neither the number alone, nor the text with another number.
    assert!(say("No Bill Exist", "20001").is_err());
    assert_eq!(code(&say("something new", "20002").unwrap_err()).0, "20002");
    assert_eq!(
        code(&say("something new", "").unwrap_err()).0,
        "something new"
    );
    for (message, number, class) in [
        ("System Error", "100", Class::RetrySameRequest),
        ("sign error", "20001", Class::NeedsHuman),
        ("CompressGZip Error", "20007", Class::RetryLater),
        ("invalid bill_type", "20001", Class::FinalFailure),
    ] {
        let error = say(message, number).unwrap_err();
        let (code, interface) = code(&error);
        assert_eq!(lookup(interface, code).unwrap().class, class, "{message}");
    }
    let unreadable = [
        &b"<xml><return_code>SUCCESS</return_code></xml>"[..],
        b"<html>502</html>",
        b"",
    ];
    for body in unreadable {
        assert!(
            matches!(v2(&wanted, body), Err(ReplyError::Unreadable { .. })),
            "{body:?}"
        );
    }
    let answer = received(502, &[], b"<html>502</html>");
    let error = account(Api::V2).read_bill(&wanted, &answer, NOW);
    assert_eq!(error, Err(ReplyError::ServerFault { http_status: 502 }));
}

#[test]
fn v2_fund_flow_has_codes_of_its_own_and_a_wrong_signature_is_no_answer() {
    let wanted = WantedBill::fund_flow(FundAccount::Basic, day());
    let say = |code: &str| -> Fields {
        [
            ("return_code", "SUCCESS"),
            ("result_code", "FAIL"),
            ("err_code", code),
            ("err_code_des", "text"),
        ]
        .into_iter()
        .collect()
    };
    let read = |fields: &Fields| v2(&wanted, fields.to_xml().as_bytes());
    assert_eq!(read(&say("NO_BILL_EXIST")), Ok(BillAnswer::NothingThatDay));
    assert_eq!(read(&say("BILL_CREATING")), Ok(BillAnswer::NotReady));
    let error = read(&say("SYSTEMERROR")).unwrap_err();
    assert_eq!(code(&error), ("SYSTEMERROR", Interface::V2DownloadFundFlow));
    let mut fields = say("NO_BILL_EXIST");
    fields.set(
        "sign",
        sign(&say("NO_BILL_EXIST"), &key(), SignType::HmacSha256),
    );
    assert_eq!(read(&fields), Ok(BillAnswer::NothingThatDay));
    fields.set("err_code_des", "another");
    assert_eq!(read(&fields), Err(ReplyError::Unverified { why: None }));
    let mut fail = Fields::new();
    fail.set("return_code", "FAIL");
    fail.set("return_msg", "No Bill Exist");
    assert!(matches!(read(&fail), Err(ReplyError::ProtocolFail { .. })));
}

#[test]
fn v3_asks_for_a_location_first() {
    let path = |request: Request| {
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.origin, Origin::Endpoint);
        request.path
    };
    let ask = |account: Account, wanted: WantedBill| path(account.bill(&wanted, &stamp()).unwrap());
    assert_eq!(
        ask(account(Api::V3), WantedBill::refunds(day())),
        "/v3/bill/tradebill?bill_date=2024-08-04&bill_type=REFUND&tar_type=GZIP"
    );
    assert_eq!(
        ask(
            provider(Api::V3),
            WantedBill::all(day()).with(Packing::Plain)
        ),
        "/v3/bill/tradebill?bill_date=2024-08-04&bill_type=ALL&sub_mchid=1900000119"
    );
    assert_eq!(
        ask(
            provider(Api::V3),
            WantedBill::fund_flow(FundAccount::Fees, day())
        ),
        "/v3/bill/fundflowbill?bill_date=2024-08-04&account_type=FEES&tar_type=GZIP"
    );
}

const LOCATION: &str = r#"{"hash_type":"SHA1","hash_value":"8c7d1364577d7624e17370ffdebdebc7658a8f8b","download_url":"https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc"}"#;

#[test]
fn v3_names_place_and_hash_in_a_signed_answer() {
    let wanted = WantedBill::refunds(day());
    let Ok(BillAnswer::Location(location)) = v3(&wanted, &signed(LOCATION)) else {
        panic!("a location")
    };
    let account = account(Api::V3);
    let request = account.download_bill(&location, &stamp()).unwrap();
    assert_eq!(request.path, "/v3/billdownload/file?token=abc");
    assert_eq!(
        request.origin,
        Origin::Named("https://api.mch.weixin.qq.com".to_owned())
    );
    assert!(
        request
            .headers
            .iter()
            .any(|(name, _)| name == "Authorization")
    );
    // The file is not signed; its hash is known already.
    let bytes = file("bill_refund_merchant.csv.gz");
    let bill = account
        .read_download_bill(&location, &received(200, &[], &bytes))
        .unwrap();
    let mut rows = bill.open(&*bytes).unwrap();
    while rows.next_row().unwrap().is_some() {}
    assert_eq!(rows.summary().unwrap().rows, 3);
    let expired = received(400, &[], br#"{"code":"INVALID_REQUEST","message":"token"}"#);
    let error = account.read_download_bill(&location, &expired).unwrap_err();
    let (word, interface) = code(&error);
    assert_eq!(
        (word, interface),
        ("INVALID_REQUEST", Interface::V3BillDownload)
    );
    assert_eq!(
        lookup(interface, word).unwrap().class,
        Class::RetrySameRequest
    );
    for status in [202, 204, 302, 404, 500] {
        let answer = received(status, &[], b"");
        assert!(
            account.read_download_bill(&location, &answer).is_err(),
            "{status}"
        );
    }
}

#[test]
fn v3_answers_that_are_not_signed_or_point_elsewhere_are_refused() {
    let wanted = WantedBill::refunds(day());
    let unsigned = received(200, &[], LOCATION.as_bytes());
    assert!(matches!(
        v3(&wanted, &unsigned),
        Err(ReplyError::Unverified { .. })
    ));
    let mut altered = signed(LOCATION);
    altered.head[40] ^= 1;
    assert!(matches!(
        v3(&wanted, &altered),
        Err(ReplyError::Unverified { .. })
    ));
    let http = signed(&LOCATION.replace("https://", "http://"));
    let error = ReplyError::Mismatch {
        field: "download_url",
    };
    assert_eq!(v3(&wanted, &http), Err(error));
    let md5 = signed(&LOCATION.replace("SHA1", "MD5"));
    assert_eq!(
        v3(&wanted, &md5),
        Err(ReplyError::Mismatch { field: "hash_type" })
    );
    let short = signed(&LOCATION.replace("8c7d", ""));
    assert!(matches!(
        v3(&wanted, &short),
        Err(ReplyError::Unreadable { .. })
    ));
}

#[test]
fn v3_has_an_empty_day_only_when_wechat_says_so() {
    let wanted = WantedBill::fund_flow(FundAccount::Basic, day());
    let say = |status: u16, code: &str, headers: &[(&str, &str)]| {
        let body = format!(r#"{{"code":"{code}","message":"text"}}"#);
        v3(&wanted, &received(status, headers, body.as_bytes()))
    };
    assert_eq!(
        say(400, "NO_STATEMENT_EXIST", &[]),
        Ok(BillAnswer::NothingThatDay)
    );
    assert_eq!(
        say(400, "STATEMENT_CREATING", &[]),
        Ok(BillAnswer::NotReady)
    );
    let probe = [("Wechatpay-Signature", "WECHATPAY/SIGNTEST/abc")];
    let error = say(400, "NO_STATEMENT_EXIST", &probe);
    assert_eq!(error, Err(ReplyError::Unverified { why: None }));
    let error = say(429, "FREQUENCY_LIMITED", &[]).unwrap_err();
    assert_eq!(
        code(&error),
        ("FREQUENCY_LIMITED", Interface::V3BillFundFlow)
    );
    assert!(matches!(
        error,
        ReplyError::Refused {
            verified: Verified::No,
            ..
        }
    ));
    let empty = v3(&wanted, &received(404, &[], b""));
    assert_eq!(empty, Err(ReplyError::Unreadable { http_status: 404 }));
    // A 200 with the words of an error is no bill and no empty day.
    let odd = v3(&wanted, &signed(r#"{"code":"NO_STATEMENT_EXIST"}"#));
    assert!(matches!(odd, Err(ReplyError::Unreadable { .. })));
}
