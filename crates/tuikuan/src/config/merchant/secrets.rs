//! The secrets of one merchant: keys of the right length, a certificate of this merchant, a private key
//! that belongs to it, and a certificate that fits the host it is shown to.

use std::path::PathBuf;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tuikuan_terms::MchId;
use tuikuan_wechat::{Api, Certificate, Credentials, CredentialsError, Identity, PublicKey};
use x509_cert::der::Decode;

use super::{Desk, is_wechat};

/// Who issues the certificates of real merchants.
const WECHAT_ISSUER: &str = "Tenpay.com";
/// Who issues those of the simulator says so in its name.
const SIMULATOR_ISSUER: &str = "simulator";

impl Desk<'_, '_> {
    pub(super) fn credentials(
        &mut self,
        mch_id: Option<&MchId>,
        api: Option<Api>,
        endpoint: Option<&Url>,
    ) -> Option<Credentials> {
        let raw = self.raw;
        let mut credentials = Credentials::new();
        let v2_key = self
            .reader
            .secret(&self.key("api_v2_key"), raw.api_v2_key.as_ref());
        if let Some(key) = v2_key {
            credentials = self.kept("api_v2_key", credentials.with_api_v2_key(key))?;
        } else if raw.api_v2_key.is_none() && api == Some(Api::V2) {
            let advice = "API v2 signs with it: merchant platform > account centre > API security";
            self.missing("api_v2_key", advice);
        }
        let v3_key = self
            .reader
            .secret(&self.key("api_v3_key"), raw.api_v3_key.as_ref());
        if let Some(key) = v3_key {
            credentials = self.kept("api_v3_key", credentials.with_api_v3_key(key))?;
        } else if raw.api_v3_key.is_none() && api == Some(Api::V3) {
            let advice = "API v3 needs it: merchant platform > account centre > API security";
            self.missing("api_v3_key", advice);
        }
        let identity = self.identity(mch_id)?;
        self.check_owner(&identity, mch_id, endpoint);
        credentials = credentials.with_identity(identity);
        self.public_key(credentials)
    }

    fn identity(&mut self, mch_id: Option<&MchId>) -> Option<Identity> {
        let raw = self.raw;
        if raw.p12.is_some() {
            if raw.certificate.is_some() || raw.private_key.is_some() {
                let advice = "give either p12, or certificate and private_key";
                self.fault("p12", "is given beside certificate or private_key", advice);
                return None;
            }
            let data = self.reader.material(&self.key("p12"), raw.p12.as_ref())?;
            let given = self
                .reader
                .secret(&self.key("p12_password"), raw.p12_password.as_ref());
            let password = given.or_else(|| mch_id.map(|id| SecretString::from(id.as_str())))?;
            return self.kept(
                "p12",
                Identity::from_pkcs12(&data, password.expose_secret()),
            );
        }
        for (name, value) in [
            ("certificate", &raw.certificate),
            ("private_key", &raw.private_key),
        ] {
            if value.is_none() {
                let advice = "give certificate = \"apiclient_cert.pem\" and private_key = \
                              \"apiclient_key.pem\", or p12 = \"apiclient_cert.p12\"";
                self.missing(name, advice);
            }
        }
        let certificate = self
            .reader
            .material(&self.key("certificate"), raw.certificate.as_ref());
        let key = self
            .reader
            .material(&self.key("private_key"), raw.private_key.as_ref());
        let (certificate, key) = (certificate?, key?);
        self.kept(
            "certificate",
            Certificate::from_pem(&certificate).map_err(Into::into),
        )?;
        self.kept("private_key", Identity::from_pem(&certificate, &key))
    }

    fn check_owner(&mut self, identity: &Identity, mch_id: Option<&MchId>, endpoint: Option<&Url>) {
        let name = if self.raw.p12.is_some() {
            "p12"
        } else {
            "certificate"
        };
        let owner = identity.certificate.common_name.clone();
        if let (Some(owner), Some(mch_id)) = (owner, mch_id)
            && owner != mch_id.as_str()
        {
            let what = format!("the certificate is of merchant {owner}, not of {mch_id}");
            self.fault(
                name,
                what,
                "use the certificate of this merchant, or mend mch_id",
            );
        }
        let Some(endpoint) = endpoint else { return };
        match (issuer(&identity.certificate), is_wechat(endpoint)) {
            (Issuer::WeChat, false) => {
                let advice = "never show live keys to a test host: remove endpoint, or use the \
                              certificate that the simulator wrote";
                self.fault(
                    name,
                    "is a live certificate, but endpoint is a test host",
                    advice,
                );
            }
            (Issuer::Simulator, true) => {
                let advice = "set endpoint and trust_ca to the simulator's, or use the merchant's \
                              own certificate";
                self.fault(
                    name,
                    "was made by a simulator, but endpoint is WeChat's",
                    advice,
                );
            }
            (Issuer::WeChat, true) | (Issuer::Simulator, false) | (Issuer::Other, _) => {}
        }
    }

    fn public_key(&mut self, credentials: Credentials) -> Option<Credentials> {
        let raw = self.raw;
        let id = self.reader.text(
            &self.key("wechat_public_key_id"),
            raw.wechat_public_key_id.as_ref(),
        );
        let pem = self.reader.material(
            &self.key("wechat_public_key"),
            raw.wechat_public_key.as_ref(),
        );
        match (id, pem) {
            (Some(id), Some(pem)) => {
                let key = PublicKey::from_pem(&pem).map_err(CredentialsError::from);
                let key = self.kept("wechat_public_key", key)?;
                self.kept(
                    "wechat_public_key_id",
                    credentials.with_public_key(&id, key),
                )
            }
            (None, None) => Some(credentials),
            (Some(_), None) | (None, Some(_)) => {
                let advice = "give wechat_public_key_id and wechat_public_key together, or \
                              neither: then platform certificates are fetched";
                self.fault(
                    "wechat_public_key",
                    "the public key and its id are a pair",
                    advice,
                );
                None
            }
        }
    }

    fn kept<T>(&mut self, name: &str, made: Result<T, CredentialsError>) -> Option<T> {
        match made {
            Ok(made) => Some(made),
            Err(error) => {
                self.fault(name, error.to_string(), advice(&error));
                None
            }
        }
    }

    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        let raw = self.raw;
        let sources = self.reader.sources;
        let texts = [&raw.api_v2_key, &raw.api_v3_key, &raw.p12_password];
        let materials = [&raw.private_key, &raw.p12];
        let texts = texts
            .into_iter()
            .flatten()
            .filter_map(|value| value.file(sources));
        let materials = materials
            .into_iter()
            .flatten()
            .filter_map(|value| value.material_file(sources));
        let mut files: Vec<PathBuf> = texts.chain(materials).collect();
        files.sort();
        files.dedup();
        files
    }
}

fn advice(error: &CredentialsError) -> &'static str {
    match error {
        CredentialsError::KeyLength { .. } => "the two API keys are different things, check which",
        CredentialsError::Key(_) => "download it again from the merchant platform",
        CredentialsError::Foreign { .. } => "use the key file that was made with this certificate",
        CredentialsError::PublicKeyId => "copy the id from the merchant platform, prefix included",
    }
}

enum Issuer {
    WeChat,
    Simulator,
    Other,
}

fn issuer(certificate: &Certificate) -> Issuer {
    let Ok(x509) = x509_cert::Certificate::from_der(&certificate.der) else {
        return Issuer::Other;
    };
    let name = x509.tbs_certificate().issuer().to_string();
    if name.contains(WECHAT_ISSUER) {
        Issuer::WeChat
    } else if name.to_ascii_lowercase().contains(SIMULATOR_ISSUER) {
        Issuer::Simulator
    } else {
        Issuer::Other
    }
}
