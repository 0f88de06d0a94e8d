//! What a bench found: a figure, what it is held against, and how it was measured; for people as a
//! few lines, for programs as one line of JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::output;

/// What a bench found.
#[derive(Debug)]
pub(crate) struct Report {
    /// Its name.
    pub(crate) bench: &'static str,
    /// What the figure counts.
    pub(crate) unit: &'static str,
    /// The figure.
    pub(crate) figure: f64,
    /// What it is held against, measured in the same run.
    pub(crate) baseline: f64,
    /// What that is.
    pub(crate) baseline_is: String,
    /// Times of single operations; empty where there are none.
    pub(crate) times: Times,
    /// Further figures, and how it was measured.
    pub(crate) more: Vec<(&'static str, Value)>,
}

impl Report {
    /// Figure over baseline.
    pub(crate) fn ratio(&self) -> f64 {
        if self.baseline > 0.0 {
            self.figure / self.baseline
        } else {
            0.0
        }
    }

    /// Prints it; with `json` as the last line.
    pub(crate) fn print(&self, form: Form) -> anyhow::Result<()> {
        let unit = self.unit;
        output::line(&format!(
            "{:<10} {:>12.1} {unit}\nbaseline   {:>12.1} {unit} ({})\nratio      {:>12.3}",
            self.bench,
            self.figure,
            self.baseline,
            self.baseline_is,
            self.ratio()
        ))?;
        if !self.times.is_empty() {
            output::line(&format!(
                "times      {:>12.3} ms median, {:.3} ms at the 99th of 100",
                self.times.at(0.5),
                self.times.at(0.99)
            ))?;
        }
        output::line(&format!("memory     {:>12.1} MB at most", memory().most_mb))?;
        for (name, value) in &self.more {
            output::line(&format!(
                "{:<10} {:>12}",
                name.replace('_', " "),
                shown(value)
            ))?;
        }
        match form {
            Form::Text => Ok(()),
            Form::Json => Ok(output::line(&self.json().to_string())?),
        }
    }

    fn json(&self) -> Value {
        let mut all = Map::new();
        let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
        put("bench", json!(self.bench));
        put("unit", json!(self.unit));
        put("figure", rounded(self.figure));
        put("baseline", rounded(self.baseline));
        put("baseline_is", json!(self.baseline_is));
        put("ratio", rounded(self.ratio()));
        put("p50_ms", rounded(self.times.at(0.5)));
        put("p99_ms", rounded(self.times.at(0.99)));
        put("rss_mb", rounded(memory().most_mb));
        for (name, value) in &self.more {
            put(name, value.clone());
        }
        Value::Object(all)
    }
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people only.
    Text,
    /// And a line for programs.
    Json,
}

/// A number with the digits that mean something.
pub(crate) fn rounded(value: f64) -> Value {
    json!((value * 1000.0).round() / 1000.0)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Times of single operations.
#[derive(Debug, Default)]
pub(crate) struct Times {
    sorted: Vec<Duration>,
}

impl Times {
    /// Puts them in order.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { sorted: times }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The time below which this share lies, in milliseconds; 0 when there is none.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count of measurements"
        )]
        let index = (last as f64 * share).round() as usize;
        let found = self.sorted.get(index).copied().unwrap_or_default();
        found.as_secs_f64() * 1000.0
    }
}

impl Times {
    /// How many took longer.
    pub(crate) fn longer_than(&self, limit: Duration) -> usize {
        let within = self.sorted.partition_point(|time| *time <= limit);
        self.sorted.len() - within
    }
}

/// How many of something in a second.
pub(crate) fn rate(count: usize, elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
    let count = count as f64;
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

/// Resident memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// At most so far, in megabytes of 1024 * 1024 bytes.
    pub(crate) most_mb: f64,
}

/// This process's memory; zeros where the system does not tell.
pub(crate) fn memory() -> Memory {
    memory_of("self")
}

/// A process's memory, as Linux tells it.
pub(crate) fn memory_of(process: &str) -> Memory {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let megabytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        number.unwrap_or_default() / 1024.0
    };
    Memory {
        most_mb: megabytes("VmHWM:"),
    }
}

/// Processor time of this process so far, of all its threads; zero where the system does not tell.
pub(crate) fn processor_time() -> Duration {
    /// Linux counts it in hundredths of a second, whatever the machine.
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may hold anything, also spaces; it ends with a bracket.
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = after_name.split(' ').skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|text| text.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// What this process has had to fetch from the disk so far, in bytes: what the system held in memory
/// does not count. 0 where the system does not tell.
pub(crate) fn fetched_from_disk() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("read_bytes: "));
    line.and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// Microseconds for each of so many.
pub(crate) fn each_us(spent: Duration, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
    let count = count.max(1) as f64;
    spent.as_secs_f64() * 1e6 / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_goes_on() {
        let began = std::time::Instant::now();
        let before = processor_time();
        // On a busy machine others may have the processor for long.
        while processor_time() == before && began.elapsed() < Duration::from_secs(60) {}
        assert!(processor_time() > before);
    }

    #[test]
    fn times_are_taken_from_the_right_place() {
        let times = Times::of((1..=100).rev().map(Duration::from_millis).collect());
        assert!((times.at(0.5) - 51.0).abs() < 1.1);
        assert!((times.at(0.99) - 99.0).abs() < 1.1);
        assert!(Times::default().at(0.5).abs() < f64::EPSILON);
    }
}
