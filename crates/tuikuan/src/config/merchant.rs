//! One merchant of the configuration, checked as far as it can be without a network: lengths of
//! keys, whose certificate it is, whether key and certificate belong together, where it points
//! (INV-41).

mod secrets;

use std::path::PathBuf;

use reqwest::Url;
use tuikuan_domain::MerchantName;
use tuikuan_terms::{AppId, MchId, SubMchId};
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Api, Credentials};

use super::raw::RawMerchant;
use super::reader::Reader;
use super::value::Value;

/// WeChat's own hosts. Whoever points at one of them moves real money.
const WECHAT_DOMAIN: &str = ".mch.weixin.qq.com";
const ENDPOINT: &str = "https://api.mch.weixin.qq.com";
const ENDPOINT_BACKUP: &str = "https://api2.mch.weixin.qq.com";

/// A merchant, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct MerchantConfig {
    pub(crate) name: MerchantName,
    pub(crate) mch_id: MchId,
    pub(crate) app_id: AppId,
    pub(crate) sub_mch_id: Option<SubMchId>,
    pub(crate) sub_app_id: Option<AppId>,
    pub(crate) api: Api,
    pub(crate) sign_type: SignType,
    pub(crate) credentials: Credentials,
    pub(crate) endpoint: Url,
    pub(crate) endpoint_backup: Option<Url>,
    pub(crate) trust_ca: Option<Vec<u8>>,
    /// Files that hold secrets, for a look at their permissions.
    pub(crate) secret_files: Vec<PathBuf>,
}

impl MerchantConfig {
    /// Whether it points at WeChat's own hosts.
    pub(crate) fn is_live(&self) -> bool {
        is_wechat(&self.endpoint)
    }
}

/// Whether an address is one of WeChat's own.
pub(crate) fn is_wechat(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host.ends_with(WECHAT_DOMAIN)
}

/// The place of one merchant's keys.
struct Desk<'a, 'r> {
    reader: &'a mut Reader<'r>,
    raw: &'a RawMerchant,
    prefix: String,
}

/// Reads one merchant; `None` when a fault was noted.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    index: usize,
    raw: &RawMerchant,
) -> Option<MerchantConfig> {
    let before = reader.faults.len();
    let mut desk = Desk {
        reader,
        raw,
        prefix: format!("merchant[{index}]"),
    };
    let read = desk.read();
    if reader.faults.len() == before {
        read
    } else {
        None
    }
}

impl Desk<'_, '_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn fault(&mut self, name: &str, what: impl Into<String>, advice: &str) {
        let key = self.key(name);
        self.reader.fault(&key, what, advice);
    }

    fn missing(&mut self, name: &str, advice: &str) {
        self.fault(name, "is missing", advice);
    }

    fn read(&mut self) -> Option<MerchantConfig> {
        let raw = self.raw;
        let name = self.reader.parsed(&self.key("name"), raw.name.as_ref());
        if raw.name.is_none() {
            self.missing(
                "name",
                "give the merchant a short name, such as name = \"main\"",
            );
        }
        let mch_id: Option<MchId> = self.reader.parsed(&self.key("mch_id"), raw.mch_id.as_ref());
        if raw.mch_id.is_none() {
            self.missing(
                "mch_id",
                "write the merchant number, such as mch_id = \"1900000109\"",
            );
        }
        let api = self.api();
        let app_id = self.app_id("appid", raw.appid.as_ref());
        if raw.appid.is_none() {
            self.missing(
                "appid",
                "write the appid that is bound to the merchant number",
            );
        }
        let sub_mch_id = self
            .reader
            .parsed(&self.key("sub_mch_id"), raw.sub_mch_id.as_ref());
        let sub_app_id = self.app_id("sub_appid", raw.sub_appid.as_ref());
        if raw.sub_appid.is_some() && raw.sub_mch_id.is_none() {
            self.fault(
                "sub_appid",
                "is given without sub_mch_id",
                "add sub_mch_id or remove it",
            );
        }
        let sign_types = [
            ("HMAC-SHA256", SignType::HmacSha256),
            ("MD5", SignType::Md5),
        ];
        let sign_type =
            self.reader
                .word(&self.key("sign_type"), raw.sign_type.as_ref(), &sign_types);
        let endpoint = self.endpoint("endpoint", raw.endpoint.as_ref(), Some(ENDPOINT));
        let backup_default = raw.endpoint.is_none().then_some(ENDPOINT_BACKUP);
        let endpoint_backup = self.endpoint(
            "endpoint_backup",
            raw.endpoint_backup.as_ref(),
            backup_default,
        );
        let trust_ca = self.trust_ca(endpoint.as_ref());
        self.one_world(endpoint.as_ref(), endpoint_backup.as_ref());
        let credentials = self.credentials(mch_id.as_ref(), api, endpoint.as_ref());
        Some(MerchantConfig {
            name: name?,
            mch_id: mch_id?,
            app_id: app_id?,
            sub_mch_id,
            sub_app_id,
            api: api?,
            sign_type: sign_type.unwrap_or(SignType::HmacSha256),
            credentials: credentials?,
            endpoint: endpoint?,
            endpoint_backup,
            trust_ca,
            secret_files: self.secret_files(),
        })
    }

    fn api(&mut self) -> Option<Api> {
        if self.raw.api.is_none() {
            self.missing(
                "api",
                "write api = \"v3\", or \"v2\" for the older interface",
            );
        }
        let words = [("v3", Api::V3), ("v2", Api::V2)];
        self.reader
            .word(&self.key("api"), self.raw.api.as_ref(), &words)
    }

    /// `wx` (or `ww` for a company account) and 16 letters or digits.
    fn app_id(&mut self, name: &str, value: Option<&Value>) -> Option<AppId> {
        let app_id: AppId = self.reader.parsed(&self.key(name), value)?;
        let text = app_id.as_str();
        if text.len() == 18 && (text.starts_with("wx") || text.starts_with("ww")) {
            return Some(app_id);
        }
        let advice = "an appid is \"wx\" and 16 letters or digits; copy it from the console of the \
                      mini program or account";
        self.fault(name, "has not the form of an appid", advice);
        None
    }

    fn endpoint(
        &mut self,
        name: &str,
        value: Option<&Value>,
        default: Option<&str>,
    ) -> Option<Url> {
        let text = match value {
            Some(_) => self.reader.text(&self.key(name), value)?,
            None => default?.to_owned(),
        };
        match text.parse::<Url>() {
            Ok(url) if url.scheme() == "https" && url.path() == "/" && url.query().is_none() => {
                Some(url)
            }
            Ok(_) | Err(_) => {
                let advice = "write it as https://host or https://host:port, without a path";
                self.fault(name, "is not an https address of a host", advice);
                None
            }
        }
    }

    fn trust_ca(&mut self, endpoint: Option<&Url>) -> Option<Vec<u8>> {
        let pem = self
            .reader
            .material(&self.key("trust_ca"), self.raw.trust_ca.as_ref())?;
        if endpoint.is_some_and(is_wechat) {
            let advice = "remove it: WeChat's own hosts are checked against the public roots only";
            self.fault(
                "trust_ca",
                "is given for a merchant that points at WeChat",
                advice,
            );
        }
        if let Err(error) = reqwest::Certificate::from_pem(&pem) {
            self.fault(
                "trust_ca",
                format!("holds no certificate: {error}"),
                "give a PEM file",
            );
        }
        Some(pem)
    }

    fn one_world(&mut self, endpoint: Option<&Url>, backup: Option<&Url>) {
        let (Some(endpoint), Some(backup)) = (endpoint, backup) else {
            return;
        };
        if is_wechat(endpoint) != is_wechat(backup) {
            let advice = "let both be WeChat's own hosts, or neither";
            self.fault(
                "endpoint_backup",
                "is not of the same kind as endpoint",
                advice,
            );
        }
    }
}
