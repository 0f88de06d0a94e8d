//! WeChat's platform certificates: fetched at start, again twice a day, and once more when a
//! notification names a serial nobody knows. Merchants with a WeChat Pay public key may have none.

use tuikuan_wechat::{Api, TrustedKeys};

use crate::engine::Engine;
use crate::merchant::Merchant;

/// What a fetch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The set was replaced.
    Replaced,
    /// The merchant has no platform certificates, only a public key.
    None,
    /// Not now.
    Failed,
}

/// Fetches the certificates of one merchant and replaces the trusted set.
pub(crate) async fn fetch(engine: &Engine, merchant: &Merchant) -> Fetched {
    let account = &merchant.account;
    if account.api != Api::V3 || account.credentials.api_v3_key().is_none() {
        return Fetched::None;
    }
    let Ok(request) = account.certificates(&engine.stamp()) else {
        return Fetched::None;
    };
    let response = match engine.network().call(merchant, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(merchant = %merchant.name, %error, "platform certificates not fetched");
            return Fetched::Failed;
        }
    };
    match account.read_certificates(&response, engine.clock().wall().as_second()) {
        Ok(certificates) => {
            let keys = certificates
                .iter()
                .fold(TrustedKeys::new(), TrustedKeys::with_certificate);
            account.credentials.trust(keys);
            Fetched::Replaced
        }
        Err(tuikuan_wechat::ReplyError::Refused { code, .. }) if code == "RESOURCE_NOT_EXISTS" => {
            Fetched::None
        }
        Err(error) => {
            tracing::warn!(merchant = %merchant.name, %error, "platform certificates not usable");
            Fetched::Failed
        }
    }
}
