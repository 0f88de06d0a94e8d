//! Connections: bounded, timed, and ended in order. Over real sockets on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tuikuan_server::{Server, ServerParts, Settings};

use crate::world::{ALL, World};

struct Running {
    _world: World,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

async fn running(settings: Settings) -> Running {
    let world = World::new().await;
    let server = Server::new(ServerParts {
        engine: world.engine.clone(),
        settings,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(listener, stop.clone()));
    Running {
        _world: world,
        address,
        stop,
        serving,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

fn post(length: usize, body: &str) -> String {
    format!(
        "POST /v1/refunds HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ALL}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Sends, says that no more comes, and reads to the end.
async fn talk(mut stream: TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_body_cut_short_is_refused() {
    let running = running(Settings::default()).await;
    let answer = talk(
        running.connect().await,
        &post(500, "{\"merchant\":\"main\""),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("body_incomplete"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_body_announced_too_large_or_too_slow_is_refused() {
    let settings = Settings {
        body_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let running = running(settings).await;
    let mut stream = running.connect().await;
    stream.write_all(post(500, "{").as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(
        answer[..read].starts_with(b"HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    running.stop().await;
}

#[tokio::test]
async fn heads_that_are_too_long_or_too_slow_end_the_connection() {
    let settings = Settings {
        head_timeout: Duration::from_millis(500),
        ..Settings::default()
    };
    let running = running(settings).await;
    let many = "x: y\r\n".repeat(100);
    let answer = talk(
        running.connect().await,
        &format!("GET /healthz HTTP/1.1\r\n{many}\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let mut slow = running.connect().await;
    slow.write_all(b"GET /healthz HT").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    running.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let running = running(Settings {
        connections_max: 1,
        ..Settings::default()
    })
    .await;
    let mut first = running.connect().await;
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 64];
    let read = first.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    let mut second = running.connect().await;
    let mut text = String::new();
    second.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "too_many_connections");
    running.stop().await;
}

#[tokio::test]
async fn shutdown_ends_idle_connections_and_open_streams() {
    let running = running(Settings::default()).await;
    let mut idle = running.connect().await;
    let mut stream = running.connect().await;
    let ask = format!("GET /v1/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ALL}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    tokio::time::timeout(Duration::from_secs(5), running.stop())
        .await
        .expect("it stops at once");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn figures_are_open_to_this_machine_and_to_nobody_behind_a_proxy() {
    let running = running(Settings::default()).await;
    let get =
        |head: &str| format!("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n");
    let answer = talk(running.connect().await, &get("")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = talk(
        running.connect().await,
        &get("x-forwarded-for: 203.0.113.7\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    running.stop().await;
}
