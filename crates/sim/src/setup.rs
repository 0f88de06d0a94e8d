//! The folder a simulator lives in: keys and certificates in the forms merchants get them, and
//! `sim.json`, which says where everything is. What is there already is used again, so that a
//! client configured once keeps working.

mod file;

use std::fs;
use std::path::{Path, PathBuf};

pub use file::{SimFile, SimMerchant, SimSubMerchant};
use tuikuan_terms::{AppId, MchId, SubMchId};
use tuikuan_wechat::keys::{Certificate, KeyError};

use crate::identity::{Authority, IdentityError, Issued, KeyPem, pkcs12};
use crate::material::Material;
use crate::merchant::{MerchantSetup, SubMerchant};

/// A merchant the simulator opens on start.
#[derive(Debug, Clone)]
pub struct MerchantPlan {
    /// Its number.
    pub mch_id: MchId,
    /// Its application.
    pub app_id: AppId,
    /// Sub-merchants, when it is a service provider.
    pub sub_merchants: Vec<SubMerchant>,
}

/// Why the folder cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key or certificate cannot be made.
    #[error("cannot make the keys in {}", path.display())]
    Identity {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: IdentityError,
    },
    /// A key or certificate that lies there cannot be read.
    #[error("cannot read the key or certificate in {}: remove the folder to make new ones", path.display())]
    Key {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// `sim.json` cannot be understood.
    #[error("cannot understand {}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// The three merchants a simulator has unless told otherwise: one for v3, one for v2, and a
/// service provider with a sub-merchant. All of them may use either generation.
#[must_use]
pub fn usual_merchants() -> Vec<MerchantPlan> {
    let plan = |mch_id: &str, app_id: &str, subs: &[&str]| {
        Some(MerchantPlan {
            mch_id: mch_id.parse().ok()?,
            app_id: app_id.parse().ok()?,
            sub_merchants: subs
                .iter()
                .filter_map(|sub| sub.parse::<SubMchId>().ok())
                .map(|sub_mch_id| SubMerchant {
                    sub_mch_id,
                    sub_app_id: None,
                })
                .collect(),
        })
    };
    [
        plan("1900000109", "wx8888888888888888", &[]),
        plan("1900000110", "wx2421b1c4370ec43b", &[]),
        plan("1900000111", "wxd678efh567hg6787", &["1900000209"]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Everything the folder holds.
pub(crate) struct Folder {
    pub(crate) authority: Authority,
    pub(crate) server: Issued,
    pub(crate) merchants: Vec<(MerchantSetup, SimMerchant)>,
}

/// Prepares a folder: makes what is missing and reads what is there.
pub(crate) fn prepare(
    dir: &Path,
    plans: &[MerchantPlan],
    (seed, now_ms): (u64, i64),
    listen: std::net::IpAddr,
) -> Result<Folder, FolderError> {
    let secret_dir = dir.join("wechat");
    make_dir(&secret_dir)?;
    let authority = authority(dir, &secret_dir, now_ms)?;
    let server = authority
        .server(listen)
        .map_err(|source| identity_error(dir, source))?;
    let before = read_sim_file(dir)?;
    // Making RSA keys is slow; each merchant's are made beside the others'.
    let merchants = std::thread::scope(|scope| {
        let (authority, before) = (&authority, &before);
        let running: Vec<_> = plans
            .iter()
            .map(|plan| {
                scope.spawn(move || {
                    let known = before.as_ref().and_then(|file| {
                        let same = |m: &&SimMerchant| m.mch_id == plan.mch_id.as_str();
                        file.merchants.iter().find(same).cloned()
                    });
                    prepare_merchant(dir, plan, authority, (seed, known))
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Folder {
        authority,
        server,
        merchants,
    })
}

fn prepare_merchant(
    dir: &Path,
    plan: &MerchantPlan,
    authority: &Authority,
    (seed, known): (u64, Option<SimMerchant>),
) -> Result<(MerchantSetup, SimMerchant), FolderError> {
    let mch_id = plan.mch_id.as_str();
    let own = dir.join(mch_id);
    make_dir(&own)?;
    let entry = match known {
        Some(entry) if own.join("apiclient_cert.p12").is_file() => entry,
        _ => make_merchant(dir, plan, authority, seed)?,
    };
    let material = load(dir, &entry)?;
    let setup = material
        .account(plan)
        .map_err(|source| FolderError::Key { path: own, source })?;
    Ok((setup, entry))
}

/// Reads back what `make_merchant` wrote.
fn load(dir: &Path, entry: &SimMerchant) -> Result<Material, FolderError> {
    let read = |path: &Path| read(&dir.join(path));
    let secret = |name: &str| {
        let file = format!("{}_{name}.pem", entry.mch_id);
        read(&Path::new("wechat").join(file))
    };
    Ok(Material {
        api_v2_key: entry.api_v2_key.clone(),
        api_v3_key: entry.api_v3_key.clone(),
        own: Issued {
            certificate_pem: read(&entry.certificate)?,
            key_pem: read(&entry.private_key)?,
        },
        platform: Issued {
            certificate_pem: read(&entry.platform_certificate)?,
            key_pem: secret("platform_key")?,
        },
        public_key_id: entry.public_key_id.clone(),
        public: KeyPem {
            public_pem: read(&entry.public_key)?,
            key_pem: secret("public_key")?,
        },
    })
}

/// Makes the keys of one merchant and writes them.
fn make_merchant(
    dir: &Path,
    plan: &MerchantPlan,
    authority: &Authority,
    seed: u64,
) -> Result<SimMerchant, FolderError> {
    let mch_id = plan.mch_id.as_str();
    let failed = |source| identity_error(dir, source);
    let made = Material::generate(authority, mch_id, seed).map_err(failed)?;
    let p12 = pkcs12(&made.own, mch_id).map_err(failed)?;
    let folder = PathBuf::from(mch_id);
    let write = |name: &str, bytes: &[u8]| -> Result<PathBuf, FolderError> {
        let path = folder.join(name);
        write(&dir.join(&path), bytes)?;
        Ok(path)
    };
    let certificate = write("apiclient_cert.pem", made.own.certificate_pem.as_bytes())?;
    let private_key = write("apiclient_key.pem", made.own.key_pem.as_bytes())?;
    let public_key = write("pub_key.pem", made.public.public_pem.as_bytes())?;
    let platform_pem = made.platform.certificate_pem.as_bytes();
    let platform_certificate = write("platform_certificate.pem", platform_pem)?;
    write_secret(dir, mch_id, "platform_key", &made.platform.key_pem)?;
    write_secret(dir, mch_id, "public_key", &made.public.key_pem)?;
    let p12 = write("apiclient_cert.p12", &p12)?;
    let serial = |pem: &str| {
        Certificate::from_pem(pem.as_bytes())
            .map(|certificate| certificate.serial)
            .map_err(|source| FolderError::Key {
                path: dir.join(&folder),
                source,
            })
    };
    Ok(SimMerchant {
        mch_id: mch_id.to_owned(),
        appid: plan.app_id.as_str().to_owned(),
        api_v2_key: made.api_v2_key,
        api_v3_key: made.api_v3_key,
        serial_no: serial(&made.own.certificate_pem)?,
        certificate,
        private_key,
        p12,
        public_key_id: made.public_key_id,
        public_key,
        platform_serial: serial(&made.platform.certificate_pem)?,
        platform_certificate,
        sub_merchants: plan
            .sub_merchants
            .iter()
            .map(|sub| SimSubMerchant {
                sub_mch_id: sub.sub_mch_id.as_str().to_owned(),
                sub_appid: sub.sub_app_id.as_ref().map(|id| id.as_str().to_owned()),
            })
            .collect(),
    })
}

fn authority(dir: &Path, secret_dir: &Path, now_ms: i64) -> Result<Authority, FolderError> {
    let failed = |source| identity_error(dir, source);
    let (ca, key) = (dir.join("ca.pem"), secret_dir.join("ca_key.pem"));
    if ca.is_file() && key.is_file() {
        let issued = Issued {
            certificate_pem: read(&ca)?,
            key_pem: read(&key)?,
        };
        return Authority::load(issued, now_ms).map_err(failed);
    }
    // Certificates of another authority are of no use any more.
    let _gone = fs::remove_file(dir.join("sim.json"));
    let authority = Authority::generate(now_ms).map_err(failed)?;
    write(&key, authority.issued.key_pem.as_bytes())?;
    write(&ca, authority.issued.certificate_pem.as_bytes())?;
    Ok(authority)
}

fn identity_error(dir: &Path, source: IdentityError) -> FolderError {
    FolderError::Identity {
        path: dir.to_owned(),
        source,
    }
}

/// Writes `sim.json`, whole or not at all.
pub(crate) fn write_sim_file(dir: &Path, file: &SimFile) -> Result<(), FolderError> {
    let path = dir.join("sim.json");
    let text = serde_json::to_string_pretty(file).map_err(|source| FolderError::Json {
        path: path.clone(),
        source,
    })?;
    let draft = dir.join("sim.json.new");
    write(&draft, format!("{text}\n").as_bytes())?;
    fs::rename(&draft, &path).map_err(|source| FolderError::Io { path, source })
}

fn read_sim_file(dir: &Path) -> Result<Option<SimFile>, FolderError> {
    let path = dir.join("sim.json");
    if !path.is_file() {
        return Ok(None);
    }
    let text = read(&path)?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| FolderError::Json { path, source })
}

/// Writes one of WeChat's own private keys beside the others.
pub(crate) fn write_secret(
    dir: &Path,
    mch_id: &str,
    name: &str,
    pem: &str,
) -> Result<(), FolderError> {
    let path = dir.join("wechat").join(format!("{mch_id}_{name}.pem"));
    write(&path, pem.as_bytes())?;
    for_owner_only(&path)
}

/// Other users of the machine have no business with WeChat's side, not even a simulated one.
#[cfg(unix)]
fn for_owner_only(path: &Path) -> Result<(), FolderError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|source| FolderError::Io {
        path: path.to_owned(),
        source,
    })
}

#[cfg(not(unix))]
fn for_owner_only(_path: &Path) -> Result<(), FolderError> {
    Ok(())
}

fn make_dir(path: &Path) -> Result<(), FolderError> {
    fs::create_dir_all(path).map_err(|source| FolderError::Io {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<String, FolderError> {
    fs::read_to_string(path).map_err(|source| FolderError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that only its owner reads: most of them are keys.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        .map_err(|source| FolderError::Io {
            path: path.to_owned(),
            source,
        })
}
