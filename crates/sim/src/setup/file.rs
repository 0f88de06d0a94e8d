//! `sim.json`, the address book of a simulator. Its member names are a public contract.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `sim.json`: where everything is. Paths are relative to the folder it lies in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimFile {
    /// The wire side.
    pub endpoint: String,
    /// The control side.
    pub control: String,
    /// The authority to be trusted.
    pub ca: PathBuf,
    /// The merchants.
    pub merchants: Vec<SimMerchant>,
}

/// One merchant of `sim.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SimMerchant {
    /// Merchant number.
    pub mch_id: String,
    /// Application.
    pub appid: String,
    /// The v2 key.
    pub api_v2_key: String,
    /// The v3 key.
    pub api_v3_key: String,
    /// Serial of the API certificate.
    pub serial_no: String,
    /// The API certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub private_key: PathBuf,
    /// Both as PKCS#12; the password is the merchant number.
    pub p12: PathBuf,
    /// Id of the WeChat Pay public key.
    pub public_key_id: String,
    /// The WeChat Pay public key, PEM.
    pub public_key: PathBuf,
    /// Serial of the platform certificate.
    pub platform_serial: String,
    /// The platform certificate, PEM.
    pub platform_certificate: PathBuf,
    /// Sub-merchants of a service provider.
    #[serde(default)]
    pub sub_merchants: Vec<SimSubMerchant>,
}

impl std::fmt::Debug for SimMerchant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimMerchant")
            .field("mch_id", &self.mch_id)
            .finish_non_exhaustive()
    }
}

/// A sub-merchant of `sim.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimSubMerchant {
    /// Its number.
    pub sub_mch_id: String,
    /// Its application.
    pub sub_appid: Option<String>,
}
