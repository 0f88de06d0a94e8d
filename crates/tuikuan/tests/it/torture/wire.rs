//! What lies between the parts: a balancer before the nodes, and the wire to the database, which is cut
//! between a COMMIT and its answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What begins a transaction that writes, and what one says that does not.
const BEGIN: &[u8] = b"Q\0\0\0\x0aBEGIN\0";
const READS_ONLY: &[u8] = b"READ ONLY";
/// What ends it, and the server's answer.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";
const BUFFER: usize = 64 * 1024;

/// Sends each connection to the next node that is up.
#[derive(Clone)]
pub(crate) struct Balancer(Arc<Backends>);

struct Backends {
    /// With what ends the connections of a node that is up.
    nodes: Mutex<Vec<(SocketAddr, Option<CancellationToken>)>>,
    next: AtomicUsize,
}

impl Balancer {
    pub(crate) async fn listen(address: &str, nodes: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let nodes = nodes.iter().map(|node| (*node, None)).collect();
        let balancer = Self(Arc::new(Backends {
            nodes: Mutex::new(nodes),
            next: AtomicUsize::new(0),
        }));
        let serving = balancer.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let balancer = serving.clone();
                tokio::spawn(async move { balancer.serve(client).await });
            }
        });
        balancer
    }

    /// Connections go there, those that are there already stay.
    pub(crate) fn up(&self, node: usize) {
        let ends = &mut self.0.nodes.lock().unwrap()[node].1;
        ends.get_or_insert_with(CancellationToken::new);
    }

    /// Nothing new goes there, and what is there ends, as after a failed look at its health.
    pub(crate) fn down(&self, node: usize) {
        if let Some(ends) = self.0.nodes.lock().unwrap()[node].1.take() {
            ends.cancel();
        }
    }

    async fn serve(&self, mut client: TcpStream) {
        let up: Vec<_> = {
            let nodes = self.0.nodes.lock().unwrap();
            let up = nodes.iter();
            up.filter_map(|(at, ends)| Some((*at, ends.clone()?)))
                .collect()
        };
        let first = self.0.next.fetch_add(1, Ordering::Relaxed);
        for step in 0..up.len() {
            let (address, ends) = &up[(first + step) % up.len()];
            if let Ok(mut node) = TcpStream::connect(address).await {
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut node) => {}
                    () = ends.cancelled() => {}
                }
                return;
            }
        }
    }
}

/// Where a transaction is cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// When its COMMIT is on its way to the server, answered or not.
    Asked,
    /// When the server has committed, before anybody hears of it.
    Answered,
}

/// The wire to the database.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Cuts>);

#[derive(Default)]
struct Cuts {
    wanted: Mutex<Option<Cut>>,
    done: AtomicU32,
}

impl Wire {
    /// From a free port to the server's; that port.
    pub(crate) async fn lay(server: u16) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Self(Arc::default());
        let serving = wire.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let wire = serving.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                        wire.carry(client, server).await;
                    }
                });
            }
        });
        (wire, port)
    }

    /// The next transaction that writes is cut off there.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.0.wanted.lock().unwrap() = Some(cut);
    }

    /// How many were.
    pub(crate) fn done(&self) -> u32 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// Carries a connection both ways until an end closes it or it is cut.
    async fn carry(&self, client: TcpStream, server: TcpStream) {
        let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let reads_only = AtomicBool::new(false);
        let there = async {
            let mut bytes = vec![0; BUFFER];
            while let Ok(n @ 1..) = from_client.read(&mut bytes).await {
                let sent = &bytes[..n];
                if contains(sent, BEGIN) || contains(sent, READS_ONLY) {
                    reads_only.store(contains(sent, READS_ONLY), Ordering::Relaxed);
                }
                let commits = contains(sent, COMMIT) && !reads_only.load(Ordering::Relaxed);
                let bites = commits && self.bites(|cut| matches!(cut, Cut::Asked));
                if to_server.write_all(sent).await.is_err() || bites {
                    return;
                }
            }
        };
        let back = async {
            let mut bytes = vec![0; BUFFER];
            while let Ok(n @ 1..) = from_server.read(&mut bytes).await {
                let told = &bytes[..n];
                let done = contains(told, COMMITTED) && !reads_only.load(Ordering::Relaxed);
                let bites = done && self.bites(|cut| matches!(cut, Cut::Answered));
                if bites || to_client.write_all(told).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = there => {}
            () = back => {}
        }
    }

    fn bites(&self, here: impl Fn(Cut) -> bool) -> bool {
        let mut wanted = self.0.wanted.lock().unwrap();
        let bites = wanted.is_some_and(here);
        if bites {
            *wanted = None;
            self.0.done.fetch_add(1, Ordering::Relaxed);
        }
        bites
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
