//! The v2 bills: downloadbill (chapter 9_6) and downloadfundflow (chapter 9_18). The answer is the
//! file itself, or XML that says why there is none; neither is signed.

use crate::account::Account;
use crate::bill::{BillAnswer, BillFile, Packing, WantedBill};
use crate::error::{ReplyError, Verified};
use crate::error_code::{self, Interface};
use crate::http::{ClientCertificate, Received, Request};
use crate::v2::message::cut;
use crate::v2::{Fields, SignType, verify};
use crate::{Format, sniff};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

impl Account {
    pub(crate) fn v2_bill(&self, wanted: &WantedBill, nonce: &str) -> Request {
        let (path, mut fields, tls) = match wanted.account() {
            None => {
                let mut fields = self.v2_fields(nonce);
                fields.set("bill_type", wanted.kind().as_str());
                ("/pay/downloadbill", fields, ClientCertificate::NotUsed)
            }
            Some(account) => {
                // The bill of the account's own money: no sub-merchant, and only this signature.
                let mut fields = Fields::new();
                fields.set("appid", self.app_id.as_str());
                fields.set("mch_id", self.mch_id.as_str());
                fields.set("nonce_str", nonce);
                fields.set("sign_type", SignType::HmacSha256.as_str());
                fields.set("account_type", account.v2_word());
                ("/pay/downloadfundflow", fields, ClientCertificate::Required)
            }
        };
        fields.set("bill_date", wanted.day().compact());
        if wanted.packing() == Packing::Gzip {
            fields.set("tar_type", "GZIP");
        }
        self.v2_request(path, fields, tls)
    }

    pub(crate) fn v2_read_bill(
        &self,
        wanted: &WantedBill,
        received: &Received,
    ) -> Result<BillAnswer, ReplyError> {
        let http_status = received.status;
        let unreadable = ReplyError::Unreadable { http_status };
        match http_status {
            200 if received.bytes > 0 => {}
            500.. => return Err(ReplyError::ServerFault { http_status }),
            _ => return Err(unreadable),
        }
        // Which bytes v2 hashes when it packs the file is not documented; a packed one has its own
        // check sum.
        let packed = received.head.starts_with(&GZIP_MAGIC);
        if packed || sniff(&received.head) != Format::Xml {
            let named = received.header("Digest").and_then(|digest| {
                let (algorithm, hash) = digest.split_once('=')?;
                let sha1 = matches!(algorithm.trim(), "SHA" | "SHA1" | "SHA-1");
                sha1.then(|| hash.trim().parse().ok()).flatten()
            });
            return Ok(BillAnswer::File(BillFile {
                kind: wanted.kind(),
                hash: named.filter(|_| !packed),
            }));
        }
        let body = received.whole().ok_or_else(|| unreadable.clone())?;
        let fields = Fields::parse(body).map_err(|_xml| unreadable.clone())?;
        match wanted.account() {
            None => trade_refusal(&fields, http_status).unwrap_or(Err(unreadable)),
            Some(_) => self.flow_refusal(&fields, http_status),
        }
    }

    fn flow_refusal(&self, fields: &Fields, http_status: u16) -> Result<BillAnswer, ReplyError> {
        let of = |name| cut(fields.get(name).unwrap_or_default());
        match (fields.get("return_code"), fields.get("result_code")) {
            (Some("FAIL"), _) => Err(ReplyError::ProtocolFail {
                message: of("return_msg"),
            }),
            (Some("SUCCESS"), Some("FAIL")) => {
                let verified = self.flow_verified(fields)?;
                match fields.get("err_code") {
                    Some("NO_BILL_EXIST") => Ok(BillAnswer::NothingThatDay),
                    Some("BILL_CREATING") => Ok(BillAnswer::NotReady),
                    _ => Err(ReplyError::Refused {
                        code: of("err_code"),
                        message: of("err_code_des"),
                        http_status,
                        interface: Interface::V2DownloadFundFlow,
                        verified,
                    }),
                }
            }
            _ => Err(ReplyError::Unreadable { http_status }),
        }
    }

    /// Errors of bills are not signed; but a signature that is there must be right.
    fn flow_verified(&self, fields: &Fields) -> Result<Verified, ReplyError> {
        match (fields.get("sign"), &self.credentials.api_v2_key) {
            (None, _) => Ok(Verified::No),
            (Some(_), Some(key)) if verify(fields, key) => Ok(Verified::Yes),
            _ => Err(ReplyError::Unverified { why: None }),
        }
    }
}

/// What an error of downloadbill says. It has a text and, mostly, a number; several texts share
/// one number, so the text decides and the number must not contradict it.
fn trade_refusal(fields: &Fields, http_status: u16) -> Option<Result<BillAnswer, ReplyError>> {
    if fields.get("return_code") != Some("FAIL") {
        return None;
    }
    let message = fields.get("return_msg").unwrap_or_default().trim();
    let number = fields
        .get("error_code")
        .map(str::trim)
        .filter(|n| !n.is_empty());
    let is = |text: &str| message.eq_ignore_ascii_case(text);
    if is("No Bill Exist") && number.is_none_or(|number| number == "20002") {
        return Some(Ok(BillAnswer::NothingThatDay));
    }
    if is("Bill Creating") {
        return Some(Ok(BillAnswer::NotReady));
    }
    let interface = Interface::V2DownloadBill;
    let listed = error_code::all().iter().find(|entry| {
        let text = entry.code.split(" (").next().unwrap_or_default();
        entry.interface == interface && is(text)
    });
    let code = match (listed, number) {
        (Some(entry), _) => entry.code.to_owned(),
        (None, Some(number)) => cut(number),
        (None, None) => cut(message),
    };
    Some(Err(ReplyError::Refused {
        code,
        message: cut(message),
        http_status,
        interface,
        verified: Verified::No,
    }))
}
