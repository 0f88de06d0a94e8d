//! v3 bills: where the file lies, signed and with its hash; then the file, unsigned, for five
//! minutes and for the same merchant only.

use serde_json::{Value, json};
use tuikuan_wechat::bill::{BillDay, BillKind, FundAccount, Packing};

use super::body::FieldError;
use super::{V3Call, V3Refused, coded};
use crate::bill::{Made, Wanted, make};
use crate::gate::Route;
use crate::message::Response;
use crate::world::World;

/// The host in `download_url` for callers that named none.
const HOST: &str = "api.mch.weixin.qq.com";

pub(super) fn locate(world: &mut World, route: &Route, call: &V3Call) -> Result<Value, V3Refused> {
    let (wanted, packing) = wanted(world, route, call)?;
    match make(world, &wanted) {
        Made::OutOfRange => Err(coded(400, "INVALID_REQUEST", "账单日期不在可下载的范围内")),
        Made::NotReady => Err(coded(400, "STATEMENT_CREATING", "账单生成中")),
        Made::Nothing => Err(coded(400, "NO_STATEMENT_EXIST", "账单文件不存在")),
        Made::File(printed) => {
            let token = world.dice.hex(40);
            let (body, wall_ms) = (printed.body(packing), world.wall_ms());
            world
                .bills
                .keep(token.clone(), (call.merchant, body), wall_ms);
            let host = call.body.host.as_deref().unwrap_or(HOST);
            Ok(json!({
                "hash_type": "SHA1",
                "hash_value": printed.hash.to_string(),
                "download_url": format!("https://{host}/v3/billdownload/file?token={token}"),
            }))
        }
    }
}

fn wanted(world: &World, route: &Route, call: &V3Call) -> Result<(Wanted, Packing), V3Refused> {
    let query = |name: &str| call.body.query(name);
    let wrong = |name: &str| V3Refused::from(FieldError::query(name, "参数值不正确"));
    let date = query("bill_date").ok_or_else(|| FieldError::query("bill_date", "缺少必填参数"))?;
    let day: BillDay = date.parse().map_err(|_bad| wrong("bill_date"))?;
    let (kind, account) = if *route == Route::V3FundFlowBill {
        let word = query("account_type").unwrap_or("BASIC");
        let account = FundAccount::ALL.iter().find(|of| of.as_str() == word);
        let account = account.ok_or_else(|| wrong("account_type"))?;
        (BillKind::FundFlow, *account)
    } else {
        let kind = BillKind::parse(query("bill_type").unwrap_or("ALL"));
        let kind = kind.filter(|kind| *kind != BillKind::FundFlow);
        (kind.ok_or_else(|| wrong("bill_type"))?, FundAccount::Basic)
    };
    let packing = match query("tar_type") {
        None => Packing::Plain,
        Some("GZIP") => Packing::Gzip,
        Some(_) => return Err(wrong("tar_type")),
    };
    let sub_mch_id = query("sub_mchid");
    if let Some(sub) = sub_mch_id
        && !world.merchant(call.merchant).serves(sub)
    {
        return Err(coded(403, "NO_AUTH", "商户无权限"));
    }
    let wanted = Wanted {
        merchant: call.merchant,
        sub_mch_id: sub_mch_id.map(str::to_owned),
        day,
        kind,
        account,
    };
    Ok((wanted, packing))
}

pub(super) fn download(world: &World, call: &V3Call) -> Result<Response, V3Refused> {
    let token = call.body.query("token").unwrap_or_default();
    let ticket = world.bills.fetch(token, world.wall_ms());
    match ticket {
        None => Err(coded(400, "INVALID_REQUEST", "token不正确或已失效")),
        Some(ticket) if ticket.merchant != call.merchant => Err(coded(
            403,
            "NO_AUTH",
            "下载账单的商户与申请账单的商户不一致",
        )),
        Some(ticket) => Ok(Response::of(
            200,
            "application/octet-stream",
            ticket.body.clone(),
        )),
    }
}
