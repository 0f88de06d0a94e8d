//! What lies between the parts: a balancer before the nodes, and the wire to the database, which is cut
//! between a COMMIT and its answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The server's answer to a COMMIT.
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

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

    pub(crate) fn up(&self, node: usize) {
        self.0.nodes.lock().unwrap()[node].1 = Some(CancellationToken::new());
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

/// The wire to the database.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Cuts>);

#[derive(Default)]
struct Cuts {
    wanted: AtomicU32,
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

    /// The next answers to a COMMIT do not arrive.
    pub(crate) fn cut(&self, answers: u32) {
        self.0.wanted.store(answers, Ordering::Relaxed);
    }

    /// How many did not.
    pub(crate) fn done(&self) -> u32 {
        self.0.done.load(Ordering::Relaxed)
    }

    async fn carry(&self, client: TcpStream, server: TcpStream) {
        let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = async {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = from_server.read(&mut bytes).await {
                if self.bites(&bytes[..n]) || to_client.write_all(&bytes[..n]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            _ = copy(&mut from_client, &mut to_server) => {}
            () = back => {}
        }
    }

    fn bites(&self, bytes: &[u8]) -> bool {
        let committed = bytes.windows(COMMITTED.len()).any(|part| part == COMMITTED);
        let wanted = |left: u32| left.checked_sub(1);
        let order = Ordering::Relaxed;
        let bites = committed && self.0.wanted.fetch_update(order, order, wanted).is_ok();
        self.0.done.fetch_add(u32::from(bites), order);
        bites
    }
}
