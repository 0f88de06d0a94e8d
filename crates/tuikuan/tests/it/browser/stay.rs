//! The demo that stays up: an installation full of life, with a link that signs its visitor in.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running demo.
pub(crate) struct Demo {
    child: Child,
    /// The visitor's link.
    pub(crate) link: String,
}

impl Demo {
    /// One whose refunds have all ended and that has left its visitor something to do.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tuikuan"))
            .args(["demo", "--refunds", "60", "--seed", "11"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = lines.by_ref().map_while(Result::ok);
        let stays = said.by_ref().any(|line| line.contains("stays up"));
        assert!(stays, "the demo did not stay up");
        let link = said.find(|line| line.contains("/setup/")).unwrap();
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            link: link.trim().to_owned(),
        }
    }

    /// An address of its console.
    pub(crate) fn at(&self, path: &str) -> String {
        let base = self.link.split("/setup/").next().unwrap_or_default();
        format!("{base}{path}")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
