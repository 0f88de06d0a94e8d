//! The protocol crate's client side against the simulator: both ends of the wire agree.

use tuikuan_sim::{Incoming, PaidOrder, World};
use tuikuan_terms::{Fen, OutRefundNo};
use tuikuan_wechat::http::{ClientCertificate, Request, Response};
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{
    Account, Api, Certificate, Credentials, Identity, OrderRef, PublicKey, RefundStatus,
    RefundSubmission, ReplyError, Stamp, SubMerchant,
};

use crate::stage::{MCH, PROVIDER, SUB, kit, later, response, world};

pub(crate) fn account(mch_id: &str, api: Api, sign_type: SignType) -> Account {
    let (plan, material) = kit().of(mch_id);
    let own = &material.own;
    let identity =
        Identity::from_pem(own.certificate_pem.as_bytes(), own.key_pem.as_bytes()).unwrap();
    let platform = Certificate::from_pem(material.platform.certificate_pem.as_bytes()).unwrap();
    let public = PublicKey::from_pem(material.public.public_pem.as_bytes()).unwrap();
    let credentials = Credentials::new()
        .with_api_v2_key(material.api_v2_key.clone().into())
        .unwrap()
        .with_api_v3_key(material.api_v3_key.clone().into())
        .unwrap()
        .with_identity(identity)
        .with_platform_certificate(&platform)
        .with_public_key(&material.public_key_id, public)
        .unwrap();
    Account {
        mch_id: plan.mch_id.clone(),
        app_id: plan.app_id.clone(),
        sub: plan.sub_merchants.first().map(|sub| SubMerchant {
            sub_mch_id: sub.sub_mch_id.clone(),
            sub_app_id: None,
        }),
        api,
        sign_type,
        credentials,
    }
}

pub(crate) fn stamp(world: &World) -> Stamp {
    Stamp {
        unix_seconds: world.wall_ms() / 1_000,
        nonce: "593BEC0C930BF1AFEB40B4A08C8FB242".into(),
    }
}

pub(crate) fn send(world: &mut World, account: &Account, request: Request) -> Response {
    let certificate = request.client_certificate == ClientCertificate::Required;
    let mut headers = request.headers;
    for name in ["Accept", "User-Agent"] {
        // The connection adds these; the codec leaves them to it.
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            headers.push((name.into(), "test".into()));
        }
    }
    let outgoing = world.handle(&Incoming {
        method: request.method.as_str().into(),
        path_and_query: request.path,
        headers,
        body: request.body,
        client_cert_mch: certificate.then(|| account.mch_id.to_string()),
    });
    let response = response(&outgoing);
    Response {
        status: response.status,
        headers: response.headers.clone(),
        body: response.body.clone(),
    }
}

fn submission() -> RefundSubmission {
    RefundSubmission {
        order: OrderRef {
            transaction_id: None,
            out_trade_no: Some("ORDER0001".parse().unwrap()),
        },
        out_refund_no: "R|1*@_-".parse().unwrap(),
        refund: Fen::new(300).unwrap(),
        total: Fen::new(1_000).unwrap(),
        reason: Some("商品已售完".into()),
        funds_account: None,
        goods_detail: None,
        notify_url: Some("https://pay.example.com/notify".into()),
    }
}

fn round(mch_id: &str, api: Api, sign_type: SignType) {
    let mut world = world(3);
    let order = PaidOrder {
        sub_mch_id: (mch_id == PROVIDER).then(|| SUB.to_owned()),
        ..PaidOrder::new(mch_id, "ORDER0001", 1_000)
    };
    world.place_paid_order(&order).unwrap();
    let account = account(mch_id, api, sign_type);
    let (submission, stamp) = (submission(), stamp(&world));
    let now = stamp.unix_seconds;

    let request = account.query_payment(&submission.order, &stamp).unwrap();
    let answer = send(&mut world, &account, request);
    let payment = account
        .read_query_payment(&submission.order, &answer, now)
        .unwrap();
    assert_eq!(payment.total, Fen::new(1_000).ok());
    assert_eq!(payment.paid_at, Some(now));

    let missing: OutRefundNo = "R2".parse().unwrap();
    let request = account.query_refund(&missing, &stamp).unwrap();
    let answer = send(&mut world, &account, request);
    let refused = account.read_query_refund(&missing, &answer, now);
    assert!(
        matches!(refused, Err(ReplyError::Refused { .. })),
        "{refused:?}"
    );

    let request = account.submit_refund(&submission, &stamp).unwrap();
    let answer = send(&mut world, &account, request);
    let report = account
        .read_submit_refund(&submission, &answer, now)
        .unwrap();
    let accepted = matches!(
        report.status,
        RefundStatus::Accepted | RefundStatus::Processing
    );
    assert!(accepted, "{report:?}");

    later(&mut world, 5);
    let request = account
        .query_refund(&submission.out_refund_no, &stamp)
        .unwrap();
    let answer = send(&mut world, &account, request);
    let report = account
        .read_query_refund(&submission.out_refund_no, &answer, now)
        .unwrap();
    assert_eq!(report.status, RefundStatus::Success);
    assert_eq!(report.refund, submission.refund);
    assert_eq!(report.total, Some(submission.total));
    assert!(report.success_time.is_some());
}

#[test]
fn v3_speaks_with_our_codec() {
    round(MCH, Api::V3, SignType::Md5);
}

#[test]
fn v2_speaks_with_our_codec_under_both_signatures() {
    round(MCH, Api::V2, SignType::Md5);
    round(MCH, Api::V2, SignType::HmacSha256);
}

#[test]
fn providers_speak_with_our_codec() {
    round(PROVIDER, Api::V3, SignType::Md5);
    round(PROVIDER, Api::V2, SignType::HmacSha256);
}
