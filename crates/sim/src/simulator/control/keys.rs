//! New keys on demand (F-14): made outside the lock, written to the folder beside the old ones.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tuikuan_wechat::keys::{Certificate, PrivateKey};

use super::{Answer, Here, Refused, read};
use crate::clock::wall_ms;
use crate::identity::{KeyPem, key_pair, pkcs12, serial_seed};
use crate::material::{new_platform_certificate, new_public_key_id, platform_certificate};
use crate::merchant::WechatPublicKey;
use crate::random::Random;
use crate::setup::{write, write_secret};
use crate::simulator::Shared;
use crate::world::ControlError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    what: What,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    PlatformCertificate,
    PublicKey,
    MerchantCertificate,
}

pub(super) async fn rotate(State(shared): Here, Path(mch_id): Path<String>, body: Bytes) -> Answer {
    let Rotation { what } = read(&body)?;
    shared.world().balance(&mch_id)?;
    // Making an RSA key takes long enough to hold up every other task of this thread.
    let made = tokio::task::spawn_blocking(move || turn(&shared, &mch_id, what)).await;
    made.map_err(|_cancelled| Refused::internal("making the key was interrupted"))?
        .map(Json)
}

fn turn(shared: &Arc<Shared>, mch_id: &str, what: What) -> Result<Value, Refused> {
    let clock = u64::try_from(wall_ms()).unwrap_or(0);
    let mut dice = Random::new(shared.seed ^ clock.rotate_left(17));
    match what {
        What::PlatformCertificate => turn_platform(shared, mch_id, &mut dice),
        What::PublicKey => turn_public(shared, mch_id, &mut dice),
        What::MerchantCertificate => turn_merchant(shared, mch_id, &mut dice),
    }
}

fn failed(error: &dyn std::error::Error) -> Refused {
    Refused::internal(error.to_string())
}

fn turn_platform(shared: &Shared, mch_id: &str, dice: &mut Random) -> Result<Value, Refused> {
    let issued = new_platform_certificate(&shared.authority, dice).map_err(|e| failed(&e))?;
    let new = platform_certificate(&issued).map_err(|e| failed(&e))?;
    let serial = new.certificate.serial.clone();
    let file = format!("platform_certificate_{serial}.pem");
    let path = shared.dir.join(mch_id).join(&file);
    write(&path, issued.certificate_pem.as_bytes()).map_err(|e| failed(&e))?;
    write_secret(
        &shared.dir,
        mch_id,
        &format!("platform_key_{serial}"),
        &issued.key_pem,
    )
    .map_err(|e| failed(&e))?;
    shared.world().rotate_platform_certificate(mch_id, new)?;
    Ok(json!({
        "platform_serial": serial,
        "platform_certificate": format!("{mch_id}/{file}"),
    }))
}

fn turn_public(shared: &Shared, mch_id: &str, dice: &mut Random) -> Result<Value, Refused> {
    let KeyPem {
        public_pem,
        key_pem,
    } = key_pair().map_err(|e| failed(&e))?;
    let id = new_public_key_id(mch_id, dice);
    let file = format!("pub_key_{id}.pem");
    let path = shared.dir.join(mch_id).join(&file);
    write(&path, public_pem.as_bytes()).map_err(|e| failed(&e))?;
    let key = PrivateKey::from_pem(key_pem.as_bytes()).map_err(|e| failed(&e))?;
    let new = WechatPublicKey {
        id: id.clone(),
        key,
    };
    shared.world().rotate_public_key(mch_id, new)?;
    Ok(json!({ "public_key_id": id, "public_key": format!("{mch_id}/{file}") }))
}

fn turn_merchant(shared: &Shared, mch_id: &str, dice: &mut Random) -> Result<Value, Refused> {
    let issued = shared
        .authority
        .certificate(mch_id, serial_seed(dice))
        .map_err(|e| failed(&e))?;
    let certificate =
        Certificate::from_pem(issued.certificate_pem.as_bytes()).map_err(|e| failed(&e))?;
    let serial = certificate.serial.clone();
    let archive = pkcs12(&issued, mch_id).map_err(|e| failed(&e))?;
    let folder = shared.dir.join(mch_id).join(&serial);
    std::fs::create_dir_all(&folder).map_err(|e| failed(&e))?;
    let pem = issued.certificate_pem.as_bytes();
    for (name, bytes) in [
        ("apiclient_cert.pem", pem),
        ("apiclient_key.pem", issued.key_pem.as_bytes()),
        ("apiclient_cert.p12", archive.as_slice()),
    ] {
        write(&folder.join(name), bytes).map_err(|e| failed(&e))?;
    }
    shared
        .world()
        .add_merchant_certificate(mch_id, &certificate)
        .map_err(|error: ControlError| Refused::from(error))?;
    Ok(json!({
        "serial_no": serial,
        "certificate": format!("{mch_id}/{serial}/apiclient_cert.pem"),
        "private_key": format!("{mch_id}/{serial}/apiclient_key.pem"),
        "p12": format!("{mch_id}/{serial}/apiclient_cert.p12"),
    }))
}
