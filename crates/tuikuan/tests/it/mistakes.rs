//! A table of mistakes in the configuration: each is refused before anything starts, with the line,
//! the key and what to do (INV-41), without a word of what the secrets are (INV-36).

use crate::stage::{Sim, say, tuikuan};

/// What is written instead of what, and what the refusal must say.
struct Mistake {
    from: String,
    to: String,
    says: &'static [&'static str],
}

fn mistake(from: &str, to: &str, says: &'static [&'static str]) -> Mistake {
    Mistake {
        from: from.to_owned(),
        to: to.to_owned(),
        says,
    }
}

/// The line of the first merchant that sets a key.
fn line(text: &str, key: &str, nth: usize) -> String {
    let starts = format!("{key} = ");
    text.lines()
        .filter(|line| line.starts_with(&starts))
        .nth(nth)
        .unwrap()
        .to_owned()
}

fn form_mistakes() -> Vec<Mistake> {
    vec![
        mistake(
            "listen =",
            "lisen =",
            &["line 5", "server.lisen", "did you mean \"listen\""],
        ),
        mistake("[store]", "[stroe]", &["stroe", "did you mean \"store\""]),
        mistake(
            "api_v3_key =",
            "api_v3_kye =",
            &["merchant[0].api_v3_kye", "did you mean \"api_v3_key\""],
        ),
        mistake(
            "\"127.0.0.1:8080\"",
            "\"localhost\"",
            &["server.listen", "an address and a port"],
        ),
        mistake(
            "\"127.0.0.1:8080\"",
            "8080",
            &["server.listen", "found a number"],
        ),
        mistake(
            "\"127.0.0.1:8080\"",
            "{ path = \"x\" }",
            &["server.listen", "{ file = \"...\" }"],
        ),
        mistake(
            "\"127.0.0.1:8080\"",
            "{ env = \"NOT_SET\" }",
            &["NOT_SET is not set"],
        ),
        mistake(
            "\"127.0.0.1:8080\"",
            "{ file = \"missing.txt\" }",
            &["missing.txt"],
        ),
        mistake(
            "sqlite:tuikuan-sim.db",
            "mysql:x",
            &["store.url", "sqlite:FILE"],
        ),
        mistake(
            "::1/128",
            "somewhere",
            &["webhooks.allow[1]", "is not a network"],
        ),
        mistake(
            "[store]",
            "[engine]\nlease = \"30\"\n[store]",
            &["engine.lease", "with its unit"],
        ),
        mistake(
            "[store]",
            "[engine]\nlease = \"5s\"\n[store]",
            &["engine.wechat_timeout", "engine.lease"],
        ),
        mistake(
            "[store]",
            "[engine]\nresend = []\n[store]",
            &["engine.resend", "has no steps"],
        ),
        mistake(
            "[store]",
            "[engine]\ntotal_max = -1\n[store]",
            &["engine.total_max", "in fen"],
        ),
        mistake(
            "[store]",
            "[log]\nlevel = \"loud\"\n[store]",
            &["log.level", "\"info\""],
        ),
        mistake("[store]", "[store", &["line 7"]),
        mistake(
            "listen =",
            "public_url = \"ftp://x\"\nlisten =",
            &["server.public_url", "is not an address"],
        ),
        mistake(
            "listen =",
            "public_url = \"http://x/?a=1\"\nlisten =",
            &["server.public_url", "no parameters"],
        ),
    ]
}

fn merchant_mistakes(text: &str) -> Vec<Mistake> {
    let own = |key: &str, to: String, says| Mistake {
        from: line(text, key, 0),
        to,
        says,
    };
    let other = |key: &str| line(text, key, 1);
    vec![
        mistake(
            "name = \"main\"",
            "name = \"Main Shop\"",
            &["merchant[0].name", "a-z"],
        ),
        mistake(
            "name = \"classic\"",
            "name = \"main\"",
            &["merchant[1].name", "is taken"],
        ),
        mistake(
            "api = \"v3\"",
            "api = \"v4\"",
            &["merchant[0].api", "\"v3\" or \"v2\""],
        ),
        own(
            "appid",
            "appid = \"8888\"".into(),
            &["merchant[0].appid", "16 letters or digits"],
        ),
        own(
            "mch_id",
            "mch_id = \"19\"".into(),
            &["merchant[0].mch_id", "8 to 10"],
        ),
        own(
            "mch_id",
            "mch_id = \"1999999999\"".into(),
            &["merchant[0].certificate", "of merchant 1900000109"],
        ),
        own(
            "mch_id",
            String::new(),
            &["merchant[0].mch_id", "is missing"],
        ),
        own(
            "api_v3_key",
            "api_v3_key = \"hushhushhush\"".into(),
            &["merchant[0].api_v3_key", "12 bytes", "32"],
        ),
        own(
            "api_v3_key",
            String::new(),
            &["merchant[0].api_v3_key", "is missing"],
        ),
        own(
            "api_v3_key",
            "api_v3_key = 123456789".into(),
            &["merchant[0].api_v3_key", "found a number"],
        ),
        own(
            "private_key",
            other("private_key"),
            &["merchant[0].private_key", "does not belong"],
        ),
        own(
            "private_key",
            String::new(),
            &["merchant[0].private_key", "is missing"],
        ),
        own(
            "certificate",
            "certificate = \"t.toml\"".into(),
            &["merchant[0].certificate", "PEM"],
        ),
        own(
            "wechat_public_key",
            String::new(),
            &["merchant[0].wechat_public_key", "are a pair"],
        ),
        own(
            "wechat_public_key_id",
            "wechat_public_key_id = \"7\"".into(),
            &["PUB_KEY_ID_"],
        ),
        own(
            "trust_ca",
            "trust_ca = \"nowhere.pem\"".into(),
            &["merchant[0].trust_ca", "nowhere.pem"],
        ),
        own(
            "endpoint",
            "endpoint = \"http://127.0.0.1:1\"".into(),
            &["merchant[0].endpoint", "https"],
        ),
        own(
            "endpoint",
            "endpoint = \"https://api.mch.weixin.qq.com\"".into(),
            &[
                "was made by a simulator",
                "merchant[0].trust_ca",
                "points at WeChat",
            ],
        ),
        own("endpoint", String::new(), &["was made by a simulator"]),
    ]
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
    for mistake in form_mistakes().into_iter().chain(merchant_mistakes(&text)) {
        assert!(text.contains(&mistake.from), "{}", mistake.from);
        std::fs::write(&file, text.replacen(&mistake.from, &mistake.to, 1)).unwrap();
        let said = say(tuikuan().arg("serve").arg("--config").arg(&file));
        assert_eq!(
            said.code, 1,
            "{} -> {}: {}",
            mistake.from, mistake.to, said.out
        );
        for says in mistake.says {
            assert!(
                said.err.contains(says),
                "{} -> {}: no {says:?} in {}",
                mistake.from,
                mistake.to,
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
