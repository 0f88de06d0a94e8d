//! A table of mistakes in the configuration: each is refused before anything starts, with the line,
//! the key and what to do (INV-41), without a word of what the secrets are (INV-36).

use crate::stage::{Sim, say, tuikuan};

/// What is written instead of what, and what the refusal must say.
type Mistake = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const FORM: [Mistake; 24] = [
    ("listen =", "lisen =", &["line 5", "server.lisen", "did you mean \"listen\""]),
    ("[store]", "[stroe]", &["stroe", "did you mean \"store\""]),
    ("api_v3_key =", "api_v3_kye =", &["merchant[0].api_v3_kye", "did you mean \"api_v3_key\""]),
    ("\"127.0.0.1:8080\"", "\"localhost\"", &["server.listen", "an address and a port"]),
    ("\"127.0.0.1:8080\"", "8080", &["server.listen", "found a number"]),
    ("\"127.0.0.1:8080\"", "{ path = \"x\" }", &["server.listen", "{ file = \"...\" }"]),
    ("\"127.0.0.1:8080\"", "{ env = \"NOT_SET\" }", &["NOT_SET is not set"]),
    ("\"127.0.0.1:8080\"", "{ file = \"missing.txt\" }", &["missing.txt"]),
    ("sqlite:tuikuan-sim.db", "mysql:x", &["store.url", "sqlite:FILE", "postgres://USER"]),
    ("sqlite:tuikuan-sim.db", "sqlite:", &["store.url", "names no file"]),
    ("sqlite:tuikuan-sim.db", "postgres://u:hushhush@db/t?sslmode=none", &["store.url", "sslmode is verify-full or disable"]),
    ("sqlite:tuikuan-sim.db", "postgres://u:123456789@db/t?no=1", &["store.url", "invalid connection string", "password can stand elsewhere"]),
    ("sqlite:tuikuan-sim.db", "postgres://u:hush@hushhush@db/t", &["store.url", "%40"]),
    ("sqlite:tuikuan-sim.db\"", "sqlite:x\"\nkey_file = \"k\"", &["store.key_file", "beside the database"]),
    ("sqlite:tuikuan-sim.db\"", "sqlite:x\"\nconnections = 0", &["store.connections", "from 1 to 200"]),
    ("::1/128", "somewhere", &["webhooks.allow[1]", "is not a network"]),
    ("[store]", "[engine]\nlease = \"30\"\n[store]", &["engine.lease", "with its unit"]),
    ("[store]", "[engine]\nlease = \"5s\"\n[store]", &["engine.wechat_timeout", "engine.lease"]),
    ("[store]", "[engine]\nresend = []\n[store]", &["engine.resend", "has no steps"]),
    ("[store]", "[engine]\ntotal_max = -1\n[store]", &["engine.total_max", "in fen"]),
    ("[store]", "[log]\nlevel = \"loud\"\n[store]", &["log.level", "\"info\""]),
    ("[store]", "[store", &["line 7"]),
    ("listen =", "public_url = \"ftp://x\"\nlisten =", &["server.public_url", "is not an address"]),
    ("listen =", "public_url = \"http://x/?a=1\"\nlisten =", &["server.public_url", "no parameters"]),
];

/// Instead of the first merchant's line with this key; `second` stands for the second merchant's.
#[rustfmt::skip]
const MERCHANT: [Mistake; 20] = [
    ("name", "name = \"Main Shop\"", &["merchant[0].name", "a-z"]),
    ("name", "name = \"classic\"", &["merchant[1].name", "is taken"]),
    ("name", "", &["merchant[0].name", "is missing"]),
    ("api", "api = \"v4\"", &["merchant[0].api", "\"v3\" or \"v2\""]),
    ("appid", "appid = \"8888\"", &["merchant[0].appid", "16 letters or digits"]),
    ("mch_id", "mch_id = \"19\"", &["merchant[0].mch_id", "8 to 10"]),
    ("mch_id", "mch_id = \"1999999999\"", &["merchant[0].certificate", "of merchant 1900000109"]),
    ("mch_id", "", &["merchant[0].mch_id", "is missing"]),
    ("api_v3_key", "api_v3_key = \"hushhushhush\"", &["merchant[0].api_v3_key", "12 bytes", "32"]),
    ("api_v3_key", "", &["merchant[0].api_v3_key", "is missing"]),
    ("api_v3_key", "api_v3_key = 123456789", &["merchant[0].api_v3_key", "found a number"]),
    ("private_key", "second", &["merchant[0].private_key", "does not belong"]),
    ("private_key", "", &["merchant[0].private_key", "is missing"]),
    ("certificate", "certificate = \"t.toml\"", &["merchant[0].certificate", "PEM"]),
    ("wechat_public_key", "", &["merchant[0].wechat_public_key", "are a pair"]),
    ("wechat_public_key_id", "wechat_public_key_id = \"7\"", &["PUB_KEY_ID_"]),
    ("trust_ca", "trust_ca = \"nowhere.pem\"", &["merchant[0].trust_ca", "nowhere.pem"]),
    ("endpoint", "endpoint = \"http://127.0.0.1:1\"", &["merchant[0].endpoint", "https"]),
    ("endpoint", "endpoint = \"https://api.mch.weixin.qq.com\"", &["made by a simulator", "merchant[0].trust_ca", "points at WeChat"]),
    ("endpoint", "", &["made by a simulator", "merchant[0].trust_ca"]),
];

/// The n-th line that sets a key.
fn line(text: &str, key: &str, nth: usize) -> String {
    let starts = format!("{key} = ");
    let mut lines = text.lines().filter(|line| line.starts_with(&starts));
    lines.nth(nth).unwrap().to_owned()
}

/// The text with a mistake in it.
fn spoilt(text: &str, (key, to, _): Mistake) -> String {
    let to = if to == "second" {
        line(text, key, 1)
    } else {
        to.to_owned()
    };
    text.replacen(&line(text, key, 0), &to, 1)
}

#[test]
fn every_mistake_is_refused_with_its_place_and_what_to_do() {
    let sim = Sim::start();
    let text = sim.config_text();
    let secrets: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("api_v"))
        .map(|line| line.split('"').nth(1).unwrap().to_owned())
        .collect();
    assert!(secrets.len() >= 4);
    let file = sim.folder.path().join("bad.toml");
    let form = FORM
        .iter()
        .map(|mistake| (text.replacen(mistake.0, mistake.1, 1), mistake));
    let merchant = MERCHANT
        .iter()
        .map(|mistake| (spoilt(&text, *mistake), mistake));
    for (bad, (from, to, all)) in form.chain(merchant) {
        assert_ne!(bad, text, "{from} -> {to} changes nothing");
        std::fs::write(&file, bad).unwrap();
        let said = say(tuikuan().arg("serve").arg("--config").arg(&file));
        assert_eq!(said.code, 1, "{from} -> {to}: {}", said.out);
        for says in *all {
            assert!(
                said.err.contains(says),
                "{from} -> {to}: no {says:?} in {}",
                said.err
            );
        }
        for secret in secrets
            .iter()
            .map(String::as_str)
            .chain(["hushhush", "123456789"])
        {
            assert!(
                !said.err.contains(secret),
                "a secret is shown: {}",
                said.err
            );
        }
    }
    assert!(
        !sim.folder.path().join("tuikuan-sim.db").exists(),
        "nothing was started"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let sim = Sim::start();
    let text = sim
        .config_text()
        .replace("api = \"v2\"", "api = \"v5\"")
        .replace("8080", "port");
    let file = sim.folder.path().join("bad.toml");
    std::fs::write(&file, text).unwrap();
    let said = say(tuikuan().args(["key", "list", "--config"]).arg(&file));
    assert!(
        said.err.contains("server.listen") && said.err.contains("merchant[1].api"),
        "{}",
        said.err
    );
}

#[test]
fn a_variable_stands_over_the_file_and_a_wrong_one_is_named() {
    let sim = Sim::start();
    let list = |name: &str, value: &str| {
        say(tuikuan()
            .args(["key", "list", "--config"])
            .arg(sim.config())
            .env(name, value))
    };
    let store = sim.folder.path().join("elsewhere.db");
    assert_eq!(list("TUIKUAN_STORE__URL", "sqlite:elsewhere.db").code, 0);
    assert!(store.exists());
    let wrong = list("TUIKUAN_SERVER__LISEN", "x");
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("TUIKUAN_SERVER__LISEN"), "{}", wrong.err);
    assert!(
        wrong.err.contains("did you mean \"listen\""),
        "{}",
        wrong.err
    );
    let short = list("TUIKUAN_MERCHANT__CLASSIC__API_V2_KEY", "short");
    assert!(
        short.err.contains("merchant[1].api_v2_key"),
        "{}",
        short.err
    );
}

#[test]
fn a_file_that_is_not_the_simulators_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tuikuan.toml");
    std::fs::write(&file, "mine").unwrap();
    let said = say(tuikuan()
        .current_dir(folder.path())
        .args([
            "sim",
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--write-config",
        ])
        .arg(&file));
    assert_eq!(said.code, 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_p12_stands_in_for_certificate_and_key() {
    let sim = Sim::start();
    let text = sim.config_text();
    let certificate = line(&text, "certificate", 0);
    let p12 = certificate
        .replace("certificate = ", "p12 = ")
        .replace(".pem", ".p12");
    let text = text
        .replacen(&certificate, &p12, 1)
        .replacen(&line(&text, "private_key", 0), "", 1);
    let file = sim.folder.path().join("p12.toml");
    let list = |text: &str| {
        std::fs::write(&file, text).unwrap();
        say(tuikuan().args(["key", "list", "--config"]).arg(&file))
    };
    let sound = list(&text);
    assert_eq!(
        sound.code, 0,
        "the password is the merchant number: {}",
        sound.err
    );
    let wrong = list(&text.replacen(&p12, &format!("{p12}\np12_password = \"other\""), 1));
    assert!(
        wrong.err.contains("merchant[0].p12: ") && wrong.err.contains("password"),
        "{}",
        wrong.err
    );
    let both = list(&text.replacen(&p12, &format!("{p12}\n{certificate}"), 1));
    assert!(both.err.contains("either p12, or"), "{}", both.err);
}

/// A merchant that points at WeChat's own hosts. Nothing connects there.
fn live(server: &str, more: &str) -> String {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live");
    format!(
        "[server]\n{server}\n[[merchant]]\nname = \"live\"\nmch_id = \"1900000109\"\n\
         appid = \"wx8888888888888888\"\napi = \"v3\"\n\
         api_v3_key = \"TESTONLYapiv3key0123456789ABCDEF\"\n\
         certificate = \"{keys}/apiclient_cert.pem\"\nprivate_key = \"{keys}/apiclient_key.pem\"\n{more}\n"
    )
}

#[test]
fn a_live_merchant_needs_a_public_https_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tuikuan.toml");
    let list = |server: &str, more: &str| {
        std::fs::write(&file, live(server, more)).unwrap();
        say(tuikuan().args(["key", "list", "--config"]).arg(&file))
    };
    let good = "public_url = \"https://refunds.example.com\"";
    assert_eq!(list(good, "").code, 0);
    for (server, more, says) in [
        ("", "", "is missing, and a merchant points at WeChat"),
        (
            "public_url = \"http://refunds.example.com\"",
            "",
            "is http, and a merchant",
        ),
        (
            "public_url = \"https://127.0.0.1\"",
            "",
            "is an address of this machine",
        ),
        (
            "public_url = \"https://[::1]:8443\"",
            "",
            "is an address of this machine",
        ),
        (
            "public_url = \"https://localhost\"",
            "",
            "is an address of this machine",
        ),
        (
            good,
            "endpoint_backup = \"https://127.0.0.1:9\"",
            "merchant[0].endpoint_backup",
        ),
        (
            good,
            "endpoint = \"https://evilmch.weixin.qq.com\"\nendpoint_backup = \"https://api2.mch.weixin.qq.com\"",
            "of the same kind",
        ),
    ] {
        let said = list(server, more);
        assert_eq!(said.code, 1, "{server} {more}");
        assert!(said.err.contains(says), "{server} {more}: {}", said.err);
    }
}

#[test]
fn live_and_test_merchants_do_not_mix() {
    let sim = Sim::start();
    let file = sim.folder.path().join("mixed.toml");
    let good = "public_url = \"https://refunds.example.com\"";
    let test = sim.config_text();
    let (_, test) = test.split_once("[[merchant]]").unwrap();
    let test = test.replace("name = \"main\"", "name = \"test\"");
    std::fs::write(&file, format!("{}\n[[merchant]]{test}", live(good, ""))).unwrap();
    let said = say(tuikuan().args(["key", "list", "--config"]).arg(&file));
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("live and test merchants stand in one"),
        "{}",
        said.err
    );
}
