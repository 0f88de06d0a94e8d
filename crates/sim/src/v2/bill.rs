//! v2 chapters 9_6 and 9_18: the trade bill and the fund-flow bill. The answer is the file itself;
//! errors are XML, never signed, and those of the trade bill have a form of their own.

use tuikuan_wechat::bill::{BillDay, BillKind, FundAccount, Packing};
use tuikuan_wechat::v2::{Fields, SignType};

use super::V2Call;
use crate::answer::{Draft, Signer};
use crate::bill::{Made, Wanted, make};
use crate::gate::Route;
use crate::message::Response;
use crate::world::World;

/// Why there is no file, in the words of either interface.
enum NoFile {
    MissingParameter,
    DataFormat,
    BillType,
    SignType,
    Sub,
    NotReady,
    Nothing,
}

pub(super) fn answer(world: &mut World, route: &Route, call: &V2Call) -> Draft {
    match file(world, route, call) {
        Ok(response) => Draft::Plain(response),
        Err(why) if *route == Route::V2DownloadFundFlow => flow_error(&why),
        Err(why) => {
            let (text, number) = trade_error(&why);
            failure(text, number)
        }
    }
}

fn file(world: &World, route: &Route, call: &V2Call) -> Result<Response, NoFile> {
    let flow = *route == Route::V2DownloadFundFlow;
    let fields = &call.body;
    let sub_mch_id = fields.get("sub_mch_id");
    if sub_mch_id.is_some_and(|sub| !world.merchant(call.merchant).serves(sub)) {
        return Err(NoFile::Sub);
    }
    let date = fields.get("bill_date").ok_or(NoFile::MissingParameter)?;
    let (kind, account) = if flow {
        if !matches!(call.signer, Signer::V2(_, SignType::HmacSha256)) {
            return Err(NoFile::SignType);
        }
        let word = fields.get("account_type").ok_or(NoFile::MissingParameter)?;
        let account = FundAccount::ALL.iter().find(|of| of.v2_word() == word);
        (BillKind::FundFlow, *account.ok_or(NoFile::DataFormat)?)
    } else {
        let word = fields.get("bill_type").unwrap_or("ALL");
        let kind = BillKind::parse(word).filter(|kind| *kind != BillKind::FundFlow);
        (kind.ok_or(NoFile::BillType)?, FundAccount::Basic)
    };
    let packing = match fields.get("tar_type") {
        None => Packing::Plain,
        Some("GZIP") => Packing::Gzip,
        Some(_) => return Err(NoFile::DataFormat),
    };
    let wanted = Wanted {
        merchant: call.merchant,
        sub_mch_id: sub_mch_id.map(str::to_owned),
        day: BillDay::parse_compact(date).ok_or(NoFile::DataFormat)?,
        kind,
        account,
    };
    match make(world, &wanted) {
        Made::OutOfRange => Err(NoFile::DataFormat),
        Made::NotReady => Err(NoFile::NotReady),
        Made::Nothing => Err(NoFile::Nothing),
        Made::File(printed) => {
            let mut response = Response::of(200, "text/plain", printed.body(packing));
            if flow {
                let digest = format!("SHA={}", printed.hash);
                response.headers.push(("Digest".to_owned(), digest));
            }
            Ok(response)
        }
    }
}

fn trade_error(why: &NoFile) -> (&'static str, &'static str) {
    match why {
        NoFile::MissingParameter => ("missing parameter", "20001"),
        NoFile::DataFormat | NoFile::Sub => ("data format error", "20001"),
        NoFile::BillType => ("invalid bill_type", "20001"),
        NoFile::SignType => ("sign error", "20001"),
        NoFile::NotReady => ("Bill Creating", "20003"),
        NoFile::Nothing => ("No Bill Exist", "20002"),
    }
}

fn flow_error(why: &NoFile) -> Draft {
    let (code, text) = match why {
        NoFile::NotReady => ("BILL_CREATING", "账单生成中"),
        NoFile::Nothing => ("NO_BILL_EXIST", "账单不存在"),
        _ => ("PARAM_ERROR", "参数错误"),
    };
    let mut fields = Fields::new();
    for (name, value) in [
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("result_code", "FAIL"),
        ("err_code", code),
        ("err_code_des", text),
    ] {
        fields.set(name, value);
    }
    Draft::V2 {
        fields,
        signer: None,
    }
}

fn failure(text: &str, number: &str) -> Draft {
    let mut fields = Fields::new();
    fields.set("return_code", "FAIL");
    fields.set("return_msg", text);
    fields.set("error_code", number);
    Draft::V2 {
        fields,
        signer: None,
    }
}

/// What a call that could not be opened gets from the trade bill: its own words.
pub(super) fn unopened(draft: Draft) -> Draft {
    match &draft {
        Draft::V2 { fields, .. } => {
            let why = match fields.get("return_msg") {
                Some("签名错误") => NoFile::SignType,
                Some(text) if text.starts_with("缺少参数") => NoFile::MissingParameter,
                _ => NoFile::DataFormat,
            };
            let (text, number) = trade_error(&why);
            failure(text, number)
        }
        _ => draft,
    }
}
