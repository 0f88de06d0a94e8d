//! A load of HTTP requests over kept-alive connections. It must cost little, because it shares the
//! machine with what it measures: requests are written as they are, answers are read just far
//! enough, and all clients live on one thread of their own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::report::processor_time;

/// An answer is at most so long.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// The time of each request.
    pub(crate) times: Vec<Duration>,
    /// Processor time of everybody in this process meanwhile, these clients among them.
    pub(crate) spent: Duration,
}

/// Requests with the status that each must be answered with.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Where to; clients are shared out among them.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The requests, whole.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
    /// Statuses that are good.
    pub(crate) good: &'static [u16],
    /// Clients at once.
    pub(crate) clients: usize,
}

impl Load {
    /// Sends everything once, on a thread of its own.
    pub(crate) async fn run(self) -> anyhow::Result<Loaded> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("clients".to_owned())
            .spawn(move || drop(sender.send(self.on_this_thread())))?;
        receiver.await.context("the clients ended early")?
    }

    fn on_this_thread(self) -> anyhow::Result<Loaded> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.all())
    }

    async fn all(self) -> anyhow::Result<Loaded> {
        let mut streams = Vec::with_capacity(self.clients);
        for address in self.addresses.iter().cycle().take(self.clients) {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let next = Arc::new(AtomicUsize::new(0));
        let (began, spent) = (Instant::now(), processor_time());
        let mut clients = JoinSet::new();
        for stream in streams {
            let requests = Arc::clone(&self.requests);
            clients.spawn(client(stream, (requests, self.good), Arc::clone(&next)));
        }
        let mut times = Vec::with_capacity(self.requests.len());
        while let Some(ended) = clients.join_next().await {
            times.extend(ended??);
        }
        Ok(Loaded {
            elapsed: began.elapsed(),
            times,
            spent: processor_time().saturating_sub(spent),
        })
    }
}

async fn client(
    mut stream: TcpStream,
    (requests, good): (Arc<Vec<Vec<u8>>>, &'static [u16]),
    next: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut answer = Vec::with_capacity(4096);
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let began = Instant::now();
        stream.write_all(request).await?;
        answer.clear();
        let status = read_answer(&mut stream, &mut answer).await?;
        times.push(began.elapsed());
        if !good.contains(&status) {
            bail!("answered with {}", String::from_utf8_lossy(&answer));
        }
    }
    Ok(times)
}

async fn read_answer(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> anyhow::Result<u16> {
    loop {
        let more = stream.read_buf(bytes).await?;
        ensure!(more > 0, "the connection ended inside an answer");
        if let Some((status, length)) = head(bytes)?
            && bytes.len() >= length
        {
            return Ok(status);
        }
        ensure!(bytes.len() < ANSWER_BYTES_MAX, "an answer does not end");
    }
}

/// Status and length of an answer, once its head is there.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let status = head.get(9..12).and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| anyhow!("an answer has no status"))?;
    let body = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let body: usize = match body {
        Some(text) => text.trim().parse()?,
        None => 0,
    };
    Ok(Some((status, end + 4 + body)))
}

/// A POST with a body, whole.
pub(crate) fn post(path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: bench\r\n").into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

/// A GET, whole.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\n12345";
        assert_eq!(head(answer).unwrap(), Some((202, answer.len())));
        assert_eq!(head(b"HTTP/1.1 202 Acc").unwrap(), None);
    }
}
