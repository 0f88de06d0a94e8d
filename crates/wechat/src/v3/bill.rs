//! The v3 bills: tradebill (4013071227), fundflowbill (4013071235) and the download of their files
//! (4013071238). The first answer is signed and names the file's SHA-1; the file is not signed.

use serde::Deserialize;

use crate::Stamp;
use crate::account::Account;
use crate::bill::{BillAnswer, BillFile, BillLocation, Packing, WantedBill};
use crate::error::{BuildError, ReplyError, Verified};
use crate::error_code::Interface;
use crate::http::{Method, Received, Request, Response};

#[derive(Deserialize)]
struct LocationAnswer {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

impl Account {
    pub(crate) fn v3_bill(
        &self,
        wanted: &WantedBill,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        let day = wanted.day();
        let mut path = match wanted.account() {
            None => {
                let kind = wanted.kind().as_str();
                format!("/v3/bill/tradebill?bill_date={day}&bill_type={kind}")
            }
            Some(account) => {
                let account = account.as_str();
                format!("/v3/bill/fundflowbill?bill_date={day}&account_type={account}")
            }
        };
        if wanted.packing() == Packing::Gzip {
            path.push_str("&tar_type=GZIP");
        }
        // A provider's whole bill mixes its sub-merchants; its money is its own.
        if let (Some(sub), None) = (&self.sub, wanted.account()) {
            path.push_str("&sub_mchid=");
            path.push_str(sub.sub_mch_id.as_str());
        }
        self.v3_request(Method::Get, path, Vec::new(), stamp)
    }

    pub(crate) fn v3_read_bill(
        &self,
        wanted: &WantedBill,
        received: &Received,
        now_unix: i64,
    ) -> Result<BillAnswer, ReplyError> {
        let http_status = received.status;
        let unreadable = || ReplyError::Unreadable { http_status };
        let response = whole(received).ok_or_else(unreadable)?;
        let interface = wanted.interface(crate::Api::V3);
        let body = match self.v3_open(&response, interface, now_unix) {
            Err(ReplyError::Refused { code, verified, .. })
                if matches!(code.as_str(), "NO_STATEMENT_EXIST" | "STATEMENT_CREATING") =>
            {
                // Most errors are unsigned; but a signature that is there must be right.
                let signed = response.header("Wechatpay-Signature").is_some();
                if signed && verified == Verified::No {
                    return Err(ReplyError::Unverified { why: None });
                }
                return Ok(match code.as_str() {
                    "NO_STATEMENT_EXIST" => BillAnswer::NothingThatDay,
                    _ => BillAnswer::NotReady,
                });
            }
            answer => answer?,
        };
        let answer: LocationAnswer = serde_json::from_slice(body).map_err(|_json| unreadable())?;
        if answer.hash_type != "SHA1" {
            return Err(ReplyError::Mismatch { field: "hash_type" });
        }
        let hash = answer.hash_value.parse();
        let file = BillFile {
            kind: wanted.kind(),
            hash: Some(hash.map_err(|_hash| unreadable())?),
        };
        BillLocation::parse(&answer.download_url, file)
            .map(BillAnswer::Location)
            .ok_or(ReplyError::Mismatch {
                field: "download_url",
            })
    }

    pub(crate) fn v3_download_bill(
        &self,
        location: &BillLocation,
        stamp: &Stamp,
    ) -> Result<Request, BuildError> {
        let path = location.path.clone();
        let mut request = self.v3_request(Method::Get, path, Vec::new(), stamp)?;
        for (name, value) in &mut request.headers {
            if name == "Accept" {
                "*/*".clone_into(value);
            }
        }
        request.origin = location.origin.clone();
        Ok(request)
    }

    pub(crate) fn v3_read_download(
        &self,
        location: &BillLocation,
        received: &Received,
    ) -> Result<BillFile, ReplyError> {
        let http_status = received.status;
        match http_status {
            200 => return Ok(location.file()),
            202 | 204 => return Err(ReplyError::Unreadable { http_status }),
            _ => {}
        }
        let unreadable = ReplyError::Unreadable { http_status };
        let response = whole(received).ok_or_else(|| unreadable.clone())?;
        let refused = self.v3_open(&response, Interface::V3BillDownload, 0);
        Err(refused.err().unwrap_or(unreadable))
    }
}

/// The whole answer, if it is small enough to be a message.
fn whole(received: &Received) -> Option<Response> {
    Some(Response {
        status: received.status,
        headers: received.headers.clone(),
        body: received.whole()?.to_vec(),
    })
}
