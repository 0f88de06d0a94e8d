//! The keys of the simulated merchants: made once, kept in `keys.json`, worthless elsewhere. The
//! same keys in every run, because their signatures are part of the trace (INV-44).

use std::sync::OnceLock;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tuikuan_sim::MerchantSetup;
use tuikuan_sim::identity::{Authority, Issued, KeyPem};
use tuikuan_sim::material::Material;
use tuikuan_sim::setup::{MerchantPlan, usual_merchants};
use tuikuan_wechat::credentials::{Credentials, Identity};
use tuikuan_wechat::{Certificate, PublicKey};

use super::time::START_US;

#[derive(Serialize, Deserialize)]
struct Keys {
    api_v2_key: String,
    api_v3_key: String,
    own: [String; 2],
    platform: [String; 2],
    public_key_id: String,
    public: [String; 2],
}

impl Keys {
    fn material(self) -> Material {
        let issued = |[certificate_pem, key_pem]: [String; 2]| Issued {
            certificate_pem,
            key_pem,
        };
        let [public_pem, key_pem] = self.public;
        Material {
            api_v2_key: self.api_v2_key,
            api_v3_key: self.api_v3_key,
            own: issued(self.own),
            platform: issued(self.platform),
            public_key_id: self.public_key_id,
            public: KeyPem {
                public_pem,
                key_pem,
            },
        }
    }
}

/// A merchant, both sides of it.
pub(crate) struct Kit {
    pub(crate) plan: MerchantPlan,
    pub(crate) setup: MerchantSetup,
    pub(crate) credentials: Credentials,
}

/// All merchants: two ordinary ones and a provider.
pub(crate) fn kits() -> &'static [Kit] {
    static KITS: OnceLock<Vec<Kit>> = OnceLock::new();
    KITS.get_or_init(|| {
        let all: Vec<Keys> = serde_json::from_str(include_str!("keys.json")).unwrap();
        let plans = usual_merchants();
        assert_eq!(plans.len(), all.len());
        plans
            .into_iter()
            .zip(all)
            .map(|(plan, keys)| kit(plan, &keys.material()))
            .collect()
    })
}

fn kit(plan: MerchantPlan, material: &Material) -> Kit {
    let own = &material.own;
    let identity = Identity::from_pem(own.certificate_pem.as_bytes(), own.key_pem.as_bytes());
    let platform = Certificate::from_pem(material.platform.certificate_pem.as_bytes());
    let public = PublicKey::from_pem(material.public.public_pem.as_bytes());
    let credentials = Credentials::new()
        .with_api_v2_key(SecretString::from(material.api_v2_key.clone()))
        .unwrap()
        .with_api_v3_key(SecretString::from(material.api_v3_key.clone()))
        .unwrap()
        .with_identity(identity.unwrap())
        .with_platform_certificate(&platform.unwrap())
        .with_public_key(&material.public_key_id, public.unwrap())
        .unwrap();
    Kit {
        setup: material.account(&plan).unwrap(),
        plan,
        credentials,
    }
}

/// Makes the file anew.
#[test]
#[ignore = "writes the file of keys"]
fn write_keys() {
    let authority = Authority::generate(START_US / 1000).unwrap();
    let keys: Vec<Keys> = usual_merchants()
        .iter()
        .map(|plan| {
            let m = Material::generate(&authority, plan.mch_id.as_str(), 5).unwrap();
            Keys {
                api_v2_key: m.api_v2_key,
                api_v3_key: m.api_v3_key,
                own: [m.own.certificate_pem, m.own.key_pem],
                platform: [m.platform.certificate_pem, m.platform.key_pem],
                public_key_id: m.public_key_id,
                public: [m.public.public_pem, m.public.key_pem],
            }
        })
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/simulation/keys.json");
    std::fs::write(path, serde_json::to_string_pretty(&keys).unwrap() + "\n").unwrap();
}
