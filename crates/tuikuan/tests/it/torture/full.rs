//! A disk that is full: the request is refused, the service lives, and goes on when there is room.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use super::place::{Place, Service};

const SIZE: &str = "size=6m";

/// A small file system that ends with the test.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "none"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts a small disk; scripts/torture runs it"]
async fn torture_full_disk_refuses_and_recovers() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("small");
    let Some(_disk) = SmallDisk::mount(&folder) else {
        println!("SKIPPED: full disk: a small file system can be mounted by root only");
        return;
    };
    let store = format!("sqlite:{}", folder.join("t.db").display());
    let place = Place::prepare_with(3, &store).await;
    let mut service = Service::start(&place).await;
    let ask = async |number: u32| {
        let body = json!({ "merchant": "main", "out_trade_no": format!("full-order-{number}"),
            "out_refund_no": format!("full-{number}"), "amount": 100 });
        place
            .ask(Method::POST, "/v1/refunds", Some(body))
            .await
            .unwrap()
    };
    for number in 0..20 {
        let order = json!({ "mch_id": place.shops[0].mch_id, "total": 100,
            "out_trade_no": format!("full-order-{number}") });
        place.control(Method::POST, "/orders", Some(order)).await;
    }
    assert_eq!(ask(0).await.0, 202);
    let filler = folder.join("filler");
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096"])
        .arg(format!("of={}", filler.display()))
        .output()
        .unwrap();
    assert!(!filled.status.success(), "the disk is not full");
    let mut refused = 0;
    for number in 1..=10 {
        let (status, body) = ask(number).await;
        match status {
            // What still fits into pages that exist is taken, and must hold.
            202 => {}
            503 => {
                assert_eq!(body["code"], "storage_full", "{body}");
                refused += 1;
            }
            _ => panic!("{status} {body}"),
        }
    }
    assert!(refused > 0, "nothing was refused on a full disk");
    assert!(service.lives(), "the service died: {}", place.log());
    std::fs::remove_file(&filler).unwrap();
    for number in 0..20 {
        let (status, body) = ask(number).await;
        assert!(matches!(status, 200 | 202), "{number}: {status} {body}");
    }
    super::books::drain(&place).await;
    for number in 0..20 {
        let path = format!("/v1/refunds?merchant=main&out_refund_no=full-{number}");
        let (_, list) = place.ask(Method::GET, &path, None).await.unwrap();
        let end = list["data"][0]["status"].as_str().unwrap().to_owned();
        assert!(matches!(end.as_str(), "succeeded" | "closed"), "{list}");
    }
    service.stop_in_order().await;
    println!("full disk: {refused} of 10 requests refused, 20 of 20 refunds ended");
}
