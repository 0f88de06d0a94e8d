//! The download of platform certificates and its bootstrap: the first answer can only be verified
//! with a certificate it contains. Decrypting it proves that the sender knows the API v3 key; then
//! the signature is verified with what was decrypted. Source: v3 documentation, certificate pages.

use serde::Deserialize;

use crate::account::Account;
use crate::error::{ReplyError, Verified};
use crate::error_code::Interface;
use crate::http::Response;
use crate::keys::{Certificate, TrustedKeys};
use crate::v2::message::cut;
use crate::v3::aead;
use crate::v3::sign::verify;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    serial_no: String,
    encrypt_certificate: Encrypted,
}

#[derive(Deserialize)]
struct Encrypted {
    algorithm: String,
    nonce: String,
    #[serde(default)]
    associated_data: Option<String>,
    ciphertext: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    code: String,
    #[serde(default)]
    message: String,
}

impl Account {
    /// Reads a download of platform certificates: those that are valid at `now_unix`.
    ///
    /// # Errors
    /// [`ReplyError`]; `RESOURCE_NOT_EXISTS` means that the merchant has a WeChat Pay public key
    /// only.
    pub fn read_certificates(
        &self,
        response: &Response,
        now_unix: i64,
    ) -> Result<Vec<Certificate>, ReplyError> {
        let unreadable = ReplyError::Unreadable {
            http_status: response.status,
        };
        if response.status != 200 {
            return Err(refusal(response));
        }
        let answer: Answer =
            serde_json::from_slice(&response.body).map_err(|_json| unreadable.clone())?;
        if answer.data.is_empty() {
            return Err(unreadable);
        }
        let mut certificates = Vec::new();
        for row in &answer.data {
            certificates.push(self.decrypt(row).ok_or_else(|| unreadable.clone())?);
        }
        let keys = certificates
            .iter()
            .fold(TrustedKeys::new(), TrustedKeys::with_certificate);
        let trusted = self.credentials.trusted();
        let signed = verify(&response.headers, &response.body, &keys, now_unix)
            .or_else(|_| verify(&response.headers, &response.body, &trusted, now_unix));
        signed.map_err(|why| ReplyError::Unverified { why: Some(why) })?;
        certificates.retain(|c| c.not_before <= now_unix && now_unix < c.not_after);
        Ok(certificates)
    }

    fn decrypt(&self, row: &Row) -> Option<Certificate> {
        let sealed = &row.encrypt_certificate;
        if sealed.algorithm != aead::ALGORITHM {
            return None;
        }
        let associated_data = sealed.associated_data.as_deref().unwrap_or_default();
        let key = self.credentials.api_v3_key()?;
        let pem = aead::open(key, &sealed.nonce, associated_data, &sealed.ciphertext).ok()?;
        let certificate = Certificate::from_pem(&pem).ok()?;
        (certificate.serial == row.serial_no.to_ascii_uppercase()).then_some(certificate)
    }
}

fn refusal(response: &Response) -> ReplyError {
    let http_status = response.status;
    match serde_json::from_slice::<ErrorAnswer>(&response.body) {
        Ok(error) => ReplyError::Refused {
            code: cut(&error.code),
            message: cut(&error.message),
            http_status,
            interface: Interface::V3Common,
            verified: Verified::No,
        },
        Err(_) if http_status == 202 => ReplyError::NotFinished,
        Err(_) if http_status >= 500 => ReplyError::ServerFault { http_status },
        Err(_) => ReplyError::Unreadable { http_status },
    }
}
