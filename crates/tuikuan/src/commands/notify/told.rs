//! A notification, explained: the steps that were taken, what was found, what Tuikuan would do.

use serde_json::{Map, Value, json};

use crate::output::{self, Tone, coloured, one_line};

/// How one step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Well,
    Open,
    Wrong,
}

/// A notification, explained.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) format: &'static str,
    pub(super) about: &'static str,
    steps: Vec<(&'static str, Went, String)>,
    pub(super) plain: Option<String>,
    pub(super) fields: Map<String, Value>,
    pub(super) would: String,
}

impl Told {
    pub(super) fn of(format: &'static str, about: &'static str) -> Self {
        let would = "refuse it: WeChat is answered with failure and delivers it again".to_owned();
        Self {
            format,
            about,
            steps: Vec::new(),
            plain: None,
            fields: Map::new(),
            would,
        }
    }

    pub(super) fn well(&mut self, step: &'static str, text: impl Into<String>) {
        self.steps.push((step, Went::Well, text.into()));
    }

    pub(super) fn open(&mut self, step: &'static str, text: impl Into<String>) {
        self.steps.push((step, Went::Open, text.into()));
    }

    pub(super) fn wrong(mut self, step: &'static str, text: impl Into<String>) -> Self {
        self.steps.push((step, Went::Wrong, text.into()));
        self
    }

    pub(super) fn taken(&self) -> bool {
        self.steps.iter().all(|(_, went, _)| *went != Went::Wrong)
    }

    pub(super) fn as_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|(step, went, text)| {
                let ok = match went {
                    Went::Well => Value::Bool(true),
                    Went::Open => Value::Null,
                    Went::Wrong => Value::Bool(false),
                };
                json!({ "step": step, "ok": ok, "text": text })
            })
            .collect();
        json!({
            "format": self.format,
            "about": self.about,
            "steps": steps,
            "plain": self.plain,
            "fields": self.fields,
            "would": self.would,
            "taken": self.taken(),
        })
    }

    pub(super) fn print(&self) -> std::io::Result<()> {
        output::line(&format!(
            "format     API {}, about a {}",
            self.format, self.about
        ))?;
        for (step, went, text) in &self.steps {
            let mark = match went {
                Went::Well => coloured(Tone::Good, "ok"),
                Went::Open => coloured(Tone::Careful, "--"),
                Went::Wrong => coloured(Tone::Bad, "no"),
            };
            output::line(&format!("{mark} {step:10} {text}"))?;
        }
        if let Some(plain) = &self.plain {
            output::line(&format!("\ndecrypted\n  {}", one_line(plain)))?;
        }
        if !self.fields.is_empty() {
            output::line("\nfields")?;
            for (name, value) in &self.fields {
                output::line(&format!("  {name:24} {}", output::shown(value)))?;
            }
        }
        output::line(&format!("\nTuikuan would {}", self.would))
    }
}
