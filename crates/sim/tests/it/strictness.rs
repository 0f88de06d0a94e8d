//! What the simulator refuses, and with which words: the tables of the error pages.

use tuikuan_sim::{Incoming, PaidOrder};
use tuikuan_wechat::v2::{Fields, SignType};

use crate::stage::{
    MCH, PROVIDER, REFUNDS, SUB, later, refund_json, response, v2, v2_apply, v2_request, v3, v3_of,
    v3_request, world, world_with_order,
};

#[test]
fn v3_refuses_each_bad_field_and_names_it() {
    let good = refund_json("R1", 100, 1_000);
    let cases = [
        (good.replace("\"R1\"", "\"R 1\""), "/out_refund_no"),
        (good.replace("\"R1\"", "\"\""), "/out_refund_no"),
        (good.replace("\"R1\"", "null"), "/out_refund_no"),
        (
            good.replace("\"R1\"", &format!("\"{}\"", "x".repeat(65))),
            "/out_refund_no",
        ),
        (good.replace("CNY", "XYZ"), "/amount/currency"),
        (
            good.replace("\"refund\":100", "\"refund\":0"),
            "/amount/refund",
        ),
        (
            good.replace("\"refund\":100", "\"refund\":-1"),
            "/amount/refund",
        ),
        (
            good.replace("\"refund\":100", "\"refund\":\"100\""),
            "/amount/refund",
        ),
        (
            good.replace("\"refund\":100", "\"refund\":1.5"),
            "/amount/refund",
        ),
        (good.replace("\"refund\":100,", ""), "/amount/refund"),
        (good.replace("\"total\"", "\"totall\""), "/amount/total"),
        (good.replacen('{', "{\"attach\":\"x\",", 1), "/attach"),
        (
            good.replacen('{', "{\"sub_mchid\":\"1900000209\",", 1),
            "/sub_mchid",
        ),
        (
            good.replacen('{', "{\"funds_account\":\"BASIC\",", 1),
            "/funds_account",
        ),
        (
            good.replacen('{', "{\"notify_url\":\"https://x/?a=1\",", 1),
            "/notify_url",
        ),
        (good.replacen('{', "{\"reason\":\"😀\",", 1), "/reason"),
        (good.replace("\"ORDER0001\"", "\"short\""), "/out_trade_no"),
        (
            good.replacen("\"out_trade_no\":\"ORDER0001\",", "", 1),
            "/transaction_id",
        ),
        (
            good.replace(
                "\"currency\"",
                "\"from\":[{\"account\":\"AVAILABLE\",\"amount\":99}],\"currency\"",
            ),
            "/amount/from",
        ),
        ("[]".into(), ""),
        ("{".into(), ""),
    ];
    for (body, field) in cases {
        let mut world = world_with_order(1);
        let (status, value) = v3(&mut world, REFUNDS, Some(&body));
        assert_eq!(status, 400, "{body}");
        assert_eq!(value["code"], "PARAM_ERROR", "{body}");
        assert_eq!(value["detail"]["field"], field, "{body}");
        assert_eq!(world.refunds().len(), 0, "{body}");
    }
}

#[test]
fn v3_judges_the_head_before_the_body() {
    let mut world = world_with_order(1);
    let good = v3_request(&world, MCH, REFUNDS, Some("{}"));
    let without = |name: &str| {
        let mut request = good.clone();
        request.headers.retain(|(n, _)| n != name);
        request
    };
    let with = |from: &str, to: &str| {
        let mut request = good.clone();
        for (name, value) in &mut request.headers {
            if name == "Authorization" {
                *value = value.replace(from, to);
            }
        }
        request
    };
    let altered = Incoming {
        body: b"{\"a\":1}".to_vec(),
        ..good.clone()
    };
    let mut check = |request: Incoming, status: u16, code: &str, text: &str| {
        let outgoing = world.handle(&request);
        let response = response(&outgoing);
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            (response.status, body["code"].as_str()),
            (status, Some(code)),
            "{text}"
        );
        let message = body["message"].as_str().unwrap();
        assert!(message.contains(text), "{message}");
        assert_eq!(response.header("Wechatpay-Signature"), None);
    };
    check(
        without("User-Agent"),
        400,
        "INVALID_REQUEST",
        "缺少Accept或User-Agent",
    );
    check(
        without("Accept"),
        400,
        "INVALID_REQUEST",
        "缺少Accept或User-Agent",
    );
    check(without("Authorization"), 401, "SIGN_ERROR", "格式错误");
    check(with("RSA2048", "RSA4096"), 401, "SIGN_ERROR", "格式错误");
    check(
        with("timestamp=\"17", "timestamp=\"16"),
        401,
        "SIGN_ERROR",
        "5分钟",
    );
    check(
        with("mchid=\"19", "mchid=\"29"),
        401,
        "SIGN_ERROR",
        "商户号",
    );
    check(
        with("nonce_str=\"5", "nonce_str=\"6"),
        401,
        "SIGN_ERROR",
        "签名错误",
    );
    check(altered, 401, "SIGN_ERROR", "签名错误");
}

#[test]
fn unknown_paths_and_methods_are_empty() {
    let mut world = world(1);
    let mut request = v3_request(&world, MCH, "/v3/nothing", None);
    assert_eq!(response(&world.handle(&request)).status, 404);
    request.path_and_query = REFUNDS.into();
    let outgoing = world.handle(&request);
    assert_eq!(response(&outgoing).status, 405);
    assert!(response(&outgoing).body.is_empty());
}

#[test]
fn v3_business_refusals_use_the_published_codes() {
    let mut world = world_with_order(1);
    let old = PaidOrder {
        paid_at_ms: Some(world.now_ms() - 366 * 86_400_000),
        ..PaidOrder::new(MCH, "ORDEROLD1", 500)
    };
    world.place_paid_order(&old).unwrap();
    let mut refuse = |body: String, status: u16, code: &str| {
        let (found, value) = v3(&mut world, REFUNDS, Some(&body));
        assert_eq!(
            (found, value["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
        // Six erroneous applications a second are the limit.
        later(&mut world, 1);
    };
    let body = refund_json("R1", 100, 1_000);
    refuse(
        body.replace("ORDER0001", "NOSUCHORDER"),
        404,
        "RESOURCE_NOT_EXISTS",
    );
    refuse(refund_json("R1", 100, 999), 400, "INVALID_REQUEST");
    refuse(refund_json("R1", 1_001, 1_000), 400, "INVALID_REQUEST");
    let overdue = refund_json("R1", 100, 500).replace("ORDER0001", "ORDEROLD1");
    refuse(overdue, 403, "TRADE_OVERDUE");
}

#[test]
fn v2_refuses_in_the_published_order_and_words() {
    let mut world = world_with_order(1);
    let good = v2_request(
        "/secapi/pay/refund",
        &[("out_trade_no", "ORDER0001"), ("out_refund_no", "R1")],
        SignType::Md5,
    );
    let mut fail = |request: Incoming, text: &str| {
        let outgoing = world.handle(&request);
        assert_eq!(response(&outgoing).status, 200);
        let answer = Fields::parse(&response(&outgoing).body).unwrap();
        assert_eq!(answer.get("return_code"), Some("FAIL"), "{text}");
        assert_eq!(answer.get("sign"), None);
        let message = answer.get("return_msg").unwrap();
        assert!(message.contains(text), "{message} should hold {text}");
    };
    let with_body = |from: &str, to: &str| {
        let text = String::from_utf8(good.body.clone()).unwrap();
        assert!(text.contains(from));
        Incoming {
            body: text.replace(from, to).into_bytes(),
            ..good.clone()
        }
    };
    fail(
        Incoming {
            method: "GET".into(),
            ..good.clone()
        },
        "post",
    );
    fail(
        Incoming {
            body: Vec::new(),
            ..good.clone()
        },
        "空",
    );
    fail(
        Incoming {
            body: b"<xml><a>".to_vec(),
            ..good.clone()
        },
        "XML",
    );
    fail(with_body("<xml>", "<!DOCTYPE x><xml>"), "XML");
    fail(
        Incoming {
            body: b"<xml><a>\xff</a></xml>".to_vec(),
            ..good.clone()
        },
        "UTF-8",
    );
    fail(with_body("1900000109", "1900009999"), "商户号");
    fail(with_body("wx8888888888888888", "wx9"), "appid不存在");
    fail(
        with_body("wx8888888888888888", "wx2421b1c4370ec43b"),
        "不匹配",
    );
    fail(with_body("ORDER0001", "ORDER0002"), "签名错误");
    fail(good.clone(), "total_fee");
}

#[test]
fn v2_demands_the_merchants_own_certificate() {
    let mut world = world_with_order(1);
    let fields = [
        ("out_trade_no", "ORDER0001"),
        ("out_refund_no", "R1"),
        ("total_fee", "1000"),
        ("refund_fee", "100"),
    ];
    let mut request = v2_request("/secapi/pay/refund", &fields, SignType::HmacSha256);
    request.client_cert_mch = None;
    let outgoing = world.handle(&request);
    assert_eq!(response(&outgoing).status, 400);
    assert!(response(&outgoing).body.starts_with(b"<html>"));
    request.client_cert_mch = Some("1900000110".into());
    let outgoing = world.handle(&request);
    let answer = Fields::parse(&response(&outgoing).body).unwrap();
    assert_eq!(answer.get("err_code"), Some("CERT_ERROR"));
    request.client_cert_mch = Some(MCH.into());
    let outgoing = world.handle(&request);
    let answer = Fields::parse(&response(&outgoing).body).unwrap();
    assert_eq!(answer.get("result_code"), Some("SUCCESS"));
    assert_eq!(
        answer.get("sign").map(str::len),
        Some(64),
        "as the request was signed"
    );
}

#[test]
fn v2_business_refusals_use_the_published_codes() {
    let mut world = world_with_order(1);
    assert_eq!(
        v2_apply(&mut world, "R1", "1001").get("return_msg"),
        Some("invalid refund_fee")
    );
    assert_eq!(
        v2_apply(&mut world, "R1", "400").get("result_code"),
        Some("SUCCESS")
    );
    let twice = v2_apply(&mut world, "R1", "401");
    assert_eq!(twice.get("err_code"), Some("REFUND_FEE_MISMATCH"));
    assert_eq!(
        v2_apply(&mut world, "R2", "1").get("err_code"),
        Some("FREQUENCY_LIMITED")
    );
    later(&mut world, 60);
    let over = v2_apply(&mut world, "R2", "601");
    assert_eq!(over.get("err_code"), Some("INVALID_REQUEST"));
    assert_eq!(over.get("err_code_des"), Some("refund_fee大于可退金额"));
    assert_eq!(
        v2_apply(&mut world, "R2", "600").get("result_code"),
        Some("SUCCESS")
    );
    later(&mut world, 60);
    let full = v2_apply(&mut world, "R3", "1");
    assert_eq!(full.get("err_code"), Some("ERROR"));
    assert_eq!(full.get("err_code_des"), Some("订单已全额退款"));
    let missing = v2(&mut world, "/pay/refundquery", &[("out_refund_no", "R9")]);
    assert_eq!(missing.get("err_code"), Some("REFUNDNOTEXIST"));
    let nothing = v2(
        &mut world,
        "/pay/orderquery",
        &[("out_trade_no", "NOSUCHORDER")],
    );
    assert_eq!(nothing.get("err_code"), Some("ORDERNOTEXIST"));
}

#[test]
fn a_provider_acts_for_its_own_sub_merchant_only() {
    let mut world = world(1);
    let order = PaidOrder {
        sub_mch_id: Some(SUB.into()),
        ..PaidOrder::new(PROVIDER, "ORDER0001", 1_000)
    };
    let transaction = world.place_paid_order(&order).unwrap();
    let body = refund_json("R1", 100, 1_000);
    let (status, value) = v3_of(&mut world, PROVIDER, REFUNDS, Some(&body));
    assert_eq!(
        (status, value["detail"]["field"].as_str()),
        (400, Some("/sub_mchid"))
    );
    let of = |sub: &str| body.replacen('{', &format!("{{\"sub_mchid\":\"{sub}\","), 1);
    let (status, value) = v3_of(&mut world, PROVIDER, REFUNDS, Some(&of("1900000999")));
    assert_eq!((status, value["code"].as_str()), (403, Some("NO_AUTH")));
    let (status, _) = v3_of(&mut world, PROVIDER, REFUNDS, Some(&of(SUB)));
    assert_eq!(status, 200);
    let path = format!("{REFUNDS}/R1");
    assert_eq!(v3_of(&mut world, PROVIDER, &path, None).0, 400);
    let path = format!("{path}?sub_mchid={SUB}");
    assert_eq!(
        v3_of(&mut world, PROVIDER, &path, None).1["out_refund_no"],
        "R1"
    );
    // Another merchant cannot refund it, even with WeChat's number.
    let theirs = refund_json("R2", 100, 1_000).replace("out_trade_no", "transaction_id");
    let (status, value) = v3(
        &mut world,
        REFUNDS,
        Some(&theirs.replace("ORDER0001", &transaction)),
    );
    assert_eq!((status, value["code"].as_str()), (403, Some("NO_AUTH")));
}
