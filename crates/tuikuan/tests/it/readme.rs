//! The first page shows a session. Here it is typed again, in both languages' editions, against the
//! real binary; what is printed must be what the page says, but for times, ids and ports.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::port;

const MARK: &str = "=== command";
/// A kill at the worst moment costs a lease and the time until WeChat's "not found" counts.
const PATIENCE_S: &str = "300";
const FENCE: &str = "```console\n";

/// Text with spaces made even, and what differs each time replaced.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().map(word).collect();
        if !words.is_empty() {
            writeln!(plain, "{}", words.join(" ")).unwrap();
        }
    }
    plain
}

fn word(word: &str) -> &str {
    let digits = word.len() >= 20 && word.chars().all(|c| c.is_ascii_digit());
    let time = word.starts_with("20") && word.contains('T') && word.ends_with('Z');
    match word {
        _ if digits => "NUMBER",
        _ if time => "TIME",
        _ if word.starts_with("rf_") => "REFUND",
        _ if word.starts_with("key_") => "KEY",
        _ if word.starts_with("{\"action\"") => "NEXT",
        // Whether the notification or the first query brings the end is a matter of milliseconds.
        "notification" | "query" => "HEARD",
        other => other,
    }
}

/// The commands of the page's sessions with what each prints.
fn sessions(page: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for block in page.split(FENCE).skip(1) {
        let block = block.split("```").next().unwrap();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => all.push((command.to_owned(), String::new())),
                None => writeln!(all.last_mut().unwrap().1, "{line}").unwrap(),
            }
        }
    }
    all
}

/// A `tuikuan` on the path whose simulator and service use free ports.
fn shim(folder: &Path, ports: [u16; 3]) {
    let program = env!("CARGO_BIN_EXE_tuikuan");
    let [wire, control, service] = ports;
    let text = format!(
        "#!/bin/bash\nexport TUIKUAN_SERVER__LISTEN=127.0.0.1:{service}\n\
         if [ \"$1\" = sim ]; then unset TUIKUAN_SERVER__LISTEN\n\
         set -- \"$@\" --listen 127.0.0.1:{wire} --control 127.0.0.1:{control}; fi\n\
         export TUIKUAN_URL=http://127.0.0.1:{service}\n\
         if [ \"$1\" = key ]; then exec 2>&3; fi\nexec {program} \"$@\"\n"
    );
    let file = folder.join("tuikuan");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Types the commands into one shell and gives what each of them printed.
fn replay(commands: &[(String, String)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let ports = [port::free(), port::free(), port::free()];
    shim(folder.path(), ports);
    // What a terminal would show of a command whose output is caught goes through 3.
    let mut script = String::from("exec 3>&1\ntrap 'kill -9 $(jobs -p) 2>/dev/null' EXIT\n");
    for (command, _) in commands {
        let command = command
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", ports[2]))
            .replace("127.0.0.1:9444", &format!("127.0.0.1:{}", ports[1]));
        writeln!(script, "echo '{MARK}'\n{command}").unwrap();
    }
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shell = Command::new("timeout")
        .args([PATIENCE_S, "bash"])
        .current_dir(folder.path())
        .env("PATH", path)
        .env_remove("TUIKUAN_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.path().join("stderr")).unwrap())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = shell.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert!(output.status.success(), "{text}\n{stderr}");
    text.split(&format!("{MARK}\n"))
        .skip(1)
        .map(str::to_owned)
        .collect()
}

fn check(page: &str) {
    if Command::new("curl").arg("--version").output().is_err() {
        let line = "SKIPPED: the session of the first page needs curl\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(page);
    let commands = sessions(&std::fs::read_to_string(file).unwrap());
    assert!(commands.len() > 5, "{page} shows no session");
    let printed = replay(&commands);
    assert_eq!(printed.len(), commands.len());
    for ((command, shown), printed) in commands.iter().zip(&printed) {
        assert_eq!(plain(printed), plain(shown), "{page}: {command}");
    }
}

#[test]
fn the_session_of_the_english_page_can_be_typed() {
    check("README.md");
}

#[test]
fn the_session_of_the_chinese_page_can_be_typed() {
    check("README.zh-CN.md");
}
